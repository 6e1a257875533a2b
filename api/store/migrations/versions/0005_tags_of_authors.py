"""Authors in the index of posts by tag; in SQLite, also bodies at the end of the rows.

Revision ID: 0005
Revises: 0004

SQLite reads a row up to the last column that it needs, and every list needs columns that were behind the body.
"""

import sqlalchemy as sa
from alembic import op

from api.store.engine.migrate import autocommitting, batches
from api.store.engine.postgresql_ddl import execute_ddl

revision = "0005"
down_revision = "0004"

BATCH = 10_000
"""Posts whose tags one statement changes: others can change them between statements."""
ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TIMESTAMP = sa.DateTime(timezone=True)
INDEX = "ix_post_tags_author_id_tag_published_at_post_id"
COLUMNS = ["author_id", "tag", "published_at", "post_id"]

# A server of the version before does not know the column, and may run until all are upgraded.
SQLITE_TRIGGER = """
CREATE TRIGGER post_tags_author AFTER INSERT ON post_tags WHEN NEW.author_id IS NULL BEGIN
    UPDATE post_tags SET author_id = (SELECT author_id FROM posts WHERE id = NEW.post_id)
    WHERE post_id = NEW.post_id AND tag = NEW.tag;
END
"""
POSTGRESQL_FUNCTION = """
CREATE OR REPLACE FUNCTION post_tags_author() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    NEW.author_id := (SELECT author_id FROM posts WHERE id = NEW.post_id);
    RETURN NEW;
END $$
"""
POSTGRESQL_TRIGGER = """
CREATE TRIGGER post_tags_author BEFORE INSERT ON post_tags
FOR EACH ROW WHEN (NEW.author_id IS NULL) EXECUTE FUNCTION post_tags_author()
"""
FILL = sa.text("""
UPDATE post_tags SET author_id = posts.author_id FROM posts
WHERE posts.id = post_tags.post_id AND post_tags.post_id >= :first AND post_tags.post_id < :after
AND post_tags.author_id IS NULL
""")


def upgrade() -> None:
    connection = op.get_bind()
    if connection.dialect.name == "sqlite":
        _rebuild()
        op.create_index(INDEX, "post_tags", COLUMNS)
        op.execute(SQLITE_TRIGGER)
        return
    # Each statement is committed by itself, so that reads and writes go on. All may be executed again.
    with autocommitting(connection) as other:
        execute_ddl(other, "ALTER TABLE post_tags ADD COLUMN IF NOT EXISTS author_id bigint")
        other.execute(sa.text(POSTGRESQL_FUNCTION))
        execute_ddl(other, "DROP TRIGGER IF EXISTS post_tags_author ON post_tags")
        execute_ddl(other, POSTGRESQL_TRIGGER)
        for batch in batches(other, "post_tags", "post_id", BATCH):
            other.execute(FILL, batch)
        other.execute(sa.text(f"DROP INDEX CONCURRENTLY IF EXISTS {INDEX}"))  # an interrupted one is not valid
        other.execute(sa.text(f"CREATE INDEX CONCURRENTLY {INDEX} ON post_tags ({', '.join(COLUMNS)})"))


def _rebuild() -> None:
    # To drop a table deletes the rows that refer to it, so these are set aside.
    op.execute(
        "CREATE TABLE tags AS SELECT post_id, tag, post_tags.published_at, author_id "
        "FROM post_tags JOIN posts ON posts.id = post_tags.post_id ORDER BY post_id, tag"
    )
    op.drop_table("post_tags")
    op.create_table(
        "new_posts",
        sa.Column("id", ID, nullable=False),
        sa.Column("author_id", ID, nullable=False),
        sa.Column("title", sa.String(200), nullable=False),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("published_at", TIMESTAMP, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", TIMESTAMP, nullable=False),
        sa.Column("updated_at", TIMESTAMP, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.CheckConstraint("length(title) BETWEEN 1 AND 200", name="ck_posts_title"),
        sa.CheckConstraint("length(body) BETWEEN 1 AND 262144", name="ck_posts_body"),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name="fk_posts_author_id"),
        sa.PrimaryKeyConstraint("id", name="pk_posts"),
        sqlite_autoincrement=True,
    )
    names = "id, author_id, title, tags, published_at, version, created_at, updated_at, body"
    op.execute(f"INSERT INTO new_posts ({names}) SELECT {names} FROM posts ORDER BY id")  # noqa: S608 (constants)
    # The highest id that has been used, which may be that of a deleted post.
    op.execute("DELETE FROM sqlite_sequence WHERE name = 'new_posts'")
    op.execute(
        "INSERT INTO sqlite_sequence (name, seq) SELECT 'new_posts', seq FROM sqlite_sequence WHERE name = 'posts'"
    )
    op.drop_table("posts")
    op.rename_table("new_posts", "posts")
    op.create_index("ix_posts_published_at_id", "posts", ["published_at", "id"])
    op.create_index("ix_posts_author_id_published_at_id", "posts", ["author_id", "published_at", "id"])
    op.create_table(
        "post_tags",
        sa.Column("post_id", ID, nullable=False),
        sa.Column("tag", sa.String(49), nullable=False),
        sa.Column("published_at", TIMESTAMP, nullable=False),
        sa.Column("author_id", ID),
        sa.ForeignKeyConstraint(["post_id"], ["posts.id"], name="fk_post_tags_post_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("post_id", "tag", name="pk_post_tags"),
    )
    op.execute("INSERT INTO post_tags (post_id, tag, published_at, author_id) SELECT * FROM tags")
    op.drop_table("tags")
    op.create_index("ix_post_tags_tag_published_at_post_id", "post_tags", ["tag", "published_at", "post_id"])
