"""Archives: `pressroom export` and `pressroom import` move a site without losing anything."""

import json
import os
import re
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from click.testing import CliRunner, Result

from api import archive_lines, constraints
from api.app import create_app
from api.cli.main import cli
from api.http.authentication import hash_token, new_token
from api.passwords import hash_password, is_usable_hash, verify_password
from api.settings import Settings
from api.store.archive import ROWS_PER_QUERY
from tests.support.clients import PASSWORD, Client, sign_in
from tests.support.problems import assert_problem

Run = Callable[..., Result]
HASH = "$argon2id$v=19$m=19456,t=2,p=1$5sv4rYp0VNnHq7xXHwjpsw$RCyVyQO2U+sTVU3hZZvJrVTHfYxRnTMd3wsz0iqvAOU"
TIMES = {"created_at": "2025-01-31T12:00:00.000001Z", "updated_at": "2025-02-01T00:00:00.123456Z"}
USER = {"user": {"username": "ada", "display_name": "Ada", "bio": "", "revision": "0123456789abcdef", **TIMES}}
ACCOUNT = {"user": {**USER["user"], "role": "admin", "password_hash": HASH}}
TOKEN = {
    "token": {
        "user": "ada",
        "name": "laptop",
        "scope": "read",
        "sha256": "0f" * 32,
        "created_at": "2025-02-01T00:00:00Z",
        "expires_at": "2031-01-01T00:00:00Z",
        "last_used_at": None,
    }
}
POST = {
    "post": {
        "slug": "s",
        "title": "t",
        "body": "b",
        "tags": ["x"],
        "metadata": {"zz": "1", "a": "é"},
        "comments": "closed",
        "published_at": "2026-01-31T12:00:00Z",
        "id": 7,
        "author": "ada",
        "revision": "aaaaaaaabbbbbbbb",
        **TIMES,
    }
}
LIKE = {"like": {"user": "ada", "post": 7, "liked_at": "2026-02-01T00:00:00.000001Z"}}
COMMENT = {"comment": {"id": 5, "author": "ada", "post": 7, "body": "b", "revision": "0123456789abcdef", **TIMES}}
FOLLOW = {"follow": {"user": "ada", "followed": "bob", "followed_at": "2026-02-01T00:00:00.000001Z"}}
BOB = {"user": {"username": "bob"}}
LATER = (datetime.now(UTC) + timedelta(days=1)).isoformat()


