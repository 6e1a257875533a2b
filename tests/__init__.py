"""Tests: a promise each."""
