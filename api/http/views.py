"""The functions that serve operations: the steps of a request in their order."""

from collections.abc import Callable, Mapping
from functools import partial, wraps
from typing import Any, Concatenate, TypeVar

from flask import Response

from api.http import idempotency, preconditions, quotas, rate_limits
from api.http.application import Request
from api.http.authentication import authenticate, authenticate_again
from api.http.declaration import Authorize, Operation
from api.http.parsing import parse_body, parse_query, reject_query
from api.http.representations import responder
from api.http.transactions import in_transaction
from api.store.engine.connections import Connection
from api.store.errors import Conflict

Handler = TypeVar("Handler", bound=Callable[Concatenate[Any, Request, ...], Any])


def view_of(operation: Operation, handler: Handler) -> Handler:
    """Return the function that serves the operation."""
    query, body, authorize = operation.query, operation.body, operation.authorize
    auth, scope, sign_in = operation.auth, operation.scope, operation.sign_in
    limits_before = tuple(limit for limit in operation.limits if not (limit.after_authentication or limit.in_sign_in))
    limits_after = tuple(limit for limit in operation.limits if limit.after_authentication)
    is_read, is_post, is_metered = operation.method == "get", operation.method == "post", operation.is_metered
    anonymous, conditional, is_put = operation.anonymous, operation.conditional, operation.creates_or_replaces
    handle = _creating_once(handler) if is_put else handler
    # RFC 9110, section 9.3.4: the response to PUT has no validator, because what is stored is not the bytes sent.
    has_etag = conditional and operation.status != 204 and not is_put
    respond = responder(operation)

    @wraps(handler)
    def view(resource: object, request: Request, **path: object) -> Response:
        if limits_before:
            rate_limits.check(request, limits_before)
        if auth and not sign_in and not (anonymous and request.is_anonymous):
            authenticate(request, auth, scope)
        if limits_after:
            rate_limits.check(request, limits_after)
        if authorize:
            authorize(request, **path)
        inputs = []
        if query:
            inputs.append(parse_query(request, query))
        if body:
            inputs.append(parse_body(request, body, is_required=operation.body_required))
        if request.query_string and not query:
            reject_query(request)
        if sign_in:
            sign_in(request, inputs[-1])
        if is_put:
            request.creates = preconditions.must_create(request)

        def perform() -> Response:
            key = request.environ.get("HTTP_IDEMPOTENCY_KEY") if operation.idempotent else None
            if key is not None and (replayed := idempotency.replay(request, key, inputs[-1])):
                return replayed
            result = handle(resource, request, *inputs, **path)
            if is_metered and result is not request.row_before:  # something has changed
                quotas.count(request, inputs[-1], creates=is_post or request.creates)
            response = respond(request, result)
            if conditional and not (is_read or is_post or request.is_precondition_checked):
                raise AssertionError(f"{operation.operation_id} did not check the precondition.")
            if has_etag:
                preconditions.add_etag(request, response, getattr(result, "revision", None), is_read=is_read)
            if key is not None:
                idempotency.store(request, key, response, inputs[-1])
            return response

        again = None if is_read or request.viewer is None else partial(_authorize_again, request, authorize, path)
        response = in_transaction(request, perform, again)
        if auth or (is_read and has_etag):
            response.headers.add("Vary", "Authorization")
        return response

    return view  # type: ignore[return-value] # Resource calls it as it would call the handler


def _creating_once(handler: Handler) -> Handler:
    """Return the handler of a PUT, which may only create: 412 if another transaction does so at the same time."""

    @wraps(handler)
    def handle(resource: object, request: Request, *inputs: object, **path: object) -> object:
        try:
            return handler(resource, request, *inputs, **path)
        except Conflict as error:
            if not request.creates:
                raise
            raise preconditions.exists() from error

    return handle  # type: ignore[return-value] # it has the same parameters


def _authorize_again(request: Request, authorize: Authorize | None, path: Mapping[str, object], db: Connection) -> None:
    authenticate_again(request, db)
    if authorize:
        authorize(request, **path)
