"""What the README says is so."""

import dataclasses
import json
import re

from api.settings import Settings
from tests.support.paths import PROJECT_ROOT
from tests.support.readme import section


def test_every_setting_stands_in_the_table_with_its_default() -> None:
    rows = []
    for setting in dataclasses.fields(Settings):
        default = ",".join(setting.default) if isinstance(setting.default, tuple) else setting.default
        shown = f"`{default}`" if default != "" else "none"
        rows.append(f"| `PRESSROOM_{setting.name.upper()}` | {shown} | {setting.metadata['description']} |")
    assert "\n".join(rows) in section("Settings"), "\n".join(rows)


def test_every_operation_stands_in_the_table() -> None:
    document = json.loads((PROJECT_ROOT / "openapi" / "openapi.json").read_text())
    operations = {
        f"{method.upper()} {path}"
        for path, item in document["paths"].items()
        for method in item.keys() - {"parameters"}
    }
    shown = re.findall(r"^\| `([A-Z]+ [^`]*)`", section("The API"), flags=re.MULTILINE)
    renamed = (line.replace("<username>", "{username}") for line in shown)
    assert {re.sub(r"/(user|post|token)s/<id>", r"/\1s/{\1_id}", line) for line in renamed} == operations


def test_every_room_is_there() -> None:
    shown = set(re.findall(r"^  (\S+)  ", section("How it is built"), flags=re.MULTILINE))
    rooms = {
        path.name + "/" * path.is_dir() for path in (PROJECT_ROOT / "api").iterdir() if not path.name.startswith("__")
    }
    assert shown == rooms


def test_files_that_are_linked_exist() -> None:
    names = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "openapi/README.md")
    for name in (*names, *(str(each.relative_to(PROJECT_ROOT)) for each in PROJECT_ROOT.glob("deploy/**/*.md"))):
        for target in re.findall(r"\]\(([^)#:]+)\)", (PROJECT_ROOT / name).read_text()):
            assert (PROJECT_ROOT / name).parent.joinpath(target).exists(), f"{name}: {target}"


def test_commands_of_make_exist() -> None:
    makefile = (PROJECT_ROOT / "Makefile").read_text()
    for name in ("README.md", "CONTRIBUTING.md", ".ci/run"):
        for target in re.findall(r"(?:`|^|\$ )make\s([a-z]+)(?:`|$)", (PROJECT_ROOT / name).read_text(), flags=re.M):
            assert f"\n{target}:" in makefile, f"{name}: make {target}"


def test_every_fault_stands_in_the_table() -> None:
    suite = "".join(path.read_text() for path in (PROJECT_ROOT / "tests" / "faults").glob("test_*.py"))
    faults = re.findall(r'(?:under_load|note)\(\s*"([^"]+)"', suite)
    table = re.search(r"^\| fault \|.*?\n\n", (PROJECT_ROOT / "deploy" / "README.md").read_text(), flags=re.M | re.S)
    assert table
    assert sorted(re.findall(r"^\| (.+?) \|", table[0], flags=re.M)) == sorted(["fault", *faults])
