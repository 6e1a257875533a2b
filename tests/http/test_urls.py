"""URLs in responses."""

from typing import Any, get_type_hints
from urllib.parse import unquote, urlsplit

import pytest

from api.http import urls
from api.http.application import Application
from api.schemas.base import StrictSchema
from api.schemas.compiled import RowType, URLTemplate
from api.schemas.fields import RelativeURL, Text
from tests.support.clients import Client
from tests.support.schemas import compiled

URLS = {
    f"{type(schema).__name__}.{name}": (schema, row_type, field)
    for schema, row_type in compiled()
    for name, field in schema.fields.items()
    if isinstance(field, URLTemplate)
}
VALUES: dict[Any, object] = {int: 2**53 - 1, str: "a_l-1"}


class Linked(StrictSchema):
    """A link."""

    url = RelativeURL("Something.", "/nothing/{id}")


def test_a_url_template_that_no_route_serves_is_a_type_error(app: Application) -> None:
    with pytest.raises(TypeError, match=r"Linked\.url: no route serves /nothing/{id}"):
        urls.check(app, [Linked()])


class Mistyped(StrictSchema):
    """A link by a text where the route has an integer."""

    id = Text(9, required=True)
    url = RelativeURL("A post.", "/posts/{id}")


def test_a_url_whose_values_no_route_accepts_stops_the_start(app: Application) -> None:
    with pytest.raises(TypeError, match=r"Mistyped\.url: no route serves /posts/{id}"):
        urls.check(app, [Mistyped()])


@pytest.mark.parametrize(("schema", "row_type", "field"), URLS.values(), ids=URLS)
def test_a_url_is_matched_by_a_route_with_the_values_of_the_row(
    app: Application, schema: StrictSchema, row_type: RowType, field: URLTemplate
) -> None:
    values = {name: VALUES.get(type_) for name, type_ in get_type_hints(row_type).items()}
    url = urlsplit(str(schema.dump_row(row_type(**values), "")[str(field.name)]))
    _, matched = app.url_map.bind("localhost").match(unquote(url.path))
    expected = [values[name] for name in field.placeholders if f"{{{name}}}" in field.template.partition("?")[0]]
    assert list(matched.values()) == expected


@pytest.mark.parametrize("script_name", ["", "/blog", "/a/b"])
def test_urls_begin_with_the_script_name(ada: Client, script_name: str) -> None:
    """As `url_for` builds them (RFC 3875, section 4.1.13)."""
    ada.post("/posts", {"title": "t", "body": "b"})
    post = ada.get("/posts/1", environ_overrides={"SCRIPT_NAME": script_name}).json or {}
    assert (post["url"], post["author"]["url"]) == (f"{script_name}/posts/1", f"{script_name}/users/ada")
    user = ada.get("/users/ada", environ_overrides={"SCRIPT_NAME": script_name}).json or {}
    assert user["posts_url"] == f"{script_name}/posts?author=ada"
