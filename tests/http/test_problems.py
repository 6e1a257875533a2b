"""Problem details, the body of every error (RFC 9457).

HTTP/1.1 422 UNPROCESSABLE ENTITY
Content-Type: application/problem+json
Cache-Control: no-store

{"type": "/problems/unprocessable-content", "title": "Unprocessable Content", "status": 422, "detail": "…",
 "code": "unprocessable-content",
 "errors": [{"detail": "…", "pointer": "#/title"}, {"detail": "…", "parameter": "limit"}]}
"""

import re
from collections.abc import Callable

import pytest
from gunicorn.http.errors import InvalidChunkSize, NoMoreData
from werkzeug.exceptions import ImATeapot
from werkzeug.test import TestResponse

from api import wsgi
from api.http.application import Application
from api.http.problem_types import PROBLEM_TYPES
from api.http.store_errors import CODE_OF, STATUS_OF
from api.store import errors
from tests.contract.catalogue import DOCUMENT
from tests.support.clients import Client
from tests.support.problems import assert_problem


def response_to(app: Application, error: Exception) -> TestResponse:
    """Return the response to a request during which an error is raised."""

    def fail() -> str:
        raise error

    app.config["PROPAGATE_EXCEPTIONS"] = False
    app.add_url_rule("/failing", view_func=fail)
    return app.test_client().get("/failing")


def test_every_store_error_has_a_status() -> None:
    classes = {error for error in vars(errors).values() if isinstance(error, type) and error is not errors.StoreError}
    assert all(STATUS_OF.keys() & set(error.__mro__) for error in classes)


def test_every_type_of_problem_can_be_read_at_its_url(anyone: Client) -> None:
    for code, problem_type in PROBLEM_TYPES.items():
        response = anyone.get(f"/problems/{code}")
        assert response.status_code == 200
        assert response.json == {**problem_type._asdict(), "url": f"/problems/{code}"}
        assert problem_type.description


def test_insufficient_scope_names_all_that_a_token_can_read() -> None:
    reads = [path["get"] for path in DOCUMENT["paths"].values() if "get" in path]
    readable = {
        tag
        for read in reads
        if {"bearer": []} in read["security"] and "403" not in read["responses"]
        for tag in read["tags"]
    }
    assert readable >= {"posts", "comments", "likes"}
    assert readable <= {*re.findall(r"\w+", PROBLEM_TYPES["insufficient-scope"].description)}


@pytest.mark.parametrize("operation", ["removeUser", "suspendUser"])
def test_operations_name_all_that_counts_toward_too_much_content(operation: str) -> None:
    [description] = (
        item[method]["description"]
        for item in DOCUMENT["paths"].values()
        for method in item
        if item[method].get("operationId") == operation
    )
    assert {"posts", "comments", "likes", "follows"} <= {*re.findall(r"\w+", description)}
    assert {"posts", "comments", "likes", "follows"} <= {
        *re.findall(r"\w+", PROBLEM_TYPES["too-much-content"].description)
    }


def test_an_unknown_type_of_problem_is_404(anyone: Client) -> None:
    assert_problem(anyone.get("/problems/nothing"), 404, detail="There is no type of problem 'nothing'.")


@pytest.mark.parametrize("error", CODE_OF)
def test_an_error_with_its_own_code_has_a_described_type(app: Application, error: type[errors.StoreError]) -> None:
    response = response_to(app, error("It failed."))
    problem = assert_problem(response, response.status_code, code=CODE_OF[error], detail="It failed.")
    problem_type = PROBLEM_TYPES[problem["code"]]
    assert problem["title"] == problem_type.title
    assert problem["status"] in problem_type.statuses


def test_the_type_of_a_problem_has_the_prefix_of_a_trusted_proxy(build: Callable[..., Application]) -> None:
    response = Client(build(trusted_proxies=1)).get("/nothing", headers={"X-Forwarded-Prefix": "/api"})
    assert (response.json or {})["type"] == "/api/problems/not-found"


