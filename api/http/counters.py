"""Counters of requests in fixed windows of time, in memory that the workers of a server share."""

import fcntl
import hashlib
import logging
import mmap
import os
import secrets
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

_logger = logging.getLogger(__name__)
_HEADER = struct.Struct("=16s16x")
"""The key of the hash, so that clients cannot choose keys that meet in one bucket."""
_ENTRY = struct.Struct("=16sdQ")
"""The hash of a key, when its window ends by the monotonic clock, and its requests; all zero if unused."""
_BUCKET_ENTRIES, _BUCKETS = 8, 8_192
_BUCKET_BYTES = _BUCKET_ENTRIES * _ENTRY.size
_SIZE = _HEADER.size + _BUCKETS * _BUCKET_BYTES
_LOCK_ATTEMPTS, _LOCK_PAUSE_SECONDS = 100, 0.001


class Window(NamedTuple):
    """The state of a counter."""

    requests: int
    """Requests in this window, including this one."""
    seconds_left: float


class Counters:
    """A hash table of fixed size, 2 MiB: where a bucket is full, the entry with the fewest requests is replaced.

    It uses the monotonic clock, which is the same in all processes and does not step. If `path` is None or cannot be
    used, this process counts by itself.
    """

    def __init__(self, path: str | None) -> None:
        self._thread_lock = threading.Lock()
        self._descriptor = None if path is None else _open(path)
        self._memory = mmap.mmap(-1 if self._descriptor is None else self._descriptor, _SIZE)
        with self._locked():
            [self._hash_key] = _HEADER.unpack_from(self._memory)
            if self._hash_key == bytes(16):
                self._hash_key = secrets.token_bytes(16)
                _HEADER.pack_into(self._memory, 0, self._hash_key)

    def hit(self, key: str, seconds: int) -> Window:
        """Count a request in the key's window, which begins with the first one and lasts so many seconds."""
        digest = hashlib.blake2b(key.encode(), digest_size=16, key=self._hash_key).digest()
        start = _HEADER.size + int.from_bytes(digest[:4], "big") % _BUCKETS * _BUCKET_BYTES
        with self._locked():
            now = time.monotonic()
            index, ends_at, count = self._find(start, digest, now, now + seconds)
            # One copy: a process that is killed leaves an entry that is complete, or that has another hash.
            entry = _ENTRY.pack(digest, ends_at, count + 1)
            offset = start + index * _ENTRY.size
            self._memory[offset : offset + _ENTRY.size] = entry
        # The difference of rounded sums may exceed the length.
        return Window(count + 1, min(ends_at - now, seconds))

    def _find(self, start: int, digest: bytes, now: float, new_end: float) -> tuple[int, float, int]:
        """Return the index of the key's entry, or of one to replace, with the end of the window and its requests."""
        fewest, replaced = None, 0
        entries = _ENTRY.iter_unpack(self._memory[start : start + _BUCKET_BYTES])
        for index, (other, ends_at, count) in enumerate(entries):
            is_current = now < ends_at
            if other == digest:
                # An end beyond a new window's is not from this clock.
                return (index, ends_at, count) if is_current and ends_at <= new_end else (index, new_end, 0)
            requests = count if is_current else 0
            if fewest is None or requests < fewest:
                fewest, replaced = requests, index
        return replaced, new_end, 0

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the lock, which the kernel releases if the process dies; without it, if another process is stopped."""
        with self._thread_lock:
            is_locked = self._descriptor is not None and _lock(self._descriptor)
            try:
                yield
            finally:
                if is_locked and self._descriptor is not None:
                    fcntl.flock(self._descriptor, fcntl.LOCK_UN)

    def close(self) -> None:
        """Close the file."""
        self._memory.close()
        if self._descriptor is not None:
            os.close(self._descriptor)


def _open(path: str) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # On a full file system, a write to memory without a block would kill the process.
            os.posix_fallocate(descriptor, 0, _SIZE)
        except OSError:
            os.close(descriptor)
            raise
    except OSError as error:
        reason = error.strerror
        _logger.warning("%s cannot be used for rate limits, so this process counts by itself: %s.", path, reason)
        return None
    return descriptor


def _lock(descriptor: int) -> bool:
    for _ in range(_LOCK_ATTEMPTS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            time.sleep(_LOCK_PAUSE_SECONDS)
        else:
            return True
    return False
