"""Mirrors: clients that follow the change feeds, and what they must have in the end."""

from collections.abc import Callable
from typing import Any, TypeAlias

Get: TypeAlias = Callable[[str], tuple[int, Any]]
"""Sends a GET request to a path; returns the status and the JSON."""
EXPIRED = 410


class Mirror:
    """A copy of what a change feed lists. It starts again when its token has expired."""

    def __init__(self, get: Get, feed: str) -> None:
        self.content: dict[str, Any] = {}
        """By URL."""
        self.requests = self.entries = self.restarts = 0
        self.since: str | None = None
        self._get = get
        self._path = f"/changes/{feed}?limit=" if feed == "users" else f"/changes/{feed}?expand=body&limit="
        self._property = feed.removesuffix("s")

    def poll(self, limit: int = 100) -> bool:
        """Read a page; return whether there is another one."""
        status, page = self._get(f"{self._path}{limit}" + (f"&since={self.since}" if self.since else ""))
        self.requests += 1
        if status == EXPIRED:
            assert page["code"] == "sync-token-expired"
            self.since = None
            self.content.clear()
            self.restarts += 1
            return True
        assert status == 200, page
        self.entries += len(page["items"])
        for entry in page["items"]:
            item = entry[self._property]
            if item is None:
                self.content.pop(entry["url"], None)
            else:
                self.content[entry["url"]] = item
        self.since = page["next_since"]
        return bool(page["has_more"])

    def catch_up(self, limit: int = 100, *, pages: int = 2_000) -> None:
        """Read pages until there are no more."""
        for _ in range(pages):
            if not self.poll(limit):
                return
        raise AssertionError(f"The feed has more after {pages} pages")


class Mirrors:
    """A mirror of the posts and one of the users, which has the current names of the posts' authors."""

    def __init__(self, get: Get) -> None:
        self.posts, self.users = Mirror(get, "posts"), Mirror(get, "users")

    def catch_up(self, limit: int = 100) -> None:
        """Read both feeds until they have no more."""
        self.posts.catch_up(limit)
        self.users.catch_up(limit)

    @property
    def content(self) -> dict[str, Any]:
        """Everything by URL, with the authors' names as in the mirror of the users."""
        names = {user["username"]: user["display_name"] for user in self.users.content.values()}
        posts = {
            url: {**post, "author": {**post["author"], "display_name": names.get(post["author"]["username"])}}
            for url, post in self.posts.content.items()
        }
        return {**posts, **self.users.content}


def listed(get: Get) -> dict[str, Any]:
    """Return all public posts and all users by URL, as the lists have them."""
    items = {}
    for path in ("/posts?expand=body&limit=100", "/users?limit=100"):
        cursor = ""
        while cursor is not None:
            status, page = get(f"{path}&cursor={cursor}" if cursor else path)
            assert status == 200, page
            items.update({item["url"]: item for item in page["items"]})
            cursor = page["next_cursor"]
    return items
