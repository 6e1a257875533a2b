"""Tests of the OpenAPI document, and of what it promises."""
