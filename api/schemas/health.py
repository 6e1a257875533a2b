"""Health checks."""

from api.schemas.base import StrictSchema
from api.schemas.fields import OneOf


class Live(StrictSchema):
    """The process is running."""

    status = OneOf(["live"], required=True, metadata={"description": "Always `live`.", "examples": ["live"]})


class Ready(StrictSchema):
    """The database responds and its tables have this version's schema."""

    status = OneOf(["ready"], required=True, metadata={"description": "Always `ready`.", "examples": ["ready"]})
