"""Lengths, patterns and counts that JSON, URLs and SQL share."""

ID_MAX = 2**53 - 1
"""The largest integer that every JSON client reads exactly (RFC 8259, section 6)."""

REVISION_PATTERN = r"[0-9a-f]{16}"
REVISION_LENGTH = 16

USERNAME_PATTERN = r"[a-z0-9][a-z0-9_-]{1,38}"
USERNAME_MIN_LENGTH, USERNAME_MAX_LENGTH = 2, 39
PASSWORD_MIN_LENGTH, PASSWORD_MAX_LENGTH = 8, 128
"""Of a new password, in code points as sent."""
SENT_PASSWORD_MAX_LENGTH = 4 * PASSWORD_MAX_LENGTH
"""Of a password to verify: it may be decomposed, which makes up to four code points of one."""
PASSWORD_HASH_MAX_LENGTH = 200
DISPLAY_NAME_MAX_LENGTH = 100
BIO_MAX_LENGTH = 1_000

IMPORTED_ID_MAX = 2**52
"""The largest id of a post that an import accepts: as many ids remain for new posts."""

SLUG_PATTERN = r"[a-z0-9]+(-[a-z0-9]+)*"
SLUG_MAX_LENGTH = 80
TITLE_MAX_LENGTH = 200
BODY_MAX_LENGTH = 262_144
TAG_PATTERN = r"[^\x00-,./:-@\x5b-\x60\x7b-\x7f]+"
"""Without ASCII's controls, spaces and punctuation but `-`. The form of new tags is in `schemas/posts_tags.py`."""
TAG_MAX_LENGTH = 49
SENT_TAG_MAX_LENGTH = 4 * TAG_MAX_LENGTH
"""It may be decomposed, which makes up to four code points of one."""
TAGS_MAX_ITEMS = 10
TAGS_MAX_STEPS = 1_000
"""Tags that a page of them visits, if most are those of drafts."""
SEARCH_MAX_LENGTH = 200
METADATA_MAX_PROPERTIES = 20
METADATA_NAME_PATTERN = r"[a-z][a-z0-9_]{0,39}"
METADATA_NAME_MAX_LENGTH = 40
METADATA_VALUE_MAX_LENGTH = 500

FOLLOWED_MAX_ITEMS = 500
"""Users whom a user follows: a page of the timeline looks up the newest post of each."""

COMMENT_MAX_LENGTH = 10_000
COMMENTS_MAX_REMOVED = 10_000
"""Comments that one request deletes with their post, of `CONTENT_MAX_CHARACTERS`."""
LIKES_MAX_REMOVED = 50_000
"""Likes that one request deletes with their post: it takes a third of a second on SQLite."""

CONTENT_MAX_POSTS, CONTENT_MAX_CHARACTERS = 1_000, 8 * 1024 * 1024
"""Posts of a user that one request removes with their author, and characters of their texts, each of up to four bytes:
it takes half a second, in which SQLite has no other writer."""

TOKEN_NAME_MAX_LENGTH = 100

IDEMPOTENCY_KEY_PATTERN = r"[!-+\--~]+"
"""Visible ASCII without the comma, which would join two header fields into one."""
IDEMPOTENCY_KEY_MAX_LENGTH = 255

PROBLEM_CODE_PATTERN = r"[a-z]+(-[a-z]+)*"
PROBLEM_CODE_MAX_LENGTH = 64
DETAIL_MAX_LENGTH = 2048

PAGE_SIZE_DEFAULT = 20
PAGE_SIZE_MAX = 100
PAGE_MAX_BYTES = 2 * 1024 * 1024
"""Bytes of a page of a list, which ends early; a post in JSON takes up to 1.5 MiB, if every character is escaped."""
CURSOR_PATTERN = r"([0-7][0-9a-f]{15}){2}"
CURSOR_LENGTH = 32
SINCE_PATTERN = r"[A-Za-z0-9_-]{76}"
SINCE_LENGTH = 76
SINCE_DAYS = 90
"""Days for which a token of a change feed is valid."""

REQUEST_BODY_MAX_BYTES = 4 * 1024 * 1024
"""Bytes. The longest post takes 3 MiB when every character is sent as an escaped surrogate pair."""

ERRORS_MAX_ITEMS = 100
"""Errors in a response. Validation stops there, because a body can have a million."""

PATH_SEGMENT_MAX_LENGTH = 200
PATH_SEGMENT_PATTERN = rf"(?!\.\.?$)[^/\x00-\x1f\x7f-\x9f]{{1,{PATH_SEGMENT_MAX_LENGTH}}}"
"""Text in a `<string:…>` of a route: no `/`, no control characters, no dot segment (RFC 3986, section 3.3)."""

URL_PREFIX_MAX_LENGTH = 1_000
URL_PREFIX_PATTERN = r"(/(?!\.\.?(/|$))([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})+)*/?"
"""The path under which a proxy serves the API: no `//`, which would begin a URL on another host, and no dot segment."""
