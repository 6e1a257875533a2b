"""Comments on posts."""

from api.http import preconditions
from api.http.application import Request
from api.http.authentication import bearer
from api.http.operation import Blueprint, Resource
from api.http.parsing import Values
from api.http.rate_limits import WRITES
from api.schemas.comments import Comment, CommentCreate, CommentExpandQuery, CommentPage, CommentPatch, CommentQuery
from api.schemas.fields import Id
from api.store import comments, comments_table
from api.store.comments_table import CommentWithHTML
from api.store.pages import Page

blueprint = Blueprint("comments", "Comments on posts.")
COMMENT = Comment()


@blueprint.route("/posts/<int:post_id>/comments", post_id=Id())
class Comments(Resource):
    @blueprint.operation(
        "listComments", auth=bearer, anonymous=True, query=CommentQuery(), returns=CommentPage(), conditional=True
    )
    def get(
        self, request: Request, query: Values, post_id: int
    ) -> Page[comments_table.Comment] | Page[CommentWithHTML]:
        """List the comments on a post.

        Oldest first. 404 if you cannot read the post. The cursor of the last page is null: to look for new comments,
        read that page again.
        """
        return comments.page(request.db, post_id, **query, viewer=request.viewer)

    @blueprint.operation(
        "createComment",
        auth=bearer,
        limits=(WRITES,),
        body=CommentCreate(),
        returns=COMMENT,
        idempotent=True,
        conditional=True,
        description="The comment has been created.",
    )
    def post(self, request: Request, content: Values, post_id: int) -> comments_table.Comment:
        """Comment on a post.

        404 if you cannot read the post, 409 `comments-closed` if its `comments` is `closed`. With an `Idempotency-Key`
        the request can be repeated safely: there is one comment.
        """
        db = request.db
        return comments.create(db, post_id, author=request.current_user, **content)


@blueprint.route("/comments/<int:comment_id>", comment_id=Id())
class CommentById(Resource):
    @blueprint.operation(
        "readComment", auth=bearer, anonymous=True, query=CommentExpandQuery(), returns=COMMENT, conditional=True
    )
    def get(self, request: Request, query: Values, comment_id: int) -> comments_table.Comment | CommentWithHTML:
        """Read a comment.

        404 while you cannot read its post, even if the comment is yours.
        """
        return comments.get(request.db, comment_id, **query, viewer=request.viewer)

    @blueprint.operation(
        "reviseComment", auth=bearer, limits=(WRITES,), body=CommentPatch(), returns=COMMENT, conditional=True
    )
    def patch(self, request: Request, changes: Values, comment_id: int) -> comments_table.Comment:
        """Revise a comment.

        Also when its post is closed. If it has this body already, nothing changes, neither `updated_at` nor `revision`.
        403 if the comment is not yours, unless you are an admin. 404 while you cannot read its post.
        """
        db = request.db
        comment = comments.get_for_update(db, comment_id, principal=request.current_user)
        return comments.revise(db, preconditions.check_if_match(request, comment), **changes)

    @blueprint.operation(
        "removeComment",
        auth=bearer,
        limits=(WRITES,),
        conditional=True,
        description="The comment has been deleted.",
    )
    def delete(self, request: Request, comment_id: int) -> None:
        """Delete a comment.

        Permanently. 403 if neither the comment nor its post is yours, unless you are an admin. 404 while you cannot
        read its post, even if the comment is yours.
        """
        db = request.db
        comment = comments.get_for_update(db, comment_id, principal=request.current_user, may_moderate=True)
        comments.remove(db, preconditions.check_if_match(request, comment))
