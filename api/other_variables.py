"""Variables that are no settings of Pressroom, but that operators set beside them."""

from typing import NamedTuple

WORKERS = "WEB_CONCURRENCY"
"""gunicorn's own variable for the number of workers."""
WORKERS_DEFAULT = 2  # one serves while the other restarts


class OtherVariable(NamedTuple):
    """A variable that Pressroom does not read itself, or not only; its default is that of Pressroom."""

    name: str
    default: int | str
    description: str
    is_secret: bool = False


OTHER_VARIABLES = (
    OtherVariable(WORKERS, WORKERS_DEFAULT, "Number of worker processes; the variable is gunicorn's own."),
    OtherVariable("GUNICORN_CMD_ARGS", "", "Options of gunicorn, which take precedence over all of these."),
    OtherVariable(
        "NOTIFY_URLS",
        "",
        "URLs, separated by spaces, that the unit `pressroom-notify.service` gives to `pressroom notify`.",
        is_secret=True,
    ),
)
