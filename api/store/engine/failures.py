"""What the store raises instead of drivers' exceptions, by the error codes of SQLite and PostgreSQL."""

import sqlite3
from typing import NamedTuple

from api.store.errors import DatabaseNeedsRepair, DiskFull, OutcomeUnknown, TransactionRolledBack, Unavailable


class Failure(NamedTuple):
    """What the store raises instead of a driver's exception."""

    error: type[Unavailable]
    message: str


TEMPORARY = Failure(Unavailable, "The database is unavailable. Try again later.")
ROLLED_BACK = Failure(TransactionRolledBack, "Other requests are changing the same data. Try again later.")
OUTCOME_UNKNOWN = Failure(
    OutcomeUnknown,
    "The connection to the database was lost during the commit, so the change may have been made. Read it before you "
    "repeat the request, or repeat it with the same Idempotency-Key.",
)
DISK_FULL = Failure(DiskFull, "The database has no space left.")
READ_ONLY = Failure(DatabaseNeedsRepair, "The database cannot be written until its operator has repaired it.")
UNREADABLE = Failure(DatabaseNeedsRepair, "The database cannot be read until its operator has repaired it.")
NO_TABLES = Failure(DatabaseNeedsRepair, "The database has no tables yet. Run `pressroom db upgrade`.")
OUTDATED = Failure(DatabaseNeedsRepair, "The database schema is out of date. Run `pressroom db upgrade`.")
OTHER_VERSION = Failure(
    DatabaseNeedsRepair,
    "The database schema is not that of this version. Run `pressroom db upgrade`, or a newer version of Pressroom.",
)
NOT_UTF8 = Failure(DatabaseNeedsRepair, "The database cannot store this text. Recreate it with the encoding UTF8.")
MISCONFIGURED = Failure(
    DatabaseNeedsRepair, "The database rejects the statement until its operator has repaired its configuration."
)
STATEMENT = None
"""The statement failed, not the database: its caller handles the exception, or it is a bug (500)."""

SQLITE: dict[int, Failure | None] = {
    sqlite3.SQLITE_ERROR: STATEMENT,  # but see `SQLITE_MESSAGES`
    sqlite3.SQLITE_INTERNAL: TEMPORARY,  # the connection is not used again
    sqlite3.SQLITE_PERM: READ_ONLY,
    sqlite3.SQLITE_ABORT: TEMPORARY,
    sqlite3.SQLITE_BUSY: TEMPORARY,
    sqlite3.SQLITE_BUSY_SNAPSHOT: ROLLED_BACK,  # only for a transaction that reads before it writes: there is none
    sqlite3.SQLITE_LOCKED: TEMPORARY,
    sqlite3.SQLITE_NOMEM: TEMPORARY,
    sqlite3.SQLITE_READONLY: READ_ONLY,
    sqlite3.SQLITE_READONLY_DBMOVED: TEMPORARY,  # the next connection opens the file that is there now
    sqlite3.SQLITE_INTERRUPT: TEMPORARY,
    sqlite3.SQLITE_IOERR: UNREADABLE,
    sqlite3.SQLITE_IOERR_WRITE: READ_ONLY,  # a quota, or a limit of the size of files
    sqlite3.SQLITE_IOERR_TRUNCATE: READ_ONLY,
    sqlite3.SQLITE_IOERR_FSYNC: READ_ONLY,
    sqlite3.SQLITE_IOERR_DIR_FSYNC: READ_ONLY,
    sqlite3.SQLITE_IOERR_DELETE: READ_ONLY,
    sqlite3.SQLITE_IOERR_SHMSIZE: DISK_FULL,
    sqlite3.SQLITE_IOERR_NOMEM: TEMPORARY,
    sqlite3.SQLITE_IOERR_BLOCKED: TEMPORARY,
    sqlite3.SQLITE_CORRUPT: UNREADABLE,
    sqlite3.SQLITE_NOTFOUND: STATEMENT,
    sqlite3.SQLITE_FULL: DISK_FULL,
    sqlite3.SQLITE_CANTOPEN: UNREADABLE,
    sqlite3.SQLITE_PROTOCOL: TEMPORARY,
    sqlite3.SQLITE_EMPTY: STATEMENT,
    sqlite3.SQLITE_SCHEMA: TEMPORARY,
    sqlite3.SQLITE_TOOBIG: STATEMENT,
    sqlite3.SQLITE_CONSTRAINT: STATEMENT,
    sqlite3.SQLITE_MISMATCH: STATEMENT,
    sqlite3.SQLITE_MISUSE: STATEMENT,
    sqlite3.SQLITE_NOLFS: DISK_FULL,
    sqlite3.SQLITE_AUTH: STATEMENT,
    sqlite3.SQLITE_FORMAT: STATEMENT,
    sqlite3.SQLITE_RANGE: STATEMENT,
    sqlite3.SQLITE_NOTADB: UNREADABLE,
}
"""By SQLite's result code; an extended code without an entry has that of its primary code, the lowest eight bits."""
SQLITE_MESSAGES = {"no such table: ": NO_TABLES, "no such column: |has no column named ": OUTDATED}
"""SQLite has no code for these."""

