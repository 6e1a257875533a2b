"""`/users`."""

from limits import parse

from api.http import preconditions
from api.http.application import Request
from api.http.authentication import bearer
from api.http.operation import Blueprint, Resource
from api.http.parsing import Values
from api.http.problems import abort
from api.http.rate_limits import WRITES, RateLimit, client_address
from api.passwords import hash_password
from api.schemas.pages import PageQuery
from api.schemas.users import User, UserCreate, Username, UserPage, UserPatch, UserRemovalQuery
from api.store import users, users_removal
from api.store.pages import Page

blueprint = Blueprint("users", "Users.", url_prefix="/users")
USER = User()


def _address_of_non_admin(request: Request) -> str | None:
    return None if request.viewer and request.viewer.role == "admin" else client_address(request)


REGISTRATION = RateLimit("registration", parse("20 per hour"), _address_of_non_admin, after_authentication=True)


def _may_register(request: Request) -> None:
    """Allow only admins if registration is closed."""
    if request.app.settings.registration == "closed":
        if request.viewer is None:
            challenge = {"WWW-Authenticate": bearer.authenticate_header()}
            abort(401, "Registration is closed. Sign in as an admin.", code="registration-closed", headers=challenge)
        if request.viewer.role != "admin":
            abort(403, "Registration is closed. Only admins can register users.", code="registration-closed")


def _current(request: Request, username: str) -> users.User:
    """Return the user, locked; 403 if the client may not change it, 412 if `If-Match` has another revision."""
    user = users.get_for_update(request.db, username, principal=request.current_user)
    return preconditions.check_if_match(request, user)


@blueprint.route("")
class Users(Resource):
    @blueprint.operation("listUsers", query=PageQuery(), returns=UserPage(), conditional=True)
    def get(self, request: Request, query: Values) -> Page[users.User]:
        """List users, newest first.

        Anyone can list all users who are not suspended.
        """
        return users.page(request.db, **query)

    @blueprint.operation(
        "registerUser",
        auth=bearer,
        anonymous=True,
        limits=(REGISTRATION, WRITES),
        authorize=_may_register,
        body=UserCreate(),
        returns=USER,
        raises=(409,),
        conditional=True,
        description="The user has been registered.",
    )
    def post(self, request: Request, account: Values) -> users.User:
        """Register a user.

        The username cannot be changed later. 409 if it is taken. If registration is closed, only admins can register
        users: 401 for anonymous clients, 403 for members.
        """
        profile = {**account}
        # Hashed before the transaction begins, because it is slow.
        password_hash = hash_password(profile.pop("password"))
        return users.register(request.db, **profile, password_hash=password_hash)


@blueprint.route("/<string:username>", username=Username())
class UserByName(Resource):
    @blueprint.operation("readUser", auth=bearer, anonymous=True, returns=USER, conditional=True)
    def get(self, request: Request, username: str) -> users.User:
        """Read a user.

        Anyone can read it, but only admins if the user is suspended; to others it is 404.
        """
        return users.require_visible(users.get(request.db, username), request.viewer)

    @blueprint.operation(
        "reviseUser",
        auth=bearer,
        limits=(WRITES,),
        body=UserPatch(),
        returns=USER,
        conditional=True,
    )
    def patch(self, request: Request, changes: Values, username: str) -> users.User:
        """Revise a user.

        Omitted properties keep their values. If none gets another value, nothing changes, neither `updated_at` nor
        `revision`. 403 if it is not your account, unless you are an admin.
        """
        return users.revise(request.db, _current(request, username), **changes)

    @blueprint.operation(
        "removeUser",
        auth=bearer,
        limits=(WRITES,),
        query=UserRemovalQuery(),
        raises=(409,),
        conditional=True,
        description="The user and all that they had, posts only with `posts=remove`, have been deleted.",
    )
    def delete(self, request: Request, query: Values, username: str) -> None:
        """Delete a user.

        Permanently, with all tokens, comments, likes and follows. 409 while the user has posts: delete them
        first, or send `posts=remove`, which deletes them, drafts included, with the comments on them
        and their likes. All is deleted or nothing; 409 `too-much-content` for more than 1,000 posts and
        comments, of which ten likes or follows count as one, and for more than 8,388,608 characters in
        them. 403 if it is not your account, unless you are an admin.
        """
        db = request.db
        user = users_removal.get_for_removal(db, username, principal=request.current_user)
        preconditions.check_if_match(request, user)
        users_removal.remove(db, user, with_posts="posts" in query)
