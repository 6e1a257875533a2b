"""The documents agree with the code."""

import re
from pathlib import Path

import pytest

from api import constraints, json
from api.http import rate_limits
from api.resources import me, tokens, users
from api.settings import Settings
from api.store.engine.timeouts import Timeouts
from benchmarks.limits import MEMORY_MB
from tests.attacks.site import WORKER_MAX_MB
from tests.contract import reference_pages
from tests.support.pages import CONSOLE
from tests.support.paths import PROJECT_ROOT

MIB = 1024 * 1024
LIMITS = (PROJECT_ROOT / "docs" / "reference" / "limits.md").read_text()
DOCUMENTED = ("benchmarks", "deploy", "docs", "examples", "openapi")
"""Directories with pages, beside the root."""


@pytest.mark.parametrize("page", sorted(reference_pages.REFERENCE.glob("*.md")), ids=lambda page: page.stem)
def test_the_generated_parts_of_the_reference_are_current(page: Path) -> None:
    """`make openapi` writes them."""
    assert page.read_text() == reference_pages.current(page)


def test_every_generated_part_is_in_one_page_of_the_reference() -> None:
    pages = "".join(page.read_text() for page in reference_pages.REFERENCE.glob("*.md"))
    assert sorted(name for _, name, _ in reference_pages.PART.findall(pages)) == sorted(reference_pages.PARTS)


def test_the_readme_is_short() -> None:
    assert (PROJECT_ROOT / "README.md").read_text().count("\n") <= 120


def test_blocks_of_commands_in_the_manual_are_run_or_say_why_not() -> None:
    """`tests/journeys/test_manual.py` runs the console blocks; others are not of commands."""
    for page in (PROJECT_ROOT / "README.md", *(PROJECT_ROOT / "docs").rglob("*.md")):
        text = page.read_text()
        languages = re.findall(r"^ *```(.*)\n(?:.*\n)*?^ *```$", text, flags=re.M)
        assert not {"", "bash", "sh", "shell"} & set(languages) or page.stem == "architecture", page
        assert languages.count("console") == len(CONSOLE.findall(text)), page


def test_the_table_of_limits_has_the_figures_of_the_code() -> None:
    timeouts, settings = Timeouts(), Settings()
    figures = {
        "request body": (f"{constraints.REQUEST_BODY_MAX_BYTES // MIB} MiB",),
        "values in a body": (f"{json.MAX_STRINGS:,} strings", f"{json.MAX_DEPTH} levels"),
        "errors in a response": (f"{constraints.ERRORS_MAX_ITEMS}",),
        "page of a list": (
            f"{constraints.PAGE_SIZE_MAX} items",
            f"{constraints.PAGE_MAX_BYTES // MIB} MiB of JSON",
            f"{constraints.BODY_MAX_LENGTH:,} characters",
        ),
        "wait for a connection to the database": (
            f"{timeouts.pool_wait_seconds} s while all are in use",
            f"{timeouts.connect_seconds} s for a new one",
        ),
        "wait for another writer": (f"{timeouts.write_slot_seconds} s;", f"{timeouts.write_stall_seconds} s for half"),
        "statement": (f"{timeouts.statement_seconds} s, and {timeouts.reply_seconds} s for a reply",),
        "connections of a worker": (f"{settings.worker_connections} (",),
        "requests at once in a worker": (f"{settings.threads} (",),
        "content of a user that one request deletes, hides or shows": (
            f"{constraints.CONTENT_MAX_POSTS:,} posts",
            f"{constraints.CONTENT_MAX_CHARACTERS:,} characters",
        ),
        "what one request deletes with a post": (
            f"{constraints.COMMENTS_MAX_REMOVED:,} comments",
            f"{constraints.CONTENT_MAX_CHARACTERS:,} characters",
            f"{constraints.LIKES_MAX_REMOVED:,} likes",
        ),
        "unresponsive worker": (f"{settings.timeout} s (",),
        "memory of a worker": (f"{MEMORY_MB:.0f} MB when idle", f"{WORKER_MAX_MB} MB under"),
    }
    rows = dict(re.findall(r"^\| (.+?) \| (.+?) \|", LIMITS.partition("\n## ")[0], flags=re.M))
    assert figures.keys() <= rows.keys()
    for name, texts in figures.items():
        assert [text for text in texts if text not in rows[name]] == [], name


