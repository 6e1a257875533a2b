"""URLs are built as Flask builds them."""

from typing import Any

import pytest
from flask import url_for

from api.http.application import Application
from api.http.urls import Path, prefix

PATHS: list[tuple[str, dict[str, Any]]] = [
    ("users.UserByName", {"username": "ada_l-1"}),
    ("users.Users", {}),
    ("posts.PostById", {"post_id": 9007199254740991}),
    ("posts.Posts", {}),
    ("tokens.TokenById", {"token_id": 1}),
]


@pytest.mark.parametrize("script_name", ["", "/blog", "/a/b"])
@pytest.mark.parametrize(("endpoint", "values"), PATHS)
def test_a_path_is_that_of_flask(app: Application, endpoint: str, values: dict[str, Any], script_name: str) -> None:
    with app.test_request_context("/posts", environ_overrides={"SCRIPT_NAME": script_name}):
        assert Path(endpoint)(prefix(), *values.values()) == url_for(endpoint, **values)
