"""The access log: one JSON line per request, written by a background thread."""

import atexit
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from select import PIPE_BUF
from typing import Any

import orjson

from api.http.addresses import parse_address
from api.http.log_text import decode_field, escape
from api.settings import InvalidSetting

FLUSH_INTERVAL_SECONDS = 0.1
"""Time between writes: one write per request would cost a thread switch each."""
QUEUE_MAX_LINES = 10_000
"""While the file accepts no lines, the oldest beyond this number are dropped: no request waits for the log."""


class AccessLog:
    """A log file with a queue of lines, which a background thread writes."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._descriptor: int | None = None
        self._queue: deque[dict[str, Any]] = deque(maxlen=QUEUE_MAX_LINES)
        self._write_lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def open(self) -> int:
        """Open the file, unless it is open, and return its descriptor; `InvalidSetting` if that fails."""
        if self._descriptor is None:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT
            try:
                self._descriptor = 1 if self._path == "-" else os.open(self._path, flags, 0o640)
            except OSError as error:
                raise InvalidSetting(
                    f"Invalid PRESSROOM_ACCESS_LOG {self._path!r}: {error.strerror}. "
                    "Use a file that can be written, or `-` for standard output."
                ) from error
        return self._descriptor

    def write(self, entry: dict[str, Any]) -> None:
        """Queue a line; the first one opens the file, unless `open` has, and starts the thread."""
        self._queue.append(entry)
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        with self._write_lock, suppress(InvalidSetting):  # without a file, requests are served, but not logged
            if self._thread is None:
                self.open()
                self._thread = threading.Thread(target=self._flush_regularly, name="access log", daemon=True)
                self._thread.start()
                atexit.register(self.flush)

    def flush(self) -> None:
        """Write the queued lines, unless another thread is writing: its write may block forever."""
        if self._write_lock.acquire(blocking=False):
            try:
                # No request fails because the disk is full or the reader of a pipe has gone.
                with suppress(OSError):
                    for lines in self._batches():
                        os.write(self.open(), lines)
            finally:
                self._write_lock.release()

    def _flush_regularly(self) -> None:
        while True:
            time.sleep(FLUSH_INTERVAL_SECONDS)
            self.flush()

    def _batches(self) -> Iterator[bytes]:
        """Yield lines in batches that a pipe accepts without mixing them with those of other processes."""
        batch = b""
        for _ in range(len(self._queue)):
            line = _line(self._queue.popleft())
            if batch and len(batch) + len(line) > PIPE_BUF:
                yield batch
                batch = b""
            batch += line
        if batch:
            yield batch


def _line(entry: dict[str, Any]) -> bytes:
    # Formatted here, by the background thread, instead of while a client waits.
    ended = datetime.fromtimestamp(entry["time"], UTC)
    sent = {name: decode_field(entry[name]) for name in ("address", "agent") if entry.get(name)}
    if address := parse_address(sent.get("address", "")):
        sent["address"] = str(address)
    line = orjson.dumps({**entry, **sent, "time": ended, "ms": round(entry["ms"], 3)}, option=orjson.OPT_UTC_Z)
    return escape(line.decode()).encode() + b"\n"
