"""Why the store refuses.

StoreError
├── NotFound          there is no such row, or none that this viewer may know of
├── Forbidden          somebody else's row
├── Unauthenticated         nobody asks, or somebody who has been removed meanwhile
├── WrongPassword     who asks has not proven who they are
├── PreconditionFailed             the row has been changed or removed since it was read
├── Conflict          the change contradicts what is kept
│   ├── UsernameTaken
│   ├── UserHasPosts
│   └── RequestInProgress    the same request has been sent before and is not answered yet
├── IdempotencyKeyReused         another request has been sent with the same key
└── Unavailable       the database does not answer; the same request may succeed later

The message of each is a sentence for the client, without anything of the driver's.
"""


class StoreError(Exception):
    """A refusal of the store."""


class NotFound(StoreError):
    """There is no such row, or none that this viewer may know of."""


class Forbidden(StoreError):
    """The row belongs to somebody else."""


class Unauthenticated(StoreError):
    """Nobody asks, or somebody who has been removed since they proved who they are."""


class WrongPassword(StoreError):
    """Who asks has not proven who they are."""


class PreconditionFailed(StoreError):
    """The row has been changed or removed since it was read."""


class Conflict(StoreError):
    """The change contradicts what is kept."""


class UsernameTaken(Conflict):
    """A user of that name exists."""


class UserHasPosts(Conflict):
    """The user has written posts that still exist."""


class RequestInProgress(Conflict):
    """The same request has been sent before and is not answered yet."""


class IdempotencyKeyReused(StoreError):
    """Another request has been sent with the same key."""


class Unavailable(StoreError):
    """The database does not answer; the same request may succeed later."""

    @property
    def explained(self) -> str:
        """The message, and the driver's reason if there is one: for operators only."""
        cause = getattr(self.__cause__, "orig", self.__cause__)
        return f"{self} ({cause})" if cause else str(self)
