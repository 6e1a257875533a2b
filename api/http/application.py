"""Flask and its answers, without what an API of JSON has no use for."""

import random
import re
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import flask
from flask import Flask, Response, appcontext_tearing_down, current_app, request_tearing_down
from flask.globals import _cv_request  # private, and the same in all of Flask 3.1
from werkzeug.exceptions import BadRequest, NotFound
from werkzeug.routing import MapAdapter
from werkzeug.wsgi import ClosingIterator

from api.http.access_log import AccessLog
from api.http.rate_limit_store import RateLimitStore
from api.settings import Settings
from api.store.engine.database import Database
from api.store.engine.replica import Replica
from api.store.engine.timeouts import Timeouts

if TYPE_CHECKING:
    from wsgiref.types import StartResponse

# Annotations of a function within a function would be made anew for each request.
Fields: TypeAlias = list[tuple[str, str]]
Write: TypeAlias = Callable[[bytes], object]

_OF_BODIES = frozenset({"Content-Length", "Content-Type"})

STARTED_AT = "pressroom.began"
"""In a request's environment: when it began, as `time.perf_counter` tells."""
REQUEST_ID = "pressroom.request_id"
"""In a request's environment: what its answer and its line in the log are known by."""
_SENT_ID = re.compile("[A-Za-z0-9._-]{8,64}")

DEFAULT_HEADERS = (
    ("Cache-Control", "no-store"),
    ("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"),
    ("X-Content-Type-Options", "nosniff"),
)
"""What holds for every answer that does not say otherwise: no cache keeps it, no browser runs it."""


class Request(flask.Request):
    """A request, and what is done for it."""

    query_is_read = False
    work: Any = None
    """Its `transactions.Work`."""
    user: Any = None
    """The row of who has proven to be that user."""


def asked() -> Request:
    """The request. Flask's proxy takes three calls to find it, at every look; a request has a dozen of these."""
    return _cv_request.get().request  # type: ignore[return-value] # it is of `request_class`


class Application(Flask):
    """Flask, whose views are no coroutines, and which serves the same at every host."""

    request_class = Request

    def __init__(self, import_name: str, settings: Settings, *, timeouts: Timeouts = Timeouts()) -> None:
        super().__init__(import_name, static_folder=None)
        self.settings = settings
        self.database = Database(settings, timeouts=timeouts)
        self.replica = Replica(settings, self.database, timeouts=timeouts) if settings.replica_url else None
        self.rate_limits = RateLimitStore(settings.redis_url) if settings.rate_limits == "on" else None
        self.access_log = AccessLog(settings.access_log) if settings.access_log else None

    def wsgi_app(self, environ: dict[str, Any], start_response: "StartResponse") -> Iterable[bytes]:
        """Answer a request."""
        environ[STARTED_AT] = time.perf_counter()
        sent = environ.get("HTTP_X_REQUEST_ID", "")
        environ[REQUEST_ID] = identity = sent if _SENT_ID.fullmatch(sent) else _new_id()

        def guarded(status: str, headers: Fields, *error: Any) -> Write:
            told = {name for name, _ in headers}
            guards = [each for each in DEFAULT_HEADERS if each[0] not in told]
            return start_response(status, [*headers, *guards, ("X-Request-ID", identity)], *error)

        return super().wsgi_app(environ, guarded)

    # Flask would look for each kind of function under the name of each blueprint, and send signals to nobody.

    def preprocess_request(self) -> Any:
        """Nothing, unless there are functions to call before requests."""
        return super().preprocess_request() if self.before_request_funcs or self.url_value_preprocessors else None

    def process_response(self, response: Response) -> Response:
        """The response, after the functions that are to see it."""
        if self.after_request_funcs.keys() - {None}:
            return super().process_response(response)
        context = _cv_request.get()
        for func in (*context._after_request_functions, *reversed(self.after_request_funcs.get(None, ()))):  # noqa: SLF001 (Flask's own)
            response = func(response)
        return response

    def do_teardown_request(self, *error: Any) -> None:
        """Nothing, unless somebody wants to know that a request ends."""
        if self.teardown_request_funcs or request_tearing_down.receivers:
            super().do_teardown_request(*error)

    def do_teardown_appcontext(self, *error: Any) -> None:
        """Nothing, unless somebody wants to know that work for the application ends."""
        if self.teardown_appcontext_funcs or appcontext_tearing_down.receivers:
            super().do_teardown_appcontext(*error)

    def make_default_options_response(self) -> Response:
        """The answer to OPTIONS, which has no content and so no type."""
        response = super().make_default_options_response()
        del response.headers["Content-Type"]
        return response

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """The function."""
        return func

    def create_url_adapter(self, request: flask.Request | None) -> MapAdapter | None:
        """What finds the route of `request`, from its path alone.

        400 without a host (RFC 9112, section 3.2); 404 for `//posts` and `/posts%2F1`, which Werkzeug and WSGI alter.
        """
        if request is None:
            return None
        environ = request.environ
        if not _is_host(request.host) or (environ["SERVER_PROTOCOL"] == "HTTP/1.1" and not environ.get("HTTP_HOST")):
            raise BadRequest
        raw = environ.get("RAW_URI") or environ.get("REQUEST_URI", "")
        if environ["PATH_INFO"].startswith("//") or "%2f" in raw.partition("?")[0].lower():
            raise NotFound
        return MapAdapter(
            self.url_map, request.host, f"{request.root_path}/", "", request.scheme, request.path, request.method
        )


def current_application() -> Application:
    """The application that serves the current request, or runs the current command."""
    return cast("Application", current_app)


def _new_id() -> str:
    # No secret: to ask the system for random bytes would let another thread in, for each request.
    return f"{random.getrandbits(128):032x}"


@lru_cache(maxsize=1024)
def _is_host(host: str) -> bool:
    try:
        return bool(host.encode("idna"))
    except UnicodeError:
        return False


class Answer(Response):
    """An answer that is whole in memory, with header fields that are right as they are."""

    default_mimetype = None
    response: list[bytes]

    def get_wsgi_response(self, environ: dict[str, Any]) -> tuple[Iterable[bytes], str, Fields]:
        """The body, the status and the header fields, for the server."""
        bodiless = self.status_code in {204, 304}
        headers = [each for each in self.headers if not bodiless or each[0] not in _OF_BODIES]
        body = [] if bodiless or environ["REQUEST_METHOD"] == "HEAD" else self.response
        return ClosingIterator(body, self.close) if self._on_close else body, self.status, headers
