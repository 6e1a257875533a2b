"""What breaks a client between two documents.

A request may only come to ask for less, a response only to promise more. So one question is asked in both directions:
does what one side gives still fit what the other side takes? The client gives requests as the old document has them,
the server answers as the new one has them. The exception is what is added: a client ignores members that it does not
know, though schemas are closed, for else nothing could ever grow.
"""

import json
import re
from collections.abc import Iterator
from math import inf
from typing import Any

from jsonschema import Draft202012Validator

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
TYPES = {"array", "boolean", "integer", "null", "number", "object", "string"}
# What a bound is where it is left out.
LOWEST = {"minimum": -inf, "exclusiveMinimum": -inf, "minLength": 0, "minItems": 0, "minProperties": 0}
HIGHEST = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
# What the side that takes may drop but not change, and what it is then.
DEMANDS = {"pattern": None, "multipleOf": None, "uniqueItems": False, "additionalProperties": True}
# What is for people, and what has its own comparison below.
APART = {"description", "example", "examples", "deprecated", "readOnly", "writeOnly"}
APART |= {"default", "properties", "required", "items"}


def breaks(old: Any, new: Any) -> list[str]:
    """A sentence for everything that a client of the old document would stumble over."""
    old, new = (document | {"paths": resolved(document["paths"], document, {})} for document in (old, new))
    urls = {server["url"] for server in new["servers"]}
    gone = [f"The server {server['url']} is gone" for server in old["servers"] if server["url"] not in urls]
    # A component's sentences are the same wherever it is used: one of each is enough.
    return list(dict.fromkeys([*gone, *shadowed(old, new), *broken_operations(old, new)]))


