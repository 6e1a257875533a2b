"""Pages of a list (RFC 8288)."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qsl, urlencode

from api.http.application import asked
from api.http.urls import prefix
from api.store.engine.connections import Row
from api.store.pages import Page


def answer(page: Page, item: Callable[[Row, str], dict[str, Any]]) -> tuple[dict[str, Any], dict[str, str]]:
    """The page as clients read it, with a `Link` to the next one if there is one."""
    request, behind = asked(), prefix()
    body = {"items": [item(row, behind) for row in page.rows], "next_cursor": page.next_cursor}
    if page.next_cursor is None:
        return body, {}
    query = f"{_but_for_cursor(request.query_string)}cursor={page.next_cursor}"
    return body, {"Link": f'<{behind}{request.path}?{query}>; rel="next"'}


@lru_cache(maxsize=1024)
def _but_for_cursor(query_string: bytes) -> str:
    """The other parameters of a query, to go on with `&`."""
    return "".join(f"{urlencode([each])}&" for each in parse_qsl(query_string.decode()) if each[0] != "cursor")
