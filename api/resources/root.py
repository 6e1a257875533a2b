"""`/` and `/about`: the entry point."""

from importlib.metadata import version
from typing import NamedTuple

from api import constraints
from api.http.application import Request
from api.http.operation import Blueprint, Resource
from api.json import JSONObject
from api.schemas.root import About, Root

NAME = "Pressroom"
VERSION = version("pressroom")
SUMMARY = "A publishing back end: users, posts, comments, likes and follows over JSON."
DESCRIPTION = """\
Published posts, their comments and likes, and who follows whom can be read by everyone. To write:

1. Register with `POST /users`, if the site lets anyone.
2. Create a token with `POST /tokens`.
3. Send it as `Authorization: Bearer …`. In Swagger UI, enter it under *Authorize*.

What all operations have in common:

- **Repeat a request if its response is lost.** A change with the `ETag` of the current version in `If-Match` is
  applied once (`*` matches any version). A post or comment sent again with the same `Idempotency-Key`, or a post by
  `PUT` to the same slug, is published once.
- **Errors** are problems (RFC 9457) with a `code` for programs and a `detail` that says what to do, except for
  malformed or oversized messages, which the web server rejects by itself.
- **Lists** are paged by cursor, newest first (comments: oldest first). Times are in UTC, URLs are paths relative to
  the requested host.
- **Reads** with a token return current data. Without one, a new resource is found at its URL at once, while lists and
  changes may be a few seconds old. Every readable resource supports `HEAD`; `OPTIONS` lists the methods.
- **Limits**: signing in, registering and writing are rate-limited, and accounts have quotas; if one is exceeded, 429
  has a `Retry-After`.
- **Reports**: all responses but the web server's own have an `X-Request-ID`, by which the operator finds the request in
  the log. It is yours if you send one of 8 to 64 letters, digits, `.`, `_` and `-`.
"""
INFO: JSONObject = {
    "summary": SUMMARY,
    "description": DESCRIPTION,
    "license": {"name": "MIT", "identifier": "MIT"},
}

blueprint = Blueprint("service", "This service.", database=False)


class Service(NamedTuple):
    """The service."""

    name: str
    version: str


class ServiceDetails(NamedTuple):
    """The service and its limits."""

    name: str
    description: str
    version: str
    display_name: int
    bio: int
    title: int
    body: int
    tags: int
    followed: int
    page: int
    page_bytes: int
    request_body: int
    token_days: int


@blueprint.route("/")
class Home(Resource):
    @blueprint.operation("readRoot", returns=Root(), conditional=True)
    def get(self, request: Request) -> Service:
        """List the URLs of this API.

        Those of all collections, of the documentation and of the OpenAPI document.
        """
        return Service(NAME, VERSION)


@blueprint.route("/about")
class AboutPage(Resource):
    @blueprint.operation("readAbout", returns=About(), conditional=True)
    def get(self, request: Request) -> ServiceDetails:
        """Describe this service.

        Its purpose, version and limits.
        """
        return ServiceDetails(
            name=NAME,
            description=SUMMARY,
            version=VERSION,
            display_name=constraints.DISPLAY_NAME_MAX_LENGTH,
            bio=constraints.BIO_MAX_LENGTH,
            title=constraints.TITLE_MAX_LENGTH,
            body=constraints.BODY_MAX_LENGTH,
            tags=constraints.TAGS_MAX_ITEMS,
            followed=constraints.FOLLOWED_MAX_ITEMS,
            page=constraints.PAGE_SIZE_MAX,
            page_bytes=constraints.PAGE_MAX_BYTES,
            request_body=constraints.REQUEST_BODY_MAX_BYTES,
            token_days=request.app.settings.token_days,
        )
