"""What `dump` does, compiled once for each schema instead of found out anew for each member of each row."""

from collections.abc import Callable
from typing import Any

from marshmallow import Schema, fields, missing

Dump = Callable[[dict[str, Any]], dict[str, Any]]
Names = dict[str, Callable[[Any], Any]]


class PassThrough(fields.Field[Any]):
    """A field whose values are dumped as they are: what they look like is JSON's matter."""

    def _serialize(self, value: Any, attr: str | None, obj: Any, **_: Any) -> Any:
        return value


def compiled(schema: Schema) -> Dump | None:
    """What dumps a dictionary as `schema` does, but for a KeyError or TypeError where it is not whole.

    None for a schema with hooks, or with members that are renamed, computed or defaulted: marshmallow has to dump that.
    """
    names: Names = {}
    source = f"lambda content: {_members(schema, 'content', names)}" if _is_flat(schema) else "None"
    dump: Dump | None = eval(source, names)  # noqa: S307 (names of members, as in namedtuple)
    return dump


def _is_flat(schema: Schema) -> bool:
    hooks = schema._hooks  # noqa: SLF001 (nothing else tells)
    return not (hooks["pre_dump"] or hooks["post_dump"]) and all(map(is_plain, schema.dump_fields.values()))


def is_plain(field: fields.Field[Any]) -> bool:
    """Whether a field is a member of its own name, with nothing in its place when it is missing."""
    computed = isinstance(field, (fields.Method, fields.Function, fields.Constant))
    return not computed and (field.data_key, field.attribute, field.dump_default) == (None, None, missing)


def _members(schema: Schema, content: str, names: Names) -> str:
    """The expression for what is dumped of what `content` is the expression for."""
    members = []
    for name, field in schema.dump_fields.items():
        member = f"{name!r}: {_value(name, field, f'{content}[{name!r}]', names)}"
        members.append(member if field.required else f"**({{{member}}} if {name!r} in {content} else {{}})")
    return f"{{{', '.join(members)}}}"


def _value(name: str, field: fields.Field[Any], value: str, names: Names) -> str:
    """The expression for a member; `names` are what it calls."""
    if isinstance(field, PassThrough):
        return value
    if type(field) is fields.List:
        each = f"each_{len(names)}"
        inner = _value(name, field.inner, each, names)
        return value if inner == each else f"[{inner} for {each} in {value}]"
    write = f"write_{len(names)}"
    if type(field) is fields.Nested and not field.many:
        if _is_flat(field.schema) and not field.allow_none:
            return _members(field.schema, value, names)
        names[write] = field.schema.dump
        return f"None if {value} is None else {write}({value})"
    names[write] = lambda kept: field._serialize(kept, name, {})
    return f"{write}({value})"
