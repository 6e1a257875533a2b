"""`/users/{username}/follow`, `…/followers` and `…/following`."""

from api.http.application import Request
from api.http.authentication import bearer
from api.http.operation import Blueprint, Resource
from api.http.parsing import Values
from api.http.rate_limits import WRITES
from api.schemas.follows import FollowingUser, FollowingUserPage
from api.schemas.pages import PageQuery
from api.schemas.users import Username
from api.store import follows
from api.store.pages import Page

blueprint = Blueprint("follows", "Users who follow others.", url_prefix="/users/<string:username>")
QUERY, PAGE = PageQuery(), FollowingUserPage()


@blueprint.route("/follow", username=Username())
class Follow(Resource):
    @blueprint.operation("readFollow", auth=bearer, returns=FollowingUser(), conditional=True)
    def get(self, request: Request, username: str) -> follows.FollowingUser:
        """Check whether you follow a user.

        200 with the user if you do, else 404.
        """
        return follows.get(request.db, username, follower_id=request.current_user.id)

    @blueprint.operation(
        "followUser", auth=bearer, limits=(WRITES,), raises=(409,), description="You follow the user, or did before."
    )
    def put(self, request: Request, username: str) -> None:
        """Follow a user.

        Their posts are in `/timeline` from now on. You can follow 500 users: 409 `too-many-followed` for another one.
        Those who are suspended count, too, because that may end. 409 `follows-oneself` for yourself.
        """
        db = request.db
        follows.add(db, username, follower_id=request.current_user.id)

    @blueprint.operation(
        "unfollowUser", auth=bearer, limits=(WRITES,), description="You do not follow the user, or never did."
    )
    def delete(self, request: Request, username: str) -> None:
        """Unfollow a user.

        Their posts are no longer in `/timeline`. 404 only if there is no such user.
        """
        db = request.db
        follows.remove(db, username, follower_id=request.current_user.id)


@blueprint.route("/followers", username=Username())
class Followers(Resource):
    @blueprint.operation("listFollowers", auth=bearer, anonymous=True, query=QUERY, returns=PAGE, conditional=True)
    def get(self, request: Request, query: Values, username: str) -> Page[follows.FollowingUser]:
        """List the followers of a user.

        Newest first. Anyone can list them, but only admins those of a suspended user.
        """
        return follows.followers(request.db, username, **query, viewer=request.viewer)


@blueprint.route("/following", username=Username())
class Following(Resource):
    @blueprint.operation("listFollowing", auth=bearer, anonymous=True, query=QUERY, returns=PAGE, conditional=True)
    def get(self, request: Request, query: Values, username: str) -> Page[follows.FollowingUser]:
        """List the users whom a user follows.

        The one who was followed last comes first. Anyone can list them, but only admins for a suspended user.
        """
        return follows.following(request.db, username, **query, viewer=request.viewer)
