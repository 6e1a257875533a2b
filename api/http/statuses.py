"""The status codes of this API, in words."""

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


# The titles are not Python's: those change with its version, and the OpenAPI document must not.
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
        "You are not allowed to do this, or the password in the body is wrong; see `detail`.",
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
    412: Status(
        "Precondition Failed",
        "`If-Match` does not match the current `ETag`.",
        "`If-Match` does not match the current `ETag`. Read the resource again and send its `ETag`.",
    ),
    413: Status(
        "Content Too Large",
        "The body is too large.",
        "The body is too large.",
    ),
    415: Status(
        "Unsupported Media Type",
        "The body is not `application/json` in UTF-8, or it has a `Content-Encoding`.",
        "Send the body as application/json in UTF-8.",
    ),
    422: Status(
        "Unprocessable Content",
        "Validation failed; see `errors`.",
        "Validation failed; see `errors`.",
    ),
    428: Status(
        "Precondition Required",
        "`If-Match` is missing.",
        "Send the `ETag` of the version that you read as `If-Match`, or `*` to overwrite any version.",
    ),
    429: Status(
        "Too Many Requests",
        "Rate limit exceeded; try again after `Retry-After` seconds.",
        "Rate limit exceeded. Try again after `Retry-After` seconds.",
    ),
    500: Status(
        "Internal Server Error",
        "An unexpected error in the server.",
        "An unexpected error in the server, which has been logged. Try again later.",
    ),
    503: Status(
        "Service Unavailable",
        "The database is unavailable, out of date or overloaded; try again after `Retry-After` seconds.",
        "The database is unavailable. Try again later.",
    ),
}