def resolved(inside: Any, document: Any, known: dict[str, Any]) -> Any:
    """The same with what every `$ref` stands for beside it: its name stays, for clients name their types after it."""
    if isinstance(inside, list):
        return [resolved(each, document, known) for each in inside]
    if not isinstance(inside, dict):
        return inside
    here = {name: resolved(each, document, known) for name, each in inside.items()}
    if "$ref" not in here:
        return here
    if here["$ref"] not in known:
        known[here["$ref"]] = here  # within itself, a recursive schema is its name
        target = document
        for name in here["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        known[here["$ref"]] = resolved(target, document, known)
    return known[here["$ref"]] | here


def shadowed(old: Any, new: Any) -> Iterator[str]:
    """Resources that a new path takes the URL from, as `/users/search` would from a user of that name."""
    for path in sorted(path for path in new["paths"].keys() - old["paths"].keys() if "{" not in path):
        for template, item in old["paths"].items():
            named = re.fullmatch(re.sub(r"{(\w+)}", r"(?P<\1>[^/]+)", template), path)
            schemas = {parameter["name"]: parameter["schema"] for parameter in item.get("parameters", ())}
            if named and all(Draft202012Validator(schemas[key]).is_valid(at) for key, at in named.groupdict().items()):
                yield f"{template} no longer reaches {path}"


def broken_operations(old: Any, new: Any) -> Iterator[str]:
    offered = {name: (item, operation) for name, item, operation in operations(new)}
    for name, item, before in operations(old):
        if name not in offered:
            yield f"{name} is gone"
            continue
        new_item, after = offered[name]
        # Generated clients make a method of the operationId, and a module of the first tag.
        if before["operationId"] != after["operationId"] or before["tags"][:1] != after["tags"][:1]:
            yield f"{name} is no longer {before['operationId']} of {before['tags'][0]}"
        if not all(any(way <= known for way in ways_in(new, after)) for known in ways_in(old, before)):
            yield f"{name} no longer takes the same credentials"
        for status in sorted(after["responses"].keys() - before["responses"].keys()):
            # Errors are read by their class (RFC 9110, section 15), successes and redirections by their status.
            if status[0] in "123":
                yield f"{name} may now answer {status}"
        yield from misfits(name, request(item, before), request(new_item, after), asked=True)
        yield from misfits(name, response(before), response(after), asked=False)


def operations(document: Any) -> Iterator[tuple[str, Any, Any]]:
    for path, item in document["paths"].items():
        for method in sorted(METHODS & item.keys()):
            yield f"{method.upper()} {path}", item, item[method]


def ways_in(document: Any, operation: Any) -> list[set[str]]:
    """Each the set of credentials that suffices."""
    schemes = document["components"]["securitySchemes"]
    return [
        {json.dumps([schemes[name] | {"description": ""}, scopes], sort_keys=True) for name, scopes in way.items()}
        for way in operation.get("security", document.get("security")) or [{}]
    ]


def request(item: Any, operation: Any) -> Any:
    """All that is asked, as one schema: parameters and the body are its members, media types those of the body."""
    asked = {
        f"{parameter['in']} {parameter['name']}": parameter
        for parameter in (*item.get("parameters", ()), *operation.get("parameters", ()))
    }
    if body := operation.get("requestBody"):
        media_types = {name: content.get("schema", {}) for name, content in body["content"].items()}
        asked["body"] = {"schema": {"properties": media_types}, "required": body.get("required")}
    return members(asked)


def response(operation: Any) -> Any:
    """All that is answered, as one schema: statuses are its members, headers, links and media types are theirs."""
    answered = {}
    for status, answer in operation["responses"].items():
        headers = members({f"header {name}": header for name, header in answer.get("headers", {}).items()})
        links = {f"link {name}": link for name, link in answer.get("links", {}).items()}
        media_types = {name: content.get("schema", {}) for name, content in answer.get("content", {}).items()}
        answered[status] = headers | {"properties": headers["properties"] | links | media_types}
    return {"properties": answered}


def members(described: dict[str, Any]) -> Any:
    return {
        "properties": {
            name: {keyword: each[keyword] for keyword in ("style", "explode", "content") if keyword in each}
            | each.get("schema", {})
            for name, each in described.items()
        },
        "required": [name for name, each in described.items() if each.get("required")],
    }


def misfits(where: str, old: Any, new: Any, *, asked: bool) -> Iterator[str]:
    if old == new:
        return
    if "$ref" in old:
        where = old["$ref"].rpartition("/")[2]
    given, taken = (old, new) if asked else (new, old)
    side = "requests" if asked else "responses"
    for keyword in sorted((old.keys() | new.keys()) - APART):
        if not fits(keyword, given, taken) and (asked or keyword != "additionalProperties"):
            yield f"{where}, in {side}: {keyword} was {old.get(keyword)}, is {new.get(keyword)}"
    if "items" in old or "items" in new:
        yield from misfits(f"{where}[]", old.get("items", {}), new.get("items", {}), asked=asked)

    before, after = old.get("properties", {}), new.get("properties", {})
    gone = before.keys() - after.keys()
    required = set(old.get("required", ()))
    for name in sorted(set(taken.get("required", ())) - set(given.get("required", ())) - gone):
        yield f"{where}, in {side}: {name} {'must now be sent' if asked else 'may now be missing'}"
    for name in before:
        if name in gone:
            yield f"{where}, in {side}: {name} is gone"
            continue
        was, now = before[name].get("default"), after[name].get("default")
        if asked and name not in required and was != now:
            yield f"{where}, in {side}: without {name}, {was} was meant, now it is {now}"
        yield from misfits(f"{where} {name}", before[name], after[name], asked=asked)


def fits(keyword: str, given: Any, taken: Any) -> bool:
    """Whether a keyword of the side that takes lets all through that the side that gives may send."""
    giver, taker = given.get(keyword), taken.get(keyword)
    if keyword == "type":
        return types(giver) <= types(taker)
    if (alone := values(given)) is not None and keyword not in {"$ref", "format"}:
        return keyword not in taken or all(Draft202012Validator({keyword: taker}).is_valid(value) for value in alone)
    if keyword in {"enum", "const"}:
        return taker is None
    if keyword in LOWEST:
        return bool(given.get(keyword, LOWEST[keyword]) >= taken.get(keyword, LOWEST[keyword]))
    if keyword in HIGHEST:
        return bool(given.get(keyword, inf) <= taken.get(keyword, inf))
    # Whatever else there is stays as it is: a format or a $ref is a type in a client, and the rest is not known here.
    return giver == taker or (keyword in DEMANDS and taken.get(keyword, DEMANDS[keyword]) == DEMANDS[keyword])


def values(schema: Any) -> Any:
    """What alone is allowed, if there are such values."""
    return [schema["const"]] if "const" in schema else schema.get("enum")


def types(declared: Any) -> set[str]:
    named = {declared} if isinstance(declared, str) else set(declared or TYPES)
    return named | {"integer"} if "number" in named else named
