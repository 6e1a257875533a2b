"""What is registered with Flask is called, though nobody looks for it where nothing is."""

from collections.abc import Callable
from typing import Any

import flask
from flask import Response

from api.http.application import Application
from tests.support.clients import Client


def test_what_is_registered_with_the_application_or_a_blueprint_is_called(build: Callable[..., Application]) -> None:
    app, called = build(), list[str]()
    blueprint = flask.Blueprint("extra", __name__)

    def noted(name: str) -> Callable[..., None]:
        return lambda *_, **__: called.append(name)

    def seen(name: str) -> Callable[[Response], Response]:
        def note(response: Response) -> Response:
            called.append(name)
            return response

        return note

    for name, registry in (("application", app), ("blueprint", blueprint)):
        registry.before_request(noted(f"before, {name}"))
        registry.after_request(seen(f"after, {name}"))
        registry.teardown_request(noted(f"teardown, {name}"))
        registry.url_value_preprocessor(noted(f"values, {name}"))
    app.teardown_appcontext(noted("teardown"))
    blueprint.add_url_rule("/extra", view_func=lambda: flask.after_this_request(seen("after this")) and "x")
    app.register_blueprint(blueprint)

    assert Client(app).get("/extra").status_code == 200
    assert called == [
        *("values, application", "values, blueprint", "before, application", "before, blueprint"),
        *("after this", "after, blueprint", "after, application"),
        *("teardown, blueprint", "teardown, application", "teardown"),
    ]


def test_signals_that_are_listened_to_are_sent(app: Application) -> None:
    sent: list[str] = []
    listeners: list[Any] = []
    for name in ("request_started", "request_finished", "request_tearing_down", "appcontext_tearing_down"):
        listeners.append(lambda *_, name=name, **__: sent.append(name))
        getattr(flask, name).connect(listeners[-1], app)
    Client(app).get("/posts")
    assert sent == ["request_started", "request_finished", "request_tearing_down", "appcontext_tearing_down"]
