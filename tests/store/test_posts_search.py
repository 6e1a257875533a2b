"""Searches, on both databases."""

import logging
import string
import unicodedata
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from itertools import groupby, pairwise
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from api import constraints, words
from api.settings import Settings
from api.store import posts, posts_reindex, posts_search, posts_words, users
from api.store.columns import now
from api.store.engine.connections import Connection
from api.store.engine.database import Database
from api.store.users import User
from tests.support.rows import select_rows

logger = logging.getLogger(__name__)

WORDS = [
    "engine",
    "Engine",
    "a",
    "b",
    "é",
    "e\u0301",
    "ß",
    "ﬁn",
    "3.14",
    "日本",
    "本語",
    "日",
    "本",
    "한국",
    "ไทย",
    "हि",
    "٣",
]
TEXT = st.one_of(
    st.lists(st.sampled_from([*WORDS, " ", "-", "\n", "'", "日本語 "]), max_size=8).map("".join),
    st.lists(st.sampled_from(WORDS), max_size=6).map(" ".join),
    st.text(alphabet="ab日本ガか\u0300\u3099İi½\u200d ", max_size=12),
)
QUERY = st.one_of(TEXT, TEXT.map('"{}"'.format), st.tuples(TEXT, TEXT).map('{0[0]} "{0[1]}"'.format))
UNSPACED = "CJK UNIFIED", "HIRAGANA", "KATAKANA", "HANGUL", "THAI", "COMBINING KATAKANA"


def naive_runs(text: str) -> list[tuple[bool, str]]:
    """Return the sequences of letters, digits and marks, and whether their script has no spaces."""

    def kind(character: str) -> tuple[bool, bool]:
        is_word = unicodedata.category(character)[0] in "LMN"
        return is_word, unicodedata.name(character, "").startswith(UNSPACED)

    normal = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    return [(unspaced, "".join(run)) for (is_word, unspaced), run in groupby(normal, kind) if is_word]


def naive_words(text: str) -> list[str]:
    found, last = list[str](), ""
    for unspaced, run in naive_runs(text):
        if unspaced and run[0] == last:
            found.append("not the same characters twice")
        last = run[-1]
        found += [run[i : i + 2] for i in range(len(run) - 1)] if unspaced and len(run) > 1 else [run]
    return found


def naively_contains(text: str, sequence: list[str]) -> bool:
    found = naive_words(text)
    if len(sequence) == 1 and any(unspaced and sequence[0] in run for unspaced, run in naive_runs(text)):
        return True
    return any(found[i : i + len(sequence)] == sequence for i in range(len(found)))


def naively_matches(query: str, title: str, body: str) -> bool:
    parts = query.split('"')
    sequences = []
    for i, part in enumerate(parts):
        if i % 2 and i < len(parts) - 1:
            sequences.append(naive_words(part))
        else:
            sequences += [naive_words(run) for _, run in naive_runs(part)]
    return all(naively_contains(title, each) or naively_contains(body, each) for each in sequences if each)


def search(db: Connection, q: str, *, limit: int = 100, **filters: Any) -> list[int]:
    """Return the ids on all pages, and assert that they are in the order of the list."""
    rows, cursor = list[Any](), None
    while True:
        page = posts_search.page(db, q=q, limit=limit, cursor=cursor, **filters)
        assert len(page.rows) <= limit
        rows += page.rows
        cursor = page.next_cursor
        if cursor is None:
            break
    order = [(row.published_at is None, row.published_at, row.id) for row in rows]
    assert order == sorted(order, reverse=True)
    return [row.id for row in rows]


@pytest.fixture
def databases(settings: Settings, postgresql_url: str) -> Iterator[list[Database]]:
    """An SQLite and a PostgreSQL database, each with the users ada and bob."""
    found = [Database(settings), Database(Settings(database_url=postgresql_url))]
    for database in found:
        with database.write() as db:
            for name in ("ada", "bob"):
                users.register(db, username=name)
    yield found
    for database in found:
        database.close()


