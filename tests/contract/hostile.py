"""Hostile requests that no generator draws, with the status and the problem that each must get.

Unless a row has other headers, a request has the token of ada, who has the resources of the catalogue, and
`Content-Type: application/json` if it has a body.
"""

from typing import NamedTuple

POST = b'{"title": "t", "body": "b"}'
PUT = b'{"title": "t", "body": "b", "published_at": null}'
DEEP = b"[" * 100_000 + b"]" * 100_000
JSON = {"Content-Type": "application/json"}
ADMIN = "an admin's token"


class Hostile(NamedTuple):
    """A request, its status, and an excerpt of the problem: of `detail`, or of an error's place and `detail`."""

    request: str
    status: int
    detail: str = ""
    body: bytes | None = None
    headers: dict[str, str] = {}

    def __str__(self) -> str:
        """Describe the request in a failure."""
        parts = [self.request, *(f"{name}: {value}" for name, value in self.headers.items()), repr(self.body or b"")]
        return " ".join(part if len(part) < 60 else f"{part[:50]}…{len(part)}" for part in parts)


def publish(body: bytes, status: int, detail: str, **headers: str) -> Hostile:
    """Make a request to publish a post that must be rejected; in names of header fields, `_` stands for `-`."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Hostile("POST /posts", status, detail, body, fields)


def title(value: bytes) -> bytes:
    """Return the JSON of a post with that JSON as its title."""
    return b'{"body": "b", "title": ' + value + b"}"


INVALID_JSON = [
    publish(body, 400, detail)
    for body, detail in [
        (b" ", "input data is empty"),
        (b"{", "unexpected end of data"),
        (b"{'title': 't'}", "expected a string key"),
        (b'{"title": "t", "body": "b",}', "trailing comma"),
        (b'{"title": "t", "body": "b"} {}', "unexpected content after"),
        (b'{"title": "t", "body": "b"} // no comment', "unexpected content after"),
        (title(b"t"), "invalid literal, expected 'true'"),
        (title(b'"\n"'), "unexpected control character"),
        (title(b'"\\x41"'), "invalid escaped sequence"),
        (title(b"01"), "leading zero"),
        (title(b"0x1"), "unexpected character, expected ',' or '}'"),
        (title(b"+1"), "no digit after sign"),
        (title(b"NaN"), "unexpected character, expected a JSON value"),
        (title(b"Infinity"), "unexpected character, expected a JSON value"),
        (title(b"-Infinity"), "no digit after sign"),
        (title(b"1e400"), "number is infinity"),
        (title(b"9" * 5_000), "number is infinity"),
        (title(b"9" * 1_000_000), "number is infinity"),
        (title(b'"a", "title": "b"'), "has a duplicate name"),
        (title(b'"a", "t\\u0069tle": "b"'), "has a duplicate name"),
        (title(b'{"a": 1, "a": 1}'), "has a duplicate name"),
        (title(DEEP), "nested more than 500 deep"),
        (title(b'":", "x": ' + b"[" * 600 + b"]" * 600), "nested more than 500 deep"),
        (title(b'"", "x": ' + b"[" * 600 + b"]" * 600), "nested more than 500 deep"),
        (b'{"a":' * 100_000, "nested more than 500 deep"),
        (title(b'"\\ud800"'), "surrogate in string"),
        (title(b'"\\udc00\\ud800"'), "surrogate in string"),
        (b'{"\\ud800": 1}', "surrogate in string"),
        (b"\xef\xbb\xbf" + POST, "byte order mark"),
        (POST.decode().encode("utf-16"), "not UTF-8"),
        (POST.decode().encode("utf-16-le"), "unexpected character, expected a string key"),
        (POST.decode().encode("utf-32"), "not UTF-8"),
        (title(b'"\xff"'), "not UTF-8"),
        (title(b'"\xc0\xaf"'), "not UTF-8"),
        (title(b'"\xed\xa0\x80"'), "not UTF-8"),
        (title(b'"caf\xe9"'), "not UTF-8"),
        (b"\x00", "unexpected character, expected a JSON value"),
    ]
]
INVALID_CONTENT = [
    *(publish(body, 422, "# Send a JSON object.") for body in (b"[]", b"null", b'"{}"', b"1", b"true")),
    publish(b"", 422, "#/title Missing data for required field."),
    publish(b"{}", 422, "#/title Missing data for required field."),
    publish(title(b'""'), 422, "#/title Length must be between 1 and 200."),
    publish(title(b'"\\u0000"'), 422, "#/title U+0000 is not allowed."),
    publish(title(b"1"), 422, "#/title Not a valid string."),
    publish(title(b"null"), 422, "#/title Field may not be null."),
    publish(title(b'["t"]'), 422, "#/title Not a valid string."),
    publish(title(b'"' + b"t" * 201 + b'"'), 422, "#/title Length must be between 1 and 200."),
    publish(title(b'"t", "__proto__": {}'), 422, "#/__proto__ Unknown field."),
    publish(title(b'"t", "a~/b": 1'), 422, "#/a~0~1b Unknown field."),
    publish(title(b'"t", "\\u001b[31m": 1'), 422, "#/%EF%BF%BD%5B31m Unknown field."),
    publish(title(b'"t", "' + b"x" * 1_000_000 + b'": 1'), 422, "#/" + "x" * 100 + " Unknown field."),
    *(
        publish(title(b'"t", "tags": ["' + tag + b'"]'), 422, "#/tags/0 Use 1 to 49 letters, digits and marks")
        for tag in (
            b"",
            b"a\\n",
            b"-a",
            b"a b",
            b"a_b",
            b"a\\u200db",
            b"\\u202ea",
            b"\\u00a9",
            b"\\ud83d\\ude00",
            b"\\u0378",
            b"a" * 50,
            b"e\\u0301" * 50,
            b"\\u0958" * 25,
            b"e\\u0301" * 100_000,
        )
    ),
    publish(title(b'"t", "tags": {"0": "a"}'), 422, "#/tags Not a valid list."),
    *(
        publish(title(b'"t", "slug": ' + value), 422, "#/slug Use a-z and 0-9, with single `-` between them.")
        for value in (
            b'""',
            b'"-"',
            b'"-a"',
            b'"a-"',
            b'"a--b"',
            b'"A"',
            b'"a_b"',
            b'"a b"',
            b'"a/b"',
            b'"."',
            b'"a\\n"',
            b'"a\\u0000"',
            b'"%61"',
            b'"\\u00e9"',
            b'"\\u0430"',
            b'"\\u0661"',
        )
    ),
    publish(title(b'"t", "slug": "' + b"a" * 81 + b'"'), 422, "#/slug Length must be between 1 and 80."),
    publish(title(b'"t", "slug": 1'), 422, "#/slug Not a valid string."),
    *(
        publish(title(b'"t", "metadata": ' + value), 422, "#/metadata Send a JSON object.")
        for value in (b"[]", b"[{}]", b'"{}"', b"1", b"false")
    ),
    publish(title(b'"t", "metadata": null'), 422, "#/metadata Field may not be null."),
    *(
        publish(title(b'"t", "metadata": {"' + name + b'": "x"}'), 422, f"#/metadata{place} Use 1 to 40 of a-z")
        for name, place in [
            (b"", "/"),
            (b"A", "/A"),
            (b"1", "/1"),
            (b"_a", "/_a"),
            (b"a-b", "/a-b"),
            (b"a.b", "/a.b"),
            (b"a b", "/a%20b"),
            (b"a/b", "/a~1b"),
            (b"$ref", "/%24ref"),
            (b"__proto__", "/__proto__"),
            (b"a\\n", "/a%EF%BF%BD"),
            (b"a\\u0000", "/a%EF%BF%BD"),
            (b"\\u00e9", "/%C3%A9"),
            (b"a" * 41, "/" + "a" * 41),
        ]
    ),
    *(
        publish(title(b'"t", "metadata": {"a": ' + value + b"}"), 422, f"#/metadata/a {detail}")
        for value, detail in [
            (b"1", "Not a valid string."),
            (b"true", "Not a valid string."),
            (b"null", "Field may not be null."),
            (b"[]", "Not a valid string."),
            (b"{}", "Not a valid string."),
            (b'"\\u0000"', "U+0000 is not allowed."),
            (b'"' + b"x" * 501 + b'"', "Length must be between 0 and 500."),
        ]
    ),
    publish(title(b'"t", "metadata": {"a": "b", "a": "b"}'), 400, "has a duplicate name"),
    publish(
        title(b'"t", "metadata": {' + b", ".join(b'"a%d": ""' % number for number in range(21)) + b"}"),
        422,
        "#/metadata Longer than maximum length 20.",
    ),
    publish(title(b'"t", "tags": "a"'), 422, "#/tags Not a valid list."),
    publish(title(b'"t", "published_at": "2026-02-30T00:00:00Z"'), 422, "#/published_at Not a valid RFC 3339 datetime"),
    publish(title(b'"t", "published_at": "2026-01-01T00:00:00"'), 422, "#/published_at Not a valid RFC 3339 datetime"),
    publish(title(b'"t", "published_at": 0'), 422, "#/published_at Not a valid RFC 3339 datetime"),
    publish(b'{"title": "t", "body": "' + b"b" * 262_145 + b'"}', 422, "#/body Length must be between 0 and 262144."),
    Hostile("POST /users", 422, "#/username Use 2 to 39", b'{"username": "bob\\n", "password": "12345678"}'),
    Hostile("POST /users", 422, "#/username Use 2 to 39", '{"username": "böb", "password": "12345678"}'.encode()),
    Hostile("POST /users", 422, "#/username Use 2 to 39", b'{"username": "Ada", "password": "12345678"}'),
    Hostile("POST /users", 422, "#/admin Unknown field.", b'{"username": "bob", "password": "12345678", "admin": 1}'),
    Hostile("PATCH /posts/1", 422, "# Send at least one property to change.", b"{}", {"If-Match": "*"}),
    Hostile("PATCH /posts/1", 422, "# Send at least one property to change.", None, {"If-Match": "*"}),
    Hostile("POST /posts", 422, "#/title Missing data for required field."),
    publish(b" " * (4 * 1024 * 1024 + 1), 413, "The body is too large."),
]
UNSUPPORTED_CONTENT = (
    [
        publish(body, 415, "Send the body as application/json in UTF-8.", Content_Type=content_type)
        for body, content_type in [
            (POST, ""),
            (POST, "text/plain"),
            (POST, "text/json"),
            (POST, "application"),
            (POST, "application/jsonp"),
            (POST, "application/vnd.api+json"),
            (POST, "application/json; charset=utf-16"),
            (POST, "application/json; charset=latin1"),
            (POST, "text/plain, application/json"),
            (b"title=t&body=b", "application/x-www-form-urlencoded"),
            (
                b'--x\r\nContent-Disposition: form-data; name="title"\r\n\r\nt\r\n--x--\r\n',
                "multipart/form-data; boundary=x",
            ),
        ]
    ]
    + [
        publish(POST, 415, "Send the body without a Content-Encoding.", **JSON, Content_Encoding=coding)
        for coding in ("gzip", "br", "deflate, gzip", "nonsense")
    ]
    + [
        publish(b"", 415, "Send the body as application/json", Content_Type="application/json; charset=utf-16"),
        publish(b"", 415, "Send the body without a Content-Encoding", Content_Encoding="gzip"),
        publish(b"{}", 422, "#/title Missing data", Content_Encoding=""),
    ]
)
PATHS = [
    Hostile(f"GET {path}", 404, "There is nothing at this URL.")
    for path in f"""
        /nothing /users/ /posts/ /about/ /users/ada/ /users/ada/posts /Users /openapi.JSON
        // //users //posts/1 /posts//1 ///posts/1 /./posts/1 /../posts/1 /posts/../users /posts%2F1 /posts/1%2F
        /users/{"a" * 201} /users/{"a" * 4_000} /users;ada /users/%C2%85
        /users/ada/posts/ /users/ada/posts/notes-on-the-engine/ /users/ada/posts//notes-on-the-engine /users//posts/x
        /users/ada/posts/notes%2Fon /users/ada/posts/{"a" * 201} /users/ada/posts/../posts/notes-on-the-engine
        /users/ada/Posts/notes-on-the-engine /users/ada/posts/notes-on-the-engine%0A
        /users/ada%0A /users/ada%0D%0AX:%20y /users/ada%00 /users/ada%2F
        /posts/0 /posts/00 /posts/01 /posts/0001 /posts/-1 /posts/+1 /posts/1.0 /posts/1e0 /posts/1_0 /posts/0x1
        /posts/%D9%A1 /posts/%EF%BC%91 /posts/1%0A /posts/%201 /posts/1%00 /posts/1;v=1 /posts/1,2 /posts/1%3Flimit=1
        /posts/9007199254740992 /posts/9223372036854775808 /posts/{"9" * 4_000}
        /docs/assets/ /docs/assets/nothing.js /docs/assets/../docs.py /docs/assets/%2e%2e/%2e%2e/app.py
        /docs/page/..%2fdocs.py /docs/page/%00
    """.split()
] + [
    *(
        Hostile(f"GET /users/{name}", 404, "There is no user ")
        for name in (
            *("Ada", "a", "-ada", "a" * 40, "a" * 200, "b%C3%B6b", "ada%20", "%20ada", "%FF", "%C0%AF", "%ED%A0%80"),
            *("%", "%zz", "%252e", "'%22;--"),
        )
    ),
    *(
        Hostile(f"{method} /users/ada/posts/{slug}", 404, detail, body, {"If-Match": "*"})
        for method, detail, body in (("GET", "There is no post ", None), ("PUT", "There can be no post ", PUT))
        for slug in (
            *(
                "A",
                "-a",
                "a-",
                "a--b",
                "a_b",
                "a.b",
                "a" * 81,
                "a" * 200,
                "b%C3%B6b",
                "x%20",
                "%20x",
                "%FF",
                "%E6%97%A5",
            ),
            *("%", "%zz", "%252e", "'%22;--", "notes-on-the-engine;v=1", "notes-on-the-engine,x", "~"),
        )
    ),
    *(
        Hostile(f"PUT /users/{name}/posts/x", 403, "You can put only your own posts.", PUT, {"If-None-Match": "*"})
        for name in ("Ada", "eve", "ADA", "ada%20", "a", "%FF", "a" * 200)
    ),
    Hostile("GET /users/ada/posts/%6Eotes-on-the-engine", 200),
    Hostile("GET /users/ada/posts/nothing", 404, "There is no post 'nothing' by 'ada'."),
    Hostile("GET /posts/%31", 200),  # equivalent: RFC 3986, section 6.2.2.2
    Hostile("GET /posts/9", 404, "There is no post 9."),
    Hostile("GET /posts/9007199254740991", 404, "There is no post 9007199254740991."),
    Hostile("GET /users/eve", 404, "There is no user 'eve'."),
]
INVALID_LIMITS = ["", "a", "-1", "%2B1", "+1", "01", "1_0", "1.0", "1e1", "0x1", "%201", "1%20", "1%0A", "%D9%A1"]
QUERIES = [
    Hostile(f"GET /posts?{query}", 422, detail)
    for query, detail in [
        *((f"limit={limit}", "limit Not a valid integer.") for limit in INVALID_LIMITS),
        *((f"limit={limit}", "limit Must be greater") for limit in ("0", "101", "9007199254740991")),
        ("limit=" + "9" * 4_000, "limit Not a valid integer."),
        ("limit", "limit Not a valid integer."),
        ("limit=1&limit=1", "limit Given more than once."),
        ("limit=1&%6Cimit=2", "limit Given more than once."),
        ("limit=1;limit=2", "limit Not a valid integer."),
        *(
            (query, " Empty parameter. Remove the superfluous `&`.")
            for query in ("&", "&&", "&limit=1", "limit=1&", "&&limit=1", "limit=1&&author=ada", "&x=1&x=2")
        ),
        *((query, " Unknown parameter.") for query in ("=", "=x")),
        ("limit[]=1", "limit[] Unknown parameter."),
        ("Limit=1", "Limit Unknown parameter."),
        ("offset=1", "offset Unknown parameter."),
        ("=1", " Unknown parameter."),
        ("%00=1", "\ufffd Unknown parameter."),
        ("%FF=1", "%FF Unknown parameter."),
        ("%1B[31m=1", "\ufffd[31m Unknown parameter."),
        ("x" * 4_000 + "=1", "x" * 100 + " Unknown parameter."),
        ("cursor=", "cursor Not a cursor"),
        ("cursor=" + "f" * 32, "cursor Not a cursor"),
        ("cursor=" + "0" * 31, "cursor Not a cursor"),
        ("cursor=" + "0" * 32 + "%0A", "cursor Not a cursor"),
        ("author=Ada", "author Use 2 to 39"),
        ("author=ada%00", "author Use 2 to 39"),
        ("author=ada%0A", "author Use 2 to 39"),
        ("author=%FF", "author Use 2 to 39"),
        ("tag=a%00", "tag Use 1 to 49"),
        ("tag=a_b", "tag Use 1 to 49"),
        ("tag=';DROP%20TABLE%20posts;--", "tag Use 1 to 49"),
        ("expand=author", "expand Use `body`, `html` or `body,html`."),
        ("expand=body&expand=body", "expand Given more than once."),
        ("pretty", "pretty Unknown parameter."),
    ]
] + [
    Hostile("GET /posts?", 200),
    *(Hostile(f"GET /posts?{query}", 200) for query in ("%6cimit=1", "limit=%31", "%6Cimit=1", "author=%61da")),
    Hostile("GET /posts?cursor=" + "7fffffffffffffff" * 2, 200),
    Hostile("GET /posts?cursor=" + "0" * 32, 200),
    *(
        Hostile(f"GET /changes/{feed}?since={since}", 422, "since Not a token")
        for feed in ("posts", "users")
        for since in (
            "Aw" + "A" * 73,
            "Aw" + "A" * 75,
            "Aw" + "A" * 73 + "%0A",
            "Aw" + "A" * 73 + "=",
            "/" * 76,
        )
    ),
    *(Hostile(f"GET /changes/{feed}?since=A{kind}{'A' * 74}", 410) for feed in ("posts", "users") for kind in "gw"),
    Hostile("GET /posts/1?", 200),
    Hostile("GET /posts/1?x=1", 422, "x Unknown parameter."),
    Hostile("GET /health/live?x=1", 422, "x Unknown parameter."),
    Hostile("POST /posts?x=1", 422, "x Unknown parameter.", POST),
    Hostile("DELETE /posts/1?x=1", 422, "x Unknown parameter.", None, {"If-Match": "*"}),
]
CONVERSATION = [
    *(
        Hostile("POST /posts/1/comments", status, detail, b'{"body": ' + value + b"}")
        for value, status, detail in [
            (b'""', 422, "#/body Length must be between 1 and 10000."),
            (b'"' + b"b" * 10_001 + b'"', 422, "#/body Length must be between 1 and 10000."),
            (b'"\\u0000"', 422, "#/body U+0000 is not allowed."),
            (b'"\\ud800"', 400, "surrogate in string"),
            (b"null", 422, "#/body Field may not be null."),
            (b'["b"]', 422, "#/body Not a valid string."),
            (b'"b", "post_id": 2', 422, "#/post_id Unknown field."),
            (b'"b", "author": "bob"', 422, "#/author Unknown field."),
            (b'"b", "hidden": false', 422, "#/hidden Unknown field."),
        ]
    ),
    *(
        publish(title(b'"t", "comments": ' + value), 422, f"#/comments {detail}")
        for value, detail in [
            (b'"shut"', "Use `open` or `closed`."),
            (b'"Open"', "Use `open` or `closed`."),
            (b"true", "Not a valid string."),
            (b"null", "Field may not be null."),
            (b"[]", "Not a valid string."),
        ]
    ),
    *(
        Hostile(f"GET {path}?expand={value}", 422, "expand Use `html`.")
        for path in ("/posts/1/comments", "/comments/1")
        for value in ("", "body", "HTML", "html,html", "html%00", "author")
    ),
    Hostile("GET /timeline?expand=author", 422, "expand Use `body`, `html` or `body,html`."),
    *(Hostile(f"GET /timeline?{query}", 422, " Unknown parameter.") for query in ("author=ada", "q=x", "tag=engines")),
    *(
        Hostile(f"{method} /posts/{post_id}/{path}", 404, detail, body)
        for post_id in (9, 9007199254740991)
        for method, path, detail, body in (
            ("GET", "like", "You do not like a post ", None),
            ("PUT", "like", "There is no post ", None),
            ("GET", "likes", "There is no post ", None),
            ("GET", "comments", "There is no post ", None),
            ("POST", "comments", "There is no post ", b'{"body": "b"}'),
        )
    ),
    *(
        Hostile(f"{method} /users/{name}/{path}", 404, detail)
        for name in ("eve", "Ada", "ada%20", "a" * 200, "%FF", "%C0%AF", "'%22;--")
        for method, path, detail in (
            ("GET", "follow", "You do not follow a user "),
            ("PUT", "follow", "There is no user "),
            ("DELETE", "follow", "There is no user "),
            ("GET", "followers", "There is no user "),
            ("GET", "following", "There is no user "),
            ("GET", "likes", "There is no user "),
        )
    ),
    Hostile("PUT /users/ada/follow", 409, "follow"),
    Hostile("PUT /users/%61da/follow", 409, "follow"),
    *(
        Hostile(f"{method} /comments/{comment_id}", 404, "There is no comment ", body, {"If-Match": "*"})
        for comment_id in (9, 9007199254740991)
        for method, body in (("GET", None), ("PATCH", b'{"body": "b"}'), ("DELETE", None))
    ),
    *(
        Hostile(f"{method} {path}", 405, "Use one of those in `Allow`.", POST)
        for method, path in (
            ("POST", "/posts/1/like"),
            ("POST", "/posts/1/likes"),
            ("PUT", "/posts/1/comments"),
            ("PUT", "/comments/1"),
            ("POST", "/users/ada/follow"),
            ("DELETE", "/users/ada/followers"),
            ("POST", "/timeline"),
        )
    ),
]
METHODS = [
    Hostile(f"{method} {path}", 405, "Use one of those in `Allow`.")
    for path in ("/", "/posts/1", "/docs", "/docs/page/initializer.js")
    for method in ("POST", "PUT", "TRACE", "CONNECT", "QUERY", "PROPFIND", "FOO")
] + [
    Hostile("HEAD /posts/1", 200),
    Hostile("HEAD /posts/9", 404),
    Hostile("HEAD /posts?limit=0", 422),
    Hostile("OPTIONS /posts/1", 200),
    Hostile("OPTIONS /posts", 200),
    Hostile("OPTIONS /nothing", 404, "There is nothing at this URL."),
    Hostile("GET /posts/1", 200, "", b"a body", {"Content-Type": "text/plain"}),
    Hostile("POST /posts/1", 405, "Use one of those in `Allow`.", POST, {"X-HTTP-Method-Override": "DELETE"}),
]
ETAG = "<the current tag>"
FUTURE = "Thu, 01 Jan 2099 00:00:00 GMT"
PRECONDITIONS = [
    *(
        Hostile("GET /posts/1", 304, headers={"If-None-Match": tags})
        for tags in (ETAG, f"W/{ETAG}", f'"a", {ETAG}', f'W/"a",W/{ETAG}', f"{ETAG},", "*")
    ),
    *(
        Hostile("GET /posts/1", 200, headers={"If-None-Match": tags})
        for tags in ("", '""', '"a"', '"', "a b", ",", '"\xff"', '"a' * 2_000, ETAG.upper())
    ),
    *(
        Hostile("PATCH /users/ada", 412, "`If-Match` does not match the current", b'{"bio": "b"}', {"If-Match": tags})
        for tags in ("", '""', '"a"', '"a", "b"', '"*"', '"')
    ),
    Hostile("PATCH /users/ada", 428, "Send the `ETag` of the version", b'{"bio": "b"}'),
    Hostile("DELETE /posts/1", 428, "Send the `ETag` of the version"),
    Hostile("DELETE /posts/1", 428, "Send the `ETag` of the version", headers={"If-None-Match": ETAG}),
    Hostile("DELETE /posts/1", 428, "Send the `ETag` of the version", headers={"If-Unmodified-Since": FUTURE}),
    Hostile("GET /posts/1", 200, headers={"If-Modified-Since": FUTURE}),
    Hostile("GET /posts/1", 200, headers={"Range": "bytes=0-3"}),
    Hostile("GET /posts/1", 200, headers={"Accept": "text/html"}),
]
EMPTY_TOKENS = ["", "Bearer", "Bearer ", "bearer"]
INVALID_TOKENS = [
    *("Bearer x", "Bearer prt_", "Bearer prt_" + "A" * 43, "Token x", "prt_x", "Bearer null", "Bearer Bearer", "null"),
    *("Bearer prt_\xff", "Bearer a b", "Bearer " + "x" * 5_000, 'Digest username="ada"', "Basic YWRhOng=", "\xe9"),
]
INVALID_PASSWORDS = [
    *("Basic", "Basic ", "Basic x", "Basic =", "Basic YWRh", "Basic YWRhOg==", "Basic OnBhc3M=", "Basic /////w=="),
    *("Basic YWRhAAo6cGFzcw==", "Basic " + "YWRh" * 1_000, "Bearer prt_x", "Basic \xff", "Digest x"),
]
CREDENTIALS_AND_KEYS = [
    *(
        Hostile("GET /me", 401, "Send a valid token", headers={"Authorization": value})
        for value in (*EMPTY_TOKENS, *INVALID_TOKENS)
    ),
    *(
        Hostile("POST /tokens", 401, "Wrong username or password", headers={"Authorization": value})
        for value in INVALID_PASSWORDS
    ),
    *(
        Hostile("POST /posts", 400, "Invalid Idempotency-Key", POST, {"Idempotency-Key": key})
        for key in ("", "a b", "a,b", "\xff", "k" * 256)
    ),
]
REQUESTS = [
    *INVALID_JSON,
    *INVALID_CONTENT,
    *UNSUPPORTED_CONTENT,
    *PATHS,
    *QUERIES,
    *CONVERSATION,
    *METHODS,
    *PRECONDITIONS,
    *CREDENTIALS_AND_KEYS,
]