POSTGRESQL: dict[str, Failure | None] = {
    **dict.fromkeys(("01", "02", "03"), STATEMENT),  # warning, no data, statement not complete
    "08": TEMPORARY,  # connection exception
    "09": STATEMENT,  # triggered action exception
    "0A": ROLLED_BACK,  # a prepared statement whose columns a migration has changed: a new connection prepares it again
    **dict.fromkeys(("0B", "0F", "0L", "0P", "0Z", "10", "20", "21"), STATEMENT),
    "22": STATEMENT,  # data exception
    "22021": NOT_UTF8,  # character not in repertoire
    "22P05": NOT_UTF8,  # untranslatable character
    "23": STATEMENT,  # integrity constraint violation
    "23502": OTHER_VERSION,  # NOT NULL: a newer version has a column that this one does not write
    "24": STATEMENT,  # invalid cursor state
    "25": STATEMENT,  # invalid transaction state
    "25006": TEMPORARY,  # read only, because the server is no longer the primary
    "25P03": TEMPORARY,  # idle for longer than `idle_in_transaction_session_timeout`
    "25P04": TEMPORARY,  # longer than `transaction_timeout`
    "26": MISCONFIGURED,  # no such prepared statement: pgbouncer without PRESSROOM_PGBOUNCER=on
    "27": STATEMENT,  # triggered data change violation
    "28": MISCONFIGURED,  # invalid authorization
    **dict.fromkeys(("2B", "2D", "2F", "34", "38", "39", "3B"), STATEMENT),
    "3D": MISCONFIGURED,  # no such database
    "3F": MISCONFIGURED,  # no such schema
    "40": TEMPORARY,  # transaction rollback
    "40001": ROLLED_BACK,  # serialization failure; on a replica, a conflict with recovery
    "40003": OUTCOME_UNKNOWN,  # statement completion unknown
    "40P01": ROLLED_BACK,  # deadlock
    "42": STATEMENT,  # syntax error or access rule violation
    "42501": MISCONFIGURED,  # insufficient privilege, or a file that PostgreSQL may not write
    "42703": OTHER_VERSION,  # undefined column
    "42704": OTHER_VERSION,  # undefined object
    "42883": OTHER_VERSION,  # undefined function
    "42P01": OTHER_VERSION,  # undefined table
    "42P05": MISCONFIGURED,  # duplicate prepared statement: pgbouncer without PRESSROOM_PGBOUNCER=on
    "44": STATEMENT,  # WITH CHECK OPTION violation
    "53": TEMPORARY,  # insufficient resources
    "53100": DISK_FULL,
    "53400": MISCONFIGURED,  # a limit of the configuration, such as `temp_file_limit`
    "54": MISCONFIGURED,  # program limit exceeded, such as a row that is too large for an index of the operator's
    "55": TEMPORARY,  # object not in prerequisite state, such as a lock that is not available
    "57": TEMPORARY,  # operator intervention
    "57P04": MISCONFIGURED,  # database dropped
    "58": TEMPORARY,  # system error
    "58030": UNREADABLE,  # I/O error
    "58P01": UNREADABLE,  # a file is missing
    "58P02": UNREADABLE,  # a file exists that should not
    "72": TEMPORARY,  # snapshot too old
    "F0": MISCONFIGURED,  # configuration file error
    "HV": STATEMENT,  # foreign data wrapper error
    "P0": STATEMENT,  # PL/pgSQL error
    "XX": TEMPORARY,  # internal error
    "XX001": UNREADABLE,  # corrupted data
    "XX002": UNREADABLE,  # corrupted index
}
"""By SQLSTATE; one without an entry has that of its class, the first two characters."""
