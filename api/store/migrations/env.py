"""Alembic's entry point: run migrations on the connection that `migrate.upgrade` passes."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    # Works on SQLite too, because the store begins transactions itself instead of leaving it to the driver.
    transactional_ddl=True,
)
context.run_migrations()
