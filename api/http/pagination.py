"""Links between pages of a list (RFC 8288)."""

from functools import lru_cache
from urllib.parse import quote, urlencode

from api.http.application import Request
from api.http.parsing import split_query


def link_to_next(request: Request, cursor: str) -> str:
    """Return the `Link` header field for the page at `cursor` of the requested list."""
    query = f"{_without_cursor(request.query_string)}cursor={quote(cursor)}"
    return f'<{request.root_path}{request.path}?{query}>; rel="next"'


@lru_cache(maxsize=1024)
def _without_cursor(query_string: bytes) -> str:
    """Return the other parameters, each followed by `&`."""
    return "".join(f"{urlencode([pair])}&" for pair in split_query(query_string) if pair[0] != "cursor")
