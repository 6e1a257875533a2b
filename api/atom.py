"""Atom feeds (RFC 4287), with links between their pages (RFC 5005)."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

_CONTROLS = bytes({*range(0x20)} - {*b"\t\n\r"})


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
    head = "".join(
        [
            '<?xml version="1.0" encoding="utf-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom">\n',
            _element("id", feed.id),
            _element("title", feed.title),
            _element("updated", to_rfc3339(feed.updated)),
            *links,
        ]
    )
    return b"".join([_encode(head), *map(_entry, feed.entries), b"</feed>\n"])


def to_rfc3339(time: datetime) -> str:
    """Return a datetime in UTC as both formats want it."""
    return time.isoformat().replace("+00:00", "Z")


def _entry(entry: Entry) -> bytes:
    head = "".join(
        [
            "<entry>\n",
            _element("id", entry.id),
            _element("title", entry.title),
            _link("alternate", entry.url),
            _element("published", to_rfc3339(entry.published)),
            _element("updated", to_rfc3339(entry.updated)),
            f"<author>{_element('name', entry.author)}</author>\n",
            *(f"<category term={quoteattr(tag)}/>\n" for tag in entry.tags),
        ]
    )
    content = b"" if entry.html is None else b'<content type="html">%b</content>\n' % _cdata(entry.html)
    return b"%b%b</entry>\n" % (_encode(head), content)


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>\n"


def _link(rel: str, url: str) -> str:
    return f'<link rel="{rel}" href={quoteattr(url)}/>\n'


def _cdata(text: str) -> bytes:
    """Return a section without escapes, with which HTML would take up to four times as many bytes."""
    # Characters are removed first: `]]\0>` must not become an end.
    return b"<![CDATA[%b]]>" % _encode(text).replace(b"]]>", b"]]]]><![CDATA[>")


def _encode(text: str) -> bytes:
    """Encode without the characters that XML 1.0 forbids (section 2.2), among them lone surrogates."""
    text = text.replace("\ufffe", "").replace("\uffff", "")
    return text.encode(errors="ignore").translate(None, _CONTROLS)
