"""B: bare Flask routes: the least that a Flask application can cost."""

from common import DATABASE
from flask import Flask, Response, request

if DATABASE.startswith("postgresql:"):
    import raw_postgresql as raw
else:
    import raw

app = Flask(__name__, static_folder=None)


def _problem(status: int, **headers: str) -> Response:
    body = b'{"type":"about:blank","status":%d}' % status
    return Response(body, status, headers, mimetype="application/problem+json")


@app.get("/posts/<int:post_id>")
def read(post_id: int) -> Response:
    """Read a post."""
    known = request.environ.get("HTTP_IF_NONE_MATCH")
    if known is not None and known == raw.etag(post_id):
        return Response(status=304, headers={"ETag": known})
    post = raw.read(post_id)
    if post is None:
        return _problem(404)
    return Response(post[0], headers={"ETag": post[1]}, mimetype="application/json")


@app.get("/posts")
def browse() -> Response:
    """List posts."""
    try:
        body, link = raw.page(request.args.get("cursor"))
    except ValueError:
        return _problem(422)
    return Response(body, headers={"Link": link} if link else None, mimetype="application/json")


@app.post("/posts")
def publish() -> Response:
    """Publish a post."""
    author = raw.user(request.environ.get("HTTP_AUTHORIZATION"))
    if author is None:
        return _problem(401, **{"WWW-Authenticate": "Bearer"})
    try:
        body, url, etag = raw.publish(author, request.get_data())
    except ValueError:
        return _problem(422)
    return Response(body, 201, {"Location": url, "ETag": etag}, mimetype="application/json")
