"""Health, as a load balancer reads it."""

from marshmallow import fields, validate

from api.schemas.base import StrictSchema


class Live(StrictSchema):
    """The process answers."""

    class Meta(StrictSchema.Meta):
        """Goes into the document."""

        description = "The process answers."

    status = fields.String(
        required=True,
        validate=validate.OneOf(["live"]),
        metadata={"description": "Always `live`.", "examples": ["live"]},
    )


class Ready(StrictSchema):
    """Requests will be served."""

    class Meta(StrictSchema.Meta):
        """Goes into the document."""

        description = "The database answers and its tables are those of this version."

    status = fields.String(
        required=True,
        validate=validate.OneOf(["ready"]),
        metadata={"description": "Always `ready`.", "examples": ["ready"]},
    )
