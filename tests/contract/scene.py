"""The database that schemathesis starts with, and hooks for its requests, in pytest and on its command line.

ada has the resources, the token and the password that examples name. root, an admin whom no request names, is never
removed. `tests.conftest` is not imported: its Hypothesis profile would make the command line generate fewer requests.
"""

import atexit
import os
import re
import shutil
import sqlite3
import tempfile
from base64 import b64encode
from contextlib import closing
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from zlib import crc32

import schemathesis
from schemathesis import Case
from schemathesis.generation.meta import TestPhase

from api import constraints, sync_tokens
from api.app import create_app
from api.http.authentication import hash_token
from api.json import JSONObject
from api.passwords import hash_password
from api.settings import TOKEN_DAYS_MAX, Settings
from api.store import accounts, credentials, tokens, users
from tests.contract.catalogue import ADMIN_OPERATIONS, OPERATIONS, arrange
from tests.support.clients import Client

if "SCENE" in os.environ:  # a test has made the database for the command line
    DIRECTORY = Path(os.environ["SCENE"])
else:
    DIRECTORY = Path(tempfile.mkdtemp(prefix="pressroom-"))
    atexit.register(shutil.rmtree, DIRECTORY, ignore_errors=True)
SEED, DATABASE = DIRECTORY / "seed.sqlite", DIRECTORY / "database.sqlite"
TOKENS = {"ada": "prt_" + "a" * 43, "root": "prt_" + "r" * 43}
PASSWORDS = {"ada": "correct horse battery staple", "root": "not in any example"}
# In workflows, root and root's token are not removed: these ids are requested instead.
PROTECTED = {("username", "root"): "eve", ("token_id", "2"): constraints.ID_MAX}
FOR_ADMINS = {f"{OPERATIONS[name].method} {OPERATIONS[name].path}" for name in ADMIN_OPERATIONS}
# The examples are of following ada, who cannot follow herself.
AS_ROOT = FOR_ADMINS | {f"{method} /users/{{username}}/follow" for method in ("GET", "PUT", "DELETE")}
numbers = count()


def settings_of(path: Path) -> Settings:
    return Settings(
        database_url=f"sqlite:///{path}",
        sqlite_synchronous="NORMAL",
        threads=1,
        rate_limits="off",
        token_days=TOKEN_DAYS_MAX,  # more days are invalid, which the OpenAPI document does not know
        access_log="",
    )


def make_seed() -> None:
    app = create_app(settings_of(SEED))
    app.database.upgrade()
    with app.database.write() as db:
        for name, token in TOKENS.items():
            user = users.register(db, username=name, password_hash=hash_password(PASSWORDS[name]))
            tokens.create(
                db,
                user_id=user.id,
                password_hash=credentials.get(db, name).password_hash,
                name="",
                sha256=hash_token(token),
                lifetime=timedelta(days=1),
            )
        accounts.set_role(db, "root", "admin")
    arrange(Client(app, "ada", TOKENS["ada"]))
    Client(app, "root", TOKENS["root"]).send("PUT", "/users/ada/follow")
    app.database.close()


if "SCENE" not in os.environ:
    make_seed()


def read_sync_tokens() -> dict[str, str]:
    """Return a token of each change feed, by the operation that reads the feed."""
    app = create_app(settings_of(SEED))
    paths = ("/changes/posts", "/changes/users")
    found = {f"GET {path}": (Client(app).get(path).json or {})["next_since"] for path in paths}
    app.database.close()
    return found


SYNC_TOKENS = read_sync_tokens()


def is_sync_token(text: str) -> bool:
    try:
        sync_tokens.decode(text)
    except ValueError:
        return False
    return True


def reset() -> None:
    """Restore the database that was seeded, even under a running server."""
    with closing(sqlite3.connect(SEED)) as seed, closing(sqlite3.connect(DATABASE)) as database:
        database.execute("PRAGMA synchronous = OFF")  # to wait for the disk takes longer than the request
        seed.backup(database, sleep=0.001)


