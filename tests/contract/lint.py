"""httplint, for answers of the test client."""

import time
from email.utils import formatdate

from httplint import HttpRequestLinter, HttpResponseLinter, levels
from werkzeug.test import TestResponse

FINE = {
    # What a 400 is.
    "The server didn't understand the request.",
    # They are, with 415: RFC 9110, sections 12.5.1 and 12.5.3.
    '"Accept" isn\'t valid in a response.',
    '"Accept-Encoding" isn\'t valid in a response.',
}


def findings(answer: TestResponse) -> list[str]:
    """What is wrong with the answer, as HTTP."""
    now = time.time()
    asked, answered = HttpRequestLinter(start_time=now), HttpResponseLinter(start_time=now)
    asked.process_request_topline(answer.request.method.encode(), answer.request.url.encode(), b"1.1")
    asked.process_headers([(name.encode(), value.encode("latin-1")) for name, value in answer.request.headers])
    asked.finish_content(complete=True)
    answered.request = asked
    status, _, phrase = answer.status.encode().partition(b" ")
    answered.process_response_topline(b"1.1", status, phrase)
    # The server adds the date.
    fields = [*answer.headers, ("Date", formatdate(now, usegmt=True))]
    answered.process_headers([(name.encode(), value.encode("latin-1")) for name, value in fields])
    answered.feed_content(answer.data)
    answered.finish_content(complete=True)
    noted = [note.summary for note in answered.notes if note.level in {levels.BAD, levels.WARN}]
    return [summary for summary in noted if summary not in FINE]
