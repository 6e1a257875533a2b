"""Request bodies and queries are parsed as the OpenAPI document describes them."""

from io import BytesIO

import pytest

from api.http import parsing
from api.http.target_uri import is_canonical
from tests.support.clients import Client
from tests.support.problems import assert_problem

POST = b'{"title": "t", "body": "b"}'


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=UTF-8", "Application/JSON"])
def test_json_in_utf8_is_accepted(ada: Client, content_type: str) -> None:
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
def test_other_media_types_and_charsets_are_rejected(ada: Client, content_type: str | None) -> None:
    response = ada.send("POST", "/posts", data=POST, content_type=content_type)
    assert_problem(response, 415)
    assert response.headers["Accept"] == "application/json"


def test_invalid_json_is_rejected_with_the_reason(ada: Client) -> None:
    response = ada.send("POST", "/posts", data=b'{"title": NaN}', content_type="application/json")
    assert_problem(
        response,
        400,
        detail="The body is not valid JSON: unexpected character, expected a JSON value at character 11.",
    )


@pytest.mark.parametrize("content_type", [None, "application/json"])
def test_a_missing_body_is_validated_as_an_empty_object(ada: Client, content_type: str | None) -> None:
    errors = assert_problem(ada.send("POST", "/posts", content_type=content_type), 422)["errors"]
    assert {error["pointer"] for error in errors} == {"#/title", "#/body"}


def test_a_large_body_that_waits_too_long_for_others_is_503(ada: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing, "LARGE_BODY_WAIT_SECONDS", 0.01)
    small, large = POST, POST + b" " * parsing.LARGE_BODY_BYTES
    with parsing._large_body:
        response = ada.send("POST", "/posts", data=large, content_type="application/json")
        assert_problem(response, 503, detail="Too many large bodies at once. Try again after `Retry-After` seconds.")
        assert response.headers["Retry-After"] == "1"
        assert ada.send("POST", "/posts", data=small, content_type="application/json").status_code == 201
    assert ada.send("POST", "/posts", data=large, content_type="application/json").status_code == 201


def test_a_body_over_four_mebibytes_is_rejected(ada: Client) -> None:
    raw = b'{"title": "t", "body": "' + b"x" * 4 * 1024 * 1024 + b'"}'
    assert_problem(ada.send("POST", "/posts", data=raw, content_type="application/json"), 413)


def test_a_body_over_four_mebibytes_without_content_length_is_rejected(ada: Client) -> None:
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


def test_the_longest_post_is_accepted_with_every_character_escaped(ada: Client) -> None:
    raw = b'{"title": "t", "body": "' + b"\\ud83d\\ude00" * 262_144 + b'"}'
    response = ada.send("POST", "/posts", data=raw, content_type="application/json")
    assert response.status_code == 201
    assert response.json
    assert response.json["body"] == "😀" * 262_144


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *(("GET", path) for path in ("/", "/about", "/users/ada", "/me", "/docs", "/health/live")),
        *(("POST", "/posts"), ("PATCH", "/posts/1"), ("DELETE", "/posts/1")),
    ],
)
def test_unknown_query_parameters_are_rejected(ada: Client, method: str, path: str) -> None:
    content = {"title": "t", "body": "b"}
    ada.post("/posts", content)
    body = {"json": content} if method in {"POST", "PATCH"} else {}
    errors = assert_problem(ada.send(method, f"{path}?dry_run=1&dry_run=2", **body), 422)["errors"]
    assert errors == [{"detail": "Unknown parameter.", "parameter": "dry_run"}]
    assert ada.get("/posts/1").status_code == 200


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        *(
            (target, True)
            for target in (
                "/",
                "/posts",
                "/posts?limit=1&tag=a-b",
                "/labels/caf%C3%A9",
                "/search?q=a+b%26",
                "/x?y=a,b",
                "/x?y=a%2Cb",
            )
        ),
        *((target, False) for target in ("/?", "/posts?", "/%70osts", "/labels/caf%c3%a9", "/labels/%FF", "/a%3Ab")),
        *((target, False) for target in ("/search?q=a%20b", "/search?q=%61", "/search?q=a%2fb", "/search?q=é")),
    ],
)
def test_a_url_is_canonical_if_it_is_encoded_only_where_needed(target: str, expected: bool) -> None:
    assert is_canonical(target) is expected
