"""Tags of untrusted HTML, made few and balanced, so that parsing it takes time and memory in proportion to its length.

A browser's parser, and so the sanitiser's, repairs misnested formatting elements by copying them into each following
paragraph: twelve kilobytes of tags become four megabytes. It also searches all open elements for each new one.
"""

import re

import nh3

ALLOWED_TAGS = frozenset(nh3.ALLOWED_TAGS)
MAX_DEPTH = 100
MAX_FORMATTING_DEPTH = 8
"""Of the elements that the parser copies (HTML, section 13.2.4.3)."""
_FORMATTING = frozenset(
    ["a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt", "u"]
)
_SECTIONS = ["tbody", "tfoot", "thead"]
_TABLE_PARENTS = (
    dict.fromkeys(["td", "th"], frozenset(["tr", *_SECTIONS, "table"]))
    | {"tr": frozenset([*_SECTIONS, "table"]), "col": frozenset(["colgroup", "table"])}
    | dict.fromkeys([*_SECTIONS, "caption", "colgroup"], frozenset(["table"]))
)
"""The permitted parents of each part of a table; the parser ends other elements (HTML, section 13.2.6.4.9 to 15)."""
_TABLE_CONTEXTS = frozenset(["colgroup", "table", "tr", *_SECTIONS])
"""Elements with parts of tables only: the parser moves others in front of the table (section 13.2.6.1)."""
_VOID = frozenset(["area", "br", "col", "hr", "img", "wbr"])
_ENDS = {
    "!--": re.compile("-->"),
    "script": re.compile(r"</script\b[^>]*+>", re.IGNORECASE),
    "style": re.compile(r"</style\b[^>]*+>", re.IGNORECASE),
}
"""What is removed together with its text, and where that ends."""
# Possessive, so that no text is read twice.
_ATTRIBUTE = (
    r"""[ \t\n\f\r]++[A-Za-z_:][\w.:-]*+(?:[ \t\n\f\r]*+=[ \t\n\f\r]*+(?:"[^"]*+"|'[^']*+'|[^ \t\n\f\r"'=<>`]++))?+"""
)
ATTRIBUTES = rf"(?:{_ATTRIBUTE})*+"
_TAG = re.compile(rf"<(?:(/?)([A-Za-z][A-Za-z0-9-]*+)({ATTRIBUTES})[ \t\n\f\r]*+/?>|(!--)|[A-Za-z/!?][^<>]*+>)?+")


class _Tags:
    """The tags that are open."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._formatting = 0

    def start(self, name: str, attributes: str) -> str:
        """Return the tag that opens an element, after those that it closes in a table.

        Nothing if the element would be too deep, or the parser would ignore it or move it out of a table.
        """
        ends = ""
        if name in _TABLE_PARENTS:
            if "table" not in self._open:
                return ""
            while self._open[-1] not in _TABLE_PARENTS[name]:
                ends += self._end_last()
        elif self._open and self._open[-1] in _TABLE_CONTEXTS:
            return ""
        if name in _VOID:
            return f"{ends}<{name}{attributes}>"
        is_formatting = name in _FORMATTING
        if len(self._open) == MAX_DEPTH or (is_formatting and self._formatting == MAX_FORMATTING_DEPTH):
            return ends
        if name == "a" and name in self._open:
            return ""
        self._open.append(name)
        self._formatting += is_formatting
        return f"{ends}<{name}{attributes}>"

    def end(self, name: str) -> str:
        """Return the tags that close the element and those in it; nothing if it is not open."""
        ends = ""
        while name in self._open and not ends.endswith(f"</{name}>"):
            ends += self._end_last()
        return ends

    def end_all(self) -> str:
        """Return the tags that close all elements."""
        return "".join(self._end_last() for _ in range(len(self._open)))

    def _end_last(self) -> str:
        name = self._open.pop()
        self._formatting -= name in _FORMATTING
        return f"</{name}>"


def balance(html: str) -> str:
    """Return the HTML with allowed tags only, each closed, and nested at most `MAX_DEPTH` deep.

    It is not safe yet: attributes are unchanged.
    """
    parts: list[str] = []
    tags = _Tags()
    endless: set[str] = set()
    start, last = 0, html.rfind(">") + 1
    while (found := html.find("<", start)) >= 0:
        parts.append(html[start:found])
        match = _TAG.match(html, found)
        start = match.end() if match else found + 1
        if match is None or start == found + 1:
            parts.append("&lt;")
            continue
        is_end, name, attributes = match[1], (match[2] or match[4] or "").lower(), match[3]
        if name in _ENDS and not is_end and name not in endless:
            # Up to the last `>`, so that each `</script` that is found has an end.
            if end := _ENDS[name].search(html, start, last):
                start = end.end()
            else:
                endless.add(name)  # so that it is not searched again
        elif name in ALLOWED_TAGS:
            parts.append(tags.end(name) if is_end else tags.start(name, attributes))
    parts.append(html[start:])
    parts.append(tags.end_all())
    return "".join(parts)
