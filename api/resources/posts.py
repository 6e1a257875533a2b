"""`/posts`."""

from api.http import preconditions
from api.http.application import Request
from api.http.authentication import bearer
from api.http.operation import Blueprint, Resource
from api.http.parsing import Values
from api.http.rate_limits import WRITES
from api.schemas.fields import Id
from api.schemas.posts import Post, PostCreate, PostPage, PostPatch, PostQuery
from api.store import posts, posts_lists, posts_table
from api.store.pages import Page

blueprint = Blueprint("posts", "Posts.", url_prefix="/posts")
POST = Post()


def _current(request: Request, post_id: int) -> posts_table.Post:
    """Return the post, locked; 403 if the user may not change it, 412 if `If-Match` has another revision."""
    post = posts.get_for_update(request.db, post_id, principal=request.current_user)
    return preconditions.check_if_match(request, post)


@blueprint.route("")
class Posts(Resource):
    @blueprint.operation(
        "listPosts", auth=bearer, anonymous=True, query=PostQuery(), returns=PostPage(), conditional=True
    )
    def get(self, request: Request, query: Values) -> Page[posts_lists.PostSummary] | Page[posts_table.Post]:
        """List posts.

        Published posts, newest first, without their bodies unless `expand` is `body`. If `author` is you, or you are an
        admin, the author's drafts and scheduled posts come first.
        """
        return posts_lists.page(request.db, **query, viewer=request.viewer)

    @blueprint.operation(
        "publishPost",
        auth=bearer,
        limits=(WRITES,),
        body=PostCreate(),
        returns=POST,
        idempotent=True,
        conditional=True,
        description="The post has been created.",
    )
    def post(self, request: Request, content: Values) -> posts_table.Post:
        """Publish a post.

        Now, or at `published_at`. With `published_at` null it is a draft, visible to you and admins only. With an
        `Idempotency-Key` the request can be repeated safely: the post is published once.
        """
        return posts.publish(request.db, author_id=request.current_user.id, **content)


@blueprint.route("/<int:post_id>", post_id=Id())
class PostById(Resource):
    @blueprint.operation("readPost", auth=bearer, anonymous=True, returns=POST, conditional=True)
    def get(self, request: Request, post_id: int) -> posts_table.Post:
        """Read a post.

        Drafts and scheduled posts are visible to their author and to admins; to others they are 404.
        """
        return posts.get(request.db, post_id, viewer=request.viewer)

    @blueprint.operation(
        "revisePost",
        auth=bearer,
        limits=(WRITES,),
        body=PostPatch(),
        returns=POST,
        raises=(403,),
        conditional=True,
    )
    def patch(self, request: Request, changes: Values, post_id: int) -> posts_table.Post:
        """Revise a post.

        Omitted properties keep their values. If none gets another value, nothing changes, neither `updated_at` nor
        `revision`. 403 if the post is not yours, unless you are an admin.
        """
        return posts.revise(request.db, _current(request, post_id), **changes)

    @blueprint.operation(
        "removePost",
        auth=bearer,
        limits=(WRITES,),
        raises=(403,),
        conditional=True,
        description="The post has been deleted.",
    )
    def delete(self, request: Request, post_id: int) -> None:
        """Delete a post.

        Permanently. 403 if the post is not yours, unless you are an admin.
        """
        posts.remove(request.db, _current(request, post_id))
