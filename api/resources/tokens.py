"""`/tokens`."""

from datetime import timedelta
from typing import Any

from api.http import pagination
from api.http.application import current_application
from api.http.authentication import basic, bearer, new_token, refuse_password, sha256, user
from api.http.blueprint import Blueprint, Resource
from api.http.rate_limits import SIGN_IN_BY_ADDRESS, SIGN_IN_BY_USERNAME, WRITES
from api.http.transactions import connection
from api.http.urls import Path, prefix
from api.schemas.pages import PageQuery
from api.schemas.tokens import NewToken, Token, TokenCreate, TokenPage
from api.store import tokens
from api.store.columns import now
from api.store.engine.connections import Row
from api.store.errors import Unauthenticated

blueprint = Blueprint("tokens", "What signing in gives you.", url_prefix="/tokens")

TOKEN_ID = [{"in": "path", "name": "token_id", "description": "The token's number.", "example": 1}]
LINKS = {
    name: {"operationId": name, "parameters": {"token_id": "$response.body#/id"}, "description": description}
    for name, description in (("readToken", "Read the token."), ("revokeToken", "Revoke the token."))
}


TOKEN = Path("tokens.TokenById")


def represent(row: Row, behind: str) -> dict[str, Any]:
    """A token with its URL."""
    return {**row._asdict(), "url": TOKEN(behind, row.id)}


@blueprint.route("")
class Tokens(Resource):
    @blueprint.authenticated(bearer)
    @blueprint.etag
    @blueprint.doc(operationId="listTokens")
    @blueprint.arguments(PageQuery(), location="query")
    @blueprint.response(200, TokenPage, headers={"Link": "Link"})
    def get(self, query: dict[str, Any]) -> Any:
        """List your tokens.

        A page of those that are alive, the latest first, without their secrets.
        """
        return pagination.answer(tokens.page(connection(), user_id=user().id, **query), represent)

    @blueprint.limited(SIGN_IN_BY_ADDRESS, SIGN_IN_BY_USERNAME)
    @blueprint.authenticated(basic)
    @blueprint.doc(operationId="createToken", responses={201: {"links": LINKS}})
    @blueprint.arguments(TokenCreate(), required=False)
    @blueprint.response(201, NewToken, headers={"Location": "Location"}, description="The token, shown this once.")
    def post(self, wanted: dict[str, Any]) -> Any:
        """Sign in.

        With your username and password by HTTP Basic. The answer shows the token this once: keep it.
        """
        secret = new_token()
        expires_at = now() + timedelta(days=current_application().settings.token_days)
        proven = user()
        try:
            row = tokens.create(connection(), proven=proven, sha256=sha256(secret), expires_at=expires_at, **wanted)
        except Unauthenticated:
            return refuse_password()
        created = {**represent(row, prefix()), "token": secret}
        return created, {"Location": created["url"]}


@blueprint.route("/<int:token_id>", parameters=TOKEN_ID)
class TokenById(Resource):
    @blueprint.authenticated(bearer)
    @blueprint.etag
    @blueprint.doc(operationId="readToken")
    @blueprint.response(200, Token)
    def get(self, token_id: int) -> Any:
        """Read one of your tokens.

        Its name and when it ends; its secret is not kept.
        """
        return represent(tokens.get(connection(), token_id, user_id=user().id), prefix())

    @blueprint.authenticated(bearer)
    @blueprint.limited(WRITES)
    @blueprint.doc(operationId="revokeToken")
    @blueprint.response(204, description="The token is dead.")
    def delete(self, token_id: int) -> None:
        """Revoke one of your tokens.

        It is dead at once, also when it is the one that was sent.
        """
        tokens.revoke(connection(), token_id, user_id=user().id)
