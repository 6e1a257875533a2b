"""httplint for responses of the test client."""

import time
from email.utils import formatdate

from httplint import HttpRequestLinter, HttpResponseLinter, levels
from werkzeug.test import TestResponse

IGNORED = {
    # Summary of every 400.
    "The server didn't understand the request.",
    # They are valid with 415: RFC 9110, sections 12.5.1 and 12.5.3.
    '"Accept" isn\'t valid in a response.',
    '"Accept-Encoding" isn\'t valid in a response.',
}


def findings(response: TestResponse) -> list[str]:
    """Return what httplint finds wrong with a response."""
    now = time.time()
    request_linter, linter = HttpRequestLinter(start_time=now), HttpResponseLinter(start_time=now)
    request_linter.process_request_topline(response.request.method.encode(), response.request.url.encode(), b"1.1")
    request_linter.process_headers(
        [(name.encode(), value.encode("latin-1")) for name, value in response.request.headers]
    )
    request_linter.finish_content(complete=True)
    linter.request = request_linter
    status, _, phrase = response.status.encode().partition(b" ")
    linter.process_response_topline(b"1.1", status, phrase)
    # A server adds the date.
    fields = [*response.headers, ("Date", formatdate(now, usegmt=True))]
    linter.process_headers([(name.encode(), value.encode("latin-1")) for name, value in fields])
    linter.feed_content(response.data)
    linter.finish_content(complete=True)
    summaries = [note.summary for note in linter.notes if note.level in {levels.BAD, levels.WARN}]
    return [summary for summary in summaries if summary not in IGNORED]
