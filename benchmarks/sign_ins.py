"""Measure concurrent sign-ins on PostgreSQL by how the user is locked: `python -m benchmarks.sign_ins`.

It needs only the `dev` group and takes a minute. Only the transaction is measured, not the hash of the password. The
locks take turns, so that other load on the machine affects both.
"""

import secrets
import sys
import threading
import time
from collections import Counter
from datetime import timedelta

import psycopg
import sqlalchemy as sa

from api.settings import Settings
from api.store import tokens, users
from api.store.engine.connections import Query
from api.store.engine.database import Database
from api.store.errors import Unavailable
from benchmarks.postgresql import postgresql_server
from benchmarks.report import markdown_table

CLIENTS, SECONDS, ROUNDS = 8, 4.0, 3
_USERS = users.users
_UNCHANGED_USER = sa.select(_USERS.c.suspended_at).where(
    _USERS.c.id == sa.bindparam("user_id"), _USERS.c.password_hash == sa.bindparam("known_hash")
)
LOCKS = {
    "FOR SHARE": Query(tokens._User, _UNCHANGED_USER.with_for_update(read=True)),  # noqa: SLF001 (measures this module)
    "FOR NO KEY UPDATE": tokens._LOCK_UNCHANGED_USER,  # noqa: SLF001 (the same)
}
"""The lock that sign-ins took before, and the one that they take."""


def measure(database: Database, accounts: int) -> Counter[str]:
    """Count the sign-ins of so many users by concurrent clients, by outcome."""
    names = [f"user-{secrets.token_hex(8)}" for _ in range(accounts)]
    ids = database.transact(lambda db: [users.register(db, username=name, password_hash="hash").id for name in names])  # noqa: S106 (no secret)
    outcomes: Counter[str] = Counter()
    start = threading.Barrier(CLIENTS)

    def run_client(number: int) -> None:
        start.wait()
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            try:
                database.transact(
                    lambda db: tokens.create(
                        db,
                        user_id=ids[number % accounts],
                        password_hash="hash",  # noqa: S106 (no secret)
                        name="benchmark",
                        sha256=secrets.token_bytes(32),
                        lifetime=timedelta(days=1),
                    )
                )
                outcomes["created"] += 1
            except Unavailable:
                outcomes["503"] += 1

    clients = [threading.Thread(target=run_client, args=[number]) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    return outcomes


def count_deadlocks(url: str) -> int:
    """Return how many deadlocks the server has found; backends report them when they end."""
    time.sleep(1)
    with psycopg.connect(url.replace("+psycopg", "")) as db:
        row = db.execute("SELECT sum(deadlocks)::int FROM pg_stat_database").fetchone()
    return int(row[0]) if row else 0


def main() -> None:
    """Print the rates of each round, and exit with status 1 if there was a deadlock."""
    lines, deadlocks = [], 0
    with postgresql_server(0) as url:
        for _ in range(ROUNDS):
            for lock, query in LOCKS.items():
                tokens._LOCK_UNCHANGED_USER = query  # noqa: SLF001 (measures this module)
                for accounts in (CLIENTS, 1):
                    before = count_deadlocks(url)
                    database = Database(Settings(database_url=url, threads=2 * CLIENTS))
                    outcomes = measure(database, accounts)
                    database.close()
                    deadlocks += (found := count_deadlocks(url) - before)
                    rate = f"{outcomes['created'] / SECONDS:.0f}"
                    lines.append([lock, str(accounts), rate, str(outcomes["503"]), str(found)])
    print(markdown_table(["lock of the user", "users", "sign-ins per second", "503", "deadlocks"], sorted(lines)))
    sys.exit(deadlocks > 0)


if __name__ == "__main__":
    main()
