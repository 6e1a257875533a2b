"""Assertions about problem details (RFC 9457)."""

from typing import Any

from werkzeug.test import TestResponse


def assert_problem(response: TestResponse, status: int, **properties: Any) -> dict[str, Any]:
    """Assert that a response is a problem with these properties, and return it."""
    assert response.status_code == status
    assert response.content_type == "application/problem+json"
    assert response.headers["Cache-Control"] == "no-store"
    problem: dict[str, Any] = response.json or {}
    assert problem.keys() - {"errors"} == {"type", "title", "status", "detail", "code"}
    assert (problem["type"], problem["status"]) == (f"/problems/{problem['code']}", status)
    assert problem == {**problem, **properties}
    return problem
