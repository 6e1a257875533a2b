"""The posts of a real blog, which are not included."""

import json
from typing import Any

import pytest

from tests.support.paths import PROJECT_ROOT

CORPUS = PROJECT_ROOT.parent / "shared" / "data" / "rust-blog.ndjson"
needs_corpus = pytest.mark.skipif(
    not CORPUS.exists(), reason=f"the corpus is not included: put 750 posts as NDJSON at {CORPUS}"
)


def corpus_lines() -> list[Any]:
    """Return the JSON of each line: first the users, then the posts."""
    return [json.loads(line) for line in CORPUS.read_text().splitlines()]
