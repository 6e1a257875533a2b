"""One declaration per operation: what it takes and returns, who may call it and how often, and how it fails."""

from collections.abc import Callable
from typing import Literal

from flask import Response
from flask.views import MethodView
from flask_httpauth import HTTPAuth

from api.http.application import Request, current_application, current_request
from api.http.declaration import Authorize, Operation, check
from api.http.openapi.operations import DocumentedBlueprint
from api.http.parsing import Values
from api.http.rate_limits import RateLimit
from api.http.views import Handler, view_of
from api.json import JSONObject
from api.schemas.base import StrictSchema

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
        scope: Literal["read", "write"] | None = None,
        limits: tuple[RateLimit, ...] = (),
        authorize: Authorize | None = None,
        sign_in: Callable[[Request, Values], None] | None = None,
        query: StrictSchema | None = None,
        body: StrictSchema | None = None,
        body_required: bool = True,
        returns: StrictSchema | JSONObject | str | None = None,
        content_type: str | None = None,
        download: bool = False,
        raises: tuple[int, ...] = (),
        idempotent: bool = False,
        metered: bool = True,
        conditional: bool = False,
        content_location: bool = False,
        description: str | None = None,
        example: JSONObject | None = None,
    ) -> Callable[[Handler], Handler]:
        """Serve and document a method of a resource: `handler(self, request, [query,] [body,] **path)`.

        In this order: limits before authentication, authentication (optional if `anonymous`) by a token of `scope`
        (`read` for GET and `write` for other methods, unless it is given), limits after it, `authorize` (without
        `request.db`), query and body; then, in one transaction, idempotency, quotas, the handler, its result as
        `returns` says (a row, a `Page` or a `Response`), and the ETag if `conditional`. Where credentials
        may be in the body, `sign_in` (without `request.db`) authenticates after it. Writes authenticate and `authorize`
        again in the transaction: pass `request.current_user` to the store only after `request.db`. The handler of a
        read may run twice: on a replica, then on the primary. That of a `conditional` change must call
        `check_if_match`, or `check_put` for a PUT, which creates or replaces. `content_location` is for a URL that is
        not the `url` of what it returns, `download` for a response with Content-Disposition. Its summary and
        description are the docstring, `description` is that of the successful response, `example` what its example has
        that does not follow from those of `returns` and `body`, and `raises` are the statuses that do not follow from
        the rest. `TypeError` for a declaration that cannot work.
        """

        def decorator(handler: Handler) -> Handler:
            method = handler.__name__
            operation = Operation(
                operation_id=operation_id,
                method=method,
                status=204 if returns is None else STATUS_OF_METHOD[method],
                auth=auth,
                anonymous=anonymous,
                scope=scope or ("read" if method == "get" else "write"),
                limits=limits,
                authorize=authorize,
                sign_in=sign_in,
                query=query,
                body=body,
                body_required=body_required,
                returns=returns,
                content_type=content_type,
                download=download,
                raises=raises,
                idempotent=idempotent,
                metered=metered,
                conditional=conditional,
                content_location=content_location,
                description=description,
                example=example or {},
            )
            check(operation, handler)
            view = view_of(operation, handler)
            self.document(handler, view, operation)
            return view

        return decorator
