"""What contract tests need to know of each resource beyond the OpenAPI document: one entry per resource.

Everything else is derived from the document: which operations there are, who may call public ones, which responses,
paths and header fields they have.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from api.store import follows, users
from tests.support.clients import PASSWORD, Client
from tests.support.paths import PROJECT_ROOT

DOCUMENT = json.loads((PROJECT_ROOT / "openapi" / "openapi.json").read_text())


class Operation(NamedTuple):
    """An operation of the OpenAPI document."""

    id: str
    method: str
    path: str
    description: Mapping[str, Any]

    @property
    def is_public(self) -> bool:
        """Whether anonymous clients may call it."""
        security = self.description["security"]
        return not security or {} in security

    @property
    def is_conditional_read(self) -> bool:
        """Whether it responds to `If-None-Match`."""
        return "304" in self.description["responses"]

    @property
    def needs_database(self) -> bool:
        """Whether it may fail without the database."""
        return "503" in self.description["responses"]


OPERATIONS: dict[str, Operation] = {
    operation["operationId"]: Operation(operation["operationId"], method.upper(), path, operation)
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method != "parameters"
}


class Permission(NamedTuple):
    """The expected status of an operation on ada's resource for an anonymous client, bob, ada and an admin.

    Those for tokens that can only read follow: an operation that is no read is forbidden.
    """

    operation: str
    anyone: int
    bob: int
    ada: int
    admin: int
    ids: Mapping[str, object] = {}
    settings: Mapping[str, str] = {}
    arranged: bool = True
    """Whether ada's resources exist."""
    reader: int | None = None
    """The status for tokens that can only read, if it does not follow."""

    @property
    def ada_reader(self) -> int:
        """The status for ada's token that can only read: that for ada, if it is a read."""
        return self._reader(self.ada)

    @property
    def admin_reader(self) -> int:
        """The status for such a token of an admin: that for another user, because it ignores the role."""
        return self._reader(self.bob)

    def _reader(self, status: int) -> int:
        operation = OPERATIONS[self.operation]
        if self.reader is not None or not operation.description["security"]:
            return self.reader or status
        return status if operation.method == "GET" else 403

    def __str__(self) -> str:
        """Name the case."""
        variant = [*self.ids.values(), *self.settings.values(), *(() if self.arranged else ("not arranged",))]
        return "-".join(map(str, [self.operation, *variant]))


def nothing(_ada: Client) -> None:
    """Arrange nothing."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """A resource in contract tests."""

    permissions: list[Permission]
    """Of each operation that is not public, and of public ones whose result depends on the client."""
    arrange: Callable[[Client], object] = nothing
    """Create ada's resources; `ids` identifies the first."""
    ids: Mapping[str, object] = field(default_factory=dict)
    """The path parameters of ada's resource."""
    absent_ids: Mapping[str, object] = field(default_factory=dict)
    """Path parameters of a resource that does not exist."""
    bodies: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """A valid body for each operation that has one."""
    failures: Mapping[tuple[str, int], Mapping[str, Any]] = field(default_factory=dict)
    """How a request differs from a successful one to get that status from that operation."""
    queries: tuple[str, ...] = ()
    """Other URLs that must cost a single statement."""


def _publish(ada: Client) -> None:
    for slug, published_at in (("notes-on-the-engine", "2026-01-31T12:00:00+00:00"), ("draft", None)):
        assert ada.post("/posts", {**POST, "slug": slug, "published_at": published_at}).status_code < 400


def _follow(ada: Client) -> None:
    """Make grace, who follows ada, and is followed by her."""
    with ada.app.database.write() as db:
        ids = {"ada": users.get(db, "ada").id, "grace": users.register(db, username="grace").id}
        for follower, followed in (("ada", "grace"), ("grace", "ada")):
            follows.add(db, followed, follower_id=ids[follower])


def _like(ada: Client) -> None:
    for post_id in (1, 2):
        assert ada.send("PUT", f"/posts/{post_id}/like").status_code == 204


def _comment(ada: Client) -> None:
    for post_id in (1, 2):
        assert ada.post(f"/posts/{post_id}/comments", {"body": "b"}).status_code < 400


