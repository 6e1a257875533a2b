"""Promises, one a test, told by the cast: `anyone`, `ada`, `bob`."""
