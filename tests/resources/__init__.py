"""Tests of `api.resources`."""
