"""What `load` does to what is right, without the steps that marshmallow takes to tell what is wrong."""

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, ValidationError, missing

from api.schemas.dumping import is_plain

Load = Callable[[dict[str, Any]], dict[str, Any]]


def loader(schema: Schema) -> Load | None:
    """What loads a dictionary as `schema` does, but for a ValidationError that does not say all that is wrong.

    None for a schema with hooks, or with members that are renamed: marshmallow has to load that.
    """
    hooks = schema._hooks  # noqa: SLF001 (nothing else tells)
    if any(hooks[kind] for kind in ("pre_load", "post_load", "validates", "validates_schema")):
        return None
    members = schema.load_fields
    if not all(map(is_plain, members.values())):
        return None

    def load(data: dict[str, Any]) -> dict[str, Any]:
        if not data.keys() <= members.keys():
            raise ValidationError("Unknown members.")
        loaded = {}
        for name, field in members.items():
            if name in data:
                loaded[name] = field.deserialize(data[name], name, data)
            elif field.required:
                raise ValidationError("Missing members.")
            elif field.load_default is not missing:
                loaded[name] = field.load_default() if callable(field.load_default) else field.load_default
        return loaded

    return load
