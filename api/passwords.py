"""Password hashing with argon2id."""

import re
import unicodedata
from base64 import b64decode, b64encode
from typing import NamedTuple

from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError

# OWASP's parameters for argon2id: 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_PHC_STRING = re.compile(
    r"\$argon2id\$v=19\$m=[0-9]{1,6},t=[0-9]{1,2},p=[0-9]{1,2}\$([+/0-9A-Za-z]+)\$([+/0-9A-Za-z]+)"
)
HASH_MEMORY_MAX_KIB, HASH_TIME_MAX, HASH_LANES_MAX = 256 * 1024, 16, 16
"""Parameters up to which a hash of another server is accepted: a sign-in takes so much memory and time."""
_NON_ASCII_SPACE = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
_DUMMY_HASH = (
    f"$argon2id$v=19$m={_hasher.memory_cost},t={_hasher.time_cost},p={_hasher.parallelism}${'A' * 22}${'A' * 43}"
)
"""It costs as much to verify as any hash. One of a random password would cost each process 25 ms when it starts."""


class Verification(NamedTuple):
    """The result of verifying a password."""

    matches: bool
    is_outdated: bool
    """Whether the hash is to be replaced: it has other parameters than today's, or is of the text as it was typed."""


def normalize(password: str) -> str:
    """Return the one spelling of a password that is hashed (OpaqueString of RFC 8265, section 4.2).

    Keyboards differ in how they compose `é`, and in which space they type.
    """
    return unicodedata.normalize("NFC", _NON_ASCII_SPACE.sub(" ", password))


def hash_password(password: str) -> str:
    """Return the argon2id hash of `password`. It takes about 25 ms, deliberately."""
    return _hasher.hash(normalize(password))


def verify_password(password_hash: str | None, password: str) -> Verification:
    """Verify a password. Without a hash it takes as long, so that timing reveals no usernames."""
    normalized = normalize(password)
    matches = _matches(password_hash, normalized)
    # Former versions hashed passwords as they were typed.
    matches_as_typed = not matches and password != normalized and _matches(password_hash, password)
    is_outdated = password_hash is not None and (matches_as_typed or _hasher.check_needs_rehash(password_hash))
    return Verification(matches or matches_as_typed, is_outdated)


def _matches(password_hash: str | None, password: str) -> bool:
    try:
        _hasher.verify(password_hash or _DUMMY_HASH, password)
    except VerifyMismatchError:
        return False
    return password_hash is not None


def is_usable_hash(text: str) -> bool:
    """Return whether `text` is an argon2id hash (RFC 9106) that `verify_password` can verify at a bounded cost."""
    encoded = _PHC_STRING.fullmatch(text)
    if encoded is None or not all(map(_is_base64, encoded.groups())):
        return False
    parameters = extract_parameters(text)
    return (
        8 * parameters.parallelism <= parameters.memory_cost <= HASH_MEMORY_MAX_KIB
        and 1 <= parameters.time_cost <= HASH_TIME_MAX
        and 1 <= parameters.parallelism <= HASH_LANES_MAX
        and 8 <= parameters.salt_len <= 64
        and 16 <= parameters.hash_len <= 64
    )


def _is_base64(text: str) -> bool:
    """Return whether it is the one encoding of some bytes, without padding: argon2 reads no other."""
    try:
        return b64encode(b64decode(text + "=" * (-len(text) % 4), validate=True)).rstrip(b"=") == text.encode()
    except ValueError:
        return False