@pytest.mark.heavy
@pytest.mark.parametrize("sorts", [True, False])
def test_both_databases_find_the_posts_that_a_naive_search_finds(
    databases: list[Database], monkeypatch: pytest.MonkeyPatch, *, sorts: bool
) -> None:
    if not sorts:
        monkeypatch.setattr(posts_words, "CANDIDATES_MAX_ROWS", -1)  # so that the list is read

    counted = Counter[str]()

    @given(
        st.lists(st.tuples(TEXT, TEXT), max_size=8),
        st.lists(QUERY.filter(lambda q: words.parse_query(q).words), max_size=6),
    )
    def check(texts: list[tuple[str, str]], queries: list[str]) -> None:
        counted.update(posts=len(texts), queries=len(queries))
        for database in databases:
            with database.write() as db:
                db.execute_sql("DELETE FROM posts")
                created = [
                    posts.publish(db, author_id=1 + i % 2, title=title or "-", body=body, tags=[]).id
                    for i, (title, body) in enumerate(texts)
                ]
                for q in queries:
                    expected = [id_ for id_, text in zip(created, texts, strict=True) if naively_matches(q, *text)]
                    assert sorted(search(db, q)) == expected, (q, texts)
                    counted.update(found=len(expected))
                    bobs = [id_ for id_ in expected if created.index(id_) % 2]
                    assert sorted(search(db, q, author="bob", limit=1, expand="body")) == bobs

    check()
    logger.info("%d posts, %d queries, which found %d", *(counted[name] for name in ("posts", "queries", "found")))


@pytest.mark.parametrize("first", [1, 2_049, 150_000, 10**9])
def test_the_sample_has_posts_of_any_time(first: int) -> None:
    """A word that all posts have since then is frequent, too."""
    sampled = [id_ for id_ in range(first, first + 20_000) if posts_words.marked(id_, "a") != "a"]
    assert len(sampled) == pytest.approx(20_000 / posts_words.SAMPLED_ONE_IN, rel=0.7)


@pytest.fixture
def many(db: Connection, ada: User, bob: User) -> list[int]:
    """450 posts with the word `all`, of which every hundredth has `some`."""
    return [
        posts.publish(
            db,
            author_id=ada.id if number % 2 else bob.id,
            title=f"n{number}",
            body=f"all {'even' if number % 2 else 'odd'} {'some' if number % 100 == 0 else ''}",
            tags=["x"] if number % 3 == 0 else [],
            published_at=None if number == 7 else now() - timedelta(minutes=number),
        ).id
        for number in range(450)
    ]


@pytest.mark.parametrize("sorts", [True, False])
@pytest.mark.parametrize("filters", [{}, {"author": "ada"}, {"tag": "x"}, {"author": "bob", "tag": "x"}])
def test_a_search_can_be_filtered_and_paged(
    db: Connection, many: list[int], filters: dict[str, str], monkeypatch: pytest.MonkeyPatch, *, sorts: bool
) -> None:
    if not sorts:
        monkeypatch.setattr(posts_words, "CANDIDATES_MAX_ROWS", -1)
        monkeypatch.setattr(posts_search, "CHECKED_MAX_ROWS", 1)
    numbers = [
        number
        for number in range(450)
        if number != 7
        and (filters.get("author") in (None, "ada" if number % 2 else "bob"))
        and ("tag" not in filters or number % 3 == 0)
    ]
    for limit in (1, 20, 100):
        assert search(db, "all", limit=limit, **filters) == [many[number] for number in numbers]
        assert search(db, "SOME all", limit=limit, **filters) == [many[n] for n in numbers if n % 100 == 0]
        assert search(db, '"all even"', limit=limit, **filters) == [many[n] for n in numbers if n % 2]
        assert search(db, '"even all"', limit=limit, **filters) == []
        assert search(db, "even odd", limit=limit, **filters) == []
        assert search(db, "nothing", limit=limit, **filters) == []


def test_a_page_ends_after_a_limited_number_of_posts_even_if_none_matches(
    db: Connection, many: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posts_words, "CANDIDATES_MAX_ROWS", -1)
    monkeypatch.setattr(posts_search, "CHECKED_MAX_ROWS", 1)
    assert len(many) == 450
    page = posts_search.page(db, q="even odd", limit=20)
    pages = 1
    while page.next_cursor:
        assert page.rows == []
        page = posts_search.page(db, q="even odd", limit=20, cursor=page.next_cursor)
        pages += 1
    assert pages == 9  # of 50 posts each


