"""The demo site: the same users, posts, comments, likes, follows and tokens each time, in every state.

It is made of the records of an archive. Posts 1 to 12 are special; the others fill pages.
"""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from api import constraints
from api.json import JSONObject

PASSWORD = "correct horse battery staple"  # noqa: S105 (everybody may know it)
BEGIN = datetime(2025, 1, 6, 9, tzinfo=UTC)
USERNAMES = ("ada", "grace", "bob", "root", "mallory", "eloise-of-the-long-name-who-never-stops", "spam", "leaver")
"""`root` is an admin, `spam` is suspended, and `leaver` is removed once the site is made."""
REMOVED_USERNAME, REMOVED_POST_ID = "leaver", 12
POSTS = 60
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(2)> [link](javascript:alert(3)) '; DROP TABLE posts; -- "
    "{{7*7}} ${7*7} %s %00 \u202etxt.exe\u202c \U0001f469\u200d\U0001f469\u200d\U0001f467 Z\u0351\u036b\u0343a\u0363lgo"
)
MARKDOWN = """It *weaves* **algebraic patterns**, as the Jacquard loom weaves flowers and leaves.

## Parts

1. The store, which holds numbers
2. The mill, which works on them

| card | does |
|---|---|
| operation | selects what the mill does |
| variable | names columns of the store |

> It can do whatever we know how to order it to perform.

```python
print("Bernoulli", [1, -1/2, 1/6])
```
"""


def token_of(username: str, *, scope: str = "write") -> str:
    """Return the token of a user on every demo site."""
    name = username if scope == "write" else f"{username}-{scope}"
    return f"prt_demo-{name}".ljust(47, "-")


def records(password_hash: str) -> Iterator[JSONObject]:
    """Yield the records of the site, each after those that it refers to; all passwords have the hash."""
    minutes = count()

    def times(name: str = "created_at", /, **content: Any) -> JSONObject:
        """Add a time that is a minute after the last one."""
        return {name: (BEGIN + timedelta(minutes=next(minutes))).isoformat(), **content}

    for number, username in enumerate(USERNAMES, 1):
        yield {"user": times(**_user(username), revision=f"{number:016x}", password_hash=password_hash)}
    for username, scope, expires_at in (
        ("ada", "write", "2999-12-31T00:00:00Z"),
        ("root", "write", "2999-12-31T00:00:00Z"),
        ("grace", "write", "2999-12-31T00:00:00Z"),
        ("ada", "read", "2999-12-31T00:00:00Z"),
        ("bob", "write", "2025-02-01T00:00:00Z"),  # expired
    ):
        sha256 = hashlib.sha256(token_of(username, scope=scope).encode()).hexdigest()
        token = {"user": username, "name": "Demo", "scope": scope, "sha256": sha256}
        yield {"token": times(**token, expires_at=expires_at, last_used_at=None)}
    for number, post in enumerate(_posts(), 1):
        published_at = (BEGIN + timedelta(days=number)).isoformat()
        yield {"post": times(id=number, revision=f"{number:016x}", **{"published_at": published_at, **post})}
    for number, (author, post_id, body) in enumerate(_comments(), 1):
        yield {"comment": times(id=number, author=author, post=post_id, body=body, revision=f"{number:016x}")}
    for username in USERNAMES[:7]:
        for post_id in (1, 4, 5, *((2, 3) if username == "ada" else ())):
            yield {"like": times("liked_at", user=username, post=post_id)}
    for user, followed in (
        *((username, "ada") for username in USERNAMES[1:]),
        ("ada", "grace"),
        ("ada", "mallory"),
        ("ada", "spam"),
        ("grace", "leaver"),
    ):
        yield {"follow": times("followed_at", user=user, followed=followed)}


