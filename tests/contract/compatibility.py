"""Changes between two versions of the OpenAPI document that break clients.

A request may only come to need less, a response only to promise more. Both are one comparison: does what the sender
may send fit what the receiver accepts? Clients send requests as the old document describes them, the server sends
responses as the new one does. Additions are the exception: clients ignore properties that they do not know, although
schemas are closed, as otherwise nothing could ever be added.
"""

import json
import re
from collections.abc import Iterator
from math import inf
from typing import Any

from jsonschema import Draft202012Validator

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
TYPES = {"array", "boolean", "integer", "null", "number", "object", "string"}
# Lower bounds with their values where they are omitted.
LOWER_BOUNDS = {"minimum": -inf, "exclusiveMinimum": -inf, "minLength": 0, "minItems": 0, "minProperties": 0}
UPPER_BOUNDS = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
# Keywords that the receiver may drop but not change, with their values where they are omitted.
DROPPABLE = {"pattern": None, "multipleOf": None, "uniqueItems": False, "additionalProperties": True}
# Keywords for people, and keywords that `incompatibilities` compares by itself.
NOT_COMPARED = {"description", "example", "examples", "deprecated", "readOnly", "writeOnly"}
NOT_COMPARED |= {"default", "properties", "required", "items", "anyOf"}


def breaking_changes(old: Any, new: Any) -> list[str]:
    """Describe every change that can break a client of the old document."""
    old, new = (document | {"paths": resolve_refs(document["paths"], document, {})} for document in (old, new))
    urls = {server["url"] for server in new["servers"]}
    gone = [f"The server {server['url']} is gone" for server in old["servers"] if server["url"] not in urls]
    # A change of a component is described alike wherever the component is used: once is enough.
    return list(dict.fromkeys([*gone, *shadowed_paths(old, new), *operation_changes(old, new)]))


