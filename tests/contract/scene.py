"""Where schemathesis begins, and what it is told for every request, in pytest and on its command line.

ada has a post, a token and a password that examples name. root, whom no request names, is an admin, and there to the
end. It does not import `tests.conftest`, whose profile of Hypothesis would make the command line draw less.
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

import schemathesis
from schemathesis import Case
from schemathesis.generation.meta import TestPhase

from api import constraints
from api.http.authentication import hash_token
from api.passwords import hash_password
from api.settings import Settings
from api.store import credentials, posts, tokens, users
from api.store.columns import now
from api.store.engine.database import Database

if "SCENE" in os.environ:  # the command line plays where a test has laid it out
    DIRECTORY = Path(os.environ["SCENE"])
else:
    DIRECTORY = Path(tempfile.mkdtemp(prefix="pressroom-"))
    atexit.register(shutil.rmtree, DIRECTORY, ignore_errors=True)
SEED, KEPT = DIRECTORY / "seed.sqlite", DIRECTORY / "kept.sqlite"
TOKENS = {"ada": "prt_" + "a" * 43, "root": "prt_" + "r" * 43}
PASSWORDS = {"ada": "correct horse battery staple", "root": "which no example names"}
# In workflows: what ends root or root's token, and what is asked instead.
SPARED = {("username", "root"): "nobody", ("token_id", "2"): constraints.ID_MAX}
numbers = count()


def settings_of(path: Path) -> Settings:
    return Settings(
        database_url=f"sqlite:///{path}", sqlite_synchronous="NORMAL", threads=1, rate_limits="off", access_log=""
    )


def lay_out() -> None:
    database = Database(settings_of(SEED))
    database.upgrade()
    with database.write() as db:
        for name, token in TOKENS.items():
            users.register(db, username=name, password_hash=hash_password(PASSWORDS[name]))
            proven = credentials.get(db, name)
            tokens.create(
                db,
                user_id=proven.id,
                password_hash=proven.password_hash,
                name="",
                sha256=hash_token(token),
                expires_at=now() + timedelta(days=1),
            )
        users.set_role(db, "root", "admin")
        posts.publish(db, author_id=1, title="First", body="A body.", tags=["engines"], published_at=now())
    database.close()


if "SCENE" not in os.environ:
    lay_out()


def begin_anew() -> None:
    """Let what is kept be what was laid out, also under a running server."""
    with closing(sqlite3.connect(SEED)) as seed, closing(sqlite3.connect(KEPT)) as kept:
        seed.backup(kept, sleep=0.001)


def is_workflow(case: Case[Any]) -> bool:
    return case.meta is not None and case.meta.phase.name == TestPhase.STATEFUL


@schemathesis.auth(refresh_interval=None)
class SignIn:
    """By password where a token is made, else by token; as root in workflows, which may remove ada, else as ada."""

    def get(self, case: Case[Any], _context: Any) -> str:
        name = "root" if is_workflow(case) else "ada"
        if case.operation.label == "POST /tokens":
            return "Basic " + b64encode(f"{name}:{PASSWORDS[name]}".encode()).decode()
        return f"Bearer {TOKENS[name]}"

    def set(self, case: Case[Any], data: str, _context: Any) -> None:
        case.headers["Authorization"] = data


@schemathesis.hook
def before_call(_context: object, case: Case[Any], _kwargs: object) -> None:
    """A request that is no step of a workflow is the first; and a key is for one request."""
    if is_workflow(case):
        for name, value in case.path_parameters.items():
            if (name, str(value)) in SPARED:
                case.path_parameters[name] = SPARED[name, str(value)]
    else:
        begin_anew()
        if case.operation.label == "DELETE /users/{username}":
            with closing(sqlite3.connect(KEPT)) as kept, kept:
                kept.executescript("DELETE FROM post_tags; DELETE FROM posts")
    key = str(case.headers.get("Idempotency-Key", ""))
    if re.fullmatch(constraints.IDEMPOTENCY_KEY_PATTERN, key) and len(key) < 200:
        case.headers["Idempotency-Key"] = f"{key}-{next(numbers)}"
