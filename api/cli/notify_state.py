"""The file in which `pressroom notify` stores what it has reported."""

import json
from pathlib import Path
from typing import TypeAlias

from api import sync_tokens
from api.atomic import sync
from api.cli.subscriptions import Subscription
from api.sync_tokens import SyncToken

MAX_MISSING_URLS = 1_000
"""URLs in the state that are not given; the first are those that were given last."""

State: TypeAlias = dict[str, dict[str, SyncToken]]
"""The place in each feed of each URL."""


def load(path: Path) -> State:
    """Return the state in a file, an empty one if there is none; `ValueError` if it has something else."""
    try:
        stored = json.loads(path.read_text()) if path.exists() else {}
        return {
            url: {feed: sync_tokens.decode(token) for feed, token in tokens.items()} for url, tokens in stored.items()
        }
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise ValueError(f"{path} is no state of `pressroom notify`. Remove it to start from now.") from error


def save(path: Path, state: State, subscriptions: list[Subscription]) -> None:
    """Write the places of the subscriptions, and those in `state` of other URLs."""
    places: State = {each.url: {} for each in subscriptions}
    for each in subscriptions:
        if each.since:
            places[each.url][each.feed] = each.since
    # A URL that is missing today continues at its place when it is given again.
    missing = [(url, tokens) for url, tokens in state.items() if url not in places]
    places |= dict(missing[:MAX_MISSING_URLS])
    stored = {url: {feed: sync_tokens.encode(token) for feed, token in each.items()} for url, each in places.items()}
    # Not `atomic_write`, which ends at a signal, or ignores it: one process writes this file, and finishes.
    temporary = path.with_name(f"{path.name}.new")
    temporary.touch(mode=0o600)
    temporary.write_text(json.dumps(stored, indent=1))
    sync(temporary)
    temporary.replace(path)
    sync(path.parent)
