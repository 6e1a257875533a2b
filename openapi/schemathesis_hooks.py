"""Hooks of schemathesis for the site of `pressroom demo`: they sign in, and keep what all requests need."""

import re
from base64 import b64encode
from collections.abc import Iterator
from itertools import count, cycle
from typing import Any
from urllib.parse import urlencode

import schemathesis
from schemathesis import Case
from schemathesis.generation.meta import TestPhase

TOKENS = {username: f"prt_demo-{username}".ljust(47, "-") for username in ("ada", "grace", "root")}
PASSWORD = "correct horse battery staple"  # noqa: S105 (everybody may know it)
# ada has what the examples name, but cannot follow herself. A new password revokes all tokens, so grace gets it.
USERS = {
    "PUT /me/password": "grace",
    **dict.fromkeys(("POST /users", "GET /suspensions", "DELETE /users/{username}"), "root"),
    **{f"{method} /users/{{username}}/suspension": "root" for method in ("PUT", "DELETE")},
    **{f"{method} /users/{{username}}/follow": "root" for method in ("GET", "PUT", "DELETE")},
}
# Instead of what all requests need, these get others in turn: users, ada's posts, comments on post 1, a second token.
# Of comments, each request gets another one, because the examples would delete all; first bob's, who is deleted later.
OTHERS: dict[str, tuple[set[str], Iterator[object]]] = {
    "DELETE /users/{username}": ({*TOKENS}, cycle(["bob", "mallory"])),
    "PUT /users/{username}/suspension": ({*TOKENS}, cycle(["bob", "mallory"])),
    "PATCH /posts/{post_id}": ({"1"}, cycle(range(15, 36, 3))),
    "DELETE /posts/{post_id}": ({"1"}, cycle(range(36, 61, 3))),
    "DELETE /comments/{comment_id}": ({*map(str, range(1, 60))}, cycle([*range(9, 38, 2), *range(8, 38, 2)])),
    "DELETE /tokens/{token_id}": ({"1", "2", "3"}, cycle([4])),
}
numbers = count()


@schemathesis.auth(refresh_interval=None)
class SignIn:
    """Authenticate with the password to create a token, else with a token; as root in workflows, else as ada."""

    def get(self, case: Case[Any], _context: Any) -> str:
        """Return the value of `Authorization`."""
        workflow = case.meta is not None and case.meta.phase.name == TestPhase.STATEFUL
        username = USERS.get(case.operation.label, "root" if workflow else "ada")
        if case.operation.label == "POST /tokens":
            return "Basic " + b64encode(f"{username}:{PASSWORD}".encode()).decode()
        return f"Bearer {TOKENS[username]}"

    def set(self, case: Case[Any], data: str, _context: Any) -> None:
        """Add it, unless the body has a password."""
        in_body = isinstance(case.body, dict) and {"username", "password"} & case.body.keys()
        if case.operation.label != "POST /tokens" or not in_body:
            case.headers["Authorization"] = data


@schemathesis.hook
def before_load_schema(_context: object, raw_schema: dict[str, Any]) -> None:
    """Add an example of If-Match, and that only `*` is `^[*]$`, as in `tests/contract/scene.py`, which says why."""
    parameters = raw_schema["components"]["parameters"]
    parameters["IF_MATCH"]["example"] = "*"
    parameters["IF_NONE_MATCH_ANY"]["schema"] = {"type": "string", "const": "*"}


@schemathesis.hook
def filter_case(_context: object, case: Case[Any]) -> bool:
    """Exclude URLs that gunicorn rejects itself, because its request lines have at most 4094 bytes."""
    return len(urlencode(case.query or {}, doseq=True)) < 3_500


@schemathesis.hook
def before_call(_context: object, case: Case[Any], _kwargs: object) -> None:
    """Protect what others need, make idempotency keys unique, and leave one precondition."""
    if case.operation.label in OTHERS:
        protected, others = OTHERS[case.operation.label]
        for name, value in case.path_parameters.items():
            case.path_parameters[name] = next(others) if str(value) in protected else value
    fields = case.headers
    if case.operation.path.endswith("/{slug}") and "If-Match" in fields and fields.get("If-None-Match", "*") == "*":
        fields.pop("If-None-Match", None)
        fields["If-Match"] = "*"
    if re.fullmatch(r"[!-+\--~]{1,255}", key := str(fields.get("Idempotency-Key", ""))):
        fields["Idempotency-Key"] = f"{key[:240]}-{next(numbers)}"
