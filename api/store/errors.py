"""Errors of the store. The message of each is a sentence for the client, without anything of the driver's.

StoreError
├── NotFound              no such row, or not visible to this client
├── Forbidden             the row belongs to another user
│   └── SignInSuspended        the user is suspended
├── Unauthenticated       the user or token no longer exists
├── WrongPassword         the password does not match
├── QuotaExceeded         the user has as many rows as are allowed
├── PreconditionFailed    the row has been changed or deleted since it was read
├── Conflict              the change contradicts stored data
│   ├── UsernameTaken
│   ├── SlugTaken
│   ├── CommentsClosed         the post is closed for comments
│   ├── UserHasPosts
│   ├── UserIsAdmin
│   ├── UserSuspended          the user is suspended, or no longer
│   ├── TooMuchContent         the user has more content than one transaction may change
│   ├── FollowsOneself
│   ├── TooManyFollowed        the user follows as many users as are allowed
│   └── RequestInProgress      a request with the same idempotency key has not finished
├── IdempotencyKeyReused  another request was sent with the same idempotency key
├── SyncTokenExpired      the token of a change feed is too old, or of another database
└── Unavailable           the database is not responding; the same request may succeed later
    ├── TransactionRolledBack  it may succeed at once: other transactions have prevented this one
    ├── OutcomeUnknown         the connection was lost while the transaction was committed
    ├── DatabaseNeedsRepair    it will not until an operator has repaired the database
    └── DiskFull               there is no space left for what the request would store
"""


class StoreError(Exception):
    """An error of the store."""


class NotFound(StoreError):
    """The row does not exist, or is not visible to this client."""


class Forbidden(StoreError):
    """The row belongs to another user."""


class SignInSuspended(Forbidden):
    """The user is suspended, so they cannot sign in."""


class Unauthenticated(StoreError):
    """The user or token no longer exists, or none was given."""


class WrongPassword(StoreError):
    """The password does not match."""


class QuotaExceeded(StoreError):
    """The user has as many rows as are allowed; waiting does not change that."""


class PreconditionFailed(StoreError):
    """The row has been changed or deleted since it was read."""


class Conflict(StoreError):
    """The change contradicts stored data."""


class UsernameTaken(Conflict):
    """A user of that name exists."""


class SlugTaken(Conflict):
    """The author has another post with that slug."""


class CommentsClosed(Conflict):
    """The post is closed for comments."""


class UserHasPosts(Conflict):
    """The user has posts."""


class UserIsAdmin(Conflict):
    """The user is an admin, and admins cannot be suspended."""


class UserSuspended(Conflict):
    """The user is suspended; or no longer, although that is required."""


class TooMuchContent(Conflict):
    """The user has more content, or the post more comments, than one transaction may change."""


class FollowsOneself(Conflict):
    """Users cannot follow themselves."""


class TooManyFollowed(Conflict):
    """The user follows as many users as are allowed."""


class RequestInProgress(Conflict):
    """A request with the same idempotency key has not finished."""


class IdempotencyKeyReused(StoreError):
    """Another request was sent with the same idempotency key."""


class SyncTokenExpired(StoreError):
    """The token of a change feed is too old, or of another database or another copy of it."""


class Unavailable(StoreError):
    """The database is not responding; the same request may succeed later.

    `reason` is for operators only: what happened, and what to do.
    """

    def __init__(self, message: str, *, reason: str = "") -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def message_for_operators(self) -> str:
        """The reason, or else the message; followed by the driver's message if there is one."""
        cause = getattr(self.__cause__, "orig", self.__cause__)
        text = self.reason or str(self)
        return f"{text} ({cause})" if cause else text


class TransactionRolledBack(Unavailable):
    """The transaction was rolled back because of concurrent ones; the same transaction may succeed at once."""


class OutcomeUnknown(Unavailable):
    """The connection was lost while the transaction was committed: its changes may have been made."""


class DatabaseNeedsRepair(Unavailable):
    """The request cannot succeed before an operator has repaired the database."""


class DiskFull(Unavailable):
    """The database has no space left."""
