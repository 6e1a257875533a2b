"""A check at start-up that the URLs in schemas are those of routes."""

import re
from collections.abc import Iterable

from flask import Flask
from werkzeug.routing import Rule

from api.schemas.base import StrictSchema
from api.schemas.compiled import URLTemplate


def check(app: Flask, schemas: Iterable[StrictSchema]) -> None:
    """`TypeError` for a URL template in `schemas` that no route of `app` serves."""
    routes = {_shape(rule.rule): rule for rule in app.url_map.iter_rules()}
    for schema in schemas:
        for name, field in schema.fields.items():
            if isinstance(field, URLTemplate) and not _is_served(field, routes):
                raise TypeError(f"{type(schema).__name__}.{name}: no route serves {field.template}.")


def _is_served(field: URLTemplate, routes: dict[str, Rule]) -> bool:
    return _shape(field.template.partition("?")[0]) in routes


def _shape(path: str) -> str:
    """Return a route's rule or a template with anonymous placeholders: `/posts/{}`."""
    return re.sub("<[^>]*>|{[^}]*}", "{}", path)
