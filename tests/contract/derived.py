"""Hostile requests that every operation of a kind must reject, derived from the OpenAPI document."""

import json
from collections.abc import Iterator

from tests.contract.catalogue import ADMIN_OPERATIONS, BODIES, IDS, OPERATIONS, Operation, path_of
from tests.contract.hostile import ADMIN, EMPTY_TOKENS, INVALID_LIMITS, INVALID_TOKENS, JSON, Hostile

IF_MATCH = {"If-Match": "*"}
INVALID_BODIES = [(b"{", 400), (b'{"a": 1, "a": 1}', 400), (b"[]", 422), (b"null", 422), (b'{"__proto__": {}}', 422)]
UNSUPPORTED_TYPES = [
    "",
    "text/plain",
    "application/jsonp",
    "application/json; charset=utf-16",
    "multipart/form-data; boundary=x",
]
INVALID_IDS = ["0", "-1", "+1", "01", "1.0", "1e0", "0x1", "1%0A", "1%00", "%D9%A1", "9007199254740992", "9" * 4_000]
INVALID_SEGMENTS = [".", "..", "%2e%2e", "%00", "x%0A", "x%0D%0AY:%20z", "x%2Fy", "%2e%2e%2F", "x" * 201]
INVALID_KEYS = ["", "a b", "a,b", "\xff", "k" * 256]


def derived() -> Iterator[Hostile]:
    """Yield the requests; ada sends them, or an admin, unless they have another `Authorization`."""
    for operation in OPERATIONS.values():
        is_for_admins = operation.id in ADMIN_OPERATIONS
        for row in _of_operation(operation):
            yield row._replace(headers={"Authorization": ADMIN, **row.headers}) if is_for_admins else row


def _of_operation(operation: Operation) -> Iterator[Hostile]:
    security = operation.description["security"]
    yield from _queries(operation)
    yield from _bodies(operation)
    yield from _header_fields(operation)
    if {"bearer": []} in security:
        yield from (
            Hostile(_line(operation), 401, "Send a valid token", _body(operation), {"Authorization": token})
            for token in (*INVALID_TOKENS, *(() if operation.is_public else EMPTY_TOKENS))
        )
    if operation.method in {"GET", "PUT"}:
        yield from _paths(operation)


def _line(operation: Operation) -> str:
    return f"{operation.method} {path_of(operation)}"


def _body(operation: Operation) -> bytes | None:
    body = BODIES.get(operation.id)
    return None if body is None else json.dumps(body).encode()


def _queries(operation: Operation) -> Iterator[Hostile]:
    line = _line(operation)
    yield Hostile(f"{line}?unknown=1", 422, "unknown Unknown", _body(operation), IF_MATCH)
    for query, error in (("&", " Empty"), ("&&", " Empty"), ("x&", " Empty"), ("=", " Unknown"), ("=x", " Unknown")):
        yield Hostile(f"{line}?{query}", 422, error, _body(operation), IF_MATCH)
    parameters = {each.get("name"): each for each in operation.description.get("parameters", [])}
    names = parameters.keys()
    if "limit" in names:
        yield from (Hostile(f"{line}?limit={limit}", 422, "limit Not a valid integer.") for limit in INVALID_LIMITS)
        yield from (Hostile(f"{line}?limit={limit}", 422, "limit Must be") for limit in ("0", "101"))
        yield from (Hostile(f"{line}?{query}", 422, " Empty") for query in ("&limit=1", "limit=1&", "&&limit=1"))
    if "since" in names:
        yield Hostile(f"{line}?since=", 422, "since Not a token")
        yield Hostile(f"{line}?since={'_' * 76}", 410)
    if "cursor" in names:
        yield from (Hostile(f"{line}?cursor={cursor}", 422, "cursor Not a cursor") for cursor in ("", "," * 32))
        if parameters["cursor"]["schema"].get("minLength") == 32:
            ends = "0" * 16, "7" + "f" * 15  # of times and of ids, beyond those of any row
            yield from (Hostile(f"{line}?cursor={time}{id_}", 200) for time in ends for id_ in ends)


def _bodies(operation: Operation) -> Iterator[Hostile]:
    if body := _body(operation):
        line = _line(operation)
        yield from (
            Hostile(line, status, "", invalid, IF_MATCH)
            for invalid, status in INVALID_BODIES
            if invalid != b"null" or operation.description["requestBody"].get("required")
        )
        yield from (Hostile(line, 415, "", body, {**IF_MATCH, "Content-Type": type_}) for type_ in UNSUPPORTED_TYPES)
        yield Hostile(line, 415, "", body, {**IF_MATCH, **JSON, "Content-Encoding": "gzip"})
        if operation.method == "PUT":
            yield Hostile(line, 400, "without Content-Range", body, {**IF_MATCH, "Content-Range": "bytes 0-1/2"})


def _header_fields(operation: Operation) -> Iterator[Hostile]:
    references = {parameter.get("$ref", "") for parameter in operation.description.get("parameters", [])}
    if "#/components/parameters/IF_MATCH" in references:
        for fields, status in (({}, 428), ({"If-Match": '"a"'}, 412), ({"If-Match": ""}, 412)):
            yield Hostile(_line(operation), status, "", _body(operation), fields)
    if "#/components/parameters/IF_NONE_MATCH_ANY" in references:
        line, body = _line(operation), _body(operation)
        yield Hostile(line, 428, "Send `If-None-Match: *`", body)
        yield Hostile(line, 412, "It exists already", body, {"If-None-Match": "*"})
        for tags in ('"a"', 'W/"a"', '"*"', "", "*, *", '*, "a"', "a", "\xff"):
            yield Hostile(line, 400, "Invalid If-None-Match", body, {"If-None-Match": tags})
            yield Hostile(line, 400, "Send either", body, {"If-Match": tags, "If-None-Match": "*"})
            yield Hostile(line, 412, "does not match", body, {"If-Match": tags})
    if "#/components/parameters/IDEMPOTENCY_KEY" in references:
        for key in INVALID_KEYS:
            yield Hostile(_line(operation), 400, "Invalid Idempotency-Key", _body(operation), {"Idempotency-Key": key})


def _paths(operation: Operation) -> Iterator[Hostile]:
    for name, value in IDS.items():
        if f"{{{name}}}" in operation.path:
            for other in INVALID_IDS if isinstance(value, int) else INVALID_SEGMENTS:
                path = operation.path.replace(f"{{{name}}}", other).format(**IDS)
                line = f"{operation.method} {path}"
                yield Hostile(line, 404, "There is nothing at this URL.", _body(operation), IF_MATCH)
