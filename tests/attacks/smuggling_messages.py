"""Messages for request smuggling: two servers may disagree on where a request ends (RFC 9112, section 11.2)."""

# The application logs the user agents of the requests that reach it: placeholders for those of the two requests.
FIRST, SECOND = b"<first>", b"<second>"
SMUGGLED_REQUEST = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nUser-Agent: " + SECOND + b"\r\n\r\n"


def head(*fields: bytes, line: bytes = b"POST /posts HTTP/1.1") -> bytes:
    common = (b"Host: localhost", b"User-Agent: " + FIRST, b"Content-Type: application/json")
    return b"\r\n".join([line, *common, *fields, b"", b""])


def smuggled_after_chunks(*fields: bytes) -> bytes:
    """Build a message that ends before the second request if framed by chunks, and after it if framed by length."""
    body = b"0\r\n\r\n" + SMUGGLED_REQUEST
    return head(*fields).replace(b"<length>", b"%d" % len(body)) + body


def smuggled_in_a_chunk(*fields: bytes) -> bytes:
    """Build a message that ends after the second request if framed by chunks, and before it if framed by length."""
    size = b"%x\r\n" % len(SMUGGLED_REQUEST)
    return head(*fields).replace(b"<length>", b"%d" % len(size)) + size + SMUGGLED_REQUEST + b"\r\n0\r\n\r\n"


LENGTH = b"Content-Length: <length>"
CHUNKED = b"Transfer-Encoding: chunked"
CODINGS = [
    *(b"Transfer-Encoding" + rest for rest in (b" : chunked", b"\t: chunked", b":\x0bchunked", b": chunked\x00")),
    *(b"Transfer-Encoding: " + coding for coding in (b"xchunked", b"identity", b'"chunked"', b"chunked;q=1")),
    *(b"Transfer-Encoding: " + coding for coding in (b"chunked, identity", b"identity, chunked", b"chunked, chunked")),
    *(b"Transfer-Encoding:" + fold for fold in (b"\r\n chunked", b"\n chunked", b" \r chunked")),
    *(b"X: y" + end + CHUNKED for end in (b"\n", b"\r", b"\x00")),
    CHUNKED + b"\r\nTransfer-Encoding: identity",
    b" " + CHUNKED,
]
LENGTH_AND_CHUNKS = {
    **{f"length, then {coding!r}": smuggled_after_chunks(LENGTH, coding) for coding in [CHUNKED, *CODINGS]},
    **{f"{coding!r}, then length": smuggled_in_a_chunk(coding, LENGTH) for coding in [CHUNKED, *CODINGS]},
}
INVALID_LENGTHS = [
    *(b"Content-Length: " + value for value in (b"+5", b"-5", b"0x5", b"5_0", b"5 5", b"5, 5", b"5;", b"5.0", b"5e0")),
    *(b"Content-Length: 5\r\nContent-Length: " + other for other in (b"5", b"0", b"6")),
    *(b"Content-Length" + rest for rest in (b" : 5", b"\t: 5", b":\x0b5", b":\r\n 5", b":")),
    b"Content-Length: " + b"9" * 26,
]
INVALID_CHUNKS = {
    "0x before its size": b"0x5\r\nabcde\r\n0\r\n\r\n",
    "a sign before its size": b"+5\r\nabcde\r\n0\r\n\r\n",
    "an underscore in its size": b"0_5\r\nabcde\r\n0\r\n\r\n",
    "a size beyond 64 bits": b"10000000000000005\r\nabcde\r\n0\r\n\r\n",
    "more bytes than its size": b"5\r\nabcdeXX\r\n0\r\n\r\n",
    "no size": b"\r\nabcde\r\n0\r\n\r\n",
}
MISDIRECTED_OR_INVALID = {
    "two hosts": head(b"Host: other.example"),
    "a space before the colon of Host": head().replace(b"Host:", b"Host :"),
    "no host": head().replace(b"Host: localhost\r\n", b""),
    "a host with a path": head().replace(b"localhost", b"localhost/x"),
    "a host with a user": head().replace(b"localhost", b"x@localhost"),
    "another host": head().replace(b"localhost", b"other.example"),
    "the URL of another host": head(line=b"GET http://other.example/posts HTTP/1.1"),
    "CONNECT": head(line=b"CONNECT other.example:80 HTTP/1.1"),
    "a folded field": head(b"X: a\r\n b"),
    "NUL in a field": head(b"X: a\x00b"),
    "a field without a colon": head(b"GET /about HTTP/1.1"),
    "two versions": head(line=b"GET /posts HTTP/1.1 HTTP/1.1"),
    "HTTP/2 without negotiation": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}
"""Requests that nginx must not pass on."""
AMBIGUOUS = {
    **LENGTH_AND_CHUNKS,
    **{f"{length!r}": head(length) + b"abcde" + SMUGGLED_REQUEST for length in INVALID_LENGTHS},
    **{f"a chunk with {name}": head(CHUNKED) + body + SMUGGLED_REQUEST for name, body in INVALID_CHUNKS.items()},
}
"""Messages of which no server may make two requests."""
UNUSUAL = {
    "chunks ended by LF": head(CHUNKED) + b"5\nabcde\r\n0\r\n\r\n" + SMUGGLED_REQUEST,
    "a space after the size of a chunk": head(CHUNKED) + b"5 \r\nabcde\r\n0\r\n\r\n" + SMUGGLED_REQUEST,
    "lines ended by LF": head(b"Content-Length: 5").replace(b"\r\n", b"\n") + b"abcde" + SMUGGLED_REQUEST,
}
"""Messages that nginx accepts as two requests, and passes on with standard framing."""
