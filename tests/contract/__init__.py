"""Tests of that name."""
