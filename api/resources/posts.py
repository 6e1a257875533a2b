"""`/posts`, and the posts of a user by slug."""

import re

from api import constraints
from api.http import preconditions
from api.http.application import Request
from api.http.authentication import bearer
from api.http.operation import Blueprint, Resource
from api.http.parsing import Values
from api.http.rate_limits import WRITES
from api.schemas.fields import Id
from api.schemas.posts import Post, PostCreate, PostPage, PostPatch, PostPut, Slug
from api.schemas.posts_queries import PostExpandQuery, PostQuery
from api.schemas.users import Username
from api.store import posts, posts_html, posts_lists, posts_search, posts_table, users
from api.store.errors import Forbidden, NotFound
from api.store.pages import Page
from api.store.posts_html import PostSummaryWithHTML, PostWithHTML

blueprint = Blueprint("posts", "Posts.")
POST = Post()
EXPAND = PostExpandQuery()
SLUG = Slug(allow_none=False, metadata={"description": "The slug of the post.", "examples": ["notes-on-the-engine"]})


def _current(request: Request, post_id: int) -> posts_table.Post:
    """Return the post, locked; 403 if the user may not change it, 412 if `If-Match` has another revision."""
    post = posts.get_for_update(request.db, post_id, principal=request.current_user)
    return preconditions.check_if_match(request, post)


def _expanded(post: posts_table.Post, query: Values) -> posts_table.Post | PostWithHTML:
    """Return the post, with its HTML if `expand` lists it."""
    return posts_html.render(post)[0] if "html" in query.get("expand", "") else post


@blueprint.route("/posts")
class Posts(Resource):
    @blueprint.operation(
        "listPosts", auth=bearer, anonymous=True, query=PostQuery(), returns=PostPage(), conditional=True
    )
    def get(
        self, request: Request, query: Values
    ) -> Page[posts_table.PostSummary] | Page[posts_table.Post] | Page[PostWithHTML] | Page[PostSummaryWithHTML]:
        """List posts.

        Published posts, newest first, without their bodies unless `expand` lists them. If `author` is you, or you are
        an admin, the author's drafts and scheduled posts come first.
        """
        page = posts_search.page if "q" in query else posts_lists.page
        return page(request.db, **query, viewer=request.viewer)

    @blueprint.operation(
        "publishPost",
        auth=bearer,
        limits=(WRITES,),
        body=PostCreate(),
        returns=POST,
        idempotent=True,
        conditional=True,
        description="The post has been created.",
        example={"slug": None, "metadata": {}},
    )
    def post(self, request: Request, content: Values) -> posts_table.Post:
        """Publish a post.

        Now, or at `published_at`. With `published_at` null it is a draft, visible to you and admins only. With an
        `Idempotency-Key` the request can be repeated safely: the post is published once.
        """
        return posts.publish(request.db, author_id=request.current_user.id, **content)


@blueprint.route("/posts/<int:post_id>", post_id=Id())
class PostById(Resource):
    @blueprint.operation("readPost", auth=bearer, anonymous=True, query=EXPAND, returns=POST, conditional=True)
    def get(self, request: Request, query: Values, post_id: int) -> posts_table.Post | PostWithHTML:
        """Read a post.

        Drafts and scheduled posts are visible to their author and to admins; to others they are 404.
        """
        return _expanded(posts.get(request.db, post_id, viewer=request.viewer), query)

    @blueprint.operation(
        "revisePost", auth=bearer, limits=(WRITES,), body=PostPatch(), returns=POST, raises=(409,), conditional=True
    )
    def patch(self, request: Request, changes: Values, post_id: int) -> posts_table.Post:
        """Revise a post.

        Omitted properties keep their values. If none gets another value, nothing changes, neither `updated_at` nor
        `revision`. 409 `slug-taken` if its author has another post with the slug. 403 if the post is not yours, unless
        you are an admin.
        """
        return posts.revise(request.db, _current(request, post_id), **changes)

    @blueprint.operation(
        "removePost",
        auth=bearer,
        limits=(WRITES,),
        raises=(409,),
        conditional=True,
        description="The post has been deleted.",
    )
    def delete(self, request: Request, post_id: int) -> None:
        """Delete a post.

        Permanently, with its comments and likes. 409 `too-much-content` if it has more than 10,000 comments, more than
        8,388,608 characters in them, or more than 50,000 likes. 403 if the post is not yours, unless you are an admin.
        """
        posts.remove(request.db, _current(request, post_id))


def _may_put(request: Request, *, username: str, **_: object) -> None:
    """Allow only the owner and admins, before anything shows what exists."""
    user = request.current_user
    if user.username != username and user.role != "admin":
        raise Forbidden("You can put only your own posts.")


@blueprint.route("/users/<string:username>/posts/<string:slug>", username=Username(), slug=SLUG)
class PostBySlug(Resource):
    @blueprint.operation(
        "readPostBySlug",
        auth=bearer,
        anonymous=True,
        query=EXPAND,
        returns=POST,
        conditional=True,
        content_location=True,
    )
    def get(self, request: Request, query: Values, username: str, slug: str) -> posts_table.Post | PostWithHTML:
        """Read a post by its author and slug.

        The response is that of its `url`, which stays the same when the slug changes. Drafts and scheduled posts are
        visible to their author and to admins; to others they are 404.
        """
        return _expanded(posts.get_by_slug(request.db, username, slug, viewer=request.viewer), query)

    @blueprint.operation(
        "putPost",
        auth=bearer,
        limits=(WRITES,),
        authorize=_may_put,
        body=PostPut(),
        returns=POST,
        conditional=True,
        content_location=True,
        description="The post has been replaced, or has this state already.",
        example={"metadata": {}},
    )
    def put(self, request: Request, content: Values, username: str, slug: str) -> posts_table.Post:
        """Publish or replace a post by its slug.

        Send the complete state: omitted `tags` and `metadata` are empty, omitted `comments` are `open`. `If-None-Match:
        *` publishes the post; 412 if the author has one with that slug, drafts included. `If-Match` replaces it; 412 if
        there is none, and if it has been changed since, unless it has this state already. A request that changes
        nothing leaves `updated_at` and `revision` as they are. 403 for another user's posts, unless you are an admin.
        """
        if len(slug) > constraints.SLUG_MAX_LENGTH or not re.fullmatch(constraints.SLUG_PATTERN, slug):
            raise NotFound(f"There can be no post {slug!r}: a slug is 1 to 80 of a-z and 0-9, in groups joined by `-`.")
        db, user = request.db, request.current_user
        author = user if user.username == username else users.lock(db, username)
        author_id, is_withheld = author.id, author.suspended_at is not None
        post = posts.find_by_slug_for_update(db, author_id=author_id, slug=slug)
        preconditions.check_put(request, post, content)
        if post is None:
            return posts.publish(db, author_id=author_id, slug=slug, is_withheld=is_withheld, **content)
        return posts.revise(db, post, **content)
