"""URLs of this API, built from its routes."""

import re
from functools import cached_property

from flask import current_app

from api.http.application import asked


def prefix() -> str:
    """What a proxy has put in front of all paths (`X-Forwarded-Prefix`)."""
    return asked().root_path


class Path:
    """The path of an endpoint: what `url_for` builds, without asking the routes anew for every item of a list.

    What its converters take, ids and usernames, needs no quoting.
    """

    def __init__(self, endpoint: str) -> None:
        self._endpoint = endpoint

    def __call__(self, behind: str, *values: object) -> str:
        """The path for these values of the converters, in their order, behind the `prefix`."""
        return behind + self._template % values

    @cached_property
    def _template(self) -> str:
        [route] = current_app.url_map.iter_rules(self._endpoint)
        return re.sub("<[^>]+>", "%s", route.rule)
