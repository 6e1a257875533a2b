"""Suspensions of users."""

from api.schemas.base import StrictSchema
from api.schemas.compiled import FromRow
from api.schemas.datetimes import DateTime
from api.schemas.pages import page_of
from api.schemas.users import User


class Suspension(StrictSchema):
    """A suspended user."""

    user = FromRow(User, required=True, metadata={"description": "The user."})
    suspended_at = DateTime(
        required=True,
        metadata={"description": "When an admin suspended the user.", "examples": ["2026-01-31T12:00:00Z"]},
    )


SuspensionPage = page_of(Suspension, "Suspended users; those who were suspended last come first.")
