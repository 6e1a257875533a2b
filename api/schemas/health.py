"""Health checks."""

from api.schemas.base import StrictSchema
from api.schemas.fields import Constant


class Live(StrictSchema):
    """The process is running."""

    status = Constant("live")


class Ready(StrictSchema):
    """The database responds and its tables have this version's schema."""

    status = Constant("ready")
