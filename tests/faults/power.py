"""What is on a disk when its power goes: what was synced, and of what was written since, perhaps a part.

`strace` writes down what the server itself asks of the kernel, so nothing of it is imitated.
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
SECTOR = 512
"""Bytes that a disk writes whole or not at all."""

_CALL = re.compile(
    r"(?P<process>\d+) +(?P<resumed><\.\.\. )?(?P<name>\w+)[( ]"
    r'(?:\d+<(?P<file>[^>]*)>)?(?:, )?(?:"(?P<data>[^"]*)")?(?P<rest>.*)'
)
_PUBLISHED = re.compile(rb'\{"id":\d+,"title":"(\d+)"')
"""How the body of the answer begins that acknowledges a post."""


class Write(NamedTuple):
    """Bytes on their way to a file; none at all cut it off there."""

    number: int
    offset: int
    data: bytes


class Disk:
    """Files, and what has been written to each but may not have reached it yet."""

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
        """What was written before the sync began has reached the file."""
        file, last = self._syncing.pop(process)
        pending = self._pending.get(file, [])
        for write in pending:
            if write.number <= last:
                _apply(self._files.setdefault(file, bytearray()), write)
        self._pending[file] = [write for write in pending if write.number > last]

    def remove(self, file: str) -> None:
        self._files.pop(file, None)
        self._pending.pop(file, None)

    def without_power(self, chance: random.Random) -> dict[str, bytes]:
        """The files as they may be found: each write since the last sync is there, is not, or is torn."""
        found = {file: bytearray(self._files.get(file, b"")) for file in {*self._files, *self._pending}}
        for file, pending in self._pending.items():
            for write in pending:
                fate = chance.choice(("there", "gone", "torn"))
                if fate == "torn":
                    for start in range(0, len(write.data), SECTOR):
                        if chance.random() < 0.5:
                            part = write.data[start : start + SECTOR]
                            _apply(found[file], write._replace(offset=write.offset + start, data=part))
                elif fate == "there":
                    _apply(found[file], write)
        return {file: bytes(content) for file, content in found.items()}


class Cut(NamedTuple):
    """What is found after the power has gone: the files, and the titles that had been acknowledged."""

    files: Mapping[str, bytes]
    acknowledged: frozenset[str]


def cuts(calls: Path, *, number: int, honest: bool = True) -> Iterator[Cut]:
    """Cuts at so many moments after the first answer; a disk that is not `honest` does nothing when told to sync."""
    chance = random.Random(1)
    with calls.open() as lines:
        happened = [call for line in lines if (call := _CALL.match(line))]
    first = next(moment for moment, call in enumerate(happened) if _published(call))
    moments = {*chance.sample(range(first, len(happened)), number)}
    disk, acknowledged = Disk(), set[str]()
    for moment, call in enumerate(happened):
        if moment in moments:
            yield Cut(disk.without_power(chance), frozenset(acknowledged))
        if title := _published(call):
            acknowledged.add(title)
        elif honest or moment < first or "sync" not in call["name"]:
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


def _published(call: re.Match[str]) -> str | None:
    """The title of the post that the call acknowledges."""
    if call["name"] != "sendto" or call["resumed"]:
        return None
    published = _PUBLISHED.match(_bytes(call["data"]))
    return published and published[1].decode()


def _bytes(shown: str) -> bytes:
    return bytes.fromhex(shown.replace("\\x", ""))


def _text(shown: str) -> str:
    return _bytes(shown).decode()


def _apply(file: bytearray, write: Write) -> None:
    if write.data:
        file.extend(bytes(max(0, write.offset - len(file))))
        file[write.offset : write.offset + len(write.data)] = write.data
    else:
        del file[write.offset :]
