"""The status codes of this API, in words."""

import re
from typing import NamedTuple


class Status(NamedTuple):
    """A status: its title, its description in the OpenAPI document, and the default `detail` of its problems."""

    title: str
    description: str
    detail: str

    @property
    def component(self) -> str:
        """The name of the response in the OpenAPI document."""
        return self.title.replace(" ", "")

    @property
    def code(self) -> str:
        """The code of a problem that means no more than the status."""
        return re.sub("[^a-z]+", "-", self.title.lower()).strip("-")


# The titles are not Python's: those change with its version, and the OpenAPI document must not. Only nginx or gunicorn
# sends 414, 421, 431, 501 and 505.
STATUSES = {
    304: Status("Not Modified", "The client's copy is current.", ""),
    400: Status(
        "Bad Request",
        "The request is malformed: the body is not valid JSON, or a header field, such as `Host`, is invalid.",
        "The request is malformed. Correct its syntax.",
    ),
    401: Status(
        "Unauthorized",
        "The credentials are missing, wrong or expired.",
        "Authenticate as `WWW-Authenticate` says.",
    ),
    403: Status(
        "Forbidden",
        "You are not allowed to do this, the token can only read, the credentials in the body are wrong, or a quota is "
        "exceeded; see `code`.",
        "You are not allowed to do this.",
    ),
    404: Status(
        "Not Found",
        "Not found, or not visible to you.",
        "There is nothing at this URL. See `/` for the URLs of this API.",
    ),
    405: Status(
        "Method Not Allowed",
        "The resource does not support this method; `Allow` lists those that it supports.",
        "The resource does not support this method. Use one of those in `Allow`.",
    ),
    409: Status(
        "Conflict",
        "The request conflicts with the current state of the resource.",
        "The request conflicts with the current state of the resource. Read it again.",
    ),
    410: Status(
        "Gone",
        "The token of the change feed has expired, or is of another database: start again without `since`.",
        "The token of the change feed has expired. Start again without `since`.",
    ),
    412: Status(
        "Precondition Failed",
        "`If-Match` does not match the current revision, or with `If-None-Match: *` the resource exists.",
        "`If-Match` does not match the current revision. Read the resource again and send its `ETag`.",
    ),
    413: Status(
        "Content Too Large",
        "The body is too large.",
        "The body is too large.",
    ),
    414: Status(
        "URI Too Long",
        "The URL is too long.",
        "The URL is too long. Send one of at most 4000 characters.",
    ),
    415: Status(
        "Unsupported Media Type",
        "The body is not `application/json` in UTF-8, or it has a `Content-Encoding`.",
        "Send the body as application/json in UTF-8.",
    ),
    416: Status(
        "Range Not Satisfiable",
        "The file has no such range.",
        "The file has no such range. Send another `Range`, or none.",
    ),
    421: Status(
        "Misdirected Request",
        "This server does not serve that host.",
        "This server does not serve that host. Send the name of this site as `Host`.",
    ),
    422: Status(
        "Unprocessable Content",
        "Validation failed; see `errors`.",
        "Validation failed; see `errors`.",
    ),
    428: Status(
        "Precondition Required",
        "`If-Match` is missing, and `If-None-Match` where it may be sent instead.",
        "Send the `ETag` of the version that you read as `If-Match`, or `*` to overwrite any version.",
    ),
    429: Status(
        "Too Many Requests",
        "Rate limit or daily quota exceeded; try again after `Retry-After` seconds.",
        "Rate limit exceeded. Try again after `Retry-After` seconds.",
    ),
    431: Status(
        "Request Header Fields Too Large",
        "The header fields are too large.",
        "The header fields are too large. Send fields of at most 4000 characters.",
    ),
    500: Status(
        "Internal Server Error",
        "An unexpected error in the server.",
        "An unexpected error in the server, which has been logged. Try again later.",
    ),
    501: Status(
        "Not Implemented",
        "The method or the transfer coding is not supported.",
        "The method or the transfer coding is not supported. `OPTIONS` lists the methods.",
    ),
    503: Status(
        "Service Unavailable",
        "The database is unavailable, out of date or overloaded; try again after `Retry-After` seconds.",
        "The database is unavailable. Try again later.",
    ),
    505: Status(
        "HTTP Version Not Supported",
        "The version of HTTP is not supported.",
        "Use HTTP/1.1 or HTTP/2.",
    ),
    507: Status(
        "Insufficient Storage",
        "The server has no space left. Repeat the request once its operator has made space, not automatically.",
        "The server has no space left.",
    ),
}
