"""Markdown as HTML that is safe on any page."""

import re
import threading
from collections import OrderedDict

import nh3
from pyromark import Markdown, Options

from api import constraints
from api.html_tags import ALLOWED_TAGS, balance
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
_NESTED = ("<blockquote", "<li", "<em", "<strong", "<del")
_NESTED_MAX = 100
_OTHER_BYTES = 128 * 1024
"""More than the other properties of a post take in JSON."""
_SMALL = (constraints.PAGE_MAX_BYTES - _OTHER_BYTES) // 6
"""Characters that fit beside them, whatever they are: `\\u0001` takes 6 bytes."""


class _Cache:
    """The HTML of the texts that were used last, up to a number of characters."""

    def __init__(self, max_characters: int) -> None:
        self._free = max_characters
        self._max_entry = max_characters // 4
        self._html: OrderedDict[str, str | None] = OrderedDict()
        self._lock = threading.Lock()

    def to_html(self, text: str) -> str | None:
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


def _characters(text: str, html: str | None) -> int:
    return len(text) + len(html or "")


_cache = _Cache(16 * 1024 * 1024)


def to_html(text: str) -> str | None:
    """Return the HTML of Markdown; None if text and HTML together do not fit into a page of a list.

    CommonMark, with tables and strikethrough as on GitHub. Raw HTML is sanitised, too.
    """
    return _cache.to_html(text)


def _render(text: str) -> str | None:
    html = _MARKDOWN.html(text)
    if len(html) > constraints.PAGE_MAX_BYTES:
        return None
    if _HAS_TAG(text) or sum(map(html.count, _NESTED)) > _NESTED_MAX:
        html = balance(html)
    html = _SANITISER.clean(html)
    is_small = len(text) + len(html) <= _SMALL
    return html if is_small or len(dumps([text, html])) <= constraints.PAGE_MAX_BYTES - _OTHER_BYTES else None
