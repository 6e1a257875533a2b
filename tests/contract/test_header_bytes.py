"""Any bytes in header fields, paths and queries get a response that is not a server error.

WSGI passes bytes as Latin-1 (PEP 3333), so each byte is a character of the text that the application parses.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from werkzeug.datastructures import Headers
from werkzeug.test import EnvironBuilder, run_wsgi_app

from api.app import create_app
from api.http.application import Application
from api.settings import Settings
from tests.contract.catalogue import DOCUMENT, OPERATIONS, arrange
from tests.contract.hostile import JSON, POST
from tests.support.clients import Client, basic_auth, signed_in_user
from tests.support.http import parse_response
from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server

ORIGIN = "https://blog.example"
FIELDS: dict[str, tuple[str, ...]] = {
    "Authorization": (
        *("*", "*Bearer prt_x", "Bearer*prt_x", "Bearer *", "Bearer prt_*", "Bearer a=*", "Bearer a*=UTF-8''*"),
        *("Basic *", "Basic*YWRhOng=", "Basic YWRh*", "Basic YWRhOng=*", "Digest a=*", 'Digest a="*', "Negotiate *"),
    ),
    "X-Forwarded-For": ("*", "192.0.2.1*", "192.0.2.1:*", "[2001:db8::1*]:80", "2001:db8::1%*", '"*', "192.0.2.1, *"),
    "X-Forwarded-Host": ("*", "blog.example*", "blog.example:*", "[*]:80", "a, *"),
    "X-Forwarded-Proto": ("*", "http*", "http, *"),
    "X-Forwarded-Prefix": ("*", "/*", "/api*", "/api/*", "/a, /*"),
    "X-Forwarded-Port": ("*", "80*"),
    "Forwarded": ("*", "for=192.0.2.1*", 'for="[*]"'),
    "Host": ("*", "x*", "x:*", "[*]", "[::1]*"),
    "If-Match": ("*", '"a*"', 'W/*"a"', '"a"*'),
    "If-None-Match": ("*", '"a*"', 'W/*"a"', '"a"*'),
    "If-Modified-Since": ("*", "Thu, 01 Jan 2099 00:00:00 *"),
    "If-Unmodified-Since": ("*", "Thu, 01 Jan 2099 00:00:00 *"),
    "If-Range": ("*", '"a*"'),
    "Range": ("*", "bytes=*", "bytes=0-*"),
    "Idempotency-Key": ("*", "k*"),
    "Content-Type": ("*", "application/json*", "application/json; charset=*", "application/json; charset*=*''utf-8"),
    "Content-Length": ("*", "*27", "27*"),
    "Content-Encoding": ("*", "identity*"),
    "Content-Range": ("*", "bytes 0-*"),
    "Transfer-Encoding": ("*", "chunked*"),
    "Expect": ("*", "100-continue*"),
    "Accept": ("*", "*/*", "application/json;q=*"),
    "Accept-Charset": ("*",),
    "Accept-Encoding": ("*", "gzip;q=*"),
    "Accept-Language": ("*", "en;q=*"),
    "Origin": ("*", f"{ORIGIN}*", "https://*"),
    "Access-Control-Request-Method": ("*", "PATCH*"),
    "Access-Control-Request-Headers": ("*", "if-match*", "if-match, *"),
    "X-Request-ID": ("*", "0123456789*"),
    "User-Agent": ("*", "curl*"),
    "Referer": ("*",),
    "Cookie": ("*", "a=*", "a=b; *"),
    "Cache-Control": ("*", "max-age=*"),
    "Connection": ("*", "close*"),
    "Date": ("*",),
    "Traceparent": ("*", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-*"),
    "Upgrade": ("*",),
    "X-HTTP-Method-Override": ("*", "PATCH*"),
    "X-Unknown": ("*",),
}
"""Header fields with values, in which `*` is replaced by bytes."""
ALL_BYTES = [chr(byte) for byte in range(1, 256)]
# Controls of C0 and C1, delimiters, bytes of UTF-8, whitespace of Unicode, and characters in UTF-8.
SOME_BYTES = [*'\x01\t"%,;=\\\x7f\x80\x85\xa0\xc2\xff', *(text.encode().decode("latin-1") for text in "é\x85\u2028")]


class Message(NamedTuple):
    """A request: valid, but for the field that a test replaces."""

    method: str
    target: str
    fields: Mapping[str, str] = {}
    body: bytes = b""


class Scene(NamedTuple):
    """An application behind a trusted proxy, and valid requests, one for each kind of operation."""

    app: Application
    messages: Mapping[str, Message]


@pytest.fixture(scope="module")
def settings(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings with everything that parses header fields."""
    database = tmp_path_factory.mktemp("bytes") / "pressroom.sqlite"
    database.write_bytes(migrated.read_bytes())
    return Settings(
        database_url=f"sqlite:///{database}",
        sqlite_synchronous="NORMAL",
        access_log=str(database.with_suffix(".log")),
        trusted_proxies=1,
        cors_origins=(ORIGIN,),
    )


