"""Markdown as HTML: what is rendered, and what is removed."""

import os
import random
import time
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api import constraints, markdown
from api.html_tags import ALLOWED_TAGS, MAX_DEPTH, MAX_FORMATTING_DEPTH, balance
from api.markdown import to_html
from tests.support.corpus import corpus_lines, needs_corpus
from tests.support.hostile_markdown import hostile_markdown
from tests.support.memory import peak_mb, reset_peak, resident_mb

HOSTILE = hostile_markdown()
ATTRIBUTES = {
    "title",
    "lang",
    "style",
    "rel",
    "class",
    *(name for each in markdown._ATTRIBUTES.values() for name in each),
}
VOID = {"area", "br", "col", "hr", "img", "wbr"}


class Checker(HTMLParser):
    """Collects what a page of this HTML would have, and asserts that it is allowed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.depth = self.max_depth = 0
        self.open: list[str] = []
        self.parsed: list[object] = []
        self.feed(html)
        self.close()
        assert self.open == [], self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED_TAGS
        self.parsed.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
            self.max_depth = max(self.max_depth, len(self.open))
        for name, value in attrs:
            assert name in ATTRIBUTES, (tag, name)
            if name in {"href", "src", "cite"}:
                scheme = "".join((value or "").split("/")[0].split("?")[0].split("#")[0].split()).lower()
                assert ":" not in scheme or scheme.partition(":")[0] in {"http", "https", "mailto"}, value
            if name == "style":
                assert (value or "").replace(" ", "").rstrip(";") in {
                    "",
                    *(f"text-align:{side}" for side in ("left", "center", "right")),
                }
        if tag == "a":
            assert dict(attrs)["rel"] == "nofollow noopener"

    def handle_endtag(self, tag: str) -> None:
        self.parsed.append(tag)
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.parsed.append(("", data))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("", ""),
        ("# a\n\nb", "<h1>a</h1>\n<p>b</p>\n"),
        ("*a* **b** ~~c~~ `d`", "<p><em>a</em> <strong>b</strong> <del>c</del> <code>d</code></p>\n"),
        ("[a](https://example.com)", '<p><a href="https://example.com" rel="nofollow noopener">a</a></p>\n'),
        (
            "<mailto:a@example.com>",
            '<p><a href="mailto:a@example.com" rel="nofollow noopener">mailto:a@example.com</a></p>\n',
        ),
        ("[a](/b?c&d#e)", '<p><a href="/b?c&amp;d#e" rel="nofollow noopener">a</a></p>\n'),
        ("![a](b.png 'c')", '<p><img src="b.png" alt="a" title="c"></p>\n'),
        ("3. a\n4. b", '<ol start="3">\n<li>a</li>\n<li>b</li>\n</ol>\n'),
        ("```python\na < b\n```", '<pre><code class="language-python">a &lt; b\n</code></pre>\n'),
        ("<kbd>a</kbd> <sub>b</sub>", "<p><kbd>a</kbd> <sub>b</sub></p>\n"),
        (
            "<details open><summary>a</summary>\n\nb\n\n</details>",
            "<details><summary>a</summary>\n<p>b</p>\n</details>",
        ),
        ("a <!-- b --> c", "<p>a  c</p>\n"),
        ("1 < 2 & 3 > 2", "<p>1 &lt; 2 &amp; 3 &gt; 2</p>\n"),
        ("<b>unclosed", "<p><b>unclosed</b></p>\n"),
        ("x</b></div>y", "<p>xy</p>\n"),
        ("<div @click='x'>\na\n</div>", "\na\n"),
        ("a  \nb", "<p>a<br>\nb</p>\n"),
        ("日本 *語*", "<p>日本 <em>語</em></p>\n"),
    ],
)
def test_markdown_is_rendered(text: str, html: str) -> None:
    assert to_html(text).html == html


def test_tables_have_the_alignment_of_their_columns() -> None:
    html = to_html("| a | b |\n|---|--:|\n| c | d |").html or ""
    assert '<th style="text-align: right">b</th>' in html.replace("text-align:right", "text-align: right")
    assert "<td>c</td>" in html


@pytest.mark.parametrize("text", HOSTILE)
def test_nothing_hostile_is_left(text: str) -> None:
    html = to_html(text).html
    assert html is not None
    # A browser that parses it, and a client that parses that again, have the same elements (mutation XSS).
    assert Checker(markdown._SANITISER.clean(html)).parsed == Checker(html).parsed


FRAGMENTS = [
    *(
        "<b>",
        "</b>",
        "<p>",
        "</p>",
        "<a href='javascript:x'>",
        "</a>",
        "<table>",
        "<td>",
        "</table>",
        "<svg>",
        "<math>",
    ),
    *(
        "<style>",
        "</style>",
        "<script>",
        "</script>",
        "<!--",
        "-->",
        "<![CDATA[",
        "]]>",
        "<img src=x onerror=y>",
        '"',
        "'",
    ),
    *(
        "`",
        "```\n",
        "*",
        "**",
        "~~",
        "[",
        "](",
        ")",
        "> ",
        "- ",
        "1. ",
        "|",
        "\n",
        "\n\n",
        "<",
        ">",
        "&lt;",
        "=",
        "x",
        " ",
    ),
    *("<tr>", "</tr>", "<caption>", "<col>", "<colgroup>", "<tbody>", "</td>"),
    *("<noscript>", "<textarea>", "<template>", "<select>", "<div ", "title=", "</", "/>", "<mtext>", "<li>", "<x-y "),
]


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=60).map("".join))
def test_no_combination_of_fragments_leaves_anything_hostile(text: str) -> None:
    html = to_html(text).html
    assert html is not None
    assert Checker(markdown._SANITISER.clean(html)).parsed == Checker(html).parsed


@given(st.text())
def test_any_text_is_rendered(text: str) -> None:
    Checker(to_html(text).html or "")


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=60).map("".join))
def test_balanced_html_is_balanced(html: str) -> None:
    depth = 0
    for part in balance(html).split("<")[1:]:
        name = part[1:] if part.startswith("/") else part
        if not any(name.startswith(void) and not name[len(void)].isalnum() for void in VOID):
            depth += -1 if part.startswith("/") else 1
        assert 0 <= depth <= MAX_DEPTH
    assert depth == 0


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("<li><table><li>x", "<li>x<table></table></li>"),
        (
            "<table><caption>t<tr><th>a<td>b<tr><td>c</table>",
            "<table><caption>t</caption><tbody><tr><th>a</th><td>b</td></tr><tr><td>c</td></tr></tbody></table>",
        ),
    ],
)
def test_tables_need_no_end_tags_of_their_parts_and_have_nothing_else(text: str, html: str) -> None:
    assert to_html(text).html == html


N = constraints.BODY_MAX_LENGTH
LONG = {
    "block quotes": ">" * N,
    "empty quotes": ">\n\n" * (N // 3),
    "nested lists": "- " * 5000 + "a",
    "nested numbered lists": "1. " * (N // 3),
    "quotes in lists": ">- " * (N // 3),
    "emphasis": "*a **b " * (N // 7),
    "nested emphasis": "**" * 30_000 + "a" + "**" * 30_000,
    "brackets": "[" * N,
    "links without an end": "[a](" * (N // 4),
    "images": "![" * (N // 2),
    "code spans": " ".join("`" * length for length in range(700)),
    "less-than signs": "<" * N,
    "ampersands": "&" * N,
    "tags without an end": "<a " * (N // 3),
    "attributes": "<a " + " ".join(f"a{number}=b" for number in range(30_000)) + ">",
    "quoted attributes": '<a b="' * (N // 6),
    "mixed quotes": "<a b=\"<a c=' " * (N // 13),
    "comments": "x<!--" * (N // 5),
    "scripts": "<div><script>" * (N // 13),
    "a script without an end": "<script>\n" + "</script" * (N // 8),
    "a style without an end": "<style>\n" + "</style " * (N // 8),
    "a wide table": "|a" * (N // 4) + "\n" + "|-" * (N // 4),
    "a long table": "|".join("a" * 500) + "\n" + "|".join("-" * 500) + "\n" + "|\n" * 100_000,
    "list items": "-\n" * (N // 2),
    "references": "[a]: " + "x" * 1000 + "\n\n" + "[a]" * 80_000,
    "definitions": "".join(f"[{number}]: x\n" for number in range(20_000)),
    "misnested tags": "<p>" + "".join(f"<b a{number}>" for number in range(2_000)) + "</p>\n" + "<p>x</p>" * 20_000,
    "misnested tags in items": "<ul><li>" + "".join(f"<b a{number}>" for number in range(8)) + "<li>x" * 50_000,
    "cells": "<table>" + "<td><b>" * 30_000,
    "text in tables": "<table>" + "<b>x" * 60_000,
    "divisions": "<div>" * (N // 5),
    "formatted divisions": "<b><i>" * 3 + "<div>x</div>" * 21_000,
    "anchors": "<a href=x><div>" * (N // 15),
    "closed brackets": "[" * (N // 2) + "]" * (N // 2),
    "brackets with targets": "[" * 50_000 + "](x)" * 50_000,
    "nested images": "![" * 50_000 + "](x)" * 40_000,
    "deep quotes": ("> " * 500 + "a\n") * 250,
    "alternating emphasis": "*_" * 60_000 + "a" + "_*" * 60_000,
    "struck out": "~~a " * (N // 4),
    "unclosed emphasis": "a**b" + "c* " * 80_000,
    "footnotes": "".join(f"[^{number}]: x [^{number}]\n" for number in range(11_000)),
    "entities": "&#x1F600;" * (N // 9),
    "escapes": "\\[" * (N // 2),
    "autolinks": "<http://a>" * (N // 10),
    "unclosed autolinks": "<http://" * (N // 8),
    "void tags": "<br>" * (N // 4),
    "void tags with attributes": "<img " + "a " * (N // 2),
    "unclosed void tags": "<img a='" * (N // 8),
    "short comments": "<!--a-->" * (N // 8),
    "comments without an end": "<!--a--" * (N // 7),
    "code with tags": "`<T>` " * (N // 6),
    "rows of tags": "|a|\n|-|\n" + "|<b>|\n" * 40_000,
    "svg": "<svg><g>" * (N // 8),
    "selects": "<select><option>" * (N // 16),
}


@pytest.mark.heavy
@pytest.mark.parametrize("name", LONG)
def test_the_longest_bodies_take_bounded_time_and_memory(name: str) -> None:
    text = LONG[name][:N]
    reset_peak(os.getpid())
    before = resident_mb(os.getpid())
    started_at = time.process_time()
    html = markdown._render(text).html
    assert time.process_time() - started_at < 2  # 0.5 at most on an idle machine
    assert peak_mb(os.getpid()) - before < 150
    assert html is None or len(html) <= constraints.PAGE_MAX_BYTES
    Checker(html or "")


def test_the_cache_is_bounded_and_returns_what_was_rendered() -> None:
    cache = markdown._Cache(1_000)
    texts = [f"*{number}* {'x' * 50}" for number in range(100)] + ["y" * 5_000]
    for text in random.Random(1).choices(texts, k=500):
        assert cache.to_html(text) == markdown._render(text)
        assert sum(len(key) + len(html.html or "") for key, html in cache._html.items()) == 1_000 - cache._free <= 1_000


def assert_needs_no_balancing(text: str) -> None:
    html = markdown._MARKDOWN.html(text)
    if markdown._is_balanced(text, html) and markdown._depth(html) <= MAX_FORMATTING_DEPTH:
        assert markdown._SANITISER.clean(balance(html)) == markdown._SANITISER.clean(html)


@given(st.lists(st.sampled_from([*FRAGMENTS, "<br>", "<!-- x -->", "<img src=x>", "<http://x>"]), max_size=30))
def test_balancing_changes_no_html_that_is_balanced(fragments: list[str]) -> None:
    assert_needs_no_balancing("".join(fragments))


@pytest.mark.parametrize("text", HOSTILE)
def test_balancing_changes_no_hostile_html_that_is_balanced(text: str) -> None:
    assert_needs_no_balancing(text)


@pytest.mark.parametrize(
    ("text", "is_balanced"),
    [
        ("`Vec<T>` <https://example.com> <br> <img src='x'> <!-- more -->", True),
        ("```\nlet x: Vec<Vec<u8>>;\n```\n\n<!-- a -->\n\n<img src=x>\n\n*b*", True),
        ("<b>x</b>", False),
        ("x</p>", False),
        ("<!--> <b> -->", False),
        ("<img title='<b>'>", False),
        ("<!-- unclosed", False),
        ("\ufe64b> <b>", False),
    ],
)
def test_tags_in_code_need_no_balancing(text: str, is_balanced: bool) -> None:
    assert markdown._is_balanced(text, markdown._MARKDOWN.html(text)) == is_balanced


@needs_corpus
def test_balancing_changes_no_real_post_that_is_balanced() -> None:
    bodies = [line["post"]["body"] for line in corpus_lines() if "post" in line]
    for body in bodies:
        assert_needs_no_balancing(body)
        Checker(to_html(body).html or "")
    assert sum(markdown._is_balanced(body, markdown._MARKDOWN.html(body)) for body in bodies) > 0.9 * len(bodies)
