"""Health, as a load balancer reads it."""

from marshmallow import fields, validate

from api.schemas.base import Closed


class Live(Closed):
    """The process answers."""

    class Meta(Closed.Meta):
        """Goes into the document."""

        description = "The process answers."

    status = fields.String(
        required=True,
        validate=validate.OneOf(["live"]),
        metadata={"description": "Always `live`.", "examples": ["live"]},
    )


class Ready(Closed):
    """Requests will be served."""

    class Meta(Closed.Meta):
        """Goes into the document."""

        description = "The database answers and its tables are those of this version."

    status = fields.String(
        required=True,
        validate=validate.OneOf(["ready"]),
        metadata={"description": "Always `ready`.", "examples": ["ready"]},
    )
