"""The operations and schemas of the project, found rather than listed."""

import importlib
import pkgutil
from collections.abc import Iterator
from typing import Any, cast

import api.schemas
from api.app import create_app
from api.http.declaration import Operation
from api.schemas.base import StrictSchema
from api.schemas.compiled import RowType
from api.schemas.pages import PageSchema
from api.settings import Settings


def operations() -> Iterator[Operation]:
    """Yield the declaration of every operation."""
    for view in create_app(Settings(access_log="")).view_functions.values():
        resource = getattr(view, "view_class", None)
        for method in sorted(getattr(resource, "methods", None) or ()):
            yield getattr(resource, method.lower()).operation


def compiled() -> Iterator[tuple[StrictSchema, type[Any]]]:
    """Yield every schema that an operation returns, but for pages, with the types of its rows."""
    for operation in operations():
        schema = operation.returns
        if isinstance(schema, PageSchema):
            for row_type in cast("dict[RowType, object]", schema._dump_items):
                item = schema.item
                assert isinstance(item, StrictSchema)
                item.compile_for(row_type)
                yield item, row_type
        elif isinstance(schema, StrictSchema):
            yield from ((schema, row_type) for row_type in cast("dict[RowType, object]", schema._dump))


def schemas() -> list[type[StrictSchema]]:
    """Return every schema class."""
    for module in pkgutil.iter_modules(api.schemas.__path__):
        importlib.import_module(f"api.schemas.{module.name}")
    found = _subclasses(StrictSchema)
    return sorted((each for each in found if not each.__module__.startswith("tests.")), key=lambda each: each.__name__)


def _subclasses(base: type[Any]) -> list[type[Any]]:
    return [found for each in base.__subclasses__() for found in (each, *_subclasses(each))]
