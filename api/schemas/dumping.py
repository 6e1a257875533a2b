"""What `dump` does, settled once for each schema instead of anew for each member of each row."""

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, fields, missing

Dump = Callable[[dict[str, Any]], dict[str, Any]]


class AsItIs(fields.Field[Any]):
    """A field whose values are dumped as they are: what they look like is JSON's matter."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **_: Any) -> Any:
        return value


def settled(schema: Schema) -> Dump | None:
    """What dumps a dictionary as `schema` does; None for a schema that only marshmallow can dump.

    That is one with hooks, or with members that are renamed, computed or have a default.
    """
    hooks = schema._hooks  # noqa: SLF001 (nothing else tells)
    if hooks["pre_dump"] or hooks["post_dump"] or not all(map(_is_plain, schema.dump_fields.values())):
        return None
    names = tuple(schema.dump_fields)
    written = [(name, write) for name, field in schema.dump_fields.items() if (write := _writer(name, field))]

    def dump(content: dict[str, Any]) -> dict[str, Any]:
        dumped = {name: content[name] for name in names if name in content}
        for name, write in written:
            if dumped.get(name) is not None:
                dumped[name] = write(dumped[name])
        return dumped

    return dump


def _is_plain(field: fields.Field[Any]) -> bool:
    computed = isinstance(field, (fields.Method, fields.Function, fields.Constant))
    return not computed and (field.data_key, field.attribute, field.dump_default) == (None, None, missing)


def _writer(name: str, field: fields.Field[Any]) -> Callable[[Any], Any] | None:
    """What writes a value that is not None; None if it is written as it is."""
    if isinstance(field, AsItIs):
        return None
    if type(field) is fields.List:
        write = _writer(name, field.inner)
        return write and (lambda values: [write(value) for value in values])
    if type(field) is fields.Nested and not field.many:
        dump: Callable[[Any], Any] = field.schema.dump
        return dump
    return lambda value: field._serialize(value, name, {})
