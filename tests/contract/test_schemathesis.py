"""Any request: what the document says holds for the answer (schemathesis, all checks, all phases)."""

import atexit
import re
import shutil
import tempfile
from base64 import b64encode
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import settings
from schemathesis import Case

from api import limits
from api.app import create_app
from api.settings import Settings
from api.store import posts
from api.store.database import Database
from api.store.sql import now
from tests.conftest import PASSWORD, member, numbers

HOUSE = Path(tempfile.mkdtemp(prefix="pressroom-"))
atexit.register(shutil.rmtree, HOUSE, ignore_errors=True)
accepted: Counter[str] = Counter()


def kept_in(path: Path | str) -> Settings:
    return Settings(database_url=f"sqlite:///{path}", sqlite_synchronous="NORMAL", threads=1, rate_limits="off")


app = create_app(kept_in(HOUSE / "seed"))
ada = member(app, "ada")
with app.extensions["database"].write() as db:
    posts.publish(db, author_id=1, title="First", body="A body.", tags=["engines"], published_at=now())
app.extensions["database"].close()
schema = schemathesis.openapi.from_wsgi("/openapi.json", app)
schema.config.update(base_url="http://localhost")


def begin_anew(*, with_post: bool = True) -> None:
    """Let `app` find ada, her token and, `with_post`, her post, and nothing else."""
    app.extensions["database"].close()
    app.extensions["database"] = Database(kept_in(shutil.copy(HOUSE / "seed", HOUSE / "kept")))
    if not with_post:
        with app.extensions["database"].write() as db:
            posts.remove(db, posts.get(db, 1, viewer=None))


class SignIn:
    """As ada: by password where a token is made, by token elsewhere."""

    def get(self, case: Case[Any], _context: Any) -> str:
        if case.operation.label == "POST /tokens":
            return "Basic " + b64encode(f"ada:{PASSWORD}".encode()).decode()
        return f"Bearer {ada.token}"

    def set(self, case: Case[Any], data: str, _context: Any) -> None:
        case.headers["Authorization"] = data


schema.auth(refresh_interval=None)(SignIn)


@schemathesis.hook
def before_call(_context: object, case: Case[Any], _kwargs: object) -> None:
    """A key is for one request: the same one with another body would rightly be refused."""
    key = str(case.headers.get("Idempotency-Key", ""))
    if re.fullmatch(limits.IDEMPOTENCY_KEY, key) and len(key) < 200:
        case.headers["Idempotency-Key"] = f"{key}-{next(numbers)}"


@schema.parametrize()
def test_any_request_is_answered_as_the_document_says(case: Case[Any]) -> None:
    begin_anew(with_post=case.operation.label != "DELETE /users/{username}")
    response = case.call_and_validate()
    accepted[case.operation.label] += response.status_code < 400


def test_every_operation_has_accepted_requests() -> None:
    if not accepted:
        pytest.skip("it counts what the tests above send: run the file as a whole")
    operations = {result.ok().label for result in schema.get_all_operations()}  # type: ignore[union-attr] # none is invalid
    assert {operation for operation in operations if not accepted[operation]} == set()


class Workflow(schema.as_state_machine()):  # type: ignore[misc] # made at run time
    def setup(self) -> None:
        begin_anew()


TestAnySequenceOfRequests = Workflow.TestCase
TestAnySequenceOfRequests.settings = settings(stateful_step_count=8)
