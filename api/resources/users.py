"""`/users`."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from api.http import pagination
from api.http.application import current_application
from api.http.authentication import bearer, user, viewer
from api.http.blueprint import Blueprint, Resource
from api.http.passwords import hash_password
from api.http.rate_limits import REGISTRATION, WRITES
from api.http.transactions import connection
from api.http.urls import Path, prefix
from api.schemas.pages import PageQuery
from api.schemas.users import User, UserCreate, UserPage, UserPatch
from api.store import users
from api.store.engine.connections import Row
from api.store.errors import Forbidden, Unauthenticated

blueprint = Blueprint("users", "Who writes.", url_prefix="/users")

USERNAME = [{"in": "path", "name": "username", "description": "The user's name.", "example": "ada"}]
CREATED = {"username": "$response.body#/username"}
AS_READ = {**CREATED, "header.If-Match": "$response.header.ETag"}
LINKS = {
    name: {"operationId": name, "parameters": parameters, "description": description}
    for name, parameters, description in (
        ("readUser", CREATED, "Read the user."),
        ("reviseUser", AS_READ, "Change the user."),
        ("removeUser", AS_READ, "Remove the user."),
    )
}


USER = Path("users.UserByName")
POSTS = Path("posts.Posts")


def represent(row: Row, behind: str) -> dict[str, Any]:
    """A user with their URLs."""
    return {
        **row._asdict(),
        "url": USER(behind, row.username),
        "posts_url": f"{POSTS(behind)}?author={row.username}",
    }


def _as_read(username: str) -> Row:
    """The user to change, whom the one who asks may change and knows as they are."""
    kept = users.get_for_update(connection(), username, editor=user())
    blueprint.check_etag(represent(kept, prefix()), User())
    return kept


def _by_registrars(func: Callable[..., Any]) -> Callable[..., Any]:
    """Where registration is closed, let nobody pass but admins."""

    @wraps(func)
    def wrapper(*args: object, **kwargs: object) -> Any:
        if current_application().settings.registration == "closed":
            if not (registrar := viewer()):
                raise Unauthenticated("Registration is closed. Sign in as an admin.")
            if registrar.role != "admin":
                raise Forbidden("Registration is closed. Ask an admin.")
        return func(*args, **kwargs)

    return wrapper


@blueprint.route("")
class Users(Resource):
    @blueprint.etag
    @blueprint.doc(operationId="listUsers")
    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, UserPage, headers={"Link": "Link"})
    def get(self, query: dict[str, Any]) -> Any:
        """List users.

        A page of all users, who came last first.
        """
        return pagination.answer(users.page(connection(), **query), represent)

    @blueprint.authenticated(bearer, optional=True)
    @blueprint.limited(REGISTRATION, WRITES)
    @_by_registrars
    @blueprint.etag
    @blueprint.doc(operationId="registerUser", responses={403: "", 409: "", 201: {"links": LINKS}})
    @blueprint.arguments(UserCreate())
    @blueprint.response(201, User, headers={"Location": "Location"}, description="The user is registered.")
    def post(self, account: dict[str, Any]) -> Any:
        """Register.

        Choose a username, for good, and a password. 409 if the username is taken. Where registration is closed, only
        admins register users: 401 for strangers, 403 for members.
        """
        account["password_hash"] = hash_password(account.pop("password"))
        created = represent(users.register(connection(), **account), prefix())
        return created, {"Location": created["url"]}


@blueprint.route("/<string:username>", parameters=USERNAME)
class UserByName(Resource):
    @blueprint.etag
    @blueprint.doc(operationId="readUser")
    @blueprint.response(200, User)
    def get(self, username: str) -> Any:
        """Read a user.

        What everybody may know of them.
        """
        return represent(users.get(connection(), username), prefix())

    @blueprint.authenticated(bearer)
    @blueprint.limited(WRITES)
    @blueprint.etag
    @blueprint.doc(operationId="reviseUser", responses={403: ""})
    @blueprint.arguments(UserPatch())
    @blueprint.response(200, User)
    def patch(self, changes: dict[str, Any], username: str) -> Any:
        """Change your account.

        Members left out stay as they are. 403 if the account is not yours, unless you are an admin.
        """
        return represent(users.revise(connection(), _as_read(username), **changes), prefix())

    @blueprint.authenticated(bearer)
    @blueprint.limited(WRITES)
    @blueprint.etag
    @blueprint.doc(operationId="removeUser", responses={403: "", 409: ""})
    @blueprint.response(204, description="The user and their tokens are gone.")
    def delete(self, username: str) -> None:
        """Remove your account.

        For good, with your tokens. 409 while you have posts: delete them first. 403 if the account is not
        yours, unless you are an admin.
        """
        users.remove(connection(), _as_read(username))
