"""Messages that two servers may cut up in two ways, to smuggle a request (RFC 9112, section 11.2): name, and bytes."""

# The application logs the agents of the requests that reach it.
FIRST, SECOND = b"<first>", b"<second>"
SECRET = b"GET /nothing HTTP/1.1\r\nHost: localhost\r\nUser-Agent: " + SECOND + b"\r\n\r\n"


def head(*fields: bytes, line: bytes = b"POST /posts HTTP/1.1") -> bytes:
    common = (b"Host: localhost", b"User-Agent: " + FIRST, b"Content-Type: application/json")
    return b"\r\n".join([line, *common, *fields, b"", b""])


def after_chunks(*fields: bytes) -> bytes:
    """A second request for who reads chunks, and a body for who counts bytes."""
    body = b"0\r\n\r\n" + SECRET
    return head(*fields).replace(b"<length>", b"%d" % len(body)) + body


def in_a_chunk(*fields: bytes) -> bytes:
    """A chunk for who reads chunks, and a second request for who counts bytes."""
    size = b"%x\r\n" % len(SECRET)
    return head(*fields).replace(b"<length>", b"%d" % len(size)) + size + SECRET + b"\r\n0\r\n\r\n"


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
TWO_FRAMES = {
    **{f"length, then {coding!r}": after_chunks(LENGTH, coding) for coding in [CHUNKED, *CODINGS]},
    **{f"{coding!r}, then length": in_a_chunk(coding, LENGTH) for coding in [CHUNKED, *CODINGS]},
}
LENGTHS = [
    *(b"Content-Length: " + value for value in (b"+5", b"-5", b"0x5", b"5_0", b"5 5", b"5, 5", b"5;", b"5.0", b"5e0")),
    *(b"Content-Length: 5\r\nContent-Length: " + other for other in (b"5", b"0", b"6")),
    *(b"Content-Length" + rest for rest in (b" : 5", b"\t: 5", b":\x0b5", b":\r\n 5", b":")),
    b"Content-Length: " + b"9" * 26,
]
CHUNKS = {
    "0x before its size": b"0x5\r\nabcde\r\n0\r\n\r\n",
    "a sign before its size": b"+5\r\nabcde\r\n0\r\n\r\n",
    "an underscore in its size": b"0_5\r\nabcde\r\n0\r\n\r\n",
    "a size beyond 64 bits": b"10000000000000005\r\nabcde\r\n0\r\n\r\n",
    "more than its size": b"5\r\nabcdeXX\r\n0\r\n\r\n",
    "no size": b"\r\nabcde\r\n0\r\n\r\n",
}
HEADS = {
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
    "HTTP/2 that was not agreed": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
}
"""Requests that are none of this site's."""
SMUGGLING = {
    **TWO_FRAMES,
    **{f"{length!r}": head(length) + b"abcde" + SECRET for length in LENGTHS},
    **{f"a chunk with {name}": head(CHUNKED) + body + SECRET for name, body in CHUNKS.items()},
}
"""The second request in each is none."""
REFRAMED = {
    "chunks ended by LF": head(CHUNKED) + b"5\nabcde\r\n0\r\n\r\n" + SECRET,
    "a space behind the size of a chunk": head(CHUNKED) + b"5 \r\nabcde\r\n0\r\n\r\n" + SECRET,
    "lines ended by LF": head(b"Content-Length: 5").replace(b"\r\n", b"\n") + b"abcde" + SECRET,
}
"""nginx understands these, and passes on two requests that mean one thing each."""
