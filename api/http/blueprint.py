"""Resources: a class per URL, a method per verb."""

from collections.abc import Callable
from functools import wraps
from typing import Any, cast

import flask_smorest
from flask.views import MethodView

from api.http.arguments import StrictParser, refuse_query
from api.http.authentication import AuthenticationMixin
from api.http.idempotency import IdempotencyMixin
from api.http.preconditions import PreconditionsMixin
from api.http.rate_limits import RateLimitsMixin
from api.http.statuses import STATUSES
from api.http.transactions import transactional


class Resource(MethodView):
    """What stands at one URL. Its instance is shared by all requests and keeps nothing."""

    init_every_request = False
    decorators = [transactional]


class Blueprint(IdempotencyMixin, PreconditionsMixin, RateLimitsMixin, AuthenticationMixin, flask_smorest.Blueprint):
    """flask-smorest's blueprint, with this API's grammar.

    Decorators stand in the order of judgement: who asks, how often, what body, what answer.
    """

    ARGUMENTS_PARSER = StrictParser()

    def __init__(self, name: str, description: str, *, url_prefix: str | None = None, database: bool = True) -> None:
        super().__init__(name, name, url_prefix=url_prefix, description=description)
        self._database = database
        self._prepare_doc_cbks += (
            self._prepare_authentication_doc,
            self._prepare_rate_limits_doc,
            self._prepare_idempotency_doc,
            self._prepare_database_doc,
        )

    def response(self, *args: Any, **kwargs: Any) -> Callable[..., Any]:
        """flask-smorest's, of an operation that refuses parameters which it does not know."""
        answered = super().response(*args, **kwargs)

        def decorator(func: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(func)
            def wrapper(*args: object, **kwargs: object) -> Any:
                refuse_query()
                return func(*args, **kwargs)

            return cast("Callable[..., Any]", answered(wrapper))

        return decorator

    def _prepare_database_doc(self, doc: dict[str, Any], _doc_info: object, **_: object) -> dict[str, Any]:
        """Every operation that needs the database may find it gone."""
        if self._database:
            doc["responses"][503] = STATUSES[503].component
        return doc
