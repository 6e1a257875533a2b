"""The words of posts, for searches.

Revision ID: 0009
Revises: 0008
"""

import sqlalchemy as sa
from alembic import op

from api.store import posts_reindex
from api.store.engine.migrate import autocommitting, store_connection, suspended, transacting
from api.store.engine.postgresql_ddl import execute_ddl

revision = "0009"
down_revision = "0008"

TABLE = """
CREATE TABLE IF NOT EXISTS post_words (
    post_id {id} NOT NULL,
    version VARCHAR(20) NOT NULL,
    words TEXT NOT NULL,
    CONSTRAINT pk_post_words PRIMARY KEY (post_id),
    CONSTRAINT fk_post_words_post_id FOREIGN KEY (post_id) REFERENCES posts (id) ON DELETE CASCADE
)
"""
# Neither the positions of words nor the lengths of texts, which searches do not need.
SQLITE = (
    (
        "CREATE VIRTUAL TABLE IF NOT EXISTS post_search USING fts5"
        "(words, content='post_words', content_rowid='post_id', tokenize='ascii', detail=none, columnsize=0)"
    ),
    (
        "CREATE TRIGGER IF NOT EXISTS post_words_insert AFTER INSERT ON post_words BEGIN "
        "INSERT INTO post_search (rowid, words) VALUES (NEW.post_id, NEW.words); END"
    ),
    (
        "CREATE TRIGGER IF NOT EXISTS post_words_delete AFTER DELETE ON post_words BEGIN "
        "INSERT INTO post_search (post_search, rowid, words) VALUES ('delete', OLD.post_id, OLD.words); END"
    ),
    (
        "CREATE TRIGGER IF NOT EXISTS posts_words AFTER UPDATE OF title, body ON posts BEGIN "
        "DELETE FROM post_words WHERE post_id = NEW.id; END"
    ),
)
POSTGRESQL = (
    (
        "CREATE OR REPLACE FUNCTION posts_words() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN DELETE FROM post_words WHERE post_id = NEW.id; RETURN NULL; END $$"
    ),
    "DROP TRIGGER IF EXISTS posts_words ON posts",
    "CREATE TRIGGER posts_words AFTER UPDATE OF title, body ON posts FOR EACH ROW EXECUTE FUNCTION posts_words()",
)
INDEX = "ix_post_words_words"
# Each search reads the complete list of pending entries.
CREATE_INDEX = (
    f"CREATE INDEX CONCURRENTLY {INDEX} ON post_words USING gin (string_to_array(words, ' ')) "
    "WITH (gin_pending_list_limit = 256)"
)


def upgrade() -> None:
    connection = op.get_bind()
    # All may be executed again. Posts are indexed in short transactions, so that reads and writes go on.
    if connection.dialect.name == "sqlite":
        for statement in (TABLE.format(id="INTEGER"), *SQLITE):
            op.execute(statement)
        with suspended(connection, down_revision):
            posts_reindex.run(transacting(connection))
        # What others have written since, before the lock.
        db = store_connection(connection)
        posts_reindex.run(lambda work: work(db))
        return
    with autocommitting(connection) as other:
        for statement in (TABLE.format(id="BIGINT"), *POSTGRESQL):
            execute_ddl(other, statement)
        posts_reindex.run(transacting(other))
        other.execute(sa.text(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}"))  # an interrupted one is not valid
        other.execute(sa.text(CREATE_INDEX))
        # The posts that servers of the version before have written since.
        posts_reindex.run(transacting(other))
