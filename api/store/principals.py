"""Who acts, and what they may change."""

from typing import Protocol


class Principal(Protocol):
    """The attributes of a user on which permissions depend."""

    @property
    def id(self) -> int:
        """The primary key."""

    @property
    def username(self) -> str:
        """The username."""

    @property
    def role(self) -> str:
        """`member` or `admin`."""


def may_change(principal: Principal, *, owner_id: int) -> bool:
    """Return whether the principal may change a row of that owner: members their own, admins any."""
    return principal.id == owner_id or principal.role == "admin"