def resolve_refs(node: Any, document: Any, resolved: dict[str, Any]) -> Any:
    """Add what each `$ref` refers to beside it; the `$ref` stays because clients name types after it."""
    if isinstance(node, list):
        return [resolve_refs(item, document, resolved) for item in node]
    if not isinstance(node, dict):
        return node
    here = {name: resolve_refs(value, document, resolved) for name, value in node.items()}
    if "$ref" not in here:
        return here
    if here["$ref"] not in resolved:
        resolved[here["$ref"]] = here  # inside itself, a recursive schema is only its name
        target = document
        for name in here["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        resolved[here["$ref"]] = resolve_refs(target, document, resolved)
    return resolved[here["$ref"]] | here


def shadowed_paths(old: Any, new: Any) -> Iterator[str]:
    """Find old resources whose URL a new path takes, as `/users/search` would take that of the user "search"."""
    for path in sorted(path for path in new["paths"].keys() - old["paths"].keys() if "{" not in path):
        for template, item in old["paths"].items():
            match = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", template), path)
            declared = [item, *(item[method] for method in METHODS & item.keys())]
            schemas = {
                parameter["name"]: parameter.get("schema", {})
                for each in declared
                for parameter in each.get("parameters", ())
            }
            if match and all(
                Draft202012Validator(schemas[name]).is_valid(value) for name, value in match.groupdict().items()
            ):
                yield f"{template} no longer reaches {path}"


def operation_changes(old: Any, new: Any) -> Iterator[str]:
    new_operations = {name: (item, operation) for name, item, operation in operations(new)}
    for name, item, before in operations(old):
        if name not in new_operations:
            yield f"{name} is gone"
            continue
        new_item, after = new_operations[name]
        # Generated clients name a method after the operationId, and a module after the first tag.
        if before["operationId"] != after["operationId"] or before["tags"][:1] != after["tags"][:1]:
            yield f"{name} is no longer {before['operationId']} of {before['tags'][0]}"
        accepted = security_alternatives(new, after)
        if not all(any(needed <= sent for needed in accepted) for sent in security_alternatives(old, before)):
            yield f"{name} no longer accepts the same credentials"
        for status in sorted(after["responses"].keys() - before["responses"].keys()):
            # Clients read errors by their class (RFC 9110, section 15), other responses by their status.
            if status[0] in "123":
                yield f"{name} may now respond with {status}"
        yield from incompatibilities(
            name, request_schema(item, before), request_schema(new_item, after), in_request=True
        )
        yield from incompatibilities(name, response_schema(before), response_schema(after), in_request=False)


def operations(document: Any) -> Iterator[tuple[str, Any, Any]]:
    for path, item in document["paths"].items():
        for method in sorted(METHODS & item.keys()):
            yield f"{method.upper()} {path}", item, item[method]


def security_alternatives(document: Any, operation: Any) -> list[set[str]]:
    """Return the sets of credentials of which one is enough."""
    schemes = document["components"]["securitySchemes"]
    return [
        {
            json.dumps([schemes[name] | {"description": ""}, scopes], sort_keys=True)
            for name, scopes in requirement.items()
        }
        for requirement in operation.get("security", document.get("security")) or [{}]
    ]


def request_schema(item: Any, operation: Any) -> Any:
    """Describe a request as one schema: its properties are parameters and the body, those of the body media types."""
    parts = {
        f"{parameter['in']} {parameter['name']}": parameter
        for parameter in (*item.get("parameters", ()), *operation.get("parameters", ()))
    }
    if body := operation.get("requestBody"):
        media_types = {name: content.get("schema", {}) for name, content in body["content"].items()}
        parts["body"] = {"schema": {"properties": media_types}, "required": body.get("required")}
    return object_schema(parts)


def response_schema(operation: Any) -> Any:
    """Describe all responses as one schema: its properties are statuses, theirs are headers, links and media types."""
    statuses = {}
    for status, response in operation["responses"].items():
        headers = object_schema({f"header {name}": header for name, header in response.get("headers", {}).items()})
        links = {f"link {name}": link for name, link in response.get("links", {}).items()}
        media_types = {name: content.get("schema", {}) for name, content in response.get("content", {}).items()}
        statuses[status] = headers | {"properties": headers["properties"] | links | media_types}
    return {"properties": statuses}


def object_schema(parts: dict[str, Any]) -> Any:
    """Make an object schema of parameters or headers."""
    return {
        "properties": {
            name: {keyword: part[keyword] for keyword in ("style", "explode", "content") if keyword in part}
            | part.get("schema", {})
            for name, part in parts.items()
        },
        "required": [name for name, part in parts.items() if part.get("required")],
    }


def incompatibilities(where: str, old: Any, new: Any, *, in_request: bool) -> Iterator[str]:
    if old == new:
        return
    if "$ref" in old:
        where = old["$ref"].rpartition("/")[2]
    sent, accepted = (old, new) if in_request else (new, old)
    side = "requests" if in_request else "responses"
    for keyword in sorted((old.keys() | new.keys()) - NOT_COMPARED):
        if not fits(keyword, sent, accepted) and (in_request or keyword != "additionalProperties"):
            yield f"{where}, in {side}: {keyword} was {old.get(keyword)}, is {new.get(keyword)}"
    if "items" in old or "items" in new:
        yield from incompatibilities(f"{where}[]", old.get("items", {}), new.get("items", {}), in_request=in_request)
    was_any, is_any = old.get("anyOf", []), new.get("anyOf", [])
    if len(was_any) != len(is_any):
        yield f"{where}, in {side}: anyOf was {was_any}, is {is_any}"
    else:
        for was, now in zip(was_any, is_any, strict=True):
            yield from incompatibilities(where, was, now, in_request=in_request)

    before, after = old.get("properties", {}), new.get("properties", {})
    gone = before.keys() - after.keys()
    required = set(old.get("required", ()))
    for name in sorted(set(accepted.get("required", ())) - set(sent.get("required", ())) - gone):
        yield f"{where}, in {side}: {name} {'must now be sent' if in_request else 'may now be missing'}"
    for name in before:
        if name in gone:
            yield f"{where}, in {side}: {name} is gone"
            continue
        was, now = before[name].get("default"), after[name].get("default")
        if in_request and name not in required and was != now:
            yield f"{where}, in {side}: the default of {name} was {was}, is {now}"
        yield from incompatibilities(f"{where} {name}", before[name], after[name], in_request=in_request)


def fits(keyword: str, sent: Any, accepted: Any) -> bool:
    """Return whether all that the sender's schema allows satisfies a keyword of the receiver's schema."""
    sender, receiver = sent.get(keyword), accepted.get(keyword)
    if keyword == "type" or (keyword == "not" and excludes_only_types(sent) and excludes_only_types(accepted)):
        return types(sent) <= types(accepted)
    if (values := enumerated(sent)) is not None and keyword not in {"$ref", "format"}:
        return keyword not in accepted or all(
            Draft202012Validator({keyword: receiver}).is_valid(value) for value in values
        )
    if keyword in {"enum", "const"}:
        return receiver is None
    if keyword in LOWER_BOUNDS:
        return bool(sent.get(keyword, LOWER_BOUNDS[keyword]) >= accepted.get(keyword, LOWER_BOUNDS[keyword]))
    if keyword in UPPER_BOUNDS:
        return bool(sent.get(keyword, inf) <= accepted.get(keyword, inf))
    # Any other keyword must stay as it is: formats and $refs are types in clients, and the rest is unknown here.
    return sender == receiver or (
        keyword in DROPPABLE and accepted.get(keyword, DROPPABLE[keyword]) == DROPPABLE[keyword]
    )


def enumerated(schema: Any) -> Any:
    """Return the values of `const` or `enum`, or None if the schema has neither."""
    return [schema["const"]] if "const" in schema else schema.get("enum")


def types(schema: Any) -> set[str]:
    """Return the types that `type` allows and `not` does not exclude."""
    declared = schema.get("type", TYPES)
    names = {declared} if isinstance(declared, str) else set(declared)
    if "number" in names:
        names.add("integer")
    excluded = schema.get("not", {}).get("type", ()) if excludes_only_types(schema) else ()
    return names - set(excluded) - ({"integer"} if "number" in excluded else set())


def excludes_only_types(schema: Any) -> bool:
    return set(schema.get("not", ())) <= {"type"}