def test_the_table_of_quotas_has_the_defaults() -> None:
    rows = re.findall(r"^\| .+? \| ([\d,]+) \| `PRESSROOM_(\w+)` \|$", LIMITS, flags=re.M)
    settings = Settings()
    names = ("posts_per_day", "megabytes_per_day", "tokens_per_user")
    assert rows == [(f"{getattr(settings, name):,}", name.upper()) for name in names]


def test_the_table_of_rate_limits_has_those_of_the_code() -> None:
    rows = re.findall(r"^\| (\d+) in (an hour|a minute|15 minutes) \| ", LIMITS, flags=re.M)
    seconds = {"an hour": 3600, "a minute": 60, "15 minutes": 900}
    limits = (
        tokens.SIGN_IN_BY_USERNAME,
        tokens.SIGN_IN_BY_ADDRESS,
        me.PASSWORD_CHANGE,
        users.REGISTRATION,
        me.EXPORTS,
        rate_limits.WRITES,
    )
    expected = [(limit.quota.amount, limit.quota.get_expiry()) for limit in limits]
    assert [(int(number), seconds[window]) for number, window in rows] == expected


def test_the_tree_has_every_module() -> None:
    shown = set(
        re.findall(
            r"^  (\S+)  ", (PROJECT_ROOT / "docs" / "explanation" / "architecture.md").read_text(), flags=re.MULTILINE
        )
    )
    modules = {
        path.name + "/" * path.is_dir() for path in (PROJECT_ROOT / "api").iterdir() if not path.name.startswith("__")
    }
    assert shown == modules


def test_linked_files_exist() -> None:
    names = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "openapi/README.md")
    patterns = ("deploy/**/*.md", "docs/**/*.md", "examples/*/README.md")
    globbed = [page for pattern in patterns for page in PROJECT_ROOT.glob(pattern)]
    for name in (*names, *(str(each.relative_to(PROJECT_ROOT)) for each in globbed)):
        for target in re.findall(r"\]\(([^)#:]+)\)", (PROJECT_ROOT / name).read_text()):
            assert (PROJECT_ROOT / name).parent.joinpath(target).exists(), f"{name}: {target}"


def test_linked_sections_exist() -> None:
    pages = [*PROJECT_ROOT.glob("*.md"), *(page for name in DOCUMENTED for page in (PROJECT_ROOT / name).rglob("*.md"))]
    pages = [page for page in pages if "node_modules" not in page.parts]
    for page in pages:
        for target, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text()):
            assert anchor in anchors(page.parent / target if target else page), f"{page}: {target}#{anchor}"


def anchors(page: Path) -> set[str]:
    """Return the anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.M | re.S), flags=re.M)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_make_targets_exist() -> None:
    """A command is in backquotes, such as `make test T=tests/http`, or on a line of its own."""
    makefile = (PROJECT_ROOT / "Makefile").read_text()
    command = re.compile(r"(?:`|^(?:\$ |\s*- run: |[A-Z]+=\S+ )?)make\s([a-z-]+)(?: [A-Z]+=[^`\s]+)?(?:`|$)", re.M)
    pages = ("README.md", "docs/README.md", "CONTRIBUTING.md", "SECURITY.md", ".ci/run", ".github/workflows/ci.yml")
    for name in pages:
        targets = command.findall((PROJECT_ROOT / name).read_text())
        assert targets, name
        for target in targets:
            assert f"\n{target}:" in makefile, f"{name}: make {target}"


def test_make_help_lists_every_target() -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text()
    [targets] = re.findall(r"^\.PHONY: (.*)$", makefile, flags=re.M)
    assert sorted(re.findall(r"^([a-z-]+):.* ## ", makefile, flags=re.M)) == sorted(targets.split())


def test_the_table_has_every_fault() -> None:
    suite = "".join(path.read_text() for path in (PROJECT_ROOT / "tests" / "faults").glob("test_*.py"))
    faults = re.findall(r'(?:under_load|note)\(\s*"([^"]+)"', suite)
    table = re.search(r"^\| fault \|.*?\n\n", (PROJECT_ROOT / "deploy" / "faults.md").read_text(), flags=re.M | re.S)
    assert table
    assert sorted(re.findall(r"^\| (.+?) \|", table[0], flags=re.M)) == sorted(["fault", *faults])
