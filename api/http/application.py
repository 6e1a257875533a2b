"""The application and its requests."""

import time
from collections.abc import Callable, Iterable
from typing import IO, TYPE_CHECKING, Any, cast

import flask
from flask import Flask, Response, current_app
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.routing import MapAdapter
from werkzeug.utils import cached_property

from api import constraints
from api.http import request_ids, target_uri
from api.http.access_log import AccessLog
from api.http.rate_limit_store import RateLimitStore
from api.http.responses import READ_METHODS, Headers
from api.http.unit_of_work import UnitOfWork
from api.settings import Settings
from api.store.credentials import Credentials
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.engine.replica import Read, Replica
from api.store.engine.timeouts import Timeouts
from api.store.tokens_use import TokenUser

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

STARTED_AT = "pressroom.started_at"
"""WSGI environment: when the request started, by `time.perf_counter`."""
REQUEST_ID = "pressroom.request_id"
"""WSGI environment: the `X-Request-ID` of the response and the access log."""
DEFAULT_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
)
"""Header fields of every response that does not set them."""

_EMPTY_CREDENTIALS = frozenset({"", "bearer", "basic", "basic og=="})
"""In lower case. The last is an empty username with an empty password."""


class Request(flask.Request):
    """A request, with its database connection and the authenticated user."""

    app: "Application"
    """The application that serves this request."""
    unit_of_work: UnitOfWork
    creates = False
    """Whether a PUT may only create the resource; otherwise it may only replace it."""
    is_precondition_checked = False
    row_before: object = None
    """The row for which the precondition was checked; None if there is none."""
    is_query_normal = True
    viewer: TokenUser | None = None
    """The user authenticated by a bearer token; None for an anonymous client."""
    token_hash: bytes
    """The hash of that token."""
    claimed_username: str | None = None
    """The username of a request to sign in, before the password is verified."""
    credentials: Credentials | None = None
    """The user who signs in, by HTTP Basic or in the body."""

    @property
    def db(self) -> Connection:
        """The connection of this request: a transaction if it may write. It is opened by the first use."""
        return self.unit_of_work.connection or self.unit_of_work.open()

    @property
    def current_user(self) -> TokenUser:
        """The same, in an operation that requires authentication."""
        if self.viewer is None:
            raise RuntimeError("The operation does not require authentication.")
        return self.viewer

    @cached_property
    def stream(self) -> IO[bytes]:
        """The body. If gunicorn ends it at a length that has been checked, it need not be limited a second time."""
        if self.environ.get("wsgi.input_terminated") and self.content_length is not None:
            return cast("IO[bytes]", self.environ["wsgi.input"])
        return super().stream

    @property
    def has_credentials(self) -> bool:
        """Whether the request has an `Authorization` field, valid or not."""
        return "HTTP_AUTHORIZATION" in self.environ

    @property
    def is_anonymous(self) -> bool:
        """Whether the request has no credentials: no `Authorization`, or an empty one, which generated clients send."""
        return self.environ.get("HTTP_AUTHORIZATION", "").strip().lower() in _EMPTY_CREDENTIALS

    def connection_factory(self) -> Read:
        """Return the function that opens the connection.

        The primary serves reads with `Authorization`, so that clients read their own writes; the replica serves others.
        """
        if self.environ["REQUEST_METHOD"] not in READ_METHODS:
            return self.app.database.write
        replica = self.app.replica
        return self.app.database.read if replica is None or self.has_credentials else replica.read


class Application(Flask):
    """The WSGI application. It serves the same under every host name."""

    request_class = Request
    openapi_document: Callable[[], str]
    """Returns the JSON text of the OpenAPI document."""

    def __init__(self, import_name: str, settings: Settings, *, timeouts: Timeouts = Timeouts()) -> None:
        super().__init__(import_name, static_folder=None)
        self.settings = settings
        self.database = Database(settings, timeouts=timeouts)
        self.replica = Replica(settings, self.database, timeouts=timeouts) if settings.replica_url else None
        self.rate_limits = RateLimitStore(settings.redis_url) if settings.rate_limits == "on" else None
        self.access_log = AccessLog(settings.access_log) if settings.access_log else None

    def wsgi_app(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        """Handle a request; add its id and the default header fields to the response."""
        environ[STARTED_AT] = time.perf_counter()
        environ[REQUEST_ID] = request_id = request_ids.id_of(environ)

        def start(status: str, headers: Headers, *error: Any) -> Any:
            present = dict(headers)
            for header in DEFAULT_HEADERS:
                if header[0] not in present:
                    headers.append(header)
            headers.append(("X-Request-ID", request_id))
            return start_response(status, headers, *error)

        return super().wsgi_app(environ, start)

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function: none is a coroutine, for which Flask would look several times per request."""
        return func

    def make_default_options_response(self) -> Response:
        """Return the response to OPTIONS, which has no content and so no type; `Accept-Patch` is that of RFC 5789."""
        response = super().make_default_options_response()
        del response.headers["Content-Type"]
        if "PATCH" in response.allow:
            response.headers["Accept-Patch"] = "application/json"
        return response

    def create_url_adapter(self, request: flask.Request | None) -> MapAdapter | None:
        """Match routes by the path alone; 400, 404 or 413, which is the first error behind nginx, too."""
        if request is None:
            return None
        if "CONTENT_LENGTH" in request.environ and (request.content_length or 0) > constraints.REQUEST_BODY_MAX_BYTES:
            raise RequestEntityTooLarge
        target_uri.check(request)
        # No route depends on the host and the scheme, so their values are not needed.
        return MapAdapter(self.url_map, "", f"{request.root_path}/", "", "http", request.path, request.method)


def current_application() -> Application:
    """Return the application that serves the current request, or runs the current command.

    Itself, as the next function does: each attribute of Flask's proxies costs four calls.
    """
    return cast("Application", current_app._get_current_object())  # type: ignore[attr-defined] # every proxy has it


def current_request() -> Request:
    """Return the current request."""
    return cast("Request", flask.request._get_current_object())  # type: ignore[attr-defined] # every proxy has it
