"""Database engines: connections, pooling, transactions, migrations and backups on SQLite and PostgreSQL."""
