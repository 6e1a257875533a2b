"""Epochs of an SQLite database: a copy of its file that is put back continues in another one than the original.

Otherwise, clients of the change feeds would take the positions of the copy for those that they have read. Their tokens
stay valid, unless they have seen positions that are now given to other changes. On PostgreSQL, the identity of the
server and of its tables shows the same.
"""

from api.store.engine.connections import Connection
from api.store.engine.sqlite_connection import Connection as SQLiteConnection

EPOCHS_MAX = 100_000
"""Epochs that are stored: tokens of older ones are rejected. Each worker that is restarted begins one."""
_FEEDS = {"posts": ("posts", "removed_posts"), "users": ("users", "removed_users")}
_NEXT = (
    "1 + max(coalesce((SELECT max(change_position) FROM {}), 0), coalesce((SELECT max(change_position) FROM {}), 0))"
)
_BEGIN = """
INSERT OR REPLACE INTO sync_epochs (feed, first_position, epoch, swept_position, swept_id)
SELECT feed, {next}, lower(hex(randomblob(8))), swept_position, swept_id FROM sync_epochs
WHERE feed = '{feed}' ORDER BY first_position DESC LIMIT 1
"""
_FORGET = """
DELETE FROM sync_epochs WHERE feed = '{feed}' AND first_position <= (
    SELECT first_position FROM sync_epochs WHERE feed = '{feed}' ORDER BY first_position DESC LIMIT 1 OFFSET {limit}
)
"""


class Epochs:
    """Begins an epoch in the first transaction in which this process writes to a file.

    It replaces an epoch in which nothing has been written.
    """

    def __init__(self) -> None:
        self._begun: object = None
        self._committed: object = None

    def begin(self, connection: Connection) -> None:
        """Begin an epoch in the transaction of `connection`, unless one has been begun in its file."""
        file = _identify(connection._driver)  # noqa: SLF001 (of this package)
        if file == self._committed:
            return
        for feed, tables in _FEEDS.items():
            connection.execute_sql(_BEGIN.format(feed=feed, next=_NEXT.format(*tables)))
            connection.execute_sql(_FORGET.format(feed=feed, limit=EPOCHS_MAX))
        self._begun = file

    def commit(self, driver: SQLiteConnection) -> None:
        """Remember that the epoch is committed."""
        if self._begun is not None and self._begun == _identify(driver):
            self._committed, self._begun = self._begun, None


def _identify(driver: SQLiteConnection) -> object:
    return driver.files.main, driver.version
