"""One declaration per operation: what it takes and returns, who may call it and how often, and how it fails."""

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Concatenate, TypeVar

from flask import Response
from flask.views import MethodView
from flask_httpauth import HTTPAuth

from api.http import idempotency, preconditions, quotas, rate_limits
from api.http.application import Request, current_application, current_request
from api.http.authentication import authenticate_again
from api.http.declaration import Operation, check
from api.http.openapi.operations import DocumentedBlueprint
from api.http.parsing import Values, parse_body, parse_query, reject_query
from api.http.problems import abort
from api.http.rate_limits import RateLimit
from api.http.representations import responder
from api.http.transactions import in_transaction
from api.json import JSONObject
from api.schemas.base import StrictSchema
from api.store.engine.connections import Connection

Handler = TypeVar("Handler", bound=Callable[Concatenate[Any, Request, ...], Any])
_AUTHENTICATED = object()  # what `login_required` returns if authentication succeeds
STATUS_OF_METHOD = {"get": 200, "post": 201, "put": 200, "patch": 200}


class Resource(MethodView):
    """The operations at one URL. One instance serves all requests."""

    init_every_request = False

    def dispatch_request(self, **path: object) -> Response:
        """Run the operation of the method; GET serves HEAD, too (RFC 9110, section 9.3.2)."""
        request = current_request()
        request.app = current_application()
        method = request.environ["REQUEST_METHOD"].lower()
        response: Response = getattr(self, "get" if method == "head" else method)(request, **path)
        return response


class Blueprint(DocumentedBlueprint):
    """flask-smorest's blueprint with a single decorator for operations."""

    def operation(
        self,
        operation_id: str,
        *,
        auth: HTTPAuth | None = None,
        anonymous: bool = False,
        limits: tuple[RateLimit, ...] = (),
        authorize: Callable[[Request], None] | None = None,
        sign_in: Callable[[Request, Values], None] | None = None,
        query: StrictSchema | None = None,
        body: StrictSchema | None = None,
        body_required: bool = True,
        returns: StrictSchema | JSONObject | str | None = None,
        content_type: str | None = None,
        raises: tuple[int, ...] = (),
        idempotent: bool = False,
        metered: bool = True,
        conditional: bool = False,
        description: str | None = None,
    ) -> Callable[[Handler], Handler]:
        """Serve and document a method of a resource: `handler(self, request, [query,] [body,] **path)`.

        In this order: limits before authentication, authentication (optional if `anonymous`), limits after it,
        `authorize` (without `request.db`), query and body; then, in one transaction, idempotency, quotas, the handler,
        its result as `returns` says (a row, a `Page` or a `Response`), and the ETag if `conditional`. Where credentials
        may be in the body, `sign_in` (without `request.db`) authenticates after it. Writes authenticate and `authorize`
        again in the transaction: pass `request.current_user` to the store only after `request.db`. The handler of a
        read may run twice: on a replica, then on the primary. That of a `conditional` change must call
        `check_if_match`. Its summary and description are the docstring, `description` is that of the successful
        response, and `raises` are the statuses that do not follow from the rest. `TypeError` for a declaration that
        cannot work.
        """

        def decorator(handler: Handler) -> Handler:
            method = handler.__name__
            operation = Operation(
                operation_id=operation_id,
                method=method,
                status=204 if returns is None else STATUS_OF_METHOD[method],
                auth=auth,
                anonymous=anonymous,
                limits=limits,
                authorize=authorize,
                sign_in=sign_in,
                query=query,
                body=body,
                body_required=body_required,
                returns=returns,
                content_type=content_type,
                raises=raises,
                idempotent=idempotent,
                metered=metered,
                conditional=conditional,
                description=description,
            )
            check(operation, handler)
            view = _view(operation, handler)
            self.document(handler, view, operation)
            return view

        return decorator


def _view(operation: Operation, handler: Handler) -> Handler:
    """Return the function that serves the operation."""
    query, body, authorize = operation.query, operation.body, operation.authorize
    auth, sign_in = operation.auth, operation.sign_in
    authenticate = auth.login_required(lambda: _AUTHENTICATED) if auth and not sign_in else None
    limits_before = tuple(limit for limit in operation.limits if not (limit.after_authentication or limit.in_sign_in))
    limits_after = tuple(limit for limit in operation.limits if limit.after_authentication)
    is_read, creates, is_metered = operation.method == "get", operation.method == "post", operation.is_metered
    anonymous, conditional = operation.anonymous, operation.conditional
    respond = responder(operation)

    @wraps(handler)
    def view(resource: Resource, request: Request, **path: object) -> Response:
        if limits_before:
            rate_limits.check(request, limits_before)
        if authenticate and not (anonymous and request.is_anonymous) and authenticate() is not _AUTHENTICATED:
            abort(401)
        if limits_after:
            rate_limits.check(request, limits_after)
        if authorize:
            authorize(request)
        inputs = []
        if query:
            inputs.append(parse_query(request, query))
        if body:
            inputs.append(parse_body(request, body, is_required=operation.body_required))
        if request.query_string and not query:
            reject_query(request)
        if sign_in:
            sign_in(request, inputs[-1])

        def perform() -> Response:
            key = None
            if not is_read:
                key = request.environ.get("HTTP_IDEMPOTENCY_KEY") if operation.idempotent else None
                if key is not None and (replayed := idempotency.replay(request, key, inputs[-1])):
                    return replayed
                if is_metered:
                    quotas.check(request, inputs[-1], creates=creates)
            response = respond(request, handler(resource, request, *inputs, **path))
            if conditional and not (is_read or creates or request.is_if_match_checked):
                raise AssertionError(f"{operation.operation_id} did not check If-Match.")
            if conditional and operation.status != 204:
                preconditions.add_etag(request, response, is_read=is_read)
            if key is not None:
                idempotency.store(request, key, response, inputs[-1])
            return response

        again = None if is_read or request.viewer is None else partial(_authorize_again, request, authorize)
        response = in_transaction(request, perform, again)
        if auth:
            response.headers.add("Vary", "Authorization")
        return response

    return view  # type: ignore[return-value] # Resource calls it as it would call the handler


def _authorize_again(request: Request, authorize: Callable[[Request], None] | None, db: Connection) -> None:
    authenticate_again(request, db)
    if authorize:
        authorize(request)
