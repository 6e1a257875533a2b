"""Simulation of a disk whose power fails: synced writes survive, later ones may survive in part.

`strace` records the system calls of the server itself, so that no call is simulated.
"""

import random
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

STRACE = (
    *("strace", "-D", "-f", "--seccomp-bpf", "-y", "-xx", "--string-limit=1000000"),
    "--trace=pwrite64,ftruncate,unlink,fsync,fdatasync,sendto",
)
SECTOR_BYTES = 512
"""A disk writes a sector entirely or not at all."""

_CALL = re.compile(
    r"(?P<process>\d+) +(?P<resumed><\.\.\. )?(?P<name>\w+)[( ]"
    r'(?:\d+<(?P<file>[^>]*)>)?(?:, )?(?:"(?P<data>[^"]*)")?(?P<rest>.*)'
)
_PUBLISHED = re.compile(rb'\r\n\r\n\{"id":\d+,"slug":null,"title":"(\d+)"')
"""The beginning of the body, after the header fields, of a response that acknowledges a post."""


class Write(NamedTuple):
    """A write to a file; without data, it truncates the file at the offset."""

    number: int
    offset: int
    data: bytes


class Disk:
    """Files as synced, and the writes to each that are not synced yet."""

    def __init__(self) -> None:
        self._files: dict[str, bytearray] = {}
        self._pending: dict[str, list[Write]] = {}
        self._syncing: dict[str, tuple[str, int]] = {}
        self._number = 0

    def write(self, file: str, offset: int, data: bytes) -> None:
        self._number += 1
        self._pending.setdefault(file, []).append(Write(self._number, offset, data))

    def begin_sync(self, process: str, file: str) -> None:
        self._syncing[process] = file, self._number

    def end_sync(self, process: str) -> None:
        """Apply the writes that were made before the process began its sync."""
        file, last = self._syncing.pop(process)
        pending = self._pending.get(file, [])
        for write in pending:
            if write.number <= last:
                _apply(self._files.setdefault(file, bytearray()), write)
        self._pending[file] = [write for write in pending if write.number > last]

    def remove(self, file: str) -> None:
        self._files.pop(file, None)
        self._pending.pop(file, None)

    def lose_power(self, chance: random.Random) -> dict[str, bytes]:
        """Return the files as they may be after a power loss: each unsynced write is present, missing or torn."""
        files = {file: bytearray(self._files.get(file, b"")) for file in {*self._files, *self._pending}}
        for file, pending in self._pending.items():
            for write in pending:
                fate = chance.choice(("present", "missing", "torn"))
                if fate == "torn":
                    for start in range(0, len(write.data), SECTOR_BYTES):
                        if chance.random() < 0.5:
                            sector = write.data[start : start + SECTOR_BYTES]
                            _apply(files[file], write._replace(offset=write.offset + start, data=sector))
                elif fate == "present":
                    _apply(files[file], write)
        return {file: bytes(content) for file, content in files.items()}


class PowerLoss(NamedTuple):
    """The files after a power loss, and the titles of the posts that had been acknowledged."""

    files: Mapping[str, bytes]
    acknowledged: frozenset[str]


def power_losses(strace_log: Path, *, number: int, ignore_syncs: bool = False) -> Iterator[PowerLoss]:
    """Yield power losses at `number` random points after the first response that acknowledges a post."""
    chance = random.Random(1)
    with strace_log.open() as lines:
        calls = [call for line in lines if (call := _CALL.match(line))]
    first = next(index for index, call in enumerate(calls) if _acknowledged_title(call))
    points = {*chance.sample(range(first, len(calls)), number)}
    disk, acknowledged = Disk(), set[str]()
    for index, call in enumerate(calls):
        if index in points:
            yield PowerLoss(disk.lose_power(chance), frozenset(acknowledged))
        if title := _acknowledged_title(call):
            acknowledged.add(title)
        elif not ignore_syncs or index < first or "sync" not in call["name"]:
            _replay(disk, call)


def _replay(disk: Disk, call: re.Match[str]) -> None:
    numbers = [int(number) for number in re.findall(r"\d+", call["rest"])]
    match call["name"]:
        case "fsync" | "fdatasync" if call["resumed"]:
            disk.end_sync(call["process"])
        case "fsync" | "fdatasync":
            disk.begin_sync(call["process"], _text(call["file"]))
            if "unfinished" not in call["rest"]:
                disk.end_sync(call["process"])
        case "pwrite64" if not call["resumed"]:
            disk.write(_text(call["file"]), numbers[1], _bytes(call["data"]))
        case "ftruncate" if not call["resumed"]:
            disk.write(_text(call["file"]), numbers[0], b"")
        case "unlink" if not call["resumed"]:
            disk.remove(_text(call["data"]))


def _acknowledged_title(call: re.Match[str]) -> str | None:
    """Return the title of the post that a system call acknowledges, if it does."""
    if call["name"] != "sendto" or call["resumed"]:
        return None
    published = _PUBLISHED.search(_bytes(call["data"]))
    return published and published[1].decode()


def _bytes(hexadecimal: str) -> bytes:
    return bytes.fromhex(hexadecimal.replace("\\x", ""))


def _text(hexadecimal: str) -> str:
    return _bytes(hexadecimal).decode()


def _apply(file: bytearray, write: Write) -> None:
    if write.data:
        file.extend(bytes(max(0, write.offset - len(file))))
        file[write.offset : write.offset + len(write.data)] = write.data
    else:
        del file[write.offset :]
