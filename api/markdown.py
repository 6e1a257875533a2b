"""Markdown as HTML that is safe on any page."""

import re
import threading
from collections import OrderedDict
from itertools import accumulate
from typing import NamedTuple

import nh3
from pyromark import Markdown, Options

from api import constraints
from api.html_tags import ALLOWED_TAGS, ATTRIBUTES, balance
from api.json import dumps

_MARKDOWN = Markdown(options=Options.ENABLE_TABLES | Options.ENABLE_STRIKETHROUGH)
# Not `cite`: its URLs are not checked.
_ATTRIBUTES = {tag: attributes - {"cite"} for tag, attributes in nh3.ALLOWED_ATTRIBUTES.items()}
_ATTRIBUTES["code"] = {"class"}  # the language of a block
for _cell in ("td", "th"):
    _ATTRIBUTES[_cell] |= {"style"}  # the alignment of a column


def _relative_url(url: str) -> str | None:
    """Return the URL, unless it begins with what is nearly a scheme: `&nbsp;javascript:`."""
    return None if ":" in re.split("[/?#]", url, maxsplit=1)[0] else url


_SANITISER = nh3.Cleaner(
    tags={*ALLOWED_TAGS},
    attributes=_ATTRIBUTES,
    filter_style_properties={"text-align"},
    url_schemes={"http", "https", "mailto"},
    url_relative=_relative_url,
    link_rel="nofollow noopener",
)
_HAS_TAG = re.compile("<[A-Za-z/!?]").search
_MAY_OPEN = re.compile(
    rf"<(?!(?:img|br|hr)(?:{ATTRIBUTES})[ \t\n\f\r]*+/?>"  # they have no end tag
    r"|!--(?!-?>)[^<>]*+(?<=--)>"  # a comment
    r"|(?:https?:|mailto:)[^\s<>]*+>)"  # an autolink
)
_NOT_TAG = "\ufe64"
"""A less-than sign that is no syntax of Markdown."""
_NESTED = re.compile("<(/?)(?:blockquote|li|em|strong|del)>")
_NESTED_MAX = 50
_STEPS = {"": 1, "/": -1}
_OTHER_BYTES = 128 * 1024
"""More than the other properties of a post take in JSON."""


class HTML(NamedTuple):
    """The HTML of a text, and the bytes that both take in JSON; None and those of a page if they do not fit into it."""

    html: str | None
    json_bytes: int


_TOO_LARGE = HTML(None, constraints.PAGE_MAX_BYTES)


class _Cache:
    """The HTML of the texts that were used last, up to a number of characters."""

    def __init__(self, max_characters: int) -> None:
        self._free = max_characters
        self._max_entry = max_characters // 4
        self._html: OrderedDict[str, HTML] = OrderedDict()
        self._lock = threading.Lock()

    def to_html(self, text: str) -> HTML:
        """Return the HTML, as `_render` does."""
        with self._lock:
            if text in self._html:
                self._html.move_to_end(text)
                return self._html[text]
        html = _render(text)
        if _characters(text, html) <= self._max_entry:
            with self._lock:
                if text not in self._html:
                    self._html[text] = html
                    self._free -= _characters(text, html)
                while self._free < 0:
                    self._free += _characters(*self._html.popitem(last=False))
        return html


def _characters(text: str, html: HTML) -> int:
    return len(text) + len(html.html or "")


_cache = _Cache(16 * 1024 * 1024)


def to_html(text: str) -> HTML:
    """Return the HTML of Markdown.

    CommonMark, with tables and strikethrough as on GitHub. Raw HTML is sanitised, too.
    """
    return _cache.to_html(text)


def _render(text: str) -> HTML:
    html = _MARKDOWN.html(text)
    if len(html) > constraints.PAGE_MAX_BYTES:
        return _TOO_LARGE
    if _depth(html) > _NESTED_MAX or not _is_balanced(text, html):
        html = balance(html)
    html = _SANITISER.clean(html)
    size = len(dumps([text, html]))
    return HTML(html, size) if size <= constraints.PAGE_MAX_BYTES - _OTHER_BYTES else _TOO_LARGE


def _depth(html: str) -> int:
    """Return how deep elements are nested that Markdown can nest."""
    return max(accumulate(map(_STEPS.__getitem__, _NESTED.findall(html))), default=0)


def _is_balanced(text: str, html: str) -> bool:
    """Return whether the HTML has the tags of Markdown only, of which each is closed, but for those without an end.

    It has if it is the same without the tags in the text. `balance`, which then changes nothing, takes longer.
    """
    return not _HAS_TAG(text) or _MARKDOWN.html(_MAY_OPEN.sub(_NOT_TAG, text)).replace(_NOT_TAG, "&lt;") == html