def _user(username: str) -> JSONObject:
    texts = {
        "ada": ("Ada Lovelace", "Writes notes that are longer than what they annotate."),
        "grace": ("Grace Hopper", "Finds bugs, and tapes them into the log."),
        "mallory": (HOSTILE[: constraints.DISPLAY_NAME_MAX_LENGTH], HOSTILE),
        USERNAMES[5]: ("\u00c9" * constraints.DISPLAY_NAME_MAX_LENGTH, "long " * (constraints.BIO_MAX_LENGTH // 5)),
    }
    display_name, bio = texts.get(username, (username.title(), ""))
    user = {"username": username, "display_name": display_name, "bio": bio}
    if username == "spam":
        return {**user, "suspended_at": "2025-06-01T00:00:00Z"}
    return {**user, "role": "admin" if username == "root" else "member"}


def _posts() -> Iterator[JSONObject]:
    """Yield the posts; those that have no `published_at` get one, a day after the last."""
    yield {
        "author": "ada",
        "slug": "notes-on-the-engine",
        "title": "Notes on the Engine",
        "body": MARKDOWN,
        "tags": ["engines", "mathematics"],
        "metadata": {"language": "en"},
    }
    yield {"author": "ada", "slug": "draft", "title": "A draft", "body": "Not yet.", "published_at": None}
    yield {"author": "ada", "title": "Scheduled", "body": "Later.", "published_at": "2999-01-01T00:00:00Z"}
    yield {"author": "grace", "title": "Closed for comments", "body": "No more.", "comments": "closed"}
    title = HOSTILE[: constraints.TITLE_MAX_LENGTH]
    yield {"author": "mallory", "title": title, "body": HOSTILE, "metadata": {"html": HOSTILE}}
    yield {"author": "spam", "title": "Buy now", "body": "Hidden while its author is suspended.", "tags": ["engines"]}
    yield {
        "author": "grace",
        "title": "\u65e5\u672c\u8a9e \u0627\u0644\u0639\u0631\u0628\u064a\u0629 \u05e2\u05d1\u05e8\u05d9\u05ea",
        "body": "Caf\u00e9, \u6771\u4eac, \u041c\u043e\u0441\u043a\u0432\u0430 \U0001f980",
        "tags": ["\u65e5\u672c\u8a9e", "caf\u00e9"],
    }
    yield {
        "author": USERNAMES[5],
        "slug": "x" * constraints.SLUG_MAX_LENGTH,
        "title": "W" * constraints.TITLE_MAX_LENGTH,
        "body": "A paragraph without an end. " * 1_000,
        "tags": [f"{number}".rjust(constraints.TAG_MAX_LENGTH, "t") for number in range(constraints.TAGS_MAX_ITEMS)],
        "metadata": {f"name_{number}": "v" * 99 for number in range(constraints.METADATA_MAX_PROPERTIES)},
    }
    yield {"author": "mallory", "title": "A hostile draft", "body": HOSTILE, "published_at": None}
    # Two at the same time, which pages must not lose.
    for title in ("Twins", "Twins"):
        yield {"author": "bob", "title": title, "body": "The same.", "published_at": "2025-01-20T00:00:00Z"}
    yield {"author": "ada", "title": "Removed", "body": "This is not found."}
    for number in range(REMOVED_POST_ID + 1, POSTS + 1):
        author, tag = ("ada", "grace", "bob")[number % 3], ("engines", "looms", "weather")[number % 3]
        body = f"Letter {number} is about {tag}."
        yield {"author": author, "slug": f"letter-{number}", "title": f"Letter {number}", "body": body, "tags": [tag]}


def _comments() -> Iterator[tuple[str, int, str]]:
    """Yield the author, post and text of each comment."""
    yield "ada", 1, "Comments are *Markdown*, too."
    yield "mallory", 1, HOSTILE
    yield "spam", 1, "Hidden while its author is suspended."
    yield "leaver", 1, "Removed with its author."
    yield "bob", 4, "Written before the post was closed."
    yield "ada", 2, "A comment on a draft."
    yield "bob", REMOVED_POST_ID, "Removed with its post."
    for number in range(30):
        yield ("grace", "bob")[number % 2], 1, f"Comment {number + 1}."
