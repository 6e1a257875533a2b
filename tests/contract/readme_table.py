"""The table of operations in the README; `python -m tests.contract.readme_table` writes it."""

import re

from tests.contract.catalogue import OPERATIONS, PERMISSIONS, Operation, Permission
from tests.support.paths import PROJECT_ROOT

README = PROJECT_ROOT / "README.md"
TABLE = re.compile(r"^\| request \|.*?(?=\n\n)", re.MULTILINE | re.DOTALL)
# By whether an anonymous client, bob, ada, who owns the resource, and an admin may do it.
WHO = {
    (True, True, True, True): "anyone",
    (False, True, True, True): "signed in",
    (False, False, True, True): "owner, admin",
    (False, False, True, False): "owner",
    (False, False, False, True): "admin",
    (False, False, False, False): "username and password",
}


def operations_table() -> str:
    """Make the table of the OpenAPI document and the catalogue."""
    permissions = {permission.operation: permission for permission in reversed(PERMISSIONS)}
    rows = [
        f"| {_request(operation)} | {_who(permissions[operation.id])} | {operation.description['summary']} |"
        for operation in OPERATIONS.values()
    ]
    return "\n".join(["| request | who | what it does |", "|---|---|---|", *rows])


def _request(operation: Operation) -> str:
    parameters = operation.description.get("parameters", [])
    query = " ".join(f"?{parameter['name']}=" for parameter in parameters if parameter.get("in") == "query")
    return f"`{operation.method} {operation.path}`" + f" `{query}`" * bool(query)


def _who(permission: Permission) -> str:
    # 409: it is allowed, but not in the present state.
    statuses = permission.anyone, permission.bob, permission.ada, permission.admin
    anyone, bob, ada, admin = (status < 400 or status == 409 for status in statuses)
    return WHO[anyone, bob, ada, admin]


if __name__ == "__main__":
    README.write_text(TABLE.sub(lambda _: operations_table(), README.read_text()))
