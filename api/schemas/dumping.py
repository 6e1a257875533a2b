"""What `dump` does, compiled once for each schema instead of found out anew for each member of each row."""

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, fields, missing

Dump = Callable[[dict[str, Any]], dict[str, Any]]


class AsItIs(fields.Field[Any]):
    """A field whose values are dumped as they are: what they look like is JSON's matter."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **_: Any) -> Any:
        return value


def compiled(schema: Schema) -> Dump | None:
    """What dumps a dictionary as `schema` does, but for a KeyError where a required member is missing.

    None for a schema with hooks, or with members that are renamed, computed or defaulted: marshmallow has to dump that.
    """
    hooks = schema._hooks  # noqa: SLF001 (nothing else tells)
    if hooks["pre_dump"] or hooks["post_dump"] or not all(map(_is_plain, schema.dump_fields.values())):
        return None
    names: dict[str, Any] = {}
    members = []
    for name, field in schema.dump_fields.items():
        value = f"content[{name!r}]"
        if write := _writer(name, field):
            names[f"write_{name}"] = write
            value = f"None if {value} is None else write_{name}({value})"
        member = f"{name!r}: {value}"
        members.append(member if field.required else f"**({{{member}}} if {name!r} in content else {{}})")
    exec(f"def dump(content): return {{{', '.join(members)}}}", names)  # noqa: S102 (names of members, as namedtuple does)
    dump: Dump = names["dump"]
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
        return write and (lambda values: [None if value is None else write(value) for value in values])
    if type(field) is fields.Nested and not field.many:
        return compiled(field.schema) or field.schema.dump
    return lambda value: field._serialize(value, name, {})
