"""The documents agree with the code."""

import dataclasses
import re

from api.settings import Settings
from tests.contract.readme_table import operations_table
from tests.support.paths import PROJECT_ROOT
from tests.support.readme import section


def test_the_table_has_every_setting_with_its_default() -> None:
    rows = []
    for setting in dataclasses.fields(Settings):
        default = ",".join(setting.default) if isinstance(setting.default, tuple) else setting.default
        shown = f"`{default}`" if default != "" else "none"
        rows.append(f"| `PRESSROOM_{setting.name.upper()}` | {shown} | {setting.metadata['description']} |")
    assert "\n".join(rows) in section("Settings"), "\n".join(rows)


def test_the_table_of_operations_is_current() -> None:
    """`make openapi` writes it."""
    assert operations_table() in section("The API")


def test_the_tree_has_every_module() -> None:
    shown = set(re.findall(r"^  (\S+)  ", section("How it is built"), flags=re.MULTILINE))
    modules = {
        path.name + "/" * path.is_dir() for path in (PROJECT_ROOT / "api").iterdir() if not path.name.startswith("__")
    }
    assert shown == modules


def test_linked_files_exist() -> None:
    names = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md", "openapi/README.md")
    for name in (*names, *(str(each.relative_to(PROJECT_ROOT)) for each in PROJECT_ROOT.glob("deploy/**/*.md"))):
        for target in re.findall(r"\]\(([^)#:]+)\)", (PROJECT_ROOT / name).read_text()):
            assert (PROJECT_ROOT / name).parent.joinpath(target).exists(), f"{name}: {target}"


def test_make_targets_exist() -> None:
    """A command is in backquotes, such as `make test T=tests/http`, or on a line of its own."""
    makefile = (PROJECT_ROOT / "Makefile").read_text()
    command = re.compile(r"(?:`|^(?:\$ |\s*- run: |[A-Z]+=\S+ )?)make\s([a-z-]+)(?: [A-Z]+=[^`\s]+)?(?:`|$)", re.M)
    for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", ".ci/run", ".github/workflows/ci.yml"):
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
    table = re.search(r"^\| fault \|.*?\n\n", (PROJECT_ROOT / "deploy" / "README.md").read_text(), flags=re.M | re.S)
    assert table
    assert sorted(re.findall(r"^\| (.+?) \|", table[0], flags=re.M)) == sorted(["fault", *faults])
