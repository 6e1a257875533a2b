"""The numbers and patterns that JSON, URLs and SQL must agree on."""

MAX_ID = 2**53 - 1
"""The largest integer that every JSON client reads exactly (RFC 8259, section 6)."""

USERNAME = r"[a-z0-9][a-z0-9_-]{1,38}"
USERNAME_MIN, USERNAME_MAX = 2, 39
PASSWORD_MIN, PASSWORD_MAX = 8, 128
DISPLAY_NAME = 100
BIO = 1_000

IMPORTED_ID_MAX = 2**52
"""The largest id of a post that an import keeps: as many remain for those to come."""

TITLE = 200
BODY = 262_144
TAG = r"[a-z0-9][a-z0-9-]{0,48}"
TAG_MAX = 49
TAGS = 10

TOKEN_NAME = 100

IDEMPOTENCY_KEY = r"[!-+\--~]+"
"""Visible ASCII without the comma, which would join two header fields into one."""
IDEMPOTENCY_KEY_MAX = 255

PAGE = 20
PAGE_MAX = 100
CURSOR = r"([0-7][0-9a-f]{15}){2}"
CURSOR_LENGTH = 32

REQUEST_BODY = 4 * 1024 * 1024
"""Bytes. The longest post takes 3 MiB when every character is sent as an escaped surrogate pair."""
