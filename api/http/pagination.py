"""Pages of a list (RFC 8288)."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from flask import request

from api.http.urls import prefix
from api.store.connections import Row
from api.store.pages import Page


def answer(page: Page, item: Callable[[Row, str], dict[str, Any]]) -> tuple[dict[str, Any], dict[str, str]]:
    """The page as clients read it, with a `Link` to the next one if there is one."""
    behind = prefix()
    body = {"items": [item(row, behind) for row in page.rows], "next_cursor": page.next_cursor}
    if page.next_cursor is None:
        return body, {}
    query = urlencode({**request.args, "cursor": page.next_cursor})
    return body, {"Link": f'<{behind}{request.path}?{query}>; rel="next"'}
