"""Parts of the OpenAPI document."""

from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker

METHODS = {"get", "post", "put", "patch", "delete"}


def operations(document: Any) -> Iterator[tuple[str, str, Any]]:
    """Yield the path, method and description of every operation."""
    for path, item in document["paths"].items():
        for method in METHODS & item.keys():
            yield path, method, item[method]


def schemas(node: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every schema in a part of the document, with its path."""
    if isinstance(node, list):
        for index, item in enumerate(node):
            yield from schemas(item, f"{path}/{index}")
    elif isinstance(node, dict):
        if "type" in node and "/example" not in path and not path.startswith("/components/securitySchemes"):
            yield path, node
        for name, value in node.items():
            if name != "not":  # what is excluded needs no bounds
                yield from schemas(value, f"{path}/{name}")


def resolve(document: Any, node: Any) -> Any:
    """Return what a `$ref` refers to, or the node itself."""
    while "$ref" in node:
        target = document
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        node = target
    return node


def media_types(document: Any) -> Iterator[tuple[str, Any]]:
    """Yield every media type of requests and responses, with its place."""
    for path, method, operation in operations(document):
        contents = {"request": operation.get("requestBody", {})}
        contents |= {status: resolve(document, response) for status, response in operation["responses"].items()}
        for part, content in contents.items():
            for name, media_type in content.get("content", {}).items():
                yield f"{method} {path} {part} {name}", media_type


def schemas_in(document: Any, *, requests: bool) -> list[tuple[str, Any]]:
    """Return every schema of request bodies and parameters, or of response bodies and header fields."""
    found: dict[str, Any] = {}

    def add(node: Any, place: str) -> None:
        if isinstance(node, list):
            for index, item in enumerate(node):
                add(item, f"{place}/{index}")
        elif isinstance(node, dict):
            if reference := node.get("$ref"):
                if reference not in found:
                    found[reference] = None
                    add(resolve(document, node), reference)
                return
            if "type" in node:
                found[place] = node
            for name, value in node.items():
                if name not in {"example", "examples", "default", "links"}:
                    add(value, f"{place}/{name}")

    for path, method, operation in operations(document):
        for part in ("parameters", "requestBody") if requests else ("responses",):
            add(operation.get(part, {}), f"{method} {path}/{part}")
    return [(place, schema) for place, schema in found.items() if schema]


def is_valid(document: Any, schema: Any, value: object) -> bool:
    validator = Draft202012Validator({**schema, "components": document["components"]}, format_checker=FormatChecker())
    return bool(validator.is_valid(value))
