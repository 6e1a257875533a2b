"""Faults at COMMIT: PostgreSQL raises an error for the first transactions that change a table."""

from api.store.engine.connections import Connection


def fail_commits(db: Connection, table: str, times: int, sqlstate: str = "40001") -> None:
    """Let the next `times` commits of transactions that change the table fail with `sqlstate`.

    A sequence counts them, because it is not rolled back.
    """
    for statement in (
        f"CREATE SEQUENCE commits_{table}",
        f"""CREATE FUNCTION fail_{table}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            IF nextval('commits_{table}') <= {times} THEN
                RAISE EXCEPTION 'planned' USING ERRCODE = '{sqlstate}';
            END IF;
            RETURN NULL; END $$""",
        f"""CREATE CONSTRAINT TRIGGER fail AFTER INSERT OR UPDATE OR DELETE ON {table} DEFERRABLE INITIALLY DEFERRED
            FOR EACH ROW EXECUTE FUNCTION fail_{table}()""",
    ):
        db.execute_sql(statement)
