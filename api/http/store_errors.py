"""The response to each error of the store."""

from collections.abc import Mapping

from api.store.errors import (
    CommentsClosed,
    Conflict,
    DatabaseNeedsRepair,
    DiskFull,
    FollowsOneself,
    Forbidden,
    IdempotencyKeyReused,
    NotFound,
    PreconditionFailed,
    QuotaExceeded,
    RequestInProgress,
    SignInSuspended,
    SlugTaken,
    StoreError,
    SyncTokenExpired,
    TooManyFollowed,
    TooMuchContent,
    Unauthenticated,
    Unavailable,
    UserHasPosts,
    UserIsAdmin,
    UsernameTaken,
    WrongPassword,
)

RETRY_AFTER = 1
"""Seconds after which a request that met a temporary error may be repeated."""
RETRY_AFTER_REPAIR = 60
"""The same, if an operator has to repair something first: retries each second would only fill the log."""

STATUS_OF: dict[type[StoreError], int] = {
    NotFound: 404,
    Forbidden: 403,
    Unauthenticated: 401,
    WrongPassword: 403,
    QuotaExceeded: 403,
    SyncTokenExpired: 410,
    PreconditionFailed: 412,
    Conflict: 409,
    IdempotencyKeyReused: 422,
    Unavailable: 503,
    DiskFull: 507,  # RFC 4918, section 11.5: unlike 503, clients do not repeat the request by themselves
}
"""The status of each error of the store; a subclass without an entry has its base class's."""
CODE_OF: dict[type[StoreError], str] = {
    WrongPassword: "wrong-credentials",
    QuotaExceeded: "quota-exceeded",
    UsernameTaken: "username-taken",
    SlugTaken: "slug-taken",
    CommentsClosed: "comments-closed",
    UserHasPosts: "user-has-posts",
    UserIsAdmin: "user-is-admin",
    SignInSuspended: "user-suspended",
    TooMuchContent: "too-much-content",
    FollowsOneself: "follows-oneself",
    TooManyFollowed: "too-many-followed",
    RequestInProgress: "request-in-progress",
    IdempotencyKeyReused: "idempotency-key-reused",
    SyncTokenExpired: "sync-token-expired",
}
"""The code of each error of the store that has its own; that of the others follows from the status."""
HEADERS_OF: dict[type[StoreError], Mapping[str, str]] = {
    Unauthenticated: {"WWW-Authenticate": 'Bearer realm="Pressroom"'},
    RequestInProgress: {"Retry-After": str(RETRY_AFTER)},
    Unavailable: {"Retry-After": str(RETRY_AFTER)},
    DatabaseNeedsRepair: {"Retry-After": str(RETRY_AFTER_REPAIR)},
    DiskFull: {},
}
