"""Passwords: hashed with argon2id, and proven in a time that does not tell whether there is such a user."""

import re
import secrets
from contextlib import suppress

from argon2 import PasswordHasher
from argon2.exceptions import VerifyMismatchError

from api import constraints
from api.http.application import current_application
from api.store import credentials
from api.store.engine.connections import Row
from api.store.errors import NotFound, WrongPassword

# OWASP's parameters for argon2id: 19 MiB, two passes, one lane.
_hasher = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_DUMMY_HASH = _hasher.hash(secrets.token_urlsafe())


def hash_password(password: str) -> str:
    """The argon2id hash to keep of `password`. It takes some 25 ms, on purpose."""
    return _hasher.hash(password)


def verify(username: str, password: str) -> Row:
    """The credentials of the user whose password that is; `WrongPassword`, and no more, for whatever reason.

    A hash that was made with other parameters is made anew.
    """
    proven = _credentials(username)
    try:
        # To refuse somebody unknown takes as long as to refuse a wrong password.
        _hasher.verify(proven.password_hash if proven else _DUMMY_HASH, password)
    except VerifyMismatchError:
        proven = None
    if proven is None:
        raise WrongPassword("The password is wrong.")
    if _hasher.check_needs_rehash(proven.password_hash):
        password_hash = hash_password(password)
        with suppress(WrongPassword), current_application().database.write() as db:
            return credentials.rehash(db, proven, password_hash)
        return verify(username, password)  # somebody else was faster
    return proven


def _credentials(username: str) -> Row | None:
    """Those of a user who has a password."""
    # Other names are nobody's, and the database might not take them.
    if not re.fullmatch(constraints.USERNAME_PATTERN, username):
        return None
    with suppress(NotFound), current_application().database.read() as db:
        kept = credentials.get(db, username)
        return kept if kept.password_hash else None
    return None
