"""The access log: one line of JSON per request, written by a thread of its own."""

import atexit
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from select import PIPE_BUF
from typing import Any, cast

import orjson

from api.settings import InvalidSetting

FLUSH_INTERVAL = 0.1
"""Seconds between writes. One write per request would cost a thread switch each."""
BACKLOG = 10_000
"""Lines that wait for a file that does not accept them. Older ones are dropped: no request waits for the log."""


class AccessLog:
    """A file to which lines are added by a thread of its own, which begins with the first line."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._file: int | None = None
        self._noted: deque[dict[str, Any]] = deque(maxlen=BACKLOG)
        self._writing = threading.Lock()
        self._writer: threading.Thread | None = None

    def open(self) -> None:
        """Open the file; `InvalidSetting` if that fails."""
        try:
            self._file = 1 if self._path == "-" else os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)
        except OSError as error:
            message = f"PRESSROOM_ACCESS_LOG cannot be opened: {error.strerror}. Name a file, or write `-`."
            raise InvalidSetting(message) from error

    def note(self, facts: dict[str, Any]) -> None:
        """Write a line soon."""
        self._noted.append(facts)
        if self._writer is None:
            if self._file is None:
                self.open()
            self._writer = threading.Thread(target=self._write_on, name="access log", daemon=True)
            self._writer.start()
            atexit.register(self.flush)

    def flush(self) -> None:
        """Write the lines that are noted; nothing if a write is under way, which may never end."""
        # A log that is full or gone must not keep anybody from an answer.
        if self._writing.acquire(blocking=False):
            try:
                with suppress(OSError):
                    for lines in self._gathered():
                        os.write(cast("int", self._file), lines)
            finally:
                self._writing.release()

    def _write_on(self) -> None:
        while True:
            time.sleep(FLUSH_INTERVAL)
            self.flush()

    def _gathered(self) -> Iterator[bytes]:
        """Lines, as many as a pipe takes without mixing them with those of other processes."""
        lines = b""
        for _ in range(len(self._noted)):
            line = _line(self._noted.popleft())
            if lines and len(lines) + len(line) > PIPE_BUF:
                yield lines
                lines = b""
            lines += line
        if lines:
            yield lines


def _line(facts: dict[str, Any]) -> bytes:
    ended = datetime.fromtimestamp(facts["time"], UTC)
    return orjson.dumps(
        {**facts, "time": ended, "ms": round(facts["ms"] * 1000, 3)},
        option=orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE,
    )
