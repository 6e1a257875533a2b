"""Hostile Markdown, rendered by the API and shown by a browser: no script runs."""

import shutil
from collections.abc import Sequence

import pytest
from playwright.sync_api import sync_playwright

from api.markdown import to_html
from tests.support.hostile_markdown import hostile_markdown

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(CHROMIUM is None, reason="no browser: apt-get install chromium"),
]
# Each text as part of a page, and as a page of its own; then every element gets the events that handlers wait for.
SHOW = """async texts => {
    window.count = 0;
    window.ran = () => { window.count += 1; };
    window.alert = window.ran;
    const provoke = root => {
        for (const element of root.querySelectorAll("*")) {
            for (const name of ["click", "mouseover", "focus", "error", "load", "toggle", "pointerenter"]) {
                element.dispatchEvent(new Event(name, {cancelable: true}));
            }
        }
        for (const link of root.querySelectorAll("a[href]")) {
            if (/^(javascript|vbscript|data):/.test(link.protocol)) window.ran();
        }
    };
    document.addEventListener("click", event => event.preventDefault(), true);
    for (const text of texts) {
        const part = document.createElement("div");
        part.innerHTML = text;
        document.body.append(part);
        provoke(part);
        part.innerHTML = part.innerHTML;
        provoke(part);
        const frame = document.createElement("iframe");
        frame.srcdoc = text;
        const loaded = new Promise(resolve => { frame.onload = resolve; setTimeout(resolve, 500); });
        document.body.append(frame);
        await loaded;
        if (frame.contentDocument) provoke(frame.contentDocument);
        frame.remove();
        part.remove();
    }
    await new Promise(resolve => setTimeout(resolve, 500));
    return window.count;
}"""


def count_scripts(texts: Sequence[str]) -> int:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page()
        page.set_default_timeout(240_000)
        page.route("**/*", lambda route: route.abort())
        count = int(page.evaluate(SHOW, texts))
        browser.close()
    return count


def test_no_script_of_hostile_markdown_runs() -> None:
    assert count_scripts([to_html(text).html or "" for text in hostile_markdown()]) == 0


def test_scripts_are_counted() -> None:
    assert count_scripts(["<img src=x onerror=top.ran()>", "<a href=javascript:top.ran()>x</a>"]) >= 2
