"""Pages of a list (RFC 8288)."""

from collections.abc import Callable
from typing import Any

from flask import request, url_for

from api.store.pages import Page
from api.store.sql import Row


def answer(page: Page, item: Callable[[Row], dict[str, Any]]) -> tuple[dict[str, Any], dict[str, str]]:
    """The page as clients read it, with a `Link` to the next one if there is one."""
    body = {"items": [item(row) for row in page.rows], "next_cursor": page.next_cursor}
    if page.next_cursor is None:
        return body, {}
    query: dict[str, Any] = {**request.args, "cursor": page.next_cursor}
    following = url_for(str(request.endpoint), **query)
    return body, {"Link": f'<{following}>; rel="next"'}