IF_NONE_MATCH = {"headers": {"If-Match": None, "If-None-Match": "*"}}
POST = {"title": "t", "body": "b", "tags": ["engines"]}
DRAFT = {"post_id": 2}
COMMENT_ON_DRAFT = {"comment_id": 2}
DRAFT_BY_SLUG = {"slug": "draft"}
CATALOGUE = [
    Resource(
        ids={"username": "ada"},
        absent_ids={"username": "eve"},
        bodies={"registerUser": {"username": "eve", "password": PASSWORD}, "reviseUser": {"bio": "new"}},
        failures={("registerUser", 409): {"json": {"username": "ada", "password": PASSWORD}}},
        permissions=[
            Permission("registerUser", 201, 201, 201, 201),
            Permission("registerUser", 401, 403, 403, 201, settings={"registration": "closed"}),
            Permission("reviseUser", 401, 403, 200, 200),
            Permission("removeUser", 401, 403, 409, 409),
            Permission("removeUser", 401, 403, 204, 204, arranged=False),
        ],
    ),
    Resource(
        bodies={"changePassword": {"current_password": PASSWORD, "new_password": PASSWORD[::-1]}},
        failures={
            ("changePassword", 403): {"json": {"current_password": "wrong", "new_password": PASSWORD[::-1]}},
        },
        permissions=[
            Permission("readMe", 401, 200, 200, 200),
            Permission("exportMe", 401, 200, 200, 200, reader=403),
            Permission("changePassword", 401, 204, 204, 204),
        ],
    ),
    Resource(
        arrange=_publish,
        ids={"post_id": 1, "slug": "notes-on-the-engine"},
        absent_ids={"post_id": 9, "slug": "nothing"},
        bodies={
            "publishPost": POST,
            "revisePost": {"title": "new"},
            "putPost": {**POST, "title": "new", "published_at": None},
        },
        failures={
            ("publishPost", 409): {"headers": {"Idempotency-Key": "k"}},
            ("revisePost", 409): {"json": {"slug": "draft"}},
            ("putPost", 201): {"ids": {"username": "ada", "slug": "nothing"}, **IF_NONE_MATCH},
            ("putPost", 404): {"ids": {"username": "ada", "slug": "No-Slug"}},
        },
        queries=tuple(
            f"/posts?{query}{'&' if query and expand else ''}{expand}"
            for query in ("", "tag=engines", "author=ada", "author=ada&tag=engines")
            for expand in ("", "expand=body", "expand=html")
            if query or expand
        ),
        permissions=[
            Permission("publishPost", 401, 201, 201, 201),
            Permission("revisePost", 401, 403, 200, 200),
            Permission("removePost", 401, 403, 204, 204),
            Permission("readPost", 404, 404, 200, 200, ids=DRAFT),
            Permission("revisePost", 401, 404, 200, 200, ids=DRAFT),
            Permission("removePost", 401, 404, 204, 204, ids=DRAFT),
            Permission("putPost", 401, 403, 200, 200),
            Permission("putPost", 401, 403, 200, 200, ids=DRAFT_BY_SLUG),
            Permission("putPost", 401, 403, 412, 412, ids={"slug": "nothing"}),
            Permission("putPost", 401, 403, 403, 404, ids={"username": "eve"}),
            Permission("readPostBySlug", 404, 404, 200, 200, ids=DRAFT_BY_SLUG),
            Permission("readPostBySlug", 404, 404, 404, 404, ids={"username": "eve"}),
        ],
    ),
    Resource(
        arrange=_like,
        permissions=[
            Permission("readLike", 401, 404, 200, 404),
            Permission("readLike", 401, 404, 200, 404, ids=DRAFT),
            Permission("likePost", 401, 204, 204, 204),
            Permission("likePost", 401, 404, 204, 204, ids=DRAFT),
            Permission("unlikePost", 401, 204, 204, 204),
            Permission("unlikePost", 401, 404, 204, 204, ids=DRAFT),
            Permission("listLikers", 404, 404, 200, 200, ids=DRAFT),
            Permission("listLikedPosts", 404, 404, 404, 404, ids={"username": "eve"}),
        ],
    ),
    Resource(
        arrange=_comment,
        ids={"comment_id": 1},
        absent_ids={"comment_id": 9},
        bodies={"createComment": {"body": "b"}, "reviseComment": {"body": "new"}},
        failures={("createComment", 409): {"headers": {"Idempotency-Key": "k"}}},
        queries=("/posts/1/comments?expand=html", "/comments/1?expand=html"),
        permissions=[
            Permission("createComment", 401, 201, 201, 201),
            Permission("createComment", 401, 404, 201, 201, ids=DRAFT),
            Permission("listComments", 404, 404, 200, 200, ids=DRAFT),
            Permission("readComment", 404, 404, 200, 200, ids=COMMENT_ON_DRAFT),
            Permission("reviseComment", 401, 403, 200, 200),
            Permission("reviseComment", 401, 404, 200, 200, ids=COMMENT_ON_DRAFT),
            Permission("removeComment", 401, 403, 204, 204),
            Permission("removeComment", 401, 404, 204, 204, ids=COMMENT_ON_DRAFT),
        ],
    ),
    Resource(
        ids={"token_id": 1},
        absent_ids={"token_id": 9},
        bodies={"createToken": {}},
        failures={
            ("createToken", 403): {
                "username": "anyone",
                "headers": {"Authorization": None},
                "json": {"username": "ada", "password": "wrong"},
            },
        },
        permissions=[
            Permission("listTokens", 401, 200, 200, 200, reader=403),
            Permission("createToken", 401, 401, 401, 401),  # a token is not a password
            Permission("readToken", 401, 404, 200, 404, reader=403),
            Permission("revokeToken", 401, 404, 204, 404),
        ],
    ),
    Resource(
        arrange=_follow,
        failures={
            ("readFollow", 200): {"ids": {"username": "grace"}},
            ("readFollow", 304): {"ids": {"username": "grace"}, "headers": {"If-None-Match": "*"}},
            ("followUser", 204): {"ids": {"username": "grace"}},
        },
        permissions=[
            Permission("readTimeline", 401, 200, 200, 200),
            Permission("readFollow", 401, 404, 200, 404, ids={"username": "grace"}),
            Permission("readFollow", 401, 404, 404, 404),
            Permission("followUser", 401, 204, 409, 204),
            Permission("followUser", 401, 404, 404, 404, ids={"username": "eve"}),
            Permission("unfollowUser", 401, 204, 204, 204),
            Permission("unfollowUser", 401, 204, 204, 204, ids={"username": "grace"}),
            Permission("unfollowUser", 401, 404, 404, 404, ids={"username": "eve"}),
        ],
    ),
    Resource(
        failures={("suspendUser", 409): {"ids": {"username": "admin"}}},
        permissions=[
            Permission("listSuspensions", 401, 403, 403, 200),
            Permission("suspendUser", 401, 403, 403, 204),
            Permission("unsuspendUser", 401, 403, 403, 204),
            Permission("suspendUser", 401, 403, 403, 404, ids={"username": "eve"}),
            Permission("suspendUser", 401, 403, 403, 409, ids={"username": "admin"}),
        ],
    ),
    Resource(ids={"code": "not-found"}, absent_ids={"code": "nothing"}, permissions=[]),
]