@pytest.fixture
def pressroom(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command on the test's own database, or on another one."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, database_url: str = settings.database_url) -> Result:
        monkeypatch.setenv("PRESSROOM_DATABASE_URL", database_url)
        return CliRunner().invoke(cli, arguments)

    return run


def write(*records: object) -> str:
    Path("in.ndjson").write_text("".join(f"{json.dumps(record)}\n" for record in records))
    return "in.ndjson"


def records(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def changed(record: dict[str, dict[str, Any]], **changes: object) -> dict[str, dict[str, object]]:
    [(kind, fields)] = record.items()
    return {kind: {**fields, **changes}}


@pytest.fixture
def site(settings: Settings) -> Client:
    """A site with an admin, a member without a token, posts in every state, and changes made later than creations."""
    app = create_app(settings)
    ada, bob = Client(app, "ada"), Client(app, "bob")
    for client in (ada, bob):
        client.post("/users", {"username": client.username, "password": PASSWORD, "display_name": "Zoë"})
    with app.database.write() as db:
        db.execute_sql("UPDATE users SET role = 'admin' WHERE username = 'bob'")
    client = ada.with_token(sign_in(ada))
    for published_at in ("2026-01-31T12:00:00.5Z", None, "2031-01-01T00:00:00Z"):
        content = {"title": "é", "body": "b", "tags": ["x", "a"], "published_at": published_at}
        slug = "scheduled" if published_at and published_at > "2030" else None
        client.post("/posts", {**content, "slug": slug, "metadata": {"zz": "1", "a": "é"}})
    client.patch("/posts/1", {"title": "changed"})
    client.patch("/users/ada", {"bio": "Writes."})
    client.delete("/posts/2")
    client.post("/posts", {"title": "last", "body": "b"})
    for post_id in (4, 1):
        client.send("PUT", f"/posts/{post_id}/like")
    for post_id in (1, 4, 4):
        client.post(f"/posts/{post_id}/comments", {"body": "é"})
    client.delete("/comments/2")
    client.patch("/posts/4", {"comments": "closed"})
    client.send("PUT", "/users/bob/follow")
    return client


def test_a_move_to_postgresql_and_back_changes_no_byte(
    pressroom: Run, site: Client, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls = (
        "/users",
        "/users/ada",
        "/posts?expand=body",
        "/posts/1",
        "/posts/4",
        "/posts?author=ada",
        "/posts?q=last+b",
        "/posts/1/likes",
        "/users/ada/likes",
        "/posts/4/like",
        "/posts/4/comments",
        "/comments/3",
        "/users/ada/following",
        "/users/bob/followers",
        "/users/bob/follow",
        "/timeline",
    )
    before = {url: (site.get(url).data, site.get(url).headers["ETag"]) for url in urls}
    feeds = [(site.get(path).json or {})["next_since"] for path in ("/changes/posts", "/changes/users")]
    assert pressroom("export", "--accounts", "a.ndjson").exit_code == 0
    moves = [("a.ndjson", postgresql_url, "b.ndjson"), ("b.ndjson", "sqlite:///other.sqlite", "c.ndjson")]
    for source, database_url, target in moves:
        assert pressroom("db", "upgrade", database_url=database_url).exit_code == 0
        imported = pressroom("import", source, database_url=database_url)
        assert imported.stdout == "Imported 11, skipped 0 already present, 0 errors.\n"
        assert pressroom("export", "--accounts", target, database_url=database_url).exit_code == 0
        assert Path(target).read_bytes() == Path("a.ndjson").read_bytes()
        moved = create_app(Settings(database_url=database_url))
        client = Client(moved, "ada").with_token(site.token)
        assert client.get("/me").status_code == 200
        assert {url: (client.get(url).data, client.get(url).headers["ETag"]) for url in urls} == before
        assert sign_in(Client(moved, "bob"))
        for path, since in zip(("/changes/posts", "/changes/users"), feeds, strict=True):
            assert_problem(client.get(f"{path}?since={since}"), 410)
        # The archive that is imported next has been written before.
        for url, changes in (("/posts/1", {"title": "edited"}), ("/users/ada", {"bio": "edited"})):
            for status in (200, 412):
                headers = {"If-Match": before[url][1]}
                assert client.send("PATCH", url, json=changes, headers=headers).status_code == status
        moved.database.close()
    site.app.database.close()


@pytest.mark.parametrize("options", [[], ["--accounts"]])
def test_an_archive_of_a_suspended_user_publishes_nothing(pressroom: Run, site: Client, options: list[str]) -> None:
    """Whether the user exists already or is imported, until the suspension ends."""
    public = (site.get("/posts").json or {})["items"]
    hidden = "2 likes, 2 comments, 3 posts, 1 follows"
    assert pressroom("users", "suspend", "ada").stdout == f"Suspended ada and hid {hidden}.\n"
    assert pressroom("export", *options, "a.ndjson").exit_code == 0
    archived = records(Path("a.ndjson").read_text())
    assert ["suspended_at" in line["user"] for line in archived if "user" in line] == [True, False]
    assert {line["post"]["title"] for line in archived if "post" in line} == {"changed", "é", "last"}
    other = "sqlite:///other.sqlite"
    for _ in range(2):
        assert pressroom("import", "a.ndjson", database_url=other).exit_code == 0
    moved = create_app(Settings(database_url=other))
    anyone = Client(moved)
    assert (anyone.get("/posts").json or {})["items"] == []
    assert_problem(anyone.get("/users/ada"), 404)
    assert pressroom("export", *options, database_url=other).stdout == Path("a.ndjson").read_text()
    new = changed(POST, title="new", author="ada")
    assert pressroom("import", write(new), database_url=other).stdout.startswith("Imported 1,")
    assert (anyone.get("/posts").json or {})["items"] == []
    assert (
        pressroom("users", "unsuspend", "ada", database_url=other).stdout
        == "Unsuspended ada and showed 2 likes, 2 comments, 4 posts, 1 follows.\n"
    )
    shown = (anyone.get("/posts").json or {})["items"]
    assert [post for post in shown if post["title"] != "new"] == public
    moved.database.close()
    site.app.database.close()


def test_a_token_of_a_suspended_user_is_not_imported(pressroom: Run, site: Client) -> None:
    assert pressroom("export", "--accounts", "a.ndjson").exit_code == 0
    lines = records(Path("a.ndjson").read_text())
    for line in lines:
        if line.get("user", {}).get("username") == "ada":
            line["user"]["suspended_at"] = line["user"]["updated_at"]
    other = "sqlite:///other.sqlite"
    imported = pressroom("import", write(*lines), database_url=other)
    assert imported.stdout == "Imported 10, skipped 0 already present, 0 errors.\n"
    assert imported.stderr.endswith("Left out 1 token(s): their users were there before, or are suspended.\n")
    site.app.database.close()


def test_an_export_without_accounts_has_no_secret(pressroom: Run, site: Client) -> None:
    lines = records(pressroom("export").stdout)
    assert [list(line) for line in lines] == [
        [kind] for kind in ("user", "user", "post", "post", "post", "comment", "comment", "like", "like", "follow")
    ]
    assert set(lines[0]["user"]) == {"username", "display_name", "bio", "revision", "created_at", "updated_at"}
    site.app.database.close()


def test_an_export_of_accounts_has_hashes_roles_and_tokens(pressroom: Run, site: Client) -> None:
    ada, bob, token, *_ = records(pressroom("export", "--accounts").stdout)
    assert [user["user"]["role"] for user in (ada, bob)] == ["member", "admin"]
    assert verify_password(ada["user"]["password_hash"], PASSWORD).matches
    assert set(token["token"]) == set(TOKEN["token"])
    site.app.database.close()


@pytest.mark.parametrize("existing", [False, True])
def test_only_the_owner_can_read_an_export_from_its_creation(
    pressroom: Run, monkeypatch: pytest.MonkeyPatch, existing: bool
) -> None:
    pressroom("import", write(ACCOUNT))
    if existing:
        Path("out.ndjson").touch(mode=0o644)
    modes: list[int] = []
    sync = os.fsync

    def record_modes(descriptor: int) -> None:
        modes.extend(stat.S_IMODE(path.stat().st_mode) for path in Path().rglob(".*unfinished*/out.ndjson"))
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", record_modes)
    mask = os.umask(0)
    try:
        assert pressroom("export", "--accounts", "out.ndjson").exit_code == 0
    finally:
        os.umask(mask)
    assert set(modes) == {0o600}
    assert stat.S_IMODE(Path("out.ndjson").stat().st_mode) == 0o600


def test_an_imported_archive_is_exported_unchanged(pressroom: Run) -> None:
    lines = [ACCOUNT, TOKEN, POST]
    assert pressroom("import", write(*lines)).exit_code == 0
    assert records(pressroom("export", "--accounts").stdout) == lines
    assert records(pressroom("export").stdout) == [USER, POST]


def test_older_archives_get_the_times_of_the_import_and_new_revisions(pressroom: Run) -> None:
    user = {"username": "ada", "display_name": "Ada", "bio": ""}
    post = {"author": "ada", "title": "t", "body": "b", "published_at": None}
    before = datetime.now(UTC)
    assert pressroom("import", write({"user": user}, {"post": post})).exit_code == 0
    for line in records(pressroom("export").stdout):
        [fields] = line.values()
        assert before <= datetime.fromisoformat(fields["created_at"]) <= datetime.now(UTC)
        assert fields["updated_at"] == fields["created_at"]
        assert re.fullmatch("(?!0{16})[0-9a-f]{16}", fields["revision"])


def test_tokens_of_older_archives_are_of_scope_write(pressroom: Run) -> None:
    token = {"token": {name: value for name, value in TOKEN["token"].items() if name != "scope"}}
    assert pressroom("import", write(ACCOUNT, token)).exit_code == 0
    assert records(pressroom("export", "--accounts").stdout)[1]["token"]["scope"] == "write"


def test_updated_at_defaults_to_created_at(pressroom: Run) -> None:
    user = {"username": "ada", "created_at": TIMES["created_at"]}
    assert pressroom("import", write({"user": user})).exit_code == 0
    assert records(pressroom("export").stdout)[0]["user"]["updated_at"] == TIMES["created_at"]


def test_a_line_whose_slug_is_taken_is_an_error_that_names_it(pressroom: Run) -> None:
    other = changed(POST, title="other", id=8)
    taken = "/post/slug: Another post of the same author has the slug 's'."
    for imported, skipped in ((3, 0), (0, 3)):
        result = pressroom("import", write(USER, POST, other, changed(other, title="third", slug="free", body="")))
        assert result.stdout == f"Imported {imported}, skipped {skipped} already present, 1 errors.\n"
        assert [line for line in result.stderr.splitlines() if "in.ndjson:3: " + taken in line]
    assert [line["post"]["slug"] for line in records(pressroom("export").stdout)[1:]] == ["s", "free"]


def test_an_export_reads_users_and_tokens_in_pages(pressroom: Run) -> None:
    numbers = range(ROWS_PER_QUERY + 1)
    accounts = [changed(ACCOUNT, username=f"user{number}") for number in numbers]
    tokens = [changed(TOKEN, user=f"user{number}", sha256=f"{number:064x}") for number in numbers]
    assert pressroom("import", write(*accounts, *tokens)).exit_code == 0
    assert records(pressroom("export", "--accounts").stdout) == [*accounts, *tokens]
    names = [line["user"]["username"] for line in records(pressroom("export").stdout)]
    assert names == [line["user"]["username"] for line in accounts]


def test_times_with_an_offset_are_exported_in_utc(pressroom: Run) -> None:
    pressroom("import", write(changed(USER, created_at="2025-01-31T13:00:00+02:00")))
    assert records(pressroom("export").stdout)[0]["user"]["created_at"] == "2025-01-31T11:00:00Z"


def test_existing_accounts_keep_their_password_role_and_tokens(pressroom: Run) -> None:
    existing = changed(ACCOUNT, role="member", password_hash=hash_password(PASSWORD))
    pressroom("import", write(existing))
    before = pressroom("export", "--accounts").stdout
    imported = pressroom("import", write(ACCOUNT, TOKEN))
    assert imported.stdout == "Imported 0, skipped 1 already present, 0 errors.\n"
    assert imported.stderr.endswith("Left out 1 token(s): their users were there before, or are suspended.\n")
    assert pressroom("export", "--accounts").stdout == before


def test_a_revoked_token_is_not_restored_by_a_second_import(pressroom: Run) -> None:
    file = write(ACCOUNT, TOKEN, TOKEN)
    assert pressroom("import", file).stdout == "Imported 2, skipped 1 already present, 0 errors.\n"
    assert pressroom("import", file).stdout == "Imported 0, skipped 3 already present, 0 errors.\n"
    pressroom("users", "set-password", "ada", "--password", PASSWORD)
    imported = pressroom("import", file)
    assert imported.stdout == "Imported 0, skipped 1 already present, 0 errors.\n"
    assert imported.stderr.endswith("Left out 2 token(s): their users were there before, or are suspended.\n")
    assert [line for line in records(pressroom("export", "--accounts").stdout) if "token" in line] == []


def test_a_site_can_move_after_its_clock_was_set_back(pressroom: Run, settings: Settings) -> None:
    ahead = {name: (datetime.now(UTC) + timedelta(minutes=4)).isoformat() for name in TIMES}
    secret = new_token()
    token = changed(TOKEN, scope="write", created_at=ahead["created_at"], sha256=hash_token(secret).hex())
    pressroom("import", write(changed(ACCOUNT, **ahead), token, changed(POST, **ahead)))
    app = create_app(settings)
    ada = Client(app, "ada", secret)
    for url, content in (("/users/ada", {"bio": "Changed."}), ("/posts/7", {"title": "changed"})):
        response = ada.patch(url, content)
        assert response.status_code == 200
        assert (response.json or {})["updated_at"] == (response.json or {})["created_at"]
    app.database.close()
    pressroom("export", "--accounts", "a.ndjson")
    imported = pressroom("import", "a.ndjson", database_url="sqlite:///other.sqlite")
    assert imported.stdout == "Imported 3, skipped 0 already present, 0 errors.\n"


@pytest.mark.parametrize(
    ("record", "error"),
    [
        *(
            error
            for record in (USER, POST)
            for kind in record
            for error in (
                (changed(record, updated_at="2025-01-31T11:59:59Z"), f"/{kind}/updated_at: It is before created_at."),
                (changed(record, created_at=LATER, updated_at=LATER), f"/{kind}/created_at: It is in the future."),
                (changed(record, updated_at=LATER), f"/{kind}/updated_at: It is in the future."),
                (changed(record, created_at="yesterday"), f"/{kind}/created_at: Not a valid RFC 3339 datetime"),
                (changed(record, created_at=1_700_000_000), f"/{kind}/created_at: Not a valid RFC 3339 datetime"),
                (changed(record, created_at=None), f"/{kind}/created_at: Field may not be null."),
                *(
                    (changed(record, revision=revision), f"/{kind}/revision: {error}")
                    for revision, error in (
                        ("0" * 15, "Use 16 of 0-9 and a-f."),
                        ("0" * 15 + "A", "Use 16 of 0-9 and a-f."),
                        (1, "Not a valid string."),
                        (None, "Field may not be null."),
                    )
                ),
                (changed(record, updated_at="0001-01-01T00:00:00Z"), f"/{kind}/updated_at: Not a valid RFC 3339"),
                (
                    {kind: {name: value for name, value in record[kind].items() if name != "created_at"}},
                    f"/{kind}/updated_at: It requires created_at.",
                ),
            )
        ),
        (changed(POST, slug="A"), "/post/slug: Use a-z and 0-9, with single `-` between them."),
        (changed(POST, metadata={"A": "x"}), "/post/metadata/A: Use 1 to 40 of a-z, 0-9 and _ as the name"),
        (changed(ACCOUNT, role="owner"), "/user/role: Use `member` or `admin`."),
        (changed(ACCOUNT, password_hash="secret"), "/user/password_hash: Use an argon2id hash"),
        (changed(ACCOUNT, password_hash="x" * 201), "/user/password_hash: Length must be between 1 and 200."),
        (changed(TOKEN, sha256="0F" * 32), "/token/sha256: Use 64 lower-case hexadecimal digits."),
        (changed(TOKEN, sha256="0f" * 31), "/token/sha256: Use 64 lower-case hexadecimal digits."),
        (changed(TOKEN, created_at=LATER), "/token/created_at: It is in the future."),
        (changed(TOKEN, last_used_at="2024-01-01T00:00:00Z"), "/token/last_used_at: It is before created_at."),
        (changed(TOKEN, expires_at=None), "/token/expires_at: Field may not be null."),
        (changed(TOKEN, name="n" * (constraints.TOKEN_NAME_MAX_LENGTH + 1)), "/token/name: Length must be between"),
        (changed(TOKEN, user="eve"), "/token: There is no user 'eve'. Put the record that it refers to before it."),
    ],
)
def test_invalid_records_are_reported_by_number(pressroom: Run, record: dict[str, Any], error: str) -> None:
    result = pressroom("import", write(changed(USER, username="zoe"), record))
    assert (result.exit_code, result.stdout) == (1, "Imported 1, skipped 0 already present, 1 errors.\n")
    assert [line for line in result.stderr.splitlines() if line.startswith("in.ndjson:")] == [
        line for line in result.stderr.splitlines() if line.startswith(f"in.ndjson:2: {error}")
    ]


@pytest.mark.parametrize(
    "hasher",
    [
        PasswordHasher(),
        PasswordHasher(time_cost=1, memory_cost=8, parallelism=1),
        PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=4),
        PasswordHasher(time_cost=1, memory_cost=128, parallelism=16, hash_len=16, salt_len=8),
    ],
)
def test_hashes_with_other_parameters_are_usable(hasher: PasswordHasher) -> None:
    password_hash = hasher.hash(PASSWORD)
    assert is_usable_hash(password_hash)
    assert verify_password(password_hash, PASSWORD).matches


@pytest.mark.parametrize(
    "text",
    [
        "",
        "$2b$12$KIXQ4S1ZC1cZ5o0n3z8GQe0jZ8x7vYQeQe8s1mYwq3zv0o3Wm3m1a",
        "pbkdf2:sha256:600000$salt$hash",
        "{SSHA}x",
        HASH.replace("argon2id", "argon2i"),
        HASH.replace("v=19", "v=16"),
        HASH.replace("m=19456", "m=4194304"),
        HASH.replace("m=19456", "m=7"),
        HASH.replace("t=2", "t=0"),
        HASH.replace("t=2", "t=99"),
        HASH.replace("p=1", "p=0"),
        HASH.replace("p=1", "p=99"),
        HASH[:-1],
        HASH[:-20],
        HASH[:-1] + "V",
        HASH + "=",
        HASH + "\n",
        HASH.replace("5sv4rYp0VNnHq7xXHwjpsw", "5sv4rYp0VNnHq7xXHwjps"),
        HASH.replace("5sv4rYp0VNnHq7xXHwjpsw", "AAAA"),
        HASH + "$" + HASH,
        HASH.replace("$RC", "$\u00e9C"),
    ],
)
def test_hashes_that_cannot_be_verified_are_not_usable(text: str) -> None:
    assert not is_usable_hash(text)


def test_the_hashes_made_here_are_usable() -> None:
    assert is_usable_hash(HASH)
    assert is_usable_hash(hash_password(PASSWORD))


def test_likes_follow_the_posts_though_these_get_other_ids(pressroom: Run) -> None:
    taken = changed(POST, title="taken", slug=None)
    assert pressroom("import", write(USER, taken)).exit_code == 0
    third = changed(POST, title="third", slug=None, id=9)
    file = write(USER, POST, third, LIKE, changed(LIKE, post=9))
    for imported, skipped in ((4, 1), (0, 5)):
        result = pressroom("import", file)
        assert result.stdout == f"Imported {imported}, skipped {skipped} already present, 0 errors.\n"
    exported = records(pressroom("export").stdout)
    titles = {line["post"]["id"]: line["post"]["title"] for line in exported if "post" in line}
    assert titles[7] == "taken"
    assert sorted(titles[line["like"]["post"]] for line in exported if "like" in line) == ["t", "third"]


def test_comments_and_likes_follow_a_post_whose_id_is_too_high_to_be_kept(pressroom: Run) -> None:
    high = constraints.ID_MAX
    file = write(USER, changed(POST, id=high), changed(COMMENT, post=high, id=high), changed(LIKE, post=high))
    for imported, skipped in ((4, 0), (0, 4)):
        result = pressroom("import", file)
        assert result.stdout == f"Imported {imported}, skipped {skipped} already present, 0 errors.\n"
    _, post, comment, like = (next(iter(line.values())) for line in records(pressroom("export").stdout))
    assert (post["id"], comment["post"], like["post"], comment["id"]) == (1, 1, 1, 1)


def test_likes_follow_posts_with_the_same_title_and_time_by_their_ids(pressroom: Run) -> None:
    same = [changed(POST, slug=None, id=id_) for id_ in (5, 7, 9)]
    file = write(USER, *same)
    assert pressroom("import", file).stdout == "Imported 4, skipped 0 already present, 0 errors.\n"
    result = pressroom("import", write(same[2], same[1], same[1], LIKE, changed(LIKE, post=9)))
    assert result.stdout == "Imported 2, skipped 3 already present, 0 errors.\n"
    likes = [line["like"]["post"] for line in records(pressroom("export").stdout) if "like" in line]
    assert likes == [5, 9]  # the second line with the id 7 is matched with the only post that is left


@pytest.mark.parametrize(
    ("like", "error"),
    [
        (changed(LIKE, post=8), "/like: The archive has no post 8 that is stored."),
        (changed(LIKE, user="eve"), "/like: There is no user 'eve'."),
        (changed(LIKE, liked_at=LATER), "/like/liked_at: It is in the future."),
        (changed(LIKE, liked_at=None), "/like/liked_at: Field may not be null."),
        (changed(LIKE, post="7"), "/like/post: Not a valid integer."),
    ],
)
def test_a_like_that_cannot_be_imported_is_an_error(pressroom: Run, like: object, error: str) -> None:
    result = pressroom("import", write(USER, POST, like))
    assert (result.exit_code, result.stdout) == (1, "Imported 2, skipped 0 already present, 1 errors.\n")
    assert f"in.ndjson:3: {error}" in result.stderr


def test_comments_follow_the_posts_and_get_the_next_id_if_theirs_is_taken(pressroom: Run) -> None:
    first = USER, POST, COMMENT
    second = USER, changed(POST, title="second", slug=None), changed(COMMENT, body="of the second")
    for lines, imported, skipped in ((first, 3, 0), (second, 2, 1), (first, 0, 3), (second, 0, 3)):
        result = pressroom("import", write(*lines))
        assert result.stdout == f"Imported {imported}, skipped {skipped} already present, 0 errors.\n"
    exported = records(pressroom("export").stdout)
    titles = {line["post"]["id"]: line["post"]["title"] for line in exported if "post" in line}
    comments = [line["comment"] for line in exported if "comment" in line]
    assert [(each["id"], titles[each["post"]], each["body"]) for each in comments] == [
        (5, "t", "b"),
        (6, "second", "of the second"),
    ]
    assert {**comments[0], "post": 7} == COMMENT["comment"]


def test_comments_of_the_same_time_are_matched_in_order(pressroom: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other programs store times in seconds, in which an author may comment twice."""
    monkeypatch.setattr(archive_lines, "BATCH_MAX_LINES", 3)
    same = [changed(COMMENT, id=number, body=f"{number}") for number in (5, 6, 7)]
    for lines, imported, skipped in ((same[:2], 4, 0), (same[:2], 0, 4), (same, 1, 4), (same, 0, 5)):
        result = pressroom("import", write(USER, POST, *lines))
        assert result.stdout == f"Imported {imported}, skipped {skipped} already present, 0 errors.\n"
    comments = [line["comment"] for line in records(pressroom("export").stdout) if "comment" in line]
    assert [(each["id"], each["body"]) for each in comments] == [(5, "5"), (6, "6"), (7, "7")]


def test_a_deleted_comment_is_restored_though_another_has_the_same_time(pressroom: Run) -> None:
    """By the id, by the body of one without an id, or by the time at which the other was changed."""
    with_ids = [changed(COMMENT, id=id_, body=body) for id_, body in ((5, "one"), (6, "two"))]
    without_ids = [changed(COMMENT, body=body) for body in ("one", "two")]
    for line in without_ids:
        del line["comment"]["id"]
    edited = changed(with_ids[1], body="edited", updated_at="2025-03-01T00:00:00Z")
    for number, (stored, lines, bodies) in enumerate(
        [
            (with_ids[1], with_ids, ["one", "two"]),
            (without_ids[1], without_ids, ["two", "one"]),
            (edited, with_ids[1:], ["edited"]),
            (edited, without_ids[1:], ["edited"]),
            (with_ids[1], without_ids, ["one", "two"]),
            (with_ids[0], [with_ids[0], *with_ids], ["one", "one", "two"]),
        ]
    ):
        url = f"sqlite:///{number}.sqlite"
        assert pressroom("import", write(USER, POST, stored), database_url=url).exit_code == 0
        for imported in (len(bodies) - 1, 0):
            result = pressroom("import", write(USER, POST, *lines), database_url=url)
            assert result.stdout.startswith(f"Imported {imported}, skipped {len(lines) + 2 - imported} "), number
        exported = records(pressroom("export", database_url=url).stdout)
        assert sorted(line["comment"]["body"] for line in exported if "comment" in line) == sorted(bodies), number


@pytest.mark.parametrize(
    ("comment", "error"),
    [
        (changed(COMMENT, post=8), "/comment: The archive has no post 8 that is stored."),
        (changed(COMMENT, author="eve"), "/comment: There is no user 'eve'."),
        (changed(COMMENT, created_at=LATER), "/comment/created_at: It is in the future."),
        (changed(COMMENT, body=""), "/comment/body: "),
    ],
)
def test_a_comment_that_cannot_be_imported_is_an_error(pressroom: Run, comment: object, error: str) -> None:
    result = pressroom("import", write(USER, POST, comment))
    assert (result.exit_code, result.stdout) == (1, "Imported 2, skipped 0 already present, 1 errors.\n")
    assert f"in.ndjson:3: {error}" in result.stderr


def test_follows_are_imported_once(pressroom: Run) -> None:
    file = write(USER, BOB, FOLLOW, {"follow": {**FOLLOW["follow"], "user": "bob", "followed": "ada"}})
    for imported, skipped in ((4, 0), (0, 4)):
        result = pressroom("import", file)
        assert result.stdout == f"Imported {imported}, skipped {skipped} already present, 0 errors.\n"
    follows = [line["follow"] for line in records(pressroom("export").stdout) if "follow" in line]
    assert [(follow["user"], follow["followed"]) for follow in follows] == [("ada", "bob"), ("bob", "ada")]
    assert follows[0] == FOLLOW["follow"]


@pytest.mark.parametrize(
    ("follow", "error"),
    [
        (changed(FOLLOW, user="eve"), "/follow: There is no user 'eve'."),
        (changed(FOLLOW, followed="eve"), "/follow: There is no user 'eve'."),
        (changed(FOLLOW, followed="ada"), "/follow/followed: Users cannot follow themselves."),
        (changed(FOLLOW, followed_at=LATER), "/follow/followed_at: It is in the future."),
        (changed(FOLLOW, followed_at=None), "/follow/followed_at: Field may not be null."),
    ],
)
def test_a_follow_that_cannot_be_imported_is_an_error(pressroom: Run, follow: object, error: str) -> None:
    result = pressroom("import", write(USER, BOB, follow))
    assert (result.exit_code, result.stdout) == (1, "Imported 2, skipped 0 already present, 1 errors.\n")
    assert f"in.ndjson:3: {error}" in result.stderr


def test_an_import_makes_a_user_follow_no_more_users_than_are_allowed(pressroom: Run) -> None:
    names = [f"user-{number}" for number in range(constraints.FOLLOWED_MAX_ITEMS + 1)]
    others = [{"user": {"username": name}} for name in names]
    result = pressroom("import", write(USER, *others, *(changed(FOLLOW, followed=name) for name in names)))
    assert (result.exit_code, result.stdout) == (1, "Imported 1002, skipped 0 already present, 1 errors.\n")
    assert "in.ndjson:1003: /follow: 'ada' follows 500 users, as many as are allowed." in result.stderr


def test_an_imported_follow_of_a_suspended_user_is_hidden_until_the_suspension_ends(
    pressroom: Run, settings: Settings
) -> None:
    suspended = changed(USER, suspended_at="2026-03-01T00:00:00Z")
    assert pressroom("import", write(suspended, BOB, FOLLOW)).exit_code == 0
    anyone = Client(create_app(settings))
    for followers in ([], ["ada"]):
        items = (anyone.get("/users/bob/followers").json or {})["items"]
        assert [item["username"] for item in items] == followers
        pressroom("users", "unsuspend", "ada")
    anyone.app.database.close()
