"""Likes of posts."""

from api.http.application import Request
from api.http.authentication import bearer
from api.http.operation import Blueprint, Resource
from api.http.parsing import Values
from api.http.rate_limits import WRITES
from api.schemas.fields import Id
from api.schemas.likes import Like, LikedPostPage, LikerPage
from api.schemas.pages import PageQuery
from api.schemas.users import Username
from api.store import likes, likes_lists
from api.store.pages import Page

blueprint = Blueprint("likes", "Likes of posts.")


@blueprint.route("/posts/<int:post_id>/like", post_id=Id())
class OwnLike(Resource):
    @blueprint.operation("readLike", auth=bearer, returns=Like(), conditional=True)
    def get(self, request: Request, post_id: int) -> likes.Like:
        """Read your like of a post.

        404 if you do not like it.
        """
        return likes.get(request.db, post_id, user=request.current_user)

    @blueprint.operation("likePost", auth=bearer, limits=(WRITES,), description="You like the post.")
    def put(self, request: Request, post_id: int) -> None:
        """Like a post.

        Any that you can read. Nothing changes if you like it already; nothing of the post changes, such as its ETag.
        """
        likes.add(request.db, post_id, user=request.current_user)

    @blueprint.operation("unlikePost", auth=bearer, limits=(WRITES,), description="You do not like the post.")
    def delete(self, request: Request, post_id: int) -> None:
        """Take back your like of a post.

        Nothing changes if you do not like it. It works for a post that you like and can no longer read, too.
        """
        likes.remove(request.db, post_id, user=request.current_user)


@blueprint.route("/posts/<int:post_id>/likes", post_id=Id())
class LikesOfPost(Resource):
    @blueprint.operation(
        "listLikers", auth=bearer, anonymous=True, query=PageQuery(), returns=LikerPage(), conditional=True
    )
    def get(self, request: Request, query: Values, post_id: int) -> Page[likes_lists.Liker]:
        """List the users who like a post.

        Latest like first. 404 for a post that you cannot read.
        """
        return likes_lists.likers_page(request.db, post_id, **query, viewer=request.viewer)


@blueprint.route("/users/<string:username>/likes", username=Username())
class LikesOfUser(Resource):
    @blueprint.operation(
        "listLikedPosts", auth=bearer, anonymous=True, query=PageQuery(), returns=LikedPostPage(), conditional=True
    )
    def get(self, request: Request, query: Values, username: str) -> Page[likes_lists.LikedPost]:
        """List the posts that a user likes.

        Latest like first. Only public posts, so a page may be short, even empty: continue until `next_cursor` is null.
        Only admins can list those of a suspended user.
        """
        return likes_lists.posts_page(request.db, username, **query, viewer=request.viewer)