@pytest.mark.parametrize("sorts", [True, False])
def test_a_page_ends_after_limited_work_for_many_phrases_in_long_posts(
    db: Connection, ada: User, monkeypatch: pytest.MonkeyPatch, *, sorts: bool
) -> None:
    if not sorts:
        monkeypatch.setattr(posts_words, "CANDIDATES_MAX_ROWS", -1)
    letters = string.ascii_lowercase + string.digits
    long = f"{'xxxxxxxxxxxxxxx ' * 3_800} {' '.join(letters)} "
    created = [posts.publish(db, author_id=ada.id, title="-", body=f"{long} z 1 z", tags=[]).id]
    created += [posts.publish(db, author_id=ada.id, title="-", body=f"{long} 1 z", tags=[]).id for _ in range(25)]
    phrases = "".join(f'"{first} {second}"' for first, second in pairwise(letters))
    page = posts_search.page(db, q=f'{phrases}"z 1"', limit=20)
    # To look for each of 36 phrases in all of them reads more than 50 million characters.
    assert (page.rows, page.next_cursor is None) == ([], False)
    assert search(db, f'{phrases}"z 1"') == created[:1]
    assert search(db, phrases) == created[::-1]


def test_only_those_who_may_change_a_draft_find_it(db: Connection, many: list[int], ada: User, bob: User) -> None:
    for viewer, author, found in (
        (None, "ada", []),
        (bob, "ada", []),
        (ada, None, []),
        (ada, "ada", [many[7]]),
        (bob._replace(role="admin"), "ada", [many[7]]),
        (bob._replace(role="admin"), None, []),
    ):
        assert search(db, "n7", viewer=viewer, author=author) == found
        assert search(db, '"n7"', viewer=viewer, author=author, expand="body") == found


def indexed(db: Connection) -> dict[int, str]:
    rows = select_rows(db, sa.text("SELECT post_id, words FROM post_words").columns(post_id=sa.Integer, words=sa.Text))
    return {row.post_id: row.words for row in rows}


def test_the_index_follows_every_change(db: Connection, ada: User, database: Database) -> None:
    post = posts.publish(db, author_id=ada.id, title="Old title", body="body", tags=[])
    assert search(db, "old body") == [post.id]
    post = posts.revise(db, post, title="New title")
    assert (search(db, "old"), search(db, "new body")) == ([], [post.id])
    post = posts.revise(db, post, body="changed")
    assert (search(db, "body"), search(db, "new changed")) == ([], [post.id])
    post = posts.revise(db, post, tags=["x"], published_at=None)
    assert (search(db, "new"), search(db, "new", author="ada", viewer=ada)) == ([], [post.id])
    posts.remove(db, post)
    assert indexed(db) == {}
    if database.is_sqlite:
        db.execute_sql("INSERT INTO post_search (post_search) VALUES ('integrity-check')")


def test_stale_words_are_deleted_with_the_text_that_another_program_changes(db: Connection, ada: User) -> None:
    post = posts.publish(db, author_id=ada.id, title="t", body="old", tags=[])
    db.execute_sql(f"UPDATE posts SET body = 'new' WHERE id = {post.id}")
    assert search(db, "old") == []
    assert posts_reindex.run(lambda work: work(db)) == 1
    assert search(db, "new") == [post.id]


def test_posts_are_indexed_again_after_another_version_of_the_tokeniser(
    db: Connection, many: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = indexed(db)
    assert posts_reindex.run(lambda work: work(db)) == 0
    db.execute_sql("DELETE FROM post_words WHERE post_id % 5 = 0")
    assert posts_reindex.count_outdated(lambda work: work(db)) == len(many) // 5
    assert posts_reindex.run(lambda work: work(db)) == len(many) // 5
    assert posts_reindex.count_outdated(lambda work: work(db)) == 0
    monkeypatch.setattr(words, "VERSION", "other")
    assert posts_reindex.count_outdated(lambda work: work(db)) == len(many)
    assert posts_reindex.run(lambda work: work(db)) == len(many)
    assert indexed(db) == before


def test_a_search_of_the_largest_posts_reads_as_many_bodies_as_fit(db: Connection, ada: User) -> None:
    body = "largest " + "\U0001f600" * (constraints.BODY_MAX_LENGTH - 8)
    created = [posts.publish(db, author_id=ada.id, title="t", body=body, tags=[]).id for _ in range(5)]
    page = posts_search.page(db, q="largest", limit=100, expand="body")
    assert 1 <= len(page.rows) < 5
    assert page.next_cursor
    assert search(db, "largest", expand="body") == created[::-1]


@pytest.mark.parametrize(
    "q",
    [
        '"" OR a',
        "a*",
        "^a",
        "{a b}: c",
        "NEAR(a b, 2)",
        "a' OR 1=1 --",
        "a\\",
        "a|b&c!d<->e",
        "%a_",
        "a" + "\u0300" * 199,
        "\u202ea",
    ],
)
def test_the_syntax_of_the_databases_is_text(db: Connection, many: list[int], q: str) -> None:
    assert many
    assert search(db, q) == []
