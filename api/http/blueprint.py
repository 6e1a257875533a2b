"""Resources: a class per URL, a method per verb."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from flask import Response
from flask.views import MethodView
from flask_smorest.utils import resolve_schema_instance

from api.http.application import Answer, asked
from api.http.arguments import ArgumentsMixin, refuse_query
from api.http.authentication import AuthenticationMixin
from api.http.idempotency import IdempotencyMixin
from api.http.json import answer
from api.http.openapi.operations import document_as
from api.http.preconditions import PreconditionsMixin
from api.http.rate_limits import RateLimitsMixin
from api.http.statuses import STATUSES
from api.http.transactions import transactional


class Resource(MethodView):
    """What stands at one URL. Its instance is shared by all requests and keeps nothing."""

    init_every_request = False
    decorators = [transactional]

    def dispatch_request(self, **values: Any) -> Any:
        """Do what is asked for; what can be got answers HEAD, too (RFC 9110, section 9.3.2)."""
        method = asked().method.lower()
        return getattr(self, "get" if method == "head" else method)(**values)


class Blueprint(IdempotencyMixin, PreconditionsMixin, RateLimitsMixin, AuthenticationMixin, ArgumentsMixin):
    """flask-smorest's blueprint, with this API's grammar: it documents what its decorators say, and they do it.

    Decorators stand in the order of judgement: who asks, how often, what body, what answer.
    """

    def __init__(self, name: str, description: str, *, url_prefix: str | None = None, database: bool = True) -> None:
        super().__init__(name, name, url_prefix=url_prefix, description=description)
        self._database = database
        self._prepare_doc_cbks += (
            self._prepare_authentication_doc,
            self._prepare_rate_limits_doc,
            self._prepare_idempotency_doc,
            self._prepare_database_doc,
        )

    def doc(self, **facts: Any) -> Callable[..., Any]:
        """Say of an operation what its decorators do not."""
        documented = super().doc(**facts)
        return lambda func: document_as(documented(func), func)

    def response(self, status: int, schema: Any = None, **documentation: Any) -> Callable[..., Any]:
        """Answer what the operation returns: a value for `schema`, with header fields if it is a pair, or an answer.

        Parameters that the operation does not know are refused.
        """
        schema = resolve_schema_instance(schema)
        documented = super().response(status, schema, **documentation)

        def decorator(func: Callable[..., Any]) -> Callable[..., Any]:
            @wraps(func)
            def wrapper(*args: object, **kwargs: object) -> Response:
                refuse_query()
                result = func(*args, **kwargs)
                if isinstance(result, Response):
                    return result
                content, headers = result if isinstance(result, tuple) else (result, None)
                return Answer(status=status) if schema is None else answer(schema.dump(content), status, headers)

            return document_as(documented(func), wrapper)

        return decorator

    def _prepare_database_doc(self, doc: dict[str, Any], _doc_info: object, **_: object) -> dict[str, Any]:
        """Every operation that needs the database may find it gone."""
        if self._database:
            doc["responses"][503] = STATUSES[503].component
        return doc
