"""Malformed messages, which only a server sees, with the status and the problem that each must get.

gunicorn itself rejects some, and the application never sees them: these have a status without a problem.
"""

from typing import NamedTuple

from tests.contract.hostile import POST, title


class Message(NamedTuple):
    """Bytes on a connection, the status of the response, and an excerpt of the problem."""

    raw: bytes
    status: int
    detail: str = ""

    def __str__(self) -> str:
        """Describe the message in a failure."""
        text = repr(self.raw.replace(COMMON, b"").replace(SIGNED, b""))
        return text if len(text) < 120 else f"{text[:60]}…{text[-50:]}"


COMMON = b"Host: x\r\nConnection: close\r\n"
TOKEN = b"<the token of ada>"
SIGNED = b"Authorization: Bearer " + TOKEN + b"\r\nContent-Type: application/json\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
# A server that takes a body for another request responds twice.
SMUGGLED = b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"


def get(line: bytes, fields: bytes = b"") -> bytes:
    return line + b" HTTP/1.1\r\n" + COMMON + fields + b"\r\n"


def post(fields: bytes, body: bytes) -> bytes:
    return get(b"POST /posts", SIGNED + fields) + body


def chunks(*parts: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (*parts, b""))


INVALID_CHUNKS = [b"zz\r\n", b"-1\r\n\r\n", b"0x5\r\nabcde\r\n0\r\n\r\n", b"1_0\r\nab", b"5\r\nabcdeXX\r\n0\r\n\r\n"]
TRUNCATED_CHUNKS = [b"", b"5\r\nab", b"5\nabcde\n0\n\n", b"f" * 20 + b"\r\n", chunks(POST)[:-5]]
CONFLICTING_FRAMING = [CHUNKED + b"Content-Length: 5\r\n", b"Content-Length: 5\r\n" + CHUNKED, CHUNKED + CHUNKED]
INVALID_CODINGS = [b"Transfer-Encoding" + rest for rest in (b": identity\r\n", b" : chunked\r\n", b":\x0bchunked\r\n")]
INVALID_LENGTHS = [b"", b"abc", b"-1", b"+27", b"2_7", b"0x1b", "٢٧".encode(), b"27, 27", b"27\r\nContent-Length: 27"]
BODIES = [
    *(Message(post(CHUNKED, body), 400, "The chunked body is malformed") for body in INVALID_CHUNKS),
    *(Message(post(CHUNKED, body), 400, "The request is malformed.") for body in TRUNCATED_CHUNKS),
    *(Message(post(fields, chunks(POST)), 400) for fields in [*CONFLICTING_FRAMING, *INVALID_CODINGS]),
    Message(post(b"Transfer-Encoding: xchunked\r\n", chunks(POST)), 501),  # RFC 9112, section 6.1
    Message(post(CHUNKED, chunks(POST)).replace(b"HTTP/1.1", b"HTTP/1.0"), 400),
    Message(post(b"Transfer-Encoding: gzip, chunked\r\n", chunks(b"\x1f\x8b\x08")), 400, "not UTF-8"),
    Message(post(CHUNKED, chunks(b"")), 422, "#/title Missing data"),
    Message(post(CHUNKED, chunks(POST[:9])), 400, "unexpected end of data"),
    Message(post(CHUNKED, chunks(b" " * 4_194_304, POST)), 413, "The body is too large."),
    Message(post(CHUNKED, chunks(title(b"1"))), 422, "#/title Not a valid string."),
    Message(
        post(CHUNKED, b"1B;a=b\r\n" + title(b"123") + b"\r\n0\r\nX: y\r\n\r\n"), 422, "#/title Not a valid string."
    ),
    *(Message(post(b"Content-Length: " + length + b"\r\n", POST), 400) for length in INVALID_LENGTHS),
    Message(post(b"Content-Length: 27\r\nContent-Length: 5\r\n", POST), 400),
    Message(post(b"Content-Length: 100\r\n", POST), 400, "The body ends before its Content-Length."),
    Message(post(b"Content-Length: 4194306\r\n", POST), 413, "The body is too large."),
    *(
        Message(message.replace(b"LENGTH", b"9" * 30), 413, "The body is too large.")
        for message in (
            post(b"Content-Length: LENGTH\r\n", POST),
            *(get(line, b"Content-Length: LENGTH\r\n") for line in (b"POST /posts", b"GET /users", b"PUT /nothing")),
        )
    ),
    Message(post(b"Content-Length: 5\r\n", POST), 400, "unexpected end of data"),
    Message(post(b"", POST), 422, "#/title Missing data"),
    Message(post(b"Content-Length: 2\r\nExpect: 200-ok\r\n", b"{}"), 417),
    Message(post(b"Content-Type: text/plain\r\nContent-Length: 27\r\n", POST), 400),
    Message(
        post(b"Content-Length: 27\r\nIdempotency-Key: a\r\nIdempotency-Key: b\r\n", POST),
        400,
        "Invalid Idempotency-Key",
    ),
    # A body that is not read must not become another request.
    Message(b"GET /users HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED, 200),
    Message(b"GET /users HTTP/1.1\r\nHost: x\r\n" + CHUNKED + b"\r\n" + chunks(SMUGGLED), 200),
    Message(get(b"GET /users", CHUNKED) + b"zz\r\n" + SMUGGLED, 200),
    Message(post(b"Content-Length: 2\r\n", b"{}" + SMUGGLED), 422, "#/title Missing data"),
]
INVALID_REQUEST_LINES = [
    *(b"get /users", b"G@T /users", b"G" * 100 + b" /users", b"GET /users /x", b"GET", b"GET ", b" GET /users"),
    *(b"GET users", b"GET *", b"GET /users/\xff", "GET /users/ö".encode(), b"GET /users/\x00", b"GET /users\tx"),
]
REQUEST_LINES = [
    *(Message(get(line), 400) for line in INVALID_REQUEST_LINES),
    Message(b"GET /users\r\n" + COMMON + b"\r\n", 400),
    Message(b"GET /users HTTP/2.0\r\n" + COMMON + b"\r\n", 400),
    Message(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
    Message(b"GET /users HTTP/1.1\nHost: x\n\n", 400),
    Message(b"\r\n\r\n", 400),
    Message(get(b"GET /users?" + b"x" * 5_000), 414),
    Message(get(b"GET http://x/users"), 200),  # RFC 9112, section 3.2.2
    Message(get(b"GET http://x//users"), 404, "There is nothing at this URL."),
    Message(get(b"OPTIONS *"), 404, "There is nothing at this URL."),
    Message(get(b"CONNECT x:80"), 404, "There is nothing at this URL."),
    Message(get(b"FOO /users"), 405, "Use one of those in `Allow`."),
    Message(b"GET /users HTTP/1.0\r\n\r\n", 200),
    Message(b"GET /users HTTP/1.0\r\nHost:\r\n\r\n", 200),
]
INVALID_HOSTS = [
    b"",
    *(
        b"Host: " + host + b"\r\n"
        for host in (b"a b", b"a/b", b"a@b", b"[", b"x:y", b"a%zz", b"[::1", b"x:1:2", b"\xe9")
    ),
]
VALID_HOSTS = [
    *(
        b"",
        b":80",
        b"x:",
        b"..",
        b"x.",
        b"X.Example",
        b"my_svc:8000",
        b"a~b",
        b"a%20b",
        b"a" * 60 + b":8000",
        b"a" * 200,
    ),
    *(b"[::1]", b"[::1]:8000", b"[fe80::1%25eth0]", b"192.0.2.1:8000", b"xn--caf-dma.example"),
]
"""RFC 3986, section 3.2.2; no response depends on the host."""
INVALID_FIELDS = [
    *(b"nonsense\r\n", b": x\r\n", b"X Y: z\r\n", b"X : z\r\n", b"X\xe9: z\r\n", b"Host: y\r\n"),
    *(b"X: a\r\n b\r\n", b"X: a\x00b\r\n", b"X: a\rb\r\n"),
]
FIELDS = [
    *(
        Message(b"GET /users HTTP/1.1\r\n" + host + b"Connection: close\r\n\r\n", 400, "malformed")
        for host in INVALID_HOSTS
    ),
    *(Message(b"GET /users HTTP/1.1\r\nHost: " + host + b"\r\nConnection: close\r\n\r\n", 200) for host in VALID_HOSTS),
    *(Message(get(b"GET /users", fields), 400) for fields in INVALID_FIELDS),
    Message(get(b"GET /users", b"X: " + b"x" * 9_000 + b"\r\n"), 431),
    Message(get(b"GET /users", b"".join(b"X%d: y\r\n" % number for number in range(150))), 431),
    Message(get(b"GET /me", SIGNED + b"Authorization: Bearer x\r\n"), 401, "Send a valid token"),
    Message(get(b"GET /users", b'If-None-Match: "a"\r\nIf-None-Match: *\r\n'), 200),
    Message(get(b"GET /users", b"Connection: Upgrade\r\nUpgrade: h2c\r\n"), 200),
    Message(get(b"GET /users", b"X_Y: z\r\n"), 200),
]
MESSAGES = [*BODIES, *REQUEST_LINES, *FIELDS]
