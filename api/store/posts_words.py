"""The words of posts, and the index of them.

On SQLite, triggers keep the FTS5 table `post_search` the same as this table; on PostgreSQL, it has a GIN index. On both
databases, a trigger deletes the words of a post whose title or body changes, so that stale ones are never found.
"""

from typing import NamedTuple

import sqlalchemy as sa

from api import words
from api.store.change_positions import DialectSQL
from api.store.columns import Id, metadata
from api.store.engine.connections import Connection, Query

INDEXED_WORDS = "string_to_array(words, ' ')"
"""What the GIN index has, and a query must repeat."""
SAMPLE_MARK = "§"
"""Indexed as a word of the posts in the sample: no text has this word. FTS5 takes what is not ASCII for a letter."""
SAMPLED_RUN, SAMPLED_ONE_IN = 128, 128
"""Runs of as many ids, of which one in so many is in the sample. Posts beside each other are fast to count, but longer
runs have no posts of some months: a word that came up then would be taken for an infrequent one."""

CANDIDATES_MAX_ROWS = 2_000
"""Posts found by the index that are sorted."""
FREQUENT_FROM = 100_000 // SAMPLED_ONE_IN
"""Posts of the sample with a word that is not looked up: to read all of its entries in the index would take long."""

post_words = sa.Table(
    "post_words",
    metadata,
    sa.Column("post_id", sa.ForeignKey("posts.id", ondelete="CASCADE"), primary_key=True),
    # Before the words, because SQLite reads a row up to the last column that it needs.
    sa.Column("version", sa.String(20), nullable=False),
    sa.Column("words", sa.Text, nullable=False),
)
_INSERT = sa.insert(post_words)


class Word(NamedTuple):
    """A word of a query."""

    word: str


class PostId(NamedTuple):
    """The id of a post."""

    id: int


# These have JSON arrays as parameters. SQLite reads the index up to the limit only, PostgreSQL
# all entries of the rarest word before it returns a row.
INFREQUENT = Query(
    Word,
    sa.text(f"""
        SELECT value AS word FROM json_each(:words) WHERE (
            SELECT count(*) FROM (
                SELECT 1 FROM post_search WHERE post_search MATCH '"' || value || '" "{SAMPLE_MARK}"'
                LIMIT {FREQUENT_FROM}
            )
        ) < {FREQUENT_FROM} LIMIT 1
    """).columns(word=sa.Text),  # noqa: S608 (constants)
    # Materialized, because for a LIMIT PostgreSQL might prefer to read the table; it reads no more rows than are taken.
    postgresql=sa.text(f"""
        SELECT word FROM json_array_elements_text(CAST(:words AS json)) AS word WHERE (
            WITH found AS MATERIALIZED (
                SELECT post_id FROM post_words WHERE {INDEXED_WORDS} @> ARRAY[word, '{SAMPLE_MARK}']
            )
            SELECT count(*) FROM (SELECT FROM found LIMIT {FREQUENT_FROM}) AS counted
        ) < {FREQUENT_FROM} LIMIT 1
    """).columns(word=sa.Text),  # noqa: S608 (the same)
)
CANDIDATES = Query(
    PostId,
    sa.text(f"""
        SELECT rowid AS id FROM post_search
        WHERE post_search MATCH (SELECT '"' || group_concat(value, '" "') || '"' FROM json_each(:words))
        LIMIT {CANDIDATES_MAX_ROWS + 1}
    """).columns(id=Id),  # noqa: S608 (the same)
    # Materialized for the same reason.
    postgresql=sa.text(f"""
        WITH found AS MATERIALIZED (
            SELECT post_id FROM post_words
            WHERE {INDEXED_WORDS} @> ARRAY(SELECT json_array_elements_text(CAST(:words AS json)))
        )
        SELECT post_id AS id FROM found LIMIT {CANDIDATES_MAX_ROWS + 1}
    """).columns(id=Id),  # noqa: S608 (the same)
)
_TEXT = sa.literal(" ") + post_words.c.words + " "
_SEQUENCES = (
    sa.select(sa.func.json_each(sa.bindparam("sequences", type_=sa.Text)).table_valued("value").c.value)
    .cte("sequences")
    .prefix_with("MATERIALIZED")
)
HAS_SEQUENCES = (
    sa.and_(post_words.c.words.is_not(None), ~sa.exists().where(sa.func.instr(_TEXT, _SEQUENCES.c.value) == 0)),
    # No sequence has a character that has a meaning to LIKE.
    DialectSQL(
        sqlite="",
        postgresql="(' ' || post_words.words || ' ' LIKE ALL (ARRAY("
        "SELECT '%' || sequence || '%' FROM json_array_elements_text(CAST(:sequences AS json)) AS sequence)))",
        type_=sa.Boolean(),
    ),
)
"""Whether a post has the words and phrases, on SQLite, and on PostgreSQL. Both read the array once."""


def add(db: Connection, post_id: int, title: str, body: str) -> None:
    """Index a post, which is new, or whose title or body has changed in this transaction."""
    db.execute(_INSERT, post_id=post_id, version=words.VERSION, words=marked(post_id, words.index_text(title, body)))


def marked(post_id: int, text: str) -> str:
    """Return the words with the mark of the sample, if the post is in it."""
    return text if post_id // SAMPLED_RUN % SAMPLED_ONE_IN else f"{text} {SAMPLE_MARK}"
