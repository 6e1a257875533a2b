"""`/`, `/about`, `/health`, `/metrics`, `/docs` and `/openapi.json`."""

import re
from importlib.metadata import version

import pytest

from api import constraints
from api.http.application import Application
from tests.contract.catalogue import DOCUMENT
from tests.support.clients import Client
from tests.support.problems import assert_problem


def test_the_root_links_to_every_collection(ada: Client) -> None:
    root = ada.get("/").json or {}
    assert (root["name"], root["version"]) == ("Pressroom", version("pressroom"))
    urls = [url for name, url in root.items() if name.endswith("_url")]
    collections = [
        path for path in DOCUMENT["paths"] if path.startswith("/changes/") or (path.count("/") == 1 and "{" not in path)
    ]
    assert set(urls) == set(collections) - {"/", "/metrics"}
    assert {url for url in urls if ada.get(url).status_code != 200} == {"/suspensions"}  # for admins


def test_about_has_the_limits(anyone: Client) -> None:
    about = anyone.get("/about").json or {}
    assert about["limits"] == {
        "display_name": constraints.DISPLAY_NAME_MAX_LENGTH,
        "bio": constraints.BIO_MAX_LENGTH,
        "title": constraints.TITLE_MAX_LENGTH,
        "body": constraints.BODY_MAX_LENGTH,
        "tags": constraints.TAGS_MAX_ITEMS,
        "followed": constraints.FOLLOWED_MAX_ITEMS,
        "page": constraints.PAGE_SIZE_MAX,
        "page_bytes": constraints.PAGE_MAX_BYTES,
        "request_body": constraints.REQUEST_BODY_MAX_BYTES,
        "token_days": 30,
    }


def test_health_checks_are_not_cached(anyone: Client) -> None:
    for path, status in (("/health/live", "live"), ("/health/ready", "ready")):
        response = anyone.get(path)
        assert (response.json, response.headers["Cache-Control"]) == ({"status": status}, "no-store")


def test_a_newer_schema_is_ready(anyone: Client, app: Application) -> None:
    with app.database.write() as db:
        db.execute_sql("UPDATE alembic_version SET version_num = '9999'")
    assert anyone.get("/health/ready").status_code == 200


def test_an_older_schema_is_not_ready(anyone: Client, app: Application) -> None:
    with app.database.write() as db:
        db.execute_sql("UPDATE alembic_version SET version_num = '0000'")
    response = anyone.get("/health/ready")
    assert_problem(response, 503, detail="The database schema is out of date. Run `pressroom db upgrade`.")
    assert anyone.get("/health/live").status_code == 200


@pytest.mark.sqlite
def test_the_path_of_a_missing_database_is_not_in_the_response(anyone: Client, app: Application) -> None:
    assert app.database.file
    app.database.file.path.unlink()
    assert_problem(anyone.get("/health/ready"), 503, detail="The database does not exist.")


def test_swagger_ui_loads_nothing_from_other_hosts(anyone: Client) -> None:
    page = anyone.get("/docs")
    assert page.content_type == "text/html; charset=utf-8"
    assert "script-src 'self';" in page.headers["Content-Security-Policy"]
    assert "<script>" not in page.text
    for file in re.findall(r'(?:src|href)="([^"]*)"', page.text):
        assert anyone.get(f"/{file}").status_code == 200


@pytest.mark.parametrize("path", ["/", "/docs", "/docs/assets/swagger-ui.css", "/nothing"])
def test_browsers_may_not_sniff_types_or_frame_responses(anyone: Client, path: str) -> None:
    headers = anyone.get(path).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


@pytest.mark.parametrize("path", ["/", "/users", "/posts/1", "/docs", "/openapi.json"])
def test_options_has_allow_and_no_body(anyone: Client, path: str) -> None:
    response = anyone.send("OPTIONS", path)
    assert (response.status_code, response.data, "Content-Type" in response.headers) == (200, b"", False)
    assert "GET" in response.headers["Allow"]
