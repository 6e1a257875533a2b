"""Input is read as the document says it is, and nothing else is taken for it."""

from io import BytesIO

import pytest

from tests.support.clients import Client
from tests.support.problems import assert_problem

POST = b'{"title": "t", "body": "b"}'


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=UTF-8", "Application/JSON"])
def test_json_in_utf8_is_read(ada: Client, content_type: str) -> None:
    assert ada.send("POST", "/posts", data=POST, content_type=content_type).status_code == 201


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "text/plain",
        "text/json",
        "application/vnd.api+json",
        "application/json; charset=utf-16",
        "multipart/form-data; boundary=x",
        "application/x-www-form-urlencoded",
    ],
)
def test_other_types_are_not(ada: Client, content_type: str | None) -> None:
    response = ada.send("POST", "/posts", data=POST, content_type=content_type)
    assert_problem(response, 415)
    assert response.headers["Accept"] == "application/json"


def test_a_body_that_is_no_json_is_refused_with_the_reason(ada: Client) -> None:
    response = ada.send("POST", "/posts", data=b'{"title": NaN}', content_type="application/json")
    assert_problem(
        response,
        400,
        detail="The body is not valid JSON: unexpected character, expected a JSON value at character 11.",
    )


@pytest.mark.parametrize("content_type", [None, "application/json"])
def test_no_body_at_all_is_an_empty_object(ada: Client, content_type: str | None) -> None:
    errors = assert_problem(ada.send("POST", "/posts", content_type=content_type), 422)["errors"]
    assert {error["pointer"] for error in errors} == {"#/title", "#/body"}


def test_a_body_over_four_mebibytes_is_too_large(ada: Client) -> None:
    raw = b'{"title": "t", "body": "' + b"x" * 4 * 1024 * 1024 + b'"}'
    assert_problem(ada.send("POST", "/posts", data=raw, content_type="application/json"), 413)


def test_so_is_one_whose_length_is_not_announced(ada: Client) -> None:
    raw = b'{"title": "t", "body": "b"}' + b" " * 4 * 1024 * 1024 + b"and more"
    response = ada.send(
        "POST",
        "/posts",
        input_stream=BytesIO(raw),
        content_type="application/json",
        environ_overrides={"wsgi.input_terminated": True},
    )
    assert_problem(response, 413)
    assert_problem(ada.get("/posts/1"), 404)


def test_the_longest_post_fits_however_it_is_written(ada: Client) -> None:
    raw = b'{"title": "t", "body": "' + b"\\ud83d\\ude00" * 262_144 + b'"}'
    response = ada.send("POST", "/posts", data=raw, content_type="application/json")
    assert response.status_code == 201
    assert response.json
    assert response.json["body"] == "😀" * 262_144


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", path) for path in ("/", "/about", "/users/ada", "/posts/1", "/me", "/docs", "/health/live")),
        *(("POST", "/posts"), ("PATCH", "/posts/1"), ("DELETE", "/posts/1"), ("DELETE", "/users/ada")),
    ],
)
def test_a_parameter_that_is_unknown_is_refused_everywhere(ada: Client, method: str, path: str) -> None:
    content = {"title": "t", "body": "b"}
    ada.post("/posts", content)
    body = {"json": content} if method in {"POST", "PATCH"} else {}
    errors = assert_problem(ada.send(method, f"{path}?dry_run=1&dry_run=2", **body), 422)["errors"]
    assert errors == [{"detail": "Unknown parameter.", "parameter": "dry_run"}]
    assert ada.get("/posts/1").status_code == 200
