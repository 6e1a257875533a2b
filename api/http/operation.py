"""One declaration per operation: what it takes and returns, who may call it and how often, and how it fails."""

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, Concatenate, TypeVar, get_args, get_type_hints

from flask import Response
from flask.views import MethodView
from flask_httpauth import HTTPAuth

from api.http import idempotency, preconditions, rate_limits
from api.http.application import Request, current_application, current_request
from api.http.openapi.operations import DocumentedBlueprint, Operation
from api.http.pagination import link_to_next
from api.http.parsing import parse_body, parse_query, reject_query
from api.http.rate_limits import RateLimit
from api.http.responses import BufferedResponse, json_response
from api.http.transactions import in_transaction
from api.schemas.base import StrictSchema
from api.schemas.pages import PageSchema

Handler = TypeVar("Handler", bound=Callable[Concatenate[Any, Request, ...], Any])
STATUS_OF_METHOD = {"get": 200, "post": 201, "put": 200, "patch": 200}


class Resource(MethodView):
    """The operations at one URL. One instance serves all requests."""

    init_every_request = False

    def dispatch_request(self, **path: Any) -> Any:
        """Run the operation of the method; GET serves HEAD, too (RFC 9110, section 9.3.2)."""
        request = current_request()
        request.app = current_application()
        method = request.environ["REQUEST_METHOD"].lower()
        return getattr(self, "get" if method == "head" else method)(request, **path)


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
        query: StrictSchema | None = None,
        body: StrictSchema | None = None,
        body_required: bool = True,
        returns: StrictSchema | Mapping[str, Any] | None = None,
        content_type: str | None = None,
        raises: tuple[int, ...] = (),
        idempotent: bool = False,
        conditional: bool = False,
        description: str | None = None,
    ) -> Callable[[Handler], Handler]:
        """Serve and document a method of a resource: `handler(self, request, [query,] [body,] **path)`.

        In this order: limits by address, authentication (optional if `anonymous`), limits by user, `authorize`, query
        and body; then, in one transaction, idempotency, the handler, its result as `returns` says (a row, a `Page` or a
        `Response`), and the ETag if `conditional`. The handler of a read may run twice: on a replica, then on the
        primary. Its summary and description are the docstring, `description` is that of the successful response, and
        `raises` are the statuses that do not follow from the rest.
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
                query=query,
                body=body,
                body_required=body_required,
                returns=returns,
                content_type=content_type,
                raises=raises,
                idempotent=idempotent,
                conditional=conditional,
                description=description,
            )
            if isinstance(returns, StrictSchema):
                for row_type in _row_types(get_type_hints(handler).get("return")):
                    returns.compile_for(row_type)
            view = _view(operation, handler)
            self.document(handler, view, operation)
            return view

        return decorator


def _view(operation: Operation, handler: Handler) -> Handler:
    """Return the function that serves the operation."""
    query, body, returns, authorize = operation.query, operation.body, operation.returns, operation.authorize
    authenticate = operation.auth.login_required(_no_view) if operation.auth else None
    limits = tuple(limit for limit in operation.limits if not limit.by_user)
    limits_by_user = tuple(limit for limit in operation.limits if limit.by_user)
    is_read = operation.method == "get"

    def respond(request: Request, result: Any) -> Response:
        if isinstance(result, Response):
            return result
        if not isinstance(returns, StrictSchema):
            return BufferedResponse(status=operation.status)
        content = returns.dump_row(result, request.root_path)
        response = json_response(content, operation.status)
        if operation.status == 201:
            response.headers.add("Location", content["url"])
        elif isinstance(returns, PageSchema) and result.next_cursor is not None:
            response.headers.add("Link", link_to_next(request, result.next_cursor))
        return response

    @wraps(handler)
    def view(resource: Resource, request: Request, **path: Any) -> Response:
        if limits:
            rate_limits.check(request, limits)
        if authenticate and (not operation.anonymous or request.is_authenticated):
            authenticate()
        if limits_by_user:
            rate_limits.check(request, limits_by_user)
        if authorize:
            authorize(request)
        inputs = []
        if query:
            inputs.append(parse_query(request, query))
        if body:
            inputs.append(parse_body(request, body))
        if request.query_string and not query:
            reject_query(request)

        def perform() -> Response:
            key = request.environ.get("HTTP_IDEMPOTENCY_KEY") if operation.idempotent else None
            if key is not None and (replayed := idempotency.replay(request, key)):
                return replayed
            response = respond(request, handler(resource, request, *inputs, **path))
            if operation.conditional and operation.status != 204:
                preconditions.add_etag(request, response, is_read=is_read)
            if key is not None:
                idempotency.store(request, key, response)
            return response

        response = in_transaction(request, perform)
        if authenticate:
            response.headers.add("Vary", "Authorization")
        return response

    return view  # type: ignore[return-value] # Resource calls it as it would call the handler


def _no_view() -> None:
    """Stand in for the view of `login_required`, which is used as a check before the view."""


def _row_types(annotation: Any) -> Iterator[type[Any]]:
    """Yield the NamedTuples in a return annotation, by themselves or on pages."""
    if hasattr(annotation, "_fields") and not get_args(annotation):
        yield annotation
    for argument in get_args(annotation):
        yield from _row_types(argument)
