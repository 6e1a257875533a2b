"""Every status that this API answers in its own words."""

from typing import NamedTuple


class Status(NamedTuple):
    """A status: its title, what it means, and what to do when nothing better is known."""

    title: str
    description: str
    detail: str

    @property
    def component(self) -> str:
        """What the document calls it."""
        return self.title.replace(" ", "")


# Python's own names of statuses change with its version; the document must not.
STATUSES = {
    304: Status("Not Modified", "Your copy is still current.", ""),
    400: Status(
        "Bad Request",
        "The request cannot be read: its body is no JSON, or its header fields, such as `Host`, are malformed.",
        "The request cannot be read. Mend its syntax.",
    ),
    401: Status(
        "Unauthorized",
        "The credentials are missing, wrong or expired.",
        "Sign in as `WWW-Authenticate` says.",
    ),
    403: Status(
        "Forbidden",
        "Who you are, or the password that you sent, does not suffice; `detail` tells why.",
        "You may not do that.",
    ),
    404: Status(
        "Not Found",
        "There is nothing here that you may know of.",
        "There is nothing at this URL. `/` tells where everything is.",
    ),
    405: Status(
        "Method Not Allowed",
        "The resource has no such method; `Allow` names those it has.",
        "The resource has no such method. Use one that `Allow` names.",
    ),
    409: Status(
        "Conflict",
        "The request contradicts what is kept.",
        "The request contradicts what is kept. Read it anew.",
    ),
    412: Status(
        "Precondition Failed",
        "`If-Match` does not name the current version.",
        "`If-Match` does not name the current version. Read it again, and send its `ETag` as `If-Match`.",
    ),
    413: Status(
        "Content Too Large",
        "The body is too large; `/about` tells the limits.",
        "The body is too large. `/about` tells the limits.",
    ),
    415: Status(
        "Unsupported Media Type",
        "The body is not `application/json` in UTF-8, or it is encoded (`Content-Encoding`).",
        "Send the body as application/json in UTF-8.",
    ),
    422: Status(
        "Unprocessable Content",
        "The input can be read but is not what it must be; `errors`, if there are any, tell where.",
        "Mend what `errors` names and send it again.",
    ),
    428: Status(
        "Precondition Required",
        "`If-Match` is missing.",
        "Read it first, and send its `ETag` as `If-Match`; `*` overwrites whatever is there.",
    ),
    429: Status(
        "Too Many Requests",
        "Too often; try again after `Retry-After` seconds.",
        "You have asked too often. Try again when `Retry-After` says.",
    ),
    500: Status(
        "Internal Server Error",
        "The server failed.",
        "The server failed. The failure is logged; try again later.",
    ),
    503: Status(
        "Service Unavailable",
        "The database does not answer, is not up to date, or has too many writers; try again when `Retry-After` says.",
        "The database is not responding. Try again in a moment.",
    ),
}
