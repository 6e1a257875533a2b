"""The generated parts of the manual; `python -m tests.contract.reference_pages` writes them.

A part is between `<!-- generated: NAME -->` and `<!-- end -->`.
"""

import dataclasses
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

import click
from prometheus_client.metrics import MetricWrapperBase

from api import metrics
from api.cli.main import cli
from api.cli.sweep_metrics import SweepMetrics
from api.http.problem_types import PROBLEM_TYPES
from api.other_variables import OTHER_VARIABLES
from api.settings import Settings
from tests.contract.catalogue import DOCUMENT, OPERATIONS, PERMISSIONS, Operation, Permission
from tests.support.paths import PROJECT_ROOT

# The catalogue has comments of ada on posts of ada only. bob and the admin, who follow and like nothing, get 404, as
# ada would.
OTHERS = {
    "removeComment": "owner, author of the post, admin",
    **dict.fromkeys(("readFollow", "readLike"), "signed in"),
}
REFERENCE = PROJECT_ROOT / "docs" / "reference"
PART = re.compile(r"(<!-- generated: ([a-z]+) -->\n).*?(<!-- end -->)", re.DOTALL)
# By whether an anonymous client, bob, ada, who owns the resource, and an admin may do it.
WHO = {
    (True, True, True, True): "anyone",
    (False, True, True, True): "signed in",
    (False, False, True, True): "owner, admin",
    (False, False, True, False): "owner",
    (False, False, False, True): "admin",
    (False, False, False, False): "username and password",
}


def current(page: Path) -> str:
    """Return the page with its generated parts as the code is now."""
    return PART.sub(lambda part: f"{part[1]}\n{PARTS[part[2]]()}\n\n{part[3]}", page.read_text())


def operations() -> str:
    """Make a table of the OpenAPI document and the catalogue."""
    permissions = {permission.operation: permission for permission in reversed(PERMISSIONS)}
    rows = [
        (_request(operation), _who(permissions[operation.id]), operation.description["summary"])
        for operation in OPERATIONS.values()
    ]
    return _table(("request", "who", "what it does"), rows)


def _request(operation: Operation) -> str:
    parameters = operation.description.get("parameters", [])
    query = " ".join(f"?{parameter['name']}=" for parameter in parameters if parameter.get("in") == "query")
    return f"`{operation.method} {operation.path}`" + f" `{query}`" * bool(query)


def _who(permission: Permission) -> str:
    # 409: it is allowed, but not in the present state.
    statuses = permission.anyone, permission.bob, permission.ada, permission.admin
    anyone, bob, ada, admin = (status < 400 or status == 409 for status in statuses)
    return OTHERS.get(permission.operation) or WHO[anyone, bob, ada, admin]


def settings() -> str:
    """Make a table of the settings."""
    rows = []
    for setting in dataclasses.fields(Settings):
        default = ",".join(setting.default) if isinstance(setting.default, tuple) else setting.default
        shown = f"`{default}`" if default != "" else ""
        rows.append((f"`PRESSROOM_{setting.name.upper()}`", shown, setting.metadata["description"]))
    rows += [(f"`{name}`", f"`{default}`" * (default != ""), text) for name, default, text, _ in OTHER_VARIABLES]
    return _table(("variable", "default", "description"), rows)


def problems() -> str:
    """Make a table of the types of problems."""
    rows = [
        (f"`{type_.code}`", " ".join(map(str, type_.statuses)), type_.description) for type_ in PROBLEM_TYPES.values()
    ]
    return _table(("code", "status", "what it means"), rows)


def limits() -> str:
    """Make a table of what `GET /about` lists."""
    properties = DOCUMENT["components"]["schemas"]["Limits"]["properties"]
    rows = [(f"`{name}`", f"{limit['examples'][0]:,}", limit["description"]) for name, limit in properties.items()]
    return _table(("limit", "value", "description"), rows)


def lengths() -> str:
    """Make a table of the lengths that `GET /about` does not list."""
    schemas = DOCUMENT["components"]["schemas"]
    user, post = schemas["UserCreate"]["properties"], schemas["PostCreate"]["properties"]
    metadata = schemas["Metadata"]
    texts = {
        "a username": user["username"],
        "a new password": user["password"],
        "the body of a comment": schemas["CommentCreate"]["properties"]["body"],
        "a slug": post["slug"],
        "a tag": post["tags"]["items"],
        f"a name in `metadata`, which has up to {metadata['maxProperties']}": metadata["propertyNames"],
        "a value in `metadata`": metadata["additionalProperties"],
        "the name of a token": schemas["TokenCreate"]["properties"]["name"],
    }
    rows = [(name, f"{text['minLength']} to {text['maxLength']:,}") for name, text in texts.items()]
    return _table(("text", "characters"), rows)


def metrics_table() -> str:
    """Make a table of the metrics."""
    found = [metric for metric in vars(metrics).values() if isinstance(metric, MetricWrapperBase)]
    rows = [
        (
            f"`{metric._name}{'_total' * (metric._type == 'counter')}`",
            str(metric._type),
            " ".join(f"`{label}`" for label in metric._labelnames),
            metric._documentation,
        )
        for metric in found
    ]
    rows += [
        (f"`{family.name}`", family.type, " ".join(f"`{label}`" for label in family._labelnames), family.documentation)
        for family in SweepMetrics({}, seconds=0, outdated_posts=0).collect()
    ]
    return _table(("metric", "type", "labels", "description"), rows)


def commands() -> str:
    """Make a section of the help text of each command."""
    return "\n\n".join(
        f"### {context.command_path}\n\n```text\n{context.get_help()}\n```"
        for context in _contexts(click.Context(cli, info_name="pressroom", max_content_width=100, terminal_width=100))
    )


def _contexts(context: click.Context) -> Iterator[click.Context]:
    if not isinstance(context.command, click.Group):
        yield context
        return
    for name, command in sorted(context.command.commands.items()):
        yield from _contexts(click.Context(command, parent=context, info_name=name))


def _table(heads: tuple[str, ...], rows: Iterable[Sequence[str]]) -> str:
    head, *lines = (f"| {' | '.join(cell or 'none' for cell in row)} |" for row in (heads, *rows))
    return "\n".join([head, f"|{'---|' * len(heads)}", *lines])


PARTS: dict[str, Callable[[], str]] = {
    "commands": commands,
    "lengths": lengths,
    "limits": limits,
    "metrics": metrics_table,
    "operations": operations,
    "problems": problems,
    "settings": settings,
}


if __name__ == "__main__":
    for path in REFERENCE.glob("*.md"):
        path.write_text(current(path))