IDS = {name: value for resource in CATALOGUE for name, value in resource.ids.items()}
ABSENT_IDS = {name: value for resource in CATALOGUE for name, value in resource.absent_ids.items()}
BODIES = {name: body for resource in CATALOGUE for name, body in resource.bodies.items()}
FAILURES = {key: changes for resource in CATALOGUE for key, changes in resource.failures.items()}
_PERMISSIONS = [permission for resource in CATALOGUE for permission in resource.permissions]
PERMISSIONS = [
    *(
        Permission(operation.id, 200, 200, 200, 200)
        for operation in OPERATIONS.values()
        if operation.is_public and operation.method == "GET"
    ),
    *_PERMISSIONS,
]

ADMIN_OPERATIONS = {
    each.operation for each in PERMISSIONS if each.ada == 403 and each.admin < 300 and not each.settings
}
"""Those that only admins may call."""


def arrange(ada: Client) -> None:
    """Make all of ada's resources."""
    for resource in CATALOGUE:
        resource.arrange(ada)


def path_of(operation: Operation, **ids: object) -> str:
    """Return the path of ada's resource, or that of other `ids`."""
    return operation.path.format(**{**IDS, **ids})


READS = [
    path_of(operation, **FAILURES.get((operation.id, 200), {}).get("ids", {}))
    for operation in OPERATIONS.values()
    if operation.is_conditional_read and operation.id not in ADMIN_OPERATIONS
]
"""The path of every read that has an ETag, but those for admins."""
QUERIES = [
    *(
        path_of(operation)
        for operation in OPERATIONS.values()
        if operation.is_public
        and operation.method == "GET"
        and operation.needs_database
        and "/health" not in operation.path
    ),
    *(query for resource in CATALOGUE for query in resource.queries),
]
"""The URL of every public read of the database."""
CHANGES = [
    (operation.method, path_of(operation), BODIES.get(operation.id))
    for operation in OPERATIONS.values()
    if "428" in operation.description["responses"]
]
"""Method, path and body of every operation that needs `If-Match`."""
