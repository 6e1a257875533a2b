"""A check at start-up that the URLs in schemas are those of routes."""

import re
from collections.abc import Iterable

from flask import Flask
from werkzeug.routing import IntegerConverter, Rule

from api.schemas.base import StrictSchema
from api.schemas.compiled import URLTemplate
from api.schemas.fields import Integer


def check(app: Flask, schemas: Iterable[StrictSchema]) -> None:
    """`TypeError` for a URL template in `schemas` that no route of `app` serves."""
    routes = {_shape(rule.rule): rule for rule in app.url_map.iter_rules()}
    for schema in schemas:
        for name, field in schema.fields.items():
            if isinstance(field, URLTemplate) and not _is_served(schema, field, routes):
                raise TypeError(f"{type(schema).__name__}.{name}: no route serves {field.template}.")


def _is_served(schema: StrictSchema, field: URLTemplate, routes: dict[str, Rule]) -> bool:
    """Return whether a route has the path, with `int` where the placeholder is an integer field."""
    path = field.template.partition("?")[0]
    rule = routes.get(_shape(path))
    if rule is None:
        return False
    converters = [rule._converters[argument] for argument in re.findall(r":(\w+)>", rule.rule)]  # noqa: SLF001 (not public)
    placeholders = re.findall(r"{(\w+)}", path)
    return all(
        isinstance(converter, IntegerConverter) == isinstance(schema.fields[name], Integer)
        for converter, name in zip(converters, placeholders, strict=True)
        if name in schema.fields
    )


def _shape(path: str) -> str:
    """Return a route's rule or a template with anonymous placeholders: `/items/{}`."""
    return re.sub("<[^>]*>|{[^}]*}", "{}", path)
