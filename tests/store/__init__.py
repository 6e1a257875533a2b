"""Tests of `api.store`, on SQLite and on PostgreSQL."""
