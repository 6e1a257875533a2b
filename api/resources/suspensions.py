"""`/suspensions`, and the suspension of a user."""

from api.http.application import Request
from api.http.authentication import bearer
from api.http.operation import Blueprint, Resource
from api.http.parsing import Values
from api.http.rate_limits import WRITES
from api.schemas.pages import PageQuery
from api.schemas.suspensions import SuspensionPage
from api.schemas.users import Username
from api.store import suspensions
from api.store.errors import Forbidden
from api.store.pages import Page

blueprint = Blueprint("suspensions", "Suspended users, for admins.")


def _require_admin(request: Request, **_: object) -> None:
    """Allow only admins, before anything shows what exists."""
    if request.current_user.role != "admin":
        raise Forbidden("Only admins can suspend users and see who is suspended.")


@blueprint.route("/suspensions")
class Suspensions(Resource):
    @blueprint.operation(
        "listSuspensions",
        auth=bearer,
        scope="write",
        authorize=_require_admin,
        query=PageQuery(),
        returns=SuspensionPage(),
        conditional=True,
    )
    def get(self, request: Request, query: Values) -> Page[suspensions.Suspension]:
        """List suspended users.

        Those who were suspended last come first. Only for admins: 403 for others, and for a token that can only read.
        """
        return suspensions.page(request.db, **query)


@blueprint.route("/users/<string:username>/suspension", username=Username())
class SuspensionOfUser(Resource):
    @blueprint.operation(
        "suspendUser",
        auth=bearer,
        limits=(WRITES,),
        authorize=_require_admin,
        raises=(409,),
        description="The user is suspended.",
    )
    def put(self, request: Request, username: str) -> None:
        """Suspend a user.

        Only for admins. Until it ends, the user cannot sign in, their tokens are revoked, and only admins see the user
        and their posts: in lists, searches and feeds they are absent, at their URLs 404, and in changes null. Their
        comments, likes and follows are hidden, too. 409 `user-is-admin` for an admin; 409 `too-much-content` if they
        have more than 1,000 posts and comments, of which each ten likes or follows count as one, or 8,388,608
        characters in them: then an operator runs `pressroom users suspend`. It may be repeated.
        """
        suspensions.suspend(request.db, username)

    @blueprint.operation(
        "unsuspendUser",
        auth=bearer,
        limits=(WRITES,),
        authorize=_require_admin,
        raises=(409,),
        description="The user is not suspended.",
    )
    def delete(self, request: Request, username: str) -> None:
        """End the suspension of a user.

        Only for admins. The user and what they wrote are visible as before, and the user can sign in again; tokens
        stay revoked. 409 `too-much-content` as for suspending: then an operator runs `pressroom users
        unsuspend`. It may be repeated.
        """
        suspensions.unsuspend(request.db, username)