def is_workflow(case: Case[Any]) -> bool:
    return case.meta is not None and case.meta.phase.name == TestPhase.STATEFUL


@schemathesis.auth(refresh_interval=None)
class SignIn:
    """Authenticate with the password to create a token, else with a token; as root in workflows, else as ada."""

    def get(self, case: Case[Any], _context: Any) -> str:
        name = "root" if is_workflow(case) or case.operation.label in AS_ROOT else "ada"
        if case.operation.label == "POST /tokens":
            return "Basic " + b64encode(f"{name}:{PASSWORDS[name]}".encode()).decode()
        return f"Bearer {TOKENS[name]}"

    def set(self, case: Case[Any], data: str, _context: Any) -> None:
        in_body = isinstance(case.body, dict) and {"username", "password"} & case.body.keys()
        if case.operation.label != "POST /tokens" or not in_body:
            case.headers["Authorization"] = data


@schemathesis.hook
def before_load_schema(_context: object, raw_schema: JSONObject) -> None:
    """Add an example of If-Match, which the document leaves out because Swagger UI would send it.

    Only from an example does the coverage phase take an ETag that matches: it does not use dictionaries. And it takes
    `0` as a match of `^[*]$`, which the document has instead of a constant, because generators of clients reject one in
    a header field.
    """
    parameters = raw_schema["components"]["parameters"]
    parameters["IF_MATCH"]["example"] = "*"
    parameters["IF_NONE_MATCH_ANY"]["schema"] = {"type": "string", "const": "*"}


@schemathesis.hook
def filter_case(_context: object, case: Case[Any]) -> bool:
    """Exclude URLs that gunicorn rejects itself, because its request lines have at most 4094 bytes."""
    return len(urlencode(case.query or {}, doseq=True)) < 3_500


@schemathesis.hook
def before_call(_context: object, case: Case[Any], _kwargs: object) -> None:
    """Reset the database before a request outside workflows; make each idempotency key unique.

    A PUT may have one precondition only, so one of two valid ones is removed. Random tokens of a change feed are never
    of this database, so half of them are replaced.
    """
    since = (case.query or {}).get("since")
    if isinstance(since, str) and re.fullmatch(constraints.SINCE_PATTERN, since) and not is_sync_token(since):
        case.query["since"] = (since, SYNC_TOKENS[case.operation.label])[crc32(since.encode()) % 2]
    if case.method == "PUT" and case.headers.get("If-None-Match") == "*" and "If-Match" in case.headers:
        # By the content, because Hypothesis repeats workflows.
        del case.headers[("If-Match", "If-None-Match")[crc32(repr(case.body).encode()) % 2]]
    if is_workflow(case):
        # The next requests of a workflow are root's.
        body = case.body if case.operation.label == "POST /tokens" else None
        if isinstance(body, dict) and body.get("password") == PASSWORDS["ada"]:
            body.update(username="root", password=PASSWORDS["root"])
        for name, value in case.path_parameters.items():
            if (name, str(value)) in PROTECTED:
                case.path_parameters[name] = PROTECTED[name, str(value)]
        # The example signs in as ada, whose token root does not find.
        if (
            case.operation.label == "POST /tokens"
            and isinstance(case.body, dict)
            and case.body.get("username") == "ada"
        ):
            case.body = {**case.body, "username": "root", "password": PASSWORDS["root"]}
    else:
        reset()
        if case.operation.label == "DELETE /users/{username}":
            with closing(sqlite3.connect(DATABASE)) as database, database:
                database.executescript("DELETE FROM post_tags; DELETE FROM posts")
    key = str(case.headers.get("Idempotency-Key", ""))
    if re.fullmatch(constraints.IDEMPOTENCY_KEY_PATTERN, key) and len(key) < 200:
        case.headers["Idempotency-Key"] = f"{key}-{next(numbers)}"
