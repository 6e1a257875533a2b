"""Request bodies that arrive slowly."""

import json
from collections.abc import Callable
from io import RawIOBase
from typing import Any


class SlowBody(RawIOBase):
    """A request body whose client pauses in the middle, where `pause` is called."""

    def __init__(self, content: bytes, pause: Callable[[], object]) -> None:
        half = len(content) // 2
        self._parts, self._pause = [content[:half], content[half:]], pause

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._parts:
            return 0
        if len(self._parts) == 1:
            self._pause()
        part = self._parts.pop(0)
        buffer[: len(part)] = part
        return len(part)


def slowly(content: object, pause: Callable[[], object]) -> dict[str, Any]:
    """Return the options that send JSON slowly."""
    body = json.dumps(content).encode()
    return {
        "data": body,
        "content_type": "application/json",
        "environ_overrides": {"wsgi.input": SlowBody(body, pause)},
    }
