"""`/tokens`."""

import re
from datetime import datetime, timedelta
from typing import NamedTuple, cast

from limits import parse

from api import constraints
from api.http import rate_limits
from api.http.application import Request
from api.http.authentication import (
    basic,
    basic_credentials,
    bearer,
    has_valid_token,
    hash_token,
    new_token,
    reject_credentials,
    require_scope,
    verify_credentials,
)
from api.http.operation import Blueprint, Resource
from api.http.parsing import Values
from api.http.problems import abort
from api.http.rate_limits import WRITES, RateLimit, client_address
from api.schemas.fields import Id
from api.schemas.pages import PageQuery
from api.schemas.tokens import IssuedToken, Token, TokenCreate, TokenPage
from api.store import tokens
from api.store.credentials import Credentials
from api.store.errors import Unauthenticated, WrongPassword
from api.store.pages import Page

blueprint = Blueprint("tokens", "Bearer tokens.", url_prefix="/tokens")


class TokenWithSecret(NamedTuple):
    """A token with its secret."""

    id: int
    name: str
    scope: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    token: str


def _claimed_username(request: Request) -> str | None:
    username = request.claimed_username or ""
    return username if re.fullmatch(constraints.USERNAME_PATTERN, username) else None


SIGN_IN_BY_ADDRESS = RateLimit("sign-in-address", parse("60 per 15 minutes"), client_address)
SIGN_IN_BY_USERNAME = RateLimit("sign-in-username", parse("20 per 15 minutes"), _claimed_username, in_sign_in=True)


def _sign_in(request: Request, content: Values) -> None:
    """Verify the username and password, which are sent as HTTP Basic or in the body."""
    maximum = request.app.settings.token_days
    if content.get("expires_in_days", 0) > maximum:
        abort(422, messages={"json": {"expires_in_days": [f"Must be less than or equal to {maximum}."]}})
    given = content.keys() & {"username", "password"}
    if not given:
        sent = None if request.is_anonymous else basic_credentials(request)
        if sent is None and has_valid_token(request, bearer):
            require_scope(request, "write")  # the reason why a token that can only read is rejected
        request.claimed_username, password = sent or reject_credentials(request)
    elif not request.is_anonymous:
        abort(400, "Send the username and password either in the body, without `Authorization`, or as HTTP Basic.")
    elif len(given) == 1:
        # Not 422: few generators of clients know the keyword `dependentRequired`, and some reject a document with it.
        raise WrongPassword("Send both `username` and `password`.")
    else:
        request.claimed_username, password = content["username"], content["password"]
    rate_limits.check(request, (SIGN_IN_BY_USERNAME,))
    try:
        request.credentials = verify_credentials(request.app, request.claimed_username, password)
    except WrongPassword:
        reject_credentials(request)


@blueprint.route("")
class Tokens(Resource):
    @blueprint.operation(
        "listTokens", auth=bearer, scope="write", query=PageQuery(), returns=TokenPage(), conditional=True
    )
    def get(self, request: Request, query: Values) -> Page[tokens.Token]:
        """List your tokens.

        Unexpired tokens, newest first, without their secrets.
        """
        return tokens.page(request.db, user_id=request.current_user.id, **query)

    @blueprint.operation(
        "createToken",
        auth=basic,
        anonymous=True,
        limits=(SIGN_IN_BY_ADDRESS, SIGN_IN_BY_USERNAME),
        body=TokenCreate(),
        body_required=False,
        sign_in=_sign_in,
        returns=IssuedToken(),
        raises=(403,),
        description="The token has been created. Its secret is shown only in this response.",
        example={"last_used_at": None},
    )
    def post(self, request: Request, content: Values) -> TokenWithSecret:
        """Create a token.

        Send your username and password in the body or as HTTP Basic, not both (400). If they are wrong, the response is
        403 for those in the body. For HTTP Basic it is 401 with a challenge, for which browsers open a dialog: scripts
        in a page send them in the body. The secret is shown only in this response: store it.
        """
        secret = new_token()
        credentials, settings = cast("Credentials", request.credentials), request.app.settings
        try:
            token = tokens.create(
                request.db,
                user_id=credentials.id,
                password_hash=credentials.password_hash,
                sha256=hash_token(secret),
                lifetime=timedelta(days=content.get("expires_in_days", settings.token_days)),
                name=content["name"],
                scope=content["scope"],
                limit=settings.tokens_per_user if settings.rate_limits == "on" else 0,
            )
        except Unauthenticated:
            reject_credentials(request)
        return TokenWithSecret(
            token.id, token.name, token.scope, token.created_at, token.expires_at, token.last_used_at, secret
        )


@blueprint.route("/<int:token_id>", token_id=Id())
class TokenById(Resource):
    @blueprint.operation("readToken", auth=bearer, scope="write", returns=Token(), conditional=True)
    def get(self, request: Request, token_id: int) -> tokens.Token:
        """Read one of your tokens.

        Its name and expiry; its secret is not stored.
        """
        return tokens.get(request.db, token_id, user_id=request.current_user.id)

    @blueprint.operation("revokeToken", auth=bearer, limits=(WRITES,), description="The token has been revoked.")
    def delete(self, request: Request, token_id: int) -> None:
        """Revoke one of your tokens.

        It is invalid at once, even if it is the one that authenticates this request.
        """
        tokens.revoke(request.db, token_id, user_id=request.current_user.id)