@pytest.fixture(scope="module")
def scene(settings: Settings) -> Iterator[Scene]:
    # One client sends thousands of requests.
    app = create_app(replace(settings, rate_limits="off"))
    ada = signed_in_user(app, "ada")
    arrange(ada)
    token = {"Authorization": f"Bearer {ada.token}"}
    messages = {
        "read": Message("GET", "/posts?limit=1"),
        "conditional read": Message("GET", "/posts/1", {"If-None-Match": '"a"'}),
        "private read": Message("GET", "/me", token),
        "write": Message("POST", "/posts", token | JSON, POST),
        "idempotent write": Message("POST", "/posts", token | JSON | {"Idempotency-Key": "k"}, POST),
        "conditional write": Message("PATCH", "/users/ada", token | JSON | {"If-Match": '"a"'}, b'{"bio": "b"}'),
        "preflight": Message("OPTIONS", "/posts", {"Origin": ORIGIN, "Access-Control-Request-Method": "POST"}),
        "static file": Message("GET", "/docs/page/initializer.js"),
        "no route": Message("GET", "/nothing"),
    }
    yield Scene(app, messages)
    app.database.close()


def send(app: Application, message: Message, fields: Mapping[str, str]) -> int:
    """Send a request with these fields in place of its own; return the status, or fail for an invalid response."""
    environ = EnvironBuilder(method=message.method, path=message.target).get_environ()
    environ |= {"wsgi.input": BytesIO(message.body), "CONTENT_LENGTH": str(len(message.body))}
    for name, value in {**message.fields, **fields}.items():
        key = name.upper().replace("-", "_")
        environ[key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"] = value
    _, status, headers = run_wsgi_app(app, environ, buffered=True)
    assert_clean(headers)
    return int(status.split()[0])


def assert_clean(headers: Headers) -> None:
    """Fail for a field of a response that has characters other than visible ASCII and spaces."""
    for name, value in headers.items():
        assert re.fullmatch("[ -~]*", value), (name, value)


def named_fields() -> set[str]:
    """Return the names of the header fields that the code reads or the OpenAPI document has."""
    code = "".join(path.read_text() for path in (PROJECT_ROOT / "api").rglob("*.py"))
    read = {name.replace("_", "-") for name in re.findall(r'"HTTP_([A-Z_]+)"', code)}
    documented = {
        DOCUMENT["components"]["parameters"][parameter["$ref"].rpartition("/")[2]]["name"].upper()
        for operation in OPERATIONS.values()
        for parameter in operation.description.get("parameters", [])
        if "$ref" in parameter
    }
    return read | documented


def test_every_header_field_that_the_code_or_the_document_names_is_tested() -> None:
    assert {name.upper() for name in FIELDS} >= named_fields()


# Besides those that the code names, the fields that Werkzeug's ProxyFix and flask-cors read.
PARSED = re.compile("|".join([*named_fields(), "CONTENT-.*", "X-FORWARDED-.*", "ORIGIN", "ACCESS-CONTROL-.*"]))
EACH_FIELD = pytest.mark.parametrize(
    "field", [pytest.param(name, marks=[] if PARSED.fullmatch(name.upper()) else pytest.mark.heavy) for name in FIELDS]
)


@EACH_FIELD
def test_each_byte_in_a_header_field_of_a_read_gets_a_response(scene: Scene, field: str) -> None:
    for template, byte in product(FIELDS[field], ALL_BYTES):
        value = template.replace("*", byte)
        assert send(scene.app, scene.messages["read"], {field: value}) < 500, value


@EACH_FIELD
def test_bytes_in_a_header_field_of_any_operation_get_a_response(scene: Scene, field: str) -> None:
    for template, byte, (kind, message) in product(FIELDS[field], SOME_BYTES, scene.messages.items()):
        value = template.replace("*", byte)
        assert send(scene.app, message, {field: value}) < 500, (kind, value)


@pytest.mark.parametrize("field", ["Authorization", "X-Forwarded-For", "X-Forwarded-Prefix"])
def test_bytes_in_a_header_field_of_a_sign_in_get_a_response(settings: Settings, field: str) -> None:
    """Few, because each may hash a password."""
    app = create_app(settings)
    signed_in_user(app, f"user-{field.lower()}")
    message = Message("POST", "/tokens", basic_auth(f"user-{field.lower()}") | JSON, b"{}")
    for template, byte in product(FIELDS[field], "\x01\x80\xa0\xff"):
        value = template.replace("*", byte)
        assert send(app, message, {field: value}) < 500, value
    app.database.close()


@given(
    kind=st.sampled_from(["read", "conditional read", "private read", "idempotent write", "conditional write"]),
    fields=st.dictionaries(
        st.sampled_from(sorted(FIELDS)),
        st.one_of(
            st.text(st.characters(min_codepoint=1, max_codepoint=255), max_size=30),
            st.text("\"\\,;=:/*%'[]() \t\xe9\xffaU8", max_size=30),
        ),
        min_size=1,
        max_size=4,
    ),
)
def test_any_text_in_header_fields_gets_a_response(scene: Scene, kind: str, fields: dict[str, str]) -> None:
    assert send(scene.app, scene.messages[kind], fields) < 500


@pytest.mark.parametrize("path", ["/*", "/users/*", "/users/ada*", "/posts/*", "/posts/1*", "/docs/page/*"])
def test_each_byte_in_a_path_gets_a_response(scene: Scene, path: str) -> None:
    for byte in ALL_BYTES:
        for raw in (byte, f"%{ord(byte):02x}"):
            environ = EnvironBuilder().get_environ()
            environ |= {"PATH_INFO": path.replace("*", byte), "RAW_URI": path.replace("*", raw)}
            _, status, headers = run_wsgi_app(scene.app, environ, buffered=True)
            assert_clean(headers)
            assert int(status.split()[0]) < 500, (path, raw)


@pytest.mark.parametrize("path", ["/posts", "/posts/1"])
def test_each_byte_in_a_query_gets_a_response(scene: Scene, path: str) -> None:
    for byte in ALL_BYTES:
        for raw, query in product((byte, f"%{ord(byte):02x}"), ("*", "*=1", "limit=1*", "*&*")):
            query_string = query.replace("*", raw)
            environ = EnvironBuilder().get_environ()
            environ |= {"PATH_INFO": path, "QUERY_STRING": query_string, "RAW_URI": f"{path}?{query_string}"}
            _, status, headers = run_wsgi_app(scene.app, environ, buffered=True)
            assert_clean(headers)
            assert int(status.split()[0]) < 500, (path, query_string)


@pytest.fixture(scope="module")
def server(settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(
        ["gunicorn"],
        tmp_path_factory.mktemp("gunicorn"),
        PROJECT_ROOT,
        PRESSROOM_DATABASE_URL=settings.database_url,
        PRESSROOM_RATE_LIMITS="off",
        PRESSROOM_TRUSTED_PROXIES="1",
        PRESSROOM_CORS_ORIGINS=ORIGIN,
    )
    yield server.wait_until_ready()
    server.stop()


def test_bytes_in_header_fields_over_sockets_get_one_response(
    server: Server, scene: Scene, subtests: pytest.Subtests
) -> None:
    for field, templates in FIELDS.items():
        with subtests.test(field):
            for template, byte in product(templates, "\x01\x7f\x80\xa0\xff"):
                value = template.replace("*", byte)
                raw = raw_request(scene.messages["conditional write"], {field: value})
                response = parse_response(server.send_raw(raw))
                assert b"HTTP/1.1 " not in response.body, value
                # gunicorn's response to an unknown coding (RFC 9112, section 6.1).
                assert response.status < 500 or (field, response.status) == ("Transfer-Encoding", 501), value
    assert "Traceback" not in server.log.read_text()


def raw_request(message: Message, fields: Mapping[str, str]) -> bytes:
    defaults = {"Host": "x", "Connection": "close", "Content-Length": str(len(message.body))}
    lines = [f"{name}: {value}" for name, value in (defaults | dict(message.fields) | dict(fields)).items()]
    request = "".join(f"{line}\r\n" for line in (f"{message.method} {message.target} HTTP/1.1", *lines, ""))
    return request.encode("latin-1") + message.body


def test_credentials_that_are_not_ascii_are_rejected(scene: Scene) -> None:
    token = scene.messages["private read"].fields["Authorization"].removeprefix("Bearer ")
    for value in (
        "Basic \xff",
        "Basic YWRh\xffOng=",
        "\xff",
        f"Bearer\xa0{token}",
        f"Bearer {token}\xa0",
        "Bearer a=b",
    ):
        for kind in ("read", "conditional read", "private read", "write", "conditional write"):
            assert send(scene.app, scene.messages[kind], {"Authorization": value}) == 401, (kind, value)


def test_valid_credentials_sign_in_only_as_http_basic_in_ascii(settings: Settings) -> None:
    app = create_app(settings)
    signed_in_user(app, "eve")
    message = Message("POST", "/tokens", JSON, b"{}")
    valid = basic_auth("eve")["Authorization"].removeprefix("Basic ")
    for value in (f"Bearer {valid}", f"Other {valid}", f"Basic {valid}\xff", f"Basic \xff{valid}", f"Basic\xa0{valid}"):
        assert send(app, message, {"Authorization": value}) == 401, value
    for value in (f"Basic {valid}", f"basic {valid}", f"BASIC  {valid}"):
        assert send(app, message, {"Authorization": value}) == 201, value
    app.database.close()


def test_a_valid_message_of_each_kind_succeeds_or_fails_its_precondition(scene: Scene) -> None:
    statuses = {kind: send(scene.app, message, {}) for kind, message in scene.messages.items()}
    assert statuses == {
        **dict.fromkeys(("read", "conditional read", "private read", "preflight", "static file"), 200),
        **dict.fromkeys(("write", "idempotent write"), 201),
        "conditional write": 412,
        "no route": 404,
    }


def test_clients_of_the_scene_are_those_of_a_proxy(scene: Scene) -> None:
    """The fields are parsed only if a proxy is trusted."""
    location = Client(scene.app).get("/", headers={"X-Forwarded-Prefix": "/api"}).json or {}
    assert location["posts_url"] == "/api/posts"
