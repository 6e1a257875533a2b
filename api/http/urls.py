"""URLs of this API, built from its routes."""

from functools import cached_property

from flask import current_app

from api.http.application import asked


def prefix() -> str:
    """What a proxy has put in front of all paths (`X-Forwarded-Prefix`)."""
    return asked().root_path


class Path:
    """The path of an endpoint: what `url_for` builds, without asking the routes anew for every item of a list.

    A path ends with its only value, an id or a username, which needs no quoting.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    def __call__(self, behind: str, value: object = "") -> str:
        """The path for that value of the converter, if there is one, behind the `prefix`."""
        return f"{behind}{self._start}{value}"

    @cached_property
    def _start(self) -> str:
        [route] = current_app.url_map.iter_rules(self._endpoint)
        return route.rule.partition("<")[0]
