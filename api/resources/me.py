"""`/me`."""

from collections.abc import Mapping
from functools import partial

from flask import Response
from limits import parse

from api import archive
from api.http.application import Request
from api.http.authentication import bearer, reject_token, verify_credentials
from api.http.operation import Blueprint, Resource
from api.http.rate_limits import WRITES, RateLimit, user_id
from api.http.streaming import stream_snapshot
from api.passwords import hash_password
from api.schemas.users import Me as MeSchema
from api.schemas.users import PasswordChange
from api.store import credentials
from api.store.errors import WrongPassword
from api.store.tokens_use import TokenUser

blueprint = Blueprint("me", "Your account.", url_prefix="/me")
# Separate from the sign-in limit: an attacker can exhaust that one, and the user must still be able to change the
# password. A request may verify two passwords.
PASSWORD_CHANGE = RateLimit("password-change", parse("10 per 15 minutes"), user_id, after_authentication=True)

EXPORTS = RateLimit("exports", parse("10 per hour"), user_id, after_authentication=True)


@blueprint.route("")
class Me(Resource):
    @blueprint.operation("readMe", auth=bearer, returns=MeSchema(), conditional=True)
    def get(self, request: Request) -> TokenUser:
        """Read your account.

        The user whose token authenticates this request.
        """
        user = request.current_user
        # The role of the user, also if the token can only read, and so does not grant it.
        return user._replace(role=user.account_role)


@blueprint.route("/export")
class Export(Resource):
    @blueprint.operation(
        "exportMe",
        auth=bearer,
        scope="write",
        limits=(EXPORTS,),
        returns={
            "type": "string",
            "maxLength": 2_147_483_647,
            "pattern": '^[{]"user":',
            "description": "A line of JSON for the user, then one for each post, comment, like and followed user.",
            "examples": ['{"user":{"username":"ada","display_name":"Ada Lovelace","bio":""}}\n'],
        },
        content_type="application/x-ndjson",
        download=True,
        description="Your account, posts, comments, likes and follows.",
    )
    def get(self, request: Request) -> Response:
        """Export your account, posts, comments, likes and follows.

        All of them, drafts included, as of one point in time, without your password and tokens: lines of JSON that
        `pressroom import` reads. Comments and likes have the id of the post, which may be one that you can no
        longer read. It is streamed; if the connection is closed before the last chunk, repeat the request.
        """
        user = request.current_user
        lines = partial(archive.export_user, user_id=user.id)
        return (
            stream_snapshot(request, lines, content_type="application/x-ndjson", filename=f"{user.username}.ndjson")
            or reject_token()
        )


@blueprint.route("/password")
class Password(Resource):
    @blueprint.operation(
        "changePassword",
        auth=bearer,
        limits=(PASSWORD_CHANGE, WRITES),
        body=PasswordChange(),
        metered=False,
        description="The password has been changed.",
    )
    def put(self, request: Request, passwords: Mapping[str, str]) -> None:
        """Change your password.

        All your tokens except the one that authenticates this request are revoked. 403 if the current password is
        wrong, unless the new password is already set, as it is when you repeat the request.
        """
        user = request.current_user
        try:
            verified = verify_credentials(request.app, user.username, passwords["current_password"])
        except WrongPassword:
            # PUT is idempotent (RFC 9110, section 9.2.2).
            verify_credentials(request.app, user.username, passwords["new_password"])
            return
        password_hash = hash_password(passwords["new_password"])
        credentials.change(request.db, verified, password_hash, keep_token=user.token_id)