@pytest.mark.parametrize(
    "headers",
    [
        {"Range": "bytes=0-3"},
        {"Range": "bytes=99999999-"},
        {"Range": "items=0-3"},
        {"If-Match": '"other"'},
        {"If-Match": '"other"', "Range": "bytes=0-3"},
        {"If-Unmodified-Since": "Thu, 01 Jan 1970 00:00:00 GMT"},
    ],
)
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_files_ignore_ranges_and_the_preconditions_of_changes_as_operations_do(
    anyone: Client, method: str, headers: dict[str, str]
) -> None:
    path = "/docs/assets/swagger-ui.css"
    expected = anyone.send(method, path)
    response = anyone.send(method, path, headers=headers)
    assert (response.status_code, response.data) == (200, expected.data)
    assert "Content-Range" not in response.headers
    validated = anyone.send(method, path, headers={**headers, "If-None-Match": expected.headers["ETag"]})
    assert validated.status_code == 304


def test_the_message_of_a_store_error_is_the_detail(app: Application) -> None:
    assert_problem(response_to(app, errors.NotFound("There is no post 1.")), 404, detail="There is no post 1.")


def test_an_unavailable_database_is_503_and_the_cause_is_only_logged(
    app: Application, caplog: pytest.LogCaptureFixture
) -> None:
    error = errors.Unavailable("The database is unavailable.")
    error.__cause__ = OSError("no route to db.internal")
    response = response_to(app, error)
    assert "no route to db.internal" in caplog.text
    assert "db.internal" not in response.text
    assert_problem(response, 503, detail="The database is unavailable.")
    assert response.headers["Retry-After"] == "1"


def test_an_unauthenticated_error_is_401_with_a_challenge(app: Application) -> None:
    response = response_to(app, errors.Unauthenticated("The author has been removed."))
    assert_problem(response, 401, detail="The author has been removed.")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="Pressroom"'


def test_an_unexpected_error_is_500_without_its_message(app: Application) -> None:
    problem = assert_problem(response_to(app, ZeroDivisionError("secret")), 500, title="Internal Server Error")
    assert "secret" not in str(problem)


@pytest.mark.parametrize("error", [InvalidChunkSize(b"zz"), NoMoreData(b"")])
def test_a_malformed_chunked_body_is_400(app: Application, error: Exception) -> None:
    wsgi.register_parse_errors(app)
    response = response_to(app, error)
    assert_problem(response, 400)
    assert response.headers["Connection"] == "close"


def test_a_status_without_its_own_text_has_the_reason_phrase_of_http(app: Application) -> None:
    assert_problem(response_to(app, ImATeapot()), 418, title="I'm a teapot", detail="I'm a teapot.")


def test_an_unknown_url_is_404(anyone: Client) -> None:
    problem = assert_problem(anyone.get("/nothing"), 404)
    assert problem["detail"] == "There is nothing at this URL. See `/` for the URLs of this API."


def test_an_unsupported_method_is_405_with_the_supported_ones(anyone: Client) -> None:
    for method in ("PUT", "TRACE", "QUERY", "FOO"):
        response = anyone.send(method, "/users")
        assert_problem(response, 405)
        assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS", "POST"}


def test_invalid_properties_are_reported_by_json_pointer(ada: Client) -> None:
    content = {"body": 1, "tags": ["x", "!"], "a/b~c d": 1}
    errors = assert_problem(ada.post("/posts", content), 422)["errors"]
    assert {error["pointer"] for error in errors} == {"#/title", "#/body", "#/tags/1", "#/a~1b~0c%20d"}
    assert all(error["detail"] for error in errors)


def test_invalid_query_parameters_are_reported_by_name(anyone: Client) -> None:
    errors = assert_problem(anyone.get("/users?limit=0&size=1"), 422)["errors"]
    assert {error["parameter"] for error in errors} == {"limit", "size"}


def test_names_chosen_by_the_client_are_truncated_and_made_printable(ada: Client) -> None:
    errors = assert_problem(ada.patch("/posts/1", {f"\n{'x' * 1000}": 1}), 422)["errors"]
    assert errors[0]["pointer"] == "#/%EF%BF%BD" + "x" * 99


def test_at_most_a_hundred_errors_are_reported(ada: Client) -> None:
    assert len(assert_problem(ada.post("/posts", {str(n): n for n in range(1000)}), 422)["errors"]) == 100
