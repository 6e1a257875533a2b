"""The application: everything wired together."""

import re
import sys
from datetime import timedelta
from functools import cache

from flask import Flask, Response, request
from flask_cors import CORS
from werkzeug.exceptions import NotFound
from werkzeug.middleware.proxy_fix import ProxyFix

from api import constraints
from api.http import converters, observability, problems, urls
from api.http.application import Application
from api.http.json_provider import StrictJSONProvider
from api.http.openapi.document import Api
from api.resources import (
    changes,
    comments,
    docs,
    feeds,
    follows,
    health,
    likes,
    me,
    metrics,
    posts,
    problem_types,
    root,
    suspensions,
    tags,
    timeline,
    tokens,
    users,
)
from api.settings import DOCSTRINGS_REQUIRED, InvalidSetting, Settings
from api.store.engine.timeouts import Timeouts

CORS_MAX_AGE = timedelta(days=1)
"""Time that browsers may store the response to a preflight request; Chromium shortens it to two hours."""
RESOURCES = [
    resource.blueprint
    for resource in (
        root,
        users,
        follows,
        timeline,
        suspensions,
        me,
        posts,
        comments,
        likes,
        tags,
        feeds,
        changes,
        tokens,
        problem_types,
        health,
        metrics,
        docs,
    )
]
PAGES = [docs.swagger_ui, docs.page]
"""Blueprints that are not in the OpenAPI document."""


def create_app(settings: Settings | None = None, *, timeouts: Timeouts = Timeouts()) -> Application:
    """Make the application; without `settings`, those of the environment apply.

    It connects to nothing and opens no file: `wsgi.application` migrates the database, opens the access log and
    registers gunicorn's errors. `InvalidSetting` for invalid settings.
    """
    if sys.flags.optimize > 1:
        raise InvalidSetting(DOCSTRINGS_REQUIRED)
    settings = settings or Settings.from_environment()
    app = Application(__name__, settings, timeouts=timeouts)
    app.config.update(MAX_CONTENT_LENGTH=constraints.REQUEST_BODY_MAX_BYTES + 1)
    observability.init_app(app)
    app.json = StrictJSONProvider(app)
    _trust_proxies(app, settings)
    if settings.cors_origins:
        CORS(
            app,
            # flask-cors takes text with any of `[]*` for a regular expression.
            origins=[
                origin if origin == "*" else re.compile(rf"{re.escape(origin)}\Z") for origin in settings.cors_origins
            ],
            send_wildcard=True,  # so that caches can share one response
            vary_header=False,  # `_vary_by_origin` adds it, to responses to other origins, too
            # Any field name (RFC 9110, section 5.6.2), but no other text, which flask-cors would repeat.
            allow_headers=[r"[A-Za-z0-9!#$%&'*+.^_`|~-]+\Z"],
            max_age=CORS_MAX_AGE,
            expose_headers=[
                "Accept",
                "Accept-Encoding",
                "Accept-Patch",
                "Allow",
                "Content-Disposition",
                "Content-Location",
                "ETag",
                "Link",
                "Location",
                "RateLimit",
                "RateLimit-Policy",
                "Retry-After",
                "WWW-Authenticate",
                "X-Request-ID",
            ],
        )
        app.before_request(_allow_preflight_of_unknown_path)
        if "*" not in settings.cors_origins:
            app.after_request(_vary_by_origin)

    problems.init_app(app)
    converters.init_app(app)
    for blueprint in [*RESOURCES, *PAGES]:
        app.register_blueprint(blueprint)
    app.openapi_document = _describe().document
    return app


@cache
def _describe() -> Api:
    """Describe the operations and check the URLs in schemas: both are the same for all applications of a process."""
    app = Flask(__name__, static_folder=None)
    converters.init_app(app)
    api = Api(app, title=root.NAME, version=root.VERSION, info=root.INFO)
    for blueprint in RESOURCES:
        api.register_blueprint(blueprint)
    for blueprint in PAGES:
        app.register_blueprint(blueprint)
    urls.check(app, api.schemas)
    return api


def _allow_preflight_of_unknown_path() -> Response | None:
    """Return 204 to a preflight request that would be 404, for which the browser would hide the 404 of the request."""
    if (
        request.method == "OPTIONS"
        and "Access-Control-Request-Method" in request.headers
        and isinstance(request.routing_exception, NotFound)
    ):
        return Response(status=204)
    return None


def _vary_by_origin(response: Response) -> Response:
    """Add `Vary: Origin`."""
    response.vary.add("Origin")
    return response


def _trust_proxies(app: Flask, settings: Settings) -> None:
    if hops := settings.trusted_proxies:
        proxied = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_prefix=hops)
        app.wsgi_app = proxied  # type: ignore[method-assign] # Flask's own advice
