"""B: bare routes of Flask. The limit that everything is compared with: less than this is not Flask."""

import raw
from flask import Flask, Response, request

app = Flask(__name__, static_folder=None)


def _problem(status: int, **headers: str) -> Response:
    body = b'{"type":"about:blank","status":%d}' % status
    return Response(body, status, headers, mimetype="application/problem+json")


@app.get("/posts/<int:identity>")
def read(identity: int) -> Response:
    """A post."""
    known = request.environ.get("HTTP_IF_NONE_MATCH")
    if known is not None and known == raw.version(identity):
        return Response(status=304, headers={"ETag": known})
    found = raw.one(identity)
    if found is None:
        return _problem(404)
    return Response(found[0], headers={"ETag": found[1]}, mimetype="application/json")


@app.get("/posts")
def browse() -> Response:
    """A page of posts."""
    try:
        body, link = raw.page(request.args.get("cursor"))
    except ValueError:
        return _problem(422)
    return Response(body, headers={"Link": link} if link else None, mimetype="application/json")


@app.post("/posts")
def publish() -> Response:
    """A new post."""
    author = raw.bearer(request.environ.get("HTTP_AUTHORIZATION"))
    if author is None:
        return _problem(401, **{"WWW-Authenticate": "Bearer"})
    try:
        body, url, tag = raw.publish(author, request.get_data())
    except ValueError:
        return _problem(422)
    return Response(body, 201, {"Location": url, "ETag": tag}, mimetype="application/json")
