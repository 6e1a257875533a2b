"""`/feed.atom` and `/feed.json`."""

from datetime import UTC, datetime
from urllib.parse import urlencode
from uuid import UUID, uuid5

from flask import Response

from api import constraints
from api.atom import Entry, Feed, to_atom, to_rfc3339
from api.http.application import Request
from api.http.operation import Blueprint, Resource
from api.http.parsing import Values
from api.http.problems import abort
from api.http.responses import BufferedResponse
from api.post_urls import post_url
from api.schemas.feeds import ATOM_SCHEMA, FeedQuery, JSONFeed
from api.store import posts_lists
from api.store.posts_html import PostSummaryWithHTML

ATOM = "application/atom+xml"
JSON_FEED = "application/feed+json"
_NAMESPACE = UUID("6f1c0b4e-2f0b-5d0c-9a55-0b1f3f3a7c10")
_EPOCH = datetime.fromtimestamp(0, UTC)

blueprint = Blueprint("feeds", "Published posts for feed readers.")
QUERY = FeedQuery()


def _entry(request: Request, post: PostSummaryWithHTML, root: str) -> Entry:
    published = post.published_at or post.created_at
    # Neither the host nor anything that an edit changes, because readers show an entry with another id as new.
    name = f"{post.username} {post.id} {to_rfc3339(post.created_at)}"
    template = request.app.settings.post_url
    url = post_url(template, username=post.username, slug=post.slug, post_id=post.id)
    return Entry(
        id=uuid5(_NAMESPACE, name).urn,
        url=url or f"{root}/posts/{post.id}",
        title=post.title,
        html=post.html,
        author=post.display_name,
        tags=post.tags,
        published=published,
        updated=max(post.updated_at, published),
    )


def _read(request: Request, query: Values) -> Feed:
    # `Host` may be empty (RFC 9112, section 3.2), but the URLs need it. Flask has none either if it is no host name.
    if not request.host:
        abort(400, "The URLs in a feed need a host: send HOST or HOST:PORT as `Host`.")
    page = posts_lists.page(request.db, **query, limit=constraints.PAGE_SIZE_DEFAULT, expand="html")
    root = f"{request.scheme}://{request.host}{request.root_path}"
    filters = {name: value for name, value in query.items() if name != "cursor"}
    entries = [_entry(request, post, root) for post in page.rows if isinstance(post, PostSummaryWithHTML)]

    def url(**parameters: str | None) -> str:
        given = {name: value for name, value in {**filters, **parameters}.items() if value is not None}
        return f"{root}{request.path}{'?' if given else ''}{urlencode(given)}"

    return Feed(
        id=url(),
        title=" · ".join(["Posts", *(f"{name} {value}" for name, value in sorted(filters.items()))]),
        url=url(cursor=query.get("cursor")),
        first_url=url(),
        next_url=url(cursor=page.next_cursor) if page.next_cursor else None,
        updated=max((entry.updated for entry in entries), default=_EPOCH),
        entries=entries,
    )


@blueprint.route("/feed.atom")
class AtomFeed(Resource):
    @blueprint.operation(
        "readAtomFeed", query=QUERY, returns=ATOM_SCHEMA, content_type=ATOM, conditional=True, description="The feed."
    )
    def get(self, request: Request, query: Values) -> Response:
        """Read posts as an Atom feed.

        RFC 4287: published posts, newest first, with their bodies as HTML. The link `next` leads to older ones (RFC
        5005). An entry keeps its `id` when the host or the post changes.
        """
        return BufferedResponse(to_atom(_read(request, query)), content_type=ATOM)


@blueprint.route("/feed.json")
class JSONFeedDocument(Resource):
    @blueprint.operation(
        "readJSONFeed",
        query=QUERY,
        returns=JSONFeed(),
        content_type=JSON_FEED,
        conditional=True,
        description="The feed.",
    )
    def get(self, request: Request, query: Values) -> Feed:
        """Read posts as a JSON Feed.

        JSON Feed 1.1: published posts, newest first, with their bodies as HTML. `next_url` leads to older ones.
        """
        return _read(request, query)
