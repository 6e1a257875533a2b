"""Responses with the representation of what a handler returns (RFC 9110, section 3.2)."""

from collections.abc import Callable

from flask import Response

from api.http.application import Request
from api.http.declaration import Operation
from api.http.pagination import link_to_next
from api.http.responses import BufferedResponse, json_response
from api.schemas.base import StrictSchema
from api.schemas.pages import PageSchema


def responder(operation: Operation) -> Callable[[Request, object], Response]:
    """Return the function that makes the response of what the handler returns."""
    returns, content_location = operation.returns, operation.content_location
    media_type = operation.content_type or "application/json"

    def respond(request: Request, result: object) -> Response:
        if isinstance(result, Response):
            return result
        status = 201 if request.creates else operation.status
        if not isinstance(returns, StrictSchema):
            return BufferedResponse(status=status)
        content = returns.dump_row(result, request.root_path)
        response = json_response(content, status, media_type=media_type)
        if status == 201:
            response.headers.add("Location", str(content["url"]))
        if content_location:
            # With the query of a read: `expand` selects another representation (RFC 9110, section 8.7).
            query = f"?{request.query_string.decode()}" if request.query_string else ""
            response.headers.add("Content-Location", f"{content['url']}{query}")
        if isinstance(returns, PageSchema) and content["next_cursor"] is not None:
            response.headers.add("Link", link_to_next(request, str(content["next_cursor"])))
        return response

    return respond
