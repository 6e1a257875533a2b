"""`/me/export`."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from click.testing import CliRunner

from api.cli.main import cli
from api.http.application import Application
from api.settings import Settings
from api.store import archive_of_user, posts, users
from api.store.engine.timeouts import Timeouts
from tests.support.clients import Client, signed_in_user
from tests.support.problems import assert_problem


@pytest.fixture(params=["sqlite", "postgresql"])
def site(request: pytest.FixtureRequest, build: Callable[..., Application], settings: Settings) -> Application:
    """An application on SQLite and on PostgreSQL."""
    url = settings.database_url if request.param == "sqlite" else request.getfixturevalue("postgresql_url")
    return build(database_url=url)


def publish(client: Client, *titles: str, **content: Any) -> None:
    for title in titles:
        assert client.post("/posts", {"title": title, "body": "b", **content}).status_code == 201


def export(client: Client) -> list[dict[str, Any]]:
    response = client.get("/me/export")
    assert (response.status_code, response.headers["Content-Type"]) == (200, "application/x-ndjson")
    assert response.data.endswith(b"\n")
    return [json.loads(line) for line in response.data.splitlines()]


def test_an_export_has_the_account_and_all_posts_of_the_user_and_nothing_else(site: Application) -> None:
    ada, bob = signed_in_user(site, "ada", role="admin"), signed_in_user(site, "bob")
    publish(bob, "of bob")
    publish(ada, "now", tags=["x"], metadata={"cover": "c"}, slug="now")
    publish(ada, "draft", published_at=None)
    publish(ada, "then", published_at="2026-01-31T12:00:00Z")
    publish(ada, "later", published_at="2999-01-31T12:00:00Z")
    for client, post_id in ((ada, 2), (ada, 1), (bob, 2)):
        assert client.send("PUT", f"/posts/{post_id}/like").status_code == 204
    for client, post_id in ((ada, 2), (bob, 2), (ada, 1)):
        assert client.post(f"/posts/{post_id}/comments", {"body": client.username}).status_code == 201
    for client, name in ((ada, "bob"), (bob, "ada")):
        assert client.send("PUT", f"/users/{name}/follow").status_code == 204
    bob.patch("/posts/1", {"published_at": None})
    user, *lines = export(ada)
    likes = [line["like"] for line in lines if "like" in line]
    assert [(like["user"], like["post"]) for like in likes] == [("ada", 2), ("ada", 1)]
    assert all(set(like) == {"user", "post", "liked_at"} for like in likes)
    comments = [line["comment"] for line in lines if "comment" in line]
    assert [(each["author"], each["post"], each["body"]) for each in comments] == [("ada", 2, "ada"), ("ada", 1, "ada")]
    follows = [line["follow"] for line in lines if "follow" in line]
    assert [(follow["user"], follow["followed"]) for follow in follows] == [("ada", "bob")]
    assert follows[0].keys() == {"user", "followed", "followed_at"}
    lines = [line for line in lines if "post" in line]
    assert set(user["user"]) == {"username", "display_name", "bio", "revision", "created_at", "updated_at"}
    assert [line["post"]["title"] for line in lines] == ["then", "now", "later", "draft"]
    assert {line["post"]["author"] for line in lines} == {"ada"}
    read = ada.get("/posts/2").json or {}
    properties = ("id", "slug", "title", "body", "tags", "metadata", "published_at", "revision", "created_at")
    assert {name: lines[1]["post"][name] for name in properties} == {name: read[name] for name in properties}


def test_an_export_can_be_imported(
    site: Application, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = signed_in_user(site, "ada")
    publish(ada, *(f"post {number % 7}" for number in range(45)), body="日本\n\u2028" * 9)
    publish(ada, "draft", "draft", published_at=None)
    exported = ada.get("/me/export").data
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", f"sqlite:///{tmp_path_factory.mktemp('other') / 'other.sqlite'}")
    for expected in ("Imported 48, skipped 0", "Imported 0, skipped 48"):
        assert CliRunner().invoke(cli, ["import", "-"], input=exported).stdout.startswith(expected)
    again = CliRunner().invoke(cli, ["export"]).stdout_bytes
    assert sorted(again.splitlines()) == sorted(exported.splitlines())


def test_an_export_is_a_file_that_no_cache_stores(ada: Client) -> None:
    publish(ada, "t")
    responses = [ada.send(method, "/me/export") for method in ("GET", "HEAD")]
    for response in responses:
        assert response.status_code == 200
        assert response.headers["Content-Disposition"] == 'attachment; filename="ada.ndjson"'
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Vary"] == "Authorization"
        assert "Content-Length" not in response.headers
        assert "ETag" not in response.headers
    assert (len(responses[0].data) > 0, responses[1].data) == (True, b"")


def test_an_export_is_streamed_from_one_snapshot(site: Application) -> None:
    ada = signed_in_user(site, "ada")
    publish(ada, *(f"post {number}" for number in range(50)), body="b" * 10_000)
    headers = {"Authorization": f"Bearer {ada.token}"}
    response = site.test_client().get("/me/export", headers=headers, buffered=False)
    chunks = response.iter_encoded()
    received = next(chunks)
    assert len(received) < 100_000
    publish(ada, "published during the export")
    assert ada.patch("/posts/50", {"title": "changed during the export"}).status_code == 200
    assert ada.delete("/posts/49").status_code == 204
    lines = (received + b"".join(chunks)).splitlines()
    titles = [json.loads(line)["post"]["title"] for line in lines[1:]]
    assert titles == [f"post {number}" for number in range(50)]
    response.close()


def test_a_client_that_goes_away_leaves_no_connection_in_use(build: Callable[..., Application]) -> None:
    app = build(threads=1)
    ada = signed_in_user(app, "ada")
    publish(ada, *(f"post {number}" for number in range(20)), body="b" * 10_000)
    headers = {"Authorization": f"Bearer {ada.token}"}
    for method in ("GET", "HEAD", "GET", "GET"):
        app.test_client().open("/me/export", method=method, headers=headers, buffered=False).close()
    assert ada.get("/me").status_code == 200


def test_an_export_to_a_client_that_reads_too_slowly_ends(build: Callable[..., Application]) -> None:
    app = build(timeouts=Timeouts(stream_seconds=0))
    ada = signed_in_user(app, "ada")
    publish(ada, *(f"post {number}" for number in range(20)), body="b" * 10_000)
    with pytest.raises(Exception, match="The client reads too slowly"):
        app.test_client().get("/me/export", headers={"Authorization": f"Bearer {ada.token}"}, buffered=True)
    assert ada.get("/me").status_code == 200


def test_exports_are_limited(ada: Client) -> None:
    for _ in range(10):
        assert ada.get("/me/export").status_code == 200
    assert_problem(ada.get("/me/export"), 429)


def test_the_order_of_posts_with_the_same_time_is_that_of_their_ids(site: Application) -> None:
    ada = signed_in_user(site, "ada")
    with site.database.write() as db:
        author = users.get(db, "ada")
        for number in range(45):
            posts.publish(db, author_id=author.id, title=f"{number}", body="", tags=[], published_at=None)
    assert [line["post"]["id"] for line in export(ada)[1:]] == [*range(1, 46)]


@pytest.mark.sqlite
def test_an_export_reads_each_of_many_drafts_once(ada: Client) -> None:
    """They have the same time in the index: of each query, SQLite would read all those before again."""
    steps = []
    for _ in range(2):
        with ada.app.database.write() as db:
            author = users.get(db, "ada")
            for _ in range(1_000):
                posts.publish(db, author_id=author.id, title="t", body="", tags=[], published_at=None)
        with ada.app.database.read() as db:
            instructions: list[None] = []
            db._driver.set_progress_handler(lambda counted=instructions: counted.append(None), 1_000)
            count = len([*archive_of_user.all_posts(db, author.id)])
            db._driver.set_progress_handler(None, 0)
        steps.append((count, len(instructions)))
    (_, few), (_, many) = steps
    assert [count for count, _ in steps] == [1_000, 2_000]
    assert many < 2.4 * few
