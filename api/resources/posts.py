"""`/posts`."""

from typing import Any

from api.http import pagination
from api.http.authentication import bearer, user, viewer
from api.http.blueprint import Blueprint, Resource
from api.http.rate_limits import WRITES
from api.http.transactions import connection
from api.http.urls import Path, prefix
from api.schemas.posts import Post, PostCreate, PostPage, PostPatch, PostQuery
from api.store import posts, posts_lists
from api.store.engine.connections import Row

blueprint = Blueprint("posts", "What is written.", url_prefix="/posts")

POST_ID = [{"in": "path", "name": "post_id", "description": "The post's number.", "example": 1}]
CREATED = {"post_id": "$response.body#/id"}
AS_READ = {**CREATED, "header.If-Match": "$response.header.ETag"}
LINKS = {
    name: {"operationId": name, "parameters": parameters, "description": description}
    for name, parameters, description in (
        ("readPost", CREATED, "Read the post."),
        ("revisePost", AS_READ, "Revise the post."),
        ("removePost", AS_READ, "Remove the post."),
    )
}


POST = Path("posts.PostById")
AUTHOR = Path("users.UserByName")


def summarise(row: Row, behind: str) -> dict[str, Any]:
    """A post with its author and URLs, without its body."""
    return {
        "id": row.id,
        "title": row.title,
        "tags": row.tags,
        "author": {"username": row.username, "display_name": row.display_name, "url": AUTHOR(behind, row.username)},
        "published_at": row.published_at,
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "url": POST(behind, row.id),
    }


def represent(row: Row, behind: str) -> dict[str, Any]:
    """A post, whole."""
    return {"body": row.body, **summarise(row, behind)}


def _as_read(post_id: int) -> Row:
    """The post to change, which the user may change and knows as it is."""
    post = posts.get_for_update(connection(), post_id, editor=user())
    blueprint.check_etag(represent(post, prefix()), Post())
    return post


@blueprint.route("")
class Posts(Resource):
    @blueprint.authenticated(bearer, optional=True)
    @blueprint.etag
    @blueprint.doc(operationId="listPosts")
    @blueprint.arguments(PostQuery(), location="query")
    @blueprint.response(200, PostPage, headers={"Link": "Link"})
    def get(self, query: dict[str, Any]) -> Any:
        """List posts.

        A page of what is published, the latest first, without bodies unless you `expand` them. With your token and
        `author` being you, or anybody if you are an admin, drafts and scheduled posts come before them.
        """
        expanded = query.pop("expand", None) == "body"
        page = posts_lists.page(connection(), **query, viewer=viewer(), expanded=expanded)
        return pagination.answer(page, represent if expanded else summarise)

    @blueprint.authenticated(bearer)
    @blueprint.limited(WRITES)
    @blueprint.arguments(PostCreate())
    @blueprint.idempotent
    @blueprint.etag
    @blueprint.doc(operationId="publishPost", responses={201: {"links": LINKS}})
    @blueprint.response(201, Post, headers={"Location": "Location"}, description="The post is kept.")
    def post(self, content: dict[str, Any]) -> Any:
        """Publish a post.

        At once, at `published_at`, or never yet: with `published_at` null it is a draft that only you and admins can
        read. Send an `Idempotency-Key`, and you may repeat the request until there is an answer: it is published once.
        """
        created = represent(posts.publish(connection(), author_id=user().id, **content), prefix())
        return created, {"Location": created["url"]}


@blueprint.route("/<int:post_id>", parameters=POST_ID)
class PostById(Resource):
    @blueprint.authenticated(bearer, optional=True)
    @blueprint.etag
    @blueprint.doc(operationId="readPost")
    @blueprint.response(200, Post)
    def get(self, post_id: int) -> Any:
        """Read a post.

        Drafts and scheduled posts can be read by their author and by admins; for others there are none.
        """
        return represent(posts.get(connection(), post_id, viewer=viewer()), prefix())

    @blueprint.authenticated(bearer)
    @blueprint.limited(WRITES)
    @blueprint.etag
    @blueprint.doc(operationId="revisePost", responses={403: ""})
    @blueprint.arguments(PostPatch())
    @blueprint.response(200, Post)
    def patch(self, changes: dict[str, Any], post_id: int) -> Any:
        """Revise your post.

        Members left out stay as they are. 403 if the post is not yours, unless you are an admin.
        """
        return represent(posts.revise(connection(), _as_read(post_id), **changes), prefix())

    @blueprint.authenticated(bearer)
    @blueprint.limited(WRITES)
    @blueprint.etag
    @blueprint.doc(operationId="removePost", responses={403: ""})
    @blueprint.response(204, description="The post is gone.")
    def delete(self, post_id: int) -> None:
        """Remove your post.

        For good. 403 if the post is not yours, unless you are an admin.
        """
        posts.remove(connection(), _as_read(post_id))
