"""Tokens of change feeds: how far a client has read, and from which database."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Literal, NamedTuple

from api import constraints

EPOCH_LENGTH = 8
_VERSION = 1
_PHASES: tuple[Literal["walk", "delta"], ...] = ("walk", "delta")
_LAYOUT = Struct(f">B{EPOCH_LENGTH}sQQQQQQ")
_MICROSECOND = timedelta(microseconds=1)
_START_OF_TIME = datetime.min.replace(tzinfo=UTC)
_MAX_MICROSECONDS = (datetime.max.replace(tzinfo=UTC) - _START_OF_TIME) // _MICROSECOND
_POSITION_MAX = 2**63 - 1


class SyncToken(NamedTuple):
    """How far a client has read a change feed."""

    phase: Literal["walk", "delta"]
    """In the walk, the client reads all rows by id; then it reads what has changed since the walk began."""
    epoch: bytes
    """Identifies the database, and the copy of it."""
    issued_at: datetime
    seen: int
    """The last position that the client may have seen something of."""
    position: int
    id: int
    """Changes up to (position, id) have been read; in the walk, `id` is that of the last row."""
    time: datetime
    time_id: int
    """Posts that have become public up to (time, time_id) have been read."""


EXAMPLE = SyncToken("delta", bytes(EPOCH_LENGTH), _START_OF_TIME, 7, 7, 7, _START_OF_TIME, 7)
EXPIRED = EXAMPLE._replace(position=_POSITION_MAX, time=datetime.max.replace(tzinfo=UTC))
"""Stands for a token that cannot be decoded: too old for any client, and no change is after it."""


def encode(token: SyncToken) -> str:
    """Return the token as text."""
    packed = _LAYOUT.pack(
        _VERSION << 1 | _PHASES.index(token.phase),
        token.epoch,
        _microseconds(token.issued_at),
        token.seen,
        token.position,
        token.id,
        _microseconds(token.time),
        token.time_id,
    )
    return urlsafe_b64encode(packed).decode()


def decode(text: str) -> SyncToken:
    """Return the token that `encode` makes `text` of; `ValueError` if there is none."""
    if len(text) != constraints.SINCE_LENGTH or len(packed := urlsafe_b64decode(text)) != _LAYOUT.size:
        raise ValueError("Its length is wrong.")
    kind, epoch, issued_at, *position, time, time_id = _LAYOUT.unpack(packed)
    version, phase = divmod(kind, 2)
    if version != _VERSION or max(position) > _POSITION_MAX or max(position[2], time_id) > constraints.ID_MAX:
        raise ValueError("It is of another version, or its numbers are out of range.")
    seen, position, id_ = position
    token = SyncToken(_PHASES[phase], epoch, _datetime(issued_at), seen, position, id_, _datetime(time), time_id)
    # Python's decoder ignores what is not in its alphabet.
    if encode(token) != text:
        raise ValueError("It is not in its only form.")
    return token


def _microseconds(value: datetime) -> int:
    return (value - _START_OF_TIME) // _MICROSECOND


def _datetime(microseconds: int) -> datetime:
    if microseconds > _MAX_MICROSECONDS:
        raise ValueError("A time is out of range.")
    return _START_OF_TIME + microseconds * _MICROSECOND
