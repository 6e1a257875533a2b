"""Schemas compiled to functions: what marshmallow's `dump` and `load` do, without its loops over fields."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias, get_args, get_type_hints
from urllib.parse import quote

from marshmallow import Schema, ValidationError, fields, missing

AnyField: TypeAlias = fields.Field[Any]
RowType: TypeAlias = type[tuple[object, ...]]
"""A NamedTuple."""
DumpRow: TypeAlias = Callable[[object, str], dict[str, object]]
DumpRows: TypeAlias = Callable[[Sequence[object], str], list[dict[str, object]]]
Load: TypeAlias = Callable[[Mapping[str, object]], dict[str, object]]

_PLAIN = None, None, missing
_PLACEHOLDER = re.compile(r"{(\w+)}")


class PassThrough(AnyField):
    """A field whose values are dumped unchanged: the JSON encoder knows their form."""

    def _serialize(self, value: Any, attr: str | None, obj: object, **_: object) -> Any:
        return value


class URLTemplate(PassThrough, fields.String):
    """A URL made of a template, whose `{placeholders}` are attributes of the row."""

    template: str

    @property
    def placeholders(self) -> list[str]:
        """The names in the template, in their order."""
        return _PLACEHOLDER.findall(self.template)


class FromRow(fields.Nested):
    """A nested object made of attributes of the same row."""


class FromNestedRow(fields.Nested):
    """A nested object made of a row that is an attribute of the row, or null if that is None."""


def compile_dump(schema: Schema, row_type: RowType) -> DumpRow:
    """Compile a function of a row and the URL prefix; `TypeError` for a field that such rows lack."""
    dump: DumpRow = _evaluate(f"lambda row, root: {_object(schema, row_type)}")
    return dump


def compile_dump_many(schema: Schema, row_type: RowType) -> DumpRows:
    """Compile a function of rows and the URL prefix; `TypeError` for a field that such rows lack."""
    dump: DumpRows = _evaluate(f"lambda rows, root: [{_object(schema, row_type)} for row in rows]")
    return dump


def _evaluate(source: str) -> Any:
    return eval(source, {"quoted": _quoted})  # noqa: S307 (made of field names of this package)


@lru_cache(maxsize=4096)
def _quoted(segment: str) -> str:
    return quote(segment, safe="")


def _object(schema: Schema, row_type: RowType) -> str:
    """Return the expression for a JSON object; `TypeError` for a schema whose dump is more than its fields."""
    hooks = schema._hooks  # noqa: SLF001 (marshmallow has no public way to find hooks)
    if hooks["pre_dump"] or hooks["post_dump"]:
        raise TypeError(f"{type(schema).__name__}: a schema with hooks cannot be dumped from a row.")
    values = ((name, _value(schema, name, field, row_type)) for name, field in schema.dump_fields.items())
    return f"{{{', '.join(f'{name!r}: {value}' for name, value in values if value)}}}"


def _value(schema: Schema, name: str, field: AnyField, row_type: RowType) -> str:
    """Return the expression for a property; empty for an optional one that such rows lack."""
    types, place = get_type_hints(row_type), f"{type(schema).__name__}.{name}"
    if isinstance(field, FromRow):
        return _object(field.schema, row_type)
    if isinstance(field, FromNestedRow):
        [nested] = (type_ for type_ in get_args(types[name]) if hasattr(type_, "_fields"))
        return f"None if row.{name} is None else (lambda row: {_object(field.schema, nested)})(row.{name})"
    if isinstance(field, URLTemplate):
        if unknown := {name for name in field.placeholders if types.get(name) not in (int, str)}:
            raise TypeError(f"{place}: {row_type.__qualname__} has no {sorted(unknown)} that are int or str.")
        path = _PLACEHOLDER.sub(
            lambda match: f"{{row.{match[1]}}}" if types[match[1]] is int else f"{{quoted(row.{match[1]})}}",
            field.template,
        )
        return f"f'{{root}}{path}'"
    if name not in types:
        if field.required:
            raise TypeError(f"{place}: {row_type.__qualname__} has no such field.")
        return ""
    inner = field.inner if isinstance(field, fields.List) else field
    if not isinstance(inner, PassThrough) or (field.data_key, field.attribute, field.dump_default) != _PLAIN:
        raise TypeError(f"{place}: {type(field).__name__} cannot be dumped from a row.")
    return f"row.{name}"


def compile_load(schema: Schema) -> Load | None:
    """Compile the fast path of `load` for valid input; it raises an incomplete `ValidationError` for any other.

    None for a schema with hooks, or fields under other names: those are left to marshmallow.
    """
    hooks = schema._hooks  # noqa: SLF001 (marshmallow has no public way to find hooks)
    if any(hooks[kind] for kind in ("pre_load", "post_load", "validates", "validates_schema")):
        return None
    load_fields = schema.load_fields
    if any(field.data_key or field.attribute for field in load_fields.values()):
        return None

    def load(data: Mapping[str, object]) -> dict[str, object]:
        if not data.keys() <= load_fields.keys():
            raise ValidationError("Unknown field.")
        loaded: dict[str, object] = {}
        for name, field in load_fields.items():
            if name in data:
                loaded[name] = field.deserialize(data[name], name, data)
            elif field.required:
                raise ValidationError("Missing field.")
            elif field.load_default is not missing:
                loaded[name] = field.load_default() if callable(field.load_default) else field.load_default
        return loaded

    return load
