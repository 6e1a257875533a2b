"""URLs in responses are those of routes."""

import pytest

from api.http import urls
from api.http.application import Application
from api.schemas.base import StrictSchema
from api.schemas.fields import RelativeURL
from tests.support.clients import Client


class Linked(StrictSchema):
    """A link."""

    url = RelativeURL("Something.", "/nothing/{id}")


def test_a_url_that_no_route_serves_stops_the_start(app: Application) -> None:
    with pytest.raises(TypeError, match=r"Linked\.url: no route serves /nothing/{id}"):
        urls.check(app, [Linked()])


@pytest.mark.parametrize("script_name", ["", "/blog", "/a/b"])
def test_urls_begin_with_the_script_name(ada: Client, script_name: str) -> None:
    """As `url_for` builds them (RFC 3875, section 4.1.13)."""
    ada.post("/posts", {"title": "t", "body": "b"})
    post = ada.get("/posts/1", environ_overrides={"SCRIPT_NAME": script_name}).json or {}
    assert (post["url"], post["author"]["url"]) == (f"{script_name}/posts/1", f"{script_name}/users/ada")
    user = ada.get("/users/ada", environ_overrides={"SCRIPT_NAME": script_name}).json or {}
    assert user["posts_url"] == f"{script_name}/posts?author=ada"
