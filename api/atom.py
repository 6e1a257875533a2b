"""Atom feeds (RFC 4287), with links between their pages (RFC 5005)."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Entry(NamedTuple):
    """An entry of a feed."""

    id: str
    url: str
    title: str
    html: str | None
    author: str
    tags: Sequence[str]
    published: datetime
    updated: datetime


class Feed(NamedTuple):
    """A page of a feed."""

    id: str
    title: str
    url: str
    first_url: str
    next_url: str | None
    updated: datetime
    entries: Sequence[Entry]


def to_atom(feed: Feed) -> bytes:
    """Return the feed as XML, without the characters that XML 1.0 forbids (section 2.2)."""
    links = [_link("self", feed.url), _link("first", feed.first_url)]
    if feed.next_url:
        links.append(_link("next", feed.next_url))
    xml = "".join(
        [
            '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n',
            _element("id", feed.id),
            _element("title", feed.title),
            _element("updated", to_rfc3339(feed.updated)),
            *links,
            *map(_entry, feed.entries),
            "</feed>\n",
        ]
    )
    return _NOT_XML.sub("", xml).encode()


def to_rfc3339(time: datetime) -> str:
    """Return a datetime in UTC as both formats want it."""
    return time.isoformat().replace("+00:00", "Z")


def _entry(entry: Entry) -> str:
    return "".join(
        [
            "<entry>\n",
            _element("id", entry.id),
            _element("title", entry.title),
            _link("alternate", entry.url),
            _element("published", to_rfc3339(entry.published)),
            _element("updated", to_rfc3339(entry.updated)),
            f"<author>{_element('name', entry.author)}</author>\n",
            *(f"<category term={quoteattr(tag)}/>\n" for tag in entry.tags),
            "" if entry.html is None else f'<content type="html">{_cdata(entry.html)}</content>\n',
            "</entry>\n",
        ]
    )


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>\n"


def _link(rel: str, url: str) -> str:
    return f'<link rel="{rel}" href={quoteattr(url)}/>\n'


def _cdata(text: str) -> str:
    """Return a section without escapes, with which HTML would take up to four times as many bytes."""
    # Characters are removed first: `]]\0>` must not become an end.
    return f"<![CDATA[{_NOT_XML.sub('', text).replace(']]>', ']]]]><![CDATA[>')}]]>"
