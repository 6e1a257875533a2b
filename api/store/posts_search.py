"""Searches in the lists of posts.

A search takes at most as long as reading a few thousand rows, however many posts there are, so a page may be short. If
the index has few posts with the words, they are sorted. Otherwise the list is read in its order, up to a limit, and
each post is checked: either many posts match, or the client continues from there.
"""

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from itertools import islice

from api.store import posts_html, posts_words
from api.store import posts_search_statements as statements
from api.store.columns import END_OF_TIME
from api.store.engine.connections import Connection, Names, Query, Row
from api.store.pages import Page, encode_cursor, start_position, until_full
from api.store.posts_filters import visible_until
from api.store.posts_html import PostSummaryWithHTML, PostWithHTML
from api.store.posts_lists import POSTS, SUMMARIES
from api.store.posts_search_statements import Checked, Position
from api.store.posts_table import Post, PostSummary
from api.store.principals import Principal
from api.words import SearchQuery, parse_query

CHECKED_MAX_ROWS = 2_000
"""Posts that are checked for a page."""
CHECKED_MAX_CHARACTERS = 32_000_000
"""Characters of words that are read for a page, once and again for each word or phrase that is looked for."""
FEW_SEQUENCES = 8
"""Words and phrases for which the first statement checks more posts."""


def page(
    db: Connection,
    *,
    q: str,
    limit: int,
    cursor: str | None = None,
    author: str | None = None,
    tag: str | None = None,
    expand: str = "",
    viewer: Principal | None = None,
) -> Page[PostSummary] | Page[Post] | Page[PostWithHTML] | Page[PostSummaryWithHTML]:
    """Return a page of `posts_lists.page` with the posts that have all words and phrases of `q`.

    It may have fewer than `limit` posts, even none, though there is a next one.
    """
    query, filters = parse_query(q), (author is not None, tag is not None)
    until = visible_until(author, viewer)
    timestamp, id_ = start_position(cursor, until)
    parameters: Names = {"author": author, "tag": tag, "page_timestamp": timestamp, "page_id": id_}
    candidates, end = _find_candidates(db, query), None
    if candidates is None:
        positions, end = _check_list(db, query, filters, parameters, limit=limit)
    elif candidates:
        positions, end = _sort_candidates(db, query, candidates, filters, parameters, limit=limit)
    else:
        positions = []
    # The next page starts after the last post of this one if there are more, or after the last one that was checked.
    end = positions[limit - 1] if limit < len(positions) else end
    if not expand:
        return _read_page(db, statements.READ_SUMMARIES, SUMMARIES.characters, positions[:limit], end, until=until)
    page = _read_page(db, statements.READ_POSTS, POSTS.characters, positions[:limit], end, until=until)
    return posts_html.expand_page(page, expand)


def _find_candidates(db: Connection, query: SearchQuery) -> list[int] | None:
    """Return the posts that have the words, drafts included; None if there are too many."""
    # Short words are often frequent ones, of which the index has many entries to count.
    words = json.dumps(sorted(query.words, key=len, reverse=True))
    if db.one_or_none(posts_words.INFREQUENT, words=words) is None:
        return None
    found = db.all(posts_words.CANDIDATES, words=words)
    return [row.id for row in found] if len(found) <= posts_words.CANDIDATES_MAX_ROWS else None


def _sort_candidates(
    db: Connection,
    query: SearchQuery,
    candidates: Sequence[int],
    filters: tuple[bool, bool],
    parameters: Names,
    *,
    limit: int,
) -> tuple[list[Position], Position | None]:
    """Return the next posts that match, and the last one that has been checked, unless all have been."""
    words = {f" {word} " for word in query.words}
    sequences = [sequence for sequence in query.sequences if sequence not in words]
    page_limit = posts_words.CANDIDATES_MAX_ROWS if sequences else limit + 1
    positions = db.all(statements.SORT[filters], **parameters, ids=json.dumps(candidates), page_limit=page_limit)
    if not sequences:
        return positions, None
    text, remaining = json.dumps(sequences), iter(positions)

    def read(_: Checked | None, at_once: int) -> list[Checked]:
        batch = [*islice(remaining, at_once)]
        ids = json.dumps([position.id for position in batch])
        rows = {row.id: row for row in db.all(statements.CHECK_CANDIDATES, ids=ids, sequences=text)}
        # Another transaction may have removed a post.
        return [rows.get(position.id) or Checked(*position, matches=False, characters=0) for position in batch]

    return _check(read, limit, len(sequences))


def _check_list(
    db: Connection, query: SearchQuery, filters: tuple[bool, bool], parameters: Names, *, limit: int
) -> tuple[list[Position], Position | None]:
    """Return the next posts that match, and the last one that has been checked; None at the end of the list."""
    sequences = json.dumps(query.sequences)

    def read(last: Checked | None, at_once: int) -> list[Checked]:
        position: Names = {"page_timestamp": last.published_at, "page_id": last.id} if last else {}
        return db.all(statements.CHECK[*filters, at_once], **{**parameters, **position}, sequences=sequences)

    return _check(read, limit, len(query.sequences))


def _check(
    read: Callable[[Checked | None, int], list[Checked]], limit: int, sequences: int
) -> tuple[list[Position], Position | None]:
    """Check posts of which `read` returns a number after the last one, until the page is full or has cost enough."""
    most, some, few = statements.CHECKED_AT_ONCE
    found, last = list[Position](), None
    checked, characters, at_once = 0, 0, some if sequences <= FEW_SEQUENCES else few
    while True:
        rows = read(last, at_once)
        found += [Position(row.published_at, row.id) for row in rows if row.matches]
        if len(rows) < at_once:
            return found[: limit + 1], None
        last = rows[-1]
        checked, characters = checked + at_once, characters + sum(row.characters for row in rows) * (1 + sequences)
        if not (len(found) <= limit and checked < CHECKED_MAX_ROWS and characters < CHECKED_MAX_CHARACTERS):
            return found[: limit + 1], Position(last.published_at, last.id)
        affordable = (CHECKED_MAX_CHARACTERS - characters) * checked // (characters or 1)
        at_once = next((number for number in (most, some) if number <= affordable), few)


def _read_page(
    db: Connection,
    query: Query[Row],
    characters: Callable[[Row], int],
    positions: Sequence[Position],
    end: Position | None,
    *,
    until: datetime,
) -> Page[Row]:
    """Return the posts at the positions, or as many as fit into a page; the next page starts after `end`."""
    if not positions:
        return Page([], _cursor(end))
    ids = json.dumps([position.id for position in positions])
    rows, fitting = db.read(partial(until_full, characters), query, ids=ids, until=until)
    if fitting < len(rows):
        end = Position(*(getattr(rows[fitting - 1], name) for name in ("listed_at", "id")))
    return Page(rows[:fitting], _cursor(end))


def _cursor(position: Position | None) -> str | None:
    return position and encode_cursor(position.published_at or END_OF_TIME, position.id)
