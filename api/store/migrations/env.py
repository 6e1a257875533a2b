"""Alembic's entry: migrate on the connection that `migrate.upgrade` hands over."""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    # SQLite can roll tables back too, now that transactions are ours and not the driver's.
    transactional_ddl=True,
)
context.run_migrations()
