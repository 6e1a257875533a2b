"""Time limits of the store."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Timeouts:
    """Time limits of the store, in seconds."""

    connect_seconds: float = 5
    """Longest wait for a new connection to PostgreSQL, whose machine may be gone."""
    write_slot_seconds: float = 5
    """Longest wait for other writers of this process; then the client gets 503."""
    write_stall_seconds: float = 0.5
    """The same for writers beyond half of the threads while no write of this process succeeds, on SQLite."""
    lock_seconds: float = 5
    """Longest wait for another transaction's lock: PostgreSQL's `lock_timeout`, and SQLite's lock on the file."""
    lock_retry_seconds: float = 0.002
    """Pause between two attempts to lock an SQLite file for writing."""
    statement_seconds: float = 10
    """Longest run of a statement, PostgreSQL's `statement_timeout`: `lock_seconds`, and as long again to work."""
    file_check_seconds: float = 0.1
    """How long a check that the files of an SQLite database have not been replaced counts; commits check again."""
    idle_in_transaction_seconds: float = 600
    """Longest pause in a transaction, PostgreSQL's `idle_in_transaction_session_timeout`: one that writes delays the
    change feeds, and one that only reads may be an export to a slow reader."""
    stream_seconds: float = 300
    """Longest time in which a response is streamed: it holds a connection and a snapshot of the database."""
    pool_wait_seconds: float = 1
    """Longest wait for a connection while all are in use: each waiting request occupies a worker thread."""

    breaker_open_after_seconds: float = 1
    """Time without a success while callers wait, after which the circuit breaker opens."""
    breaker_probe_wait_seconds: float = 0.1
    """Longest wait for another caller's probe, which takes less if the database responds."""
    breaker_retry_seconds: float = 1
    """Longest pause after a failed probe; if the probe itself took less, the pause is as short as the probe."""

    replica_connect_seconds: float = 2
    """`connect_seconds` for the replica: shorter, because the primary can serve the read instead."""
    replica_lock_seconds: float = 2
    """`lock_seconds` for the replica: shorter for the same reason."""
    replica_statement_seconds: float = 4
    """`statement_seconds` for the replica: shorter for the same reason."""
    replica_max_lag_seconds: float = 3
    """How old the replica's data may be, as far as a check has proved it: reads may be this stale."""
    replica_check_seconds: float = 1
    """How long a replica that is caught up is used before it is checked again."""
    replica_retry_seconds: float = 5
    """How long reads go to the primary before a replica that failed is checked again."""

    @property
    def reply_seconds(self) -> float:
        """Longest wait for PostgreSQL's reply: a second more than a statement may run, so only a hung server fails."""
        return self.statement_seconds + 1
