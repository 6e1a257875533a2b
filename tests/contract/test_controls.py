"""Negative controls: bugs that are planted in a copy, each of which the contract tests must find, and say what it is.

Who sees these pass knows that the others can fail. They are slow: `make controls` runs all of them, .ci/run three.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.paths import PROJECT_ROOT


class Control(NamedTuple):
    """A bug: where it is planted, instead of what, which tests find it, and what they say."""

    module: str
    sound: str
    planted: str
    tests: str
    found: str


SCHEMATHESIS, ANSWERS, HOSTILE, OWASP = "test_schemathesis.py", "test_answers.py", "test_hostile.py", "test_owasp.py"
CREATED = 'return created, {"Location": created["url"]}'
PUBLISH = "created = represent(posts.publish(connection(), author_id=user().id, **content), prefix())"
LOSE = """row = posts.publish(connection(), author_id=user().id, **content)
        posts.remove(connection(), row)
        created = represent(row, prefix())"""
ANSWER = "response = func(*args, **kwargs)\n            if"
TELL_MORE = """response = func(*args, **kwargs)
            response.data = response.data.replace(b'{"id":', b'{"author_id":1,"id":', 1)
            if"""
NO_TOKEN = "if not token.startswith(PREFIX):\n        return None"
ANY_TOKEN = 'if not token.startswith(PREFIX):\n        token = PREFIX + "a" * 43'
NOT_VISIBLE = "if not (public or (viewer and may_change(viewer, owner_id=post.author_id))):"
RETRY_AFTER = 'headers={"Retry-After": str(_seconds(window))}'

CONTROLS = {
    "another status": Control(
        "http/blueprint",
        "answer(schema.dump(content), status,",
        "answer(schema.dump(content), 200,",
        SCHEMATHESIS,
        "Undocumented status code",
    ),
    "no Location": Control(
        "resources/users", CREATED, "return created, {}", SCHEMATHESIS, "Missing required response headers"
    ),
    "an empty ETag": Control(
        "http/preconditions",
        """response.headers.add("ETag", f'"{tag}"')""",
        'response.headers.add("ETag", "")',
        SCHEMATHESIS,
        "Response header does not conform to the schema",
    ),
    "no Allow": Control(
        "http/problems",
        'if name != "Content-Type"',
        'if name not in {"Content-Type", "Allow"}',
        SCHEMATHESIS,
        "Wrong response to undeclared method",
    ),
    "an undocumented member": Control(
        "http/preconditions", ANSWER, TELL_MORE, SCHEMATHESIS, "Response violates schema"
    ),
    "a moment without its zone": Control(
        "http/json",
        "return orjson.dumps(value, option=orjson.OPT_UTC_Z)",
        """return orjson.dumps(value, option=orjson.OPT_UTC_Z).replace(b'Z"', b'"')""",
        SCHEMATHESIS,
        "Response violates schema",
    ),
    "a problem that is called JSON": Control(
        "http/problems",
        "media_type=MEDIA_TYPE",
        'media_type="application/json"',
        SCHEMATHESIS,
        "Undocumented Content-Type",
    ),
    "unknown members taken": Control(
        "schemas/base", "unknown = RAISE", 'unknown = "exclude"', SCHEMATHESIS, "Schema-violating request accepted"
    ),
    "text of any length": Control(
        "schemas/fields",
        "validate.Length(minimum, maximum)",
        "validate.Length(minimum)",
        SCHEMATHESIS,
        "CHECK constraint failed",
    ),
    "any token taken": Control(
        "http/authentication", NO_TOKEN, ANY_TOKEN, SCHEMATHESIS, "API accepts invalid authentication"
    ),
    "no 428": Control("http/preconditions", "abort(428)", "return", SCHEMATHESIS, "Missing required header accepted"),
    "a removal that removes nothing": Control(
        "resources/posts",
        "posts.remove(connection(), _as_read(post_id))",
        "_as_read(post_id)",
        SCHEMATHESIS,
        "Deleted resource still available",
    ),
    "no 412": Control("http/preconditions", "abort(412)", "return", ANSWERS, "reviseUser-412"),
    "a post that is lost": Control("resources/posts", PUBLISH, LOSE, ANSWERS, "removeUser-409"),
    "any type of body": Control(
        "http/arguments",
        'if request.content_type != "application/json" and',
        "if False and",
        ANSWERS,
        "registerUser-415",
    ),
    "no Retry-After": Control(
        "http/rate_limits", RETRY_AFTER, "headers={}", ANSWERS, "Missing required response header"
    ),
    "limits that do not limit": Control(
        "http/rate_limits", "allowed, window = counters.hit", "_, window = counters.hit", ANSWERS, "registerUser-429"
    ),
    "another challenge": Control(
        "http/authentication",
        'headers={"WWW-Authenticate": bearer.authenticate_header() + tried}',
        'headers={"WWW-Authenticate": basic.authenticate_header() + \', charset="UTF-8"\'}',
        ANSWERS,
        "401]",
    ),
    "doubled names": Control(
        "http/json", 'if raw.count(b":") > members <', "if False and", HOSTILE, "has a duplicate name"
    ),
    "two URLs of a post": Control("http/converters", '"[1-9][0-9]{0,15}"', '"[0-9]{1,16}"', HOSTILE, "GET /posts/01"),
    "drafts for everybody": Control("store/posts", NOT_VISIBLE, "if False:", OWASP, "readPost-2-open-anyone"),
}
IN_CI = {"another status", "no 412", "doubled names"}


@pytest.mark.parametrize(
    "control",
    [
        pytest.param(control, id=name, marks=pytest.mark.heavy if name in IN_CI else pytest.mark.nightly)
        for name, control in CONTROLS.items()
    ],
)
def test_a_planted_bug_is_found(tmp_path: Path, control: Control) -> None:
    for name in ("api", "tests"):
        shutil.copytree(PROJECT_ROOT / name, tmp_path / name)
    (tmp_path / "openapi").mkdir()
    for name in ("openapi/openapi.json", "pyproject.toml", "schemathesis.toml", "gunicorn.conf.py"):
        shutil.copy(PROJECT_ROOT / name, tmp_path / name)
    module = tmp_path / "api" / f"{control.module}.py"
    assert module.read_text().count(control.sound) == 1
    module.write_text(module.read_text().replace(control.sound, control.planted))
    # That there is a failure is enough; the simplest is for those who must mend it.
    options = ["--exitfirst", "--quiet", "--hypothesis-profile=unshrunk", f"tests/contract/{control.tests}"]
    # Hypothesis draws what stands in the code, too, so what one seed finds changes with the code.
    for seed in range(1, 5):
        command = [sys.executable, "-m", "pytest", *options, f"--hypothesis-seed={seed}"]
        ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        if ran.returncode:
            break
    assert ran.returncode == pytest.ExitCode.TESTS_FAILED, ran.stdout + ran.stderr
    assert control.found in ran.stdout
