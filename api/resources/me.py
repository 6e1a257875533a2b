"""`/me`."""

from typing import Any

from api.http.authentication import bearer, user
from api.http.blueprint import Blueprint, Resource
from api.http.passwords import hash_password, verify
from api.http.rate_limits import PASSWORD_CHANGE, WRITES
from api.http.transactions import connection
from api.http.urls import prefix
from api.resources.users import represent
from api.schemas.users import PasswordChange, User
from api.store import credentials
from api.store.errors import WrongPassword

blueprint = Blueprint("me", "Who you are.", url_prefix="/me")


@blueprint.route("")
class Me(Resource):
    @blueprint.authenticated(bearer)
    @blueprint.etag
    @blueprint.doc(operationId="readMe")
    @blueprint.response(200, User)
    def get(self) -> Any:
        """Read your account.

        The user whose token was sent.
        """
        return represent(user(), prefix())


@blueprint.route("/password")
class Password(Resource):
    @blueprint.authenticated(bearer)
    @blueprint.limited(PASSWORD_CHANGE, WRITES)
    @blueprint.doc(operationId="changePassword", responses={403: ""})
    @blueprint.arguments(PasswordChange())
    @blueprint.response(204, description="The new password is yours.")
    def put(self, wanted: dict[str, str]) -> None:
        """Change your password.

        All your tokens but the one that was sent are revoked. 403 if the current one is wrong, unless the new one is
        yours already, as when you repeat the request: then nothing is left to change.
        """
        try:
            proven = verify(user().username, wanted["current_password"])
        except WrongPassword:
            # PUT is idempotent (RFC 9110, section 9.2.2).
            verify(user().username, wanted["new_password"])
            return
        password_hash = hash_password(wanted["new_password"])
        credentials.change(connection(), proven, password_hash, keep=user().token_id)
