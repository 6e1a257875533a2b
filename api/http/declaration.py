"""An operation as it is declared, and checks at start-up that the declaration can work."""

from collections.abc import Callable, Iterator
from typing import Concatenate, Literal, NamedTuple, TypeAlias, cast, get_args, get_type_hints

from flask_httpauth import HTTPAuth, HTTPTokenAuth

from api.http.application import Request
from api.http.parsing import Values
from api.http.rate_limits import RateLimit
from api.json import JSONObject
from api.schemas.base import StrictSchema
from api.schemas.compiled import RowType, URLTemplate

Authorize: TypeAlias = Callable[Concatenate[Request, ...], None]
"""`authorize(request, **path)`."""


class Operation(NamedTuple):
    """An operation, as `Blueprint.operation` declares it."""

    operation_id: str
    method: str
    status: int
    auth: HTTPAuth | None
    anonymous: bool
    scope: Literal["read", "write"]
    """What a bearer token must permit."""
    limits: tuple[RateLimit, ...]
    authorize: Authorize | None
    sign_in: Callable[[Request, Values], None] | None
    query: StrictSchema | None
    body: StrictSchema | None
    body_required: bool
    returns: StrictSchema | JSONObject | str | None
    content_type: str | None
    download: bool
    raises: tuple[int, ...]
    idempotent: bool
    metered: bool
    conditional: bool
    content_location: bool
    description: str | None
    example: JSONObject
    """What the example of its response has that differs from the examples of `returns` and `body`."""

    @property
    def is_metered(self) -> bool:
        """Whether it counts toward the daily quotas of the user."""
        return self.metered and self.body is not None and self.auth is not None and not self.anonymous

    @property
    def creates_or_replaces(self) -> bool:
        """Whether it is a PUT that creates a resource or replaces it, as its precondition says."""
        return self.conditional and self.method == "put"


def check(operation: Operation, handler: Callable[..., object]) -> None:
    """Compile what the handler returns; `TypeError` for a declaration that cannot work."""
    if not (operation.sign_in or operation.auth is None or isinstance(operation.auth, HTTPTokenAuth)):
        raise TypeError(f"{operation.operation_id}: without `sign_in`, clients can send only bearer tokens.")
    if operation.sign_in and (operation.auth is None or operation.body is None):
        raise TypeError(f"{operation.operation_id}: signing in needs an authentication scheme and a body.")
    if operation.idempotent and (operation.auth is None or operation.anonymous):
        raise TypeError(f"{operation.operation_id}: an idempotency key needs an authenticated user.")
    if operation.creates_or_replaces and (operation.body is None or operation.authorize is None):
        raise TypeError(f"{operation.operation_id}: a conditional PUT needs a body, and `authorize` before its 412.")
    if operation.body and operation.body.Meta.allow_null == operation.body_required:
        raise TypeError(f"{operation.operation_id}: a body allows null if and only if it is optional.")
    if isinstance(operation.returns, StrictSchema):
        row_types = [*_row_types(get_type_hints(handler).get("return"))]
        if not row_types:
            raise TypeError(f"{operation.operation_id}: annotate what the handler returns.")
        for row_type in row_types:
            operation.returns.compile_for(row_type)
        names_url = operation.status == 201 or operation.creates_or_replaces or operation.content_location
        if names_url and not isinstance(operation.returns.fields.get("url"), URLTemplate):
            raise TypeError(f"{operation.operation_id}: its result needs a `url`, for Location and Content-Location.")


def _row_types(annotation: object) -> Iterator[RowType]:
    """Yield the NamedTuples in a return annotation, by themselves or on pages."""
    if hasattr(annotation, "_fields") and not get_args(annotation):
        yield cast("RowType", annotation)
    for argument in get_args(annotation):
        yield from _row_types(argument)
