"""Repetition of transactions that the database rolled back because of concurrent ones."""

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from api import metrics
from api.store.errors import TransactionRolledBack

Result = TypeVar("Result")
MAX_RETRIES = 2
"""After three deadlocks in three seconds, the client had better wait."""
MAX_PAUSE_SECONDS = 0.05
"""At random up to this long, so that the same transactions do not collide again."""

_logger = logging.getLogger(__name__)


def run(transaction: Callable[[], Result]) -> Result:
    """Return what `transaction` returns, run again if the database rolled it back because of concurrent ones.

    It must begin and commit a transaction, and change nothing else.
    """
    try:
        return transaction()
    except TransactionRolledBack as error:
        return run_again(transaction, error)


def run_again(transaction: Callable[[], Result], error: TransactionRolledBack) -> Result:
    """The same, after the first run has raised `error`."""
    for _ in range(MAX_RETRIES):
        metrics.TRANSACTION_RETRIES.inc()
        _logger.warning("A transaction was rolled back, and is run again (%s)", error.__cause__)
        time.sleep(random.uniform(0, MAX_PAUSE_SECONDS))  # noqa: S311 (not a secret)
        try:
            return transaction()
        except TransactionRolledBack as next_error:
            error = next_error
    raise error
