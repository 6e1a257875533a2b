"""`examples/blog` in a browser, served from another origin than the API."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import NamedTuple

import pytest
from playwright.sync_api import Dialog, Error, Locator, Page, Request, Route, expect, sync_playwright

from api import constraints
from tests.support.clients import PASSWORD
from tests.support.http import send_request
from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server, sign_up
from tests.support.servers import sign_in as get_token

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SCREENSHOTS = Path(os.environ.get("SCREENSHOTS", PROJECT_ROOT / "build"))
BLOG = PROJECT_ROOT / "examples" / "blog"
HOSTILE = "<img src=x onerror=alert(1)>"
expect.set_options(timeout=30_000)
pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(CHROMIUM is None, reason="no browser: apt-get install chromium"),
]


class _Files(SimpleHTTPRequestHandler):
    """The files of the blog, without a message for each request."""

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (the base class's name)
        """Log nothing."""


class Blog(NamedTuple):
    """The blog in a browser, and its server."""

    page: Page
    origin: str
    server: Server
    headers: dict[str, str]
    """Those of ada."""

    def send(self, method: str, path: str, content: object) -> None:
        response = send_request(self.server.connect(), method, path, content, {**self.headers, "If-Match": "*"})
        assert response.status < 300, response.body


@contextmanager
def files(directory: Path) -> Iterator[str]:
    """Serve a directory, and yield its origin."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Files, directory=str(directory)))
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def blog(serve: Callable[..., Server], tmp_path: Path) -> Iterator[Blog]:
    """Open the blog, and assert at the end that the page had no error, dialog or blocked script."""
    directory = shutil.copytree(BLOG, tmp_path / "blog")
    with files(directory) as origin, sync_playwright() as playwright:
        server = serve(PRESSROOM_CORS_ORIGINS=origin)
        page_file = directory / "index.html"
        url = f"http://127.0.0.1:{server.port}"
        page_file.write_text(page_file.read_text().replace("http://127.0.0.1:8000", url))
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        page = browser.new_page(viewport={"width": 900, "height": 700})
        page.set_default_timeout(60_000)
        problems: list[object] = []

        def note(error: Error) -> None:
            problems.append(error)

        def dismiss(dialog: Dialog) -> None:
            problems.append(dialog.message)
            dialog.dismiss()

        page.on("pageerror", note)
        page.on("dialog", dismiss)
        blog = Blog(page, origin, server, sign_up(server))
        yield blog
        browser.close()
    assert problems == []


def sign_in(page: Page, password: str = PASSWORD) -> None:
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(password)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()


def fill(page: Page, title: str, body: str, button: str) -> None:
    page.get_by_label("Title").fill(title)
    page.get_by_label("Text").fill(body)
    page.get_by_role("button", name=button, exact=True).click()


def double_click(button: Locator, method: str, path: str) -> None:
    """Assert that it sends one request, until whose response the button has the focus."""
    page, url = button.page, re.compile(path)
    held: list[Route] = []

    def hold(route: Route, request: Request) -> None:
        if request.method == method:
            held.append(route)
        else:
            route.continue_()

    page.route(url, hold)
    with page.expect_response(url) as response:
        with page.expect_request(url):
            button.dblclick()
        expect(button).to_be_disabled()
        expect(button).to_be_focused()
        held[0].continue_()
    response.value.finished()
    page.unroute(url, hold)
    assert len(held) == 1


def test_a_reader_lists_searches_and_reads(blog: Blog) -> None:
    for number in range(13):
        tags = ["engines", "algebra"] if number < 3 else ["engines"]
        content = {"title": f"Note {number}", "body": f"It *weaves* patterns.\n\n{HOSTILE}", "tags": tags}
        blog.send("POST", "/posts", content)
    page = blog.page
    page.goto(blog.origin)
    expect(page.get_by_role("listitem")).to_have_count(10)
    page.get_by_role("button", name="More").click()
    expect(page.get_by_role("listitem")).to_have_count(13)
    expect(page.get_by_role("button", name="More")).to_be_hidden()
    filters = page.get_by_role("navigation", name="Tags")
    expect(filters.get_by_role("link")).to_have_text(["algebra", "engines"])
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "list.png")
    blog.send("POST", "/posts", {"title": HOSTILE, "body": "Bernoulli numbers.", "tags": []})
    filters.get_by_role("link", name="algebra").click()
    expect(page.get_by_role("listitem")).to_have_count(3)
    expect(filters.locator("[aria-current]")).to_have_text("algebra")
    for name, start in (("feed.atom", "<?xml "), ("feed.json", "{")):
        feed = str(page.get_by_role("link", name=name).get_attribute("href"))
        assert feed.endswith(f"/{name}?tag=algebra")
        text = page.request.get(feed).text()
        assert text.startswith(start)
        assert "Note 2" in text
        assert "Note 3" not in text
    page.get_by_role("searchbox").fill("bernoulli")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_role("listitem")).to_have_count(1)
    expect(page.get_by_role("listitem")).to_contain_text(HOSTILE)
    page.get_by_role("searchbox").fill("nothing has this")
    page.get_by_role("button", name="Search").click()
    expect(page.get_by_text("Nothing found.")).to_be_visible()
    page.goto(f"{blog.origin}#/posts/1")
    expect(page.locator("article em")).to_have_text("weaves")
    assert page.locator("article [onerror]").count() == 0
    page.get_by_role("main").get_by_role("link", name="algebra").click()
    expect(page.get_by_role("listitem")).to_have_count(3)


def test_a_post_without_html_is_shown_as_text(blog: Blog) -> None:
    blog.send("POST", "/posts", {"title": "Quotes", "body": ">" * 262_000 + HOSTILE, "tags": []})
    assert blog.server.get_json("/posts/1?expand=html")["html"] is None
    blog.page.goto(f"{blog.origin}#/posts/1")
    expect(blog.page.locator("article")).to_contain_text(f">>>{HOSTILE}")


def test_a_fragment_within_a_post_leaves_the_post_shown(blog: Blog) -> None:
    body = "It *weaves*. [jump](#end) [top](#)"
    blog.send("POST", "/posts", {"title": "Note A", "body": body, "tags": []})
    page = blog.page
    page.goto(f"{blog.origin}#/posts/1")
    for name in ("jump", "top"):
        page.get_by_role("link", name=name, exact=True).click()
        expect(page).to_have_url(re.compile("#/posts/1$"))
        page.wait_for_timeout(200)
        expect(page.locator("article em")).to_have_text("weaves")
    page.reload()
    expect(page.locator("article em")).to_have_text("weaves")
    page.goto(f"{blog.origin}/#end")
    expect(page).to_have_url(re.compile("#/posts/1$"))
    expect(page.locator("article em")).to_have_text("weaves")
    page.get_by_role("link", name="A blog on Pressroom").click()
    expect(page.get_by_role("listitem")).to_have_count(1)
    page.go_back()
    expect(page.locator("article em")).to_have_text("weaves")


def test_a_reader_sees_a_plain_message_in_place_of_a_page_that_cannot_be_shown(blog: Blog) -> None:
    blog.send("POST", "/posts", {"title": "Note A", "body": "It *weaves*.", "tags": []})
    page = blog.page
    page.goto(f"{blog.origin}#/posts/1")
    expect(page.locator("article em")).to_have_text("weaves")
    page.goto(f"{blog.origin}#/posts/99999")
    expect(page.get_by_role("alert")).to_have_text("There is no post 99999.")
    expect(page.get_by_role("main")).to_have_text("Not found")
    expect(page).to_have_title(re.compile("^Not found"))
    for query in ("!!", "word" * 51):
        page.get_by_role("searchbox").fill(query)
        page.get_by_role("button", name="Search").click()
        expect(page.get_by_role("heading", level=1)).to_have_text(f"Posts with “{query}”")
        sentence = f"at least one letter or digit, and at most {constraints.SEARCH_MAX_LENGTH} characters."
        expect(page.get_by_role("main")).to_contain_text(sentence)
        expect(page.get_by_role("button", name="More")).to_have_count(0)
        expect(page.get_by_role("alert")).to_be_empty()
    page.route(re.compile("/tags"), lambda route: route.abort())
    page.goto(f"{blog.origin}#/")
    expect(page.get_by_role("alert")).to_have_text("The site does not respond. Try again.")
    expect(page.get_by_role("listitem")).to_have_count(1)


def test_the_blog_works_with_a_keyboard_on_a_narrow_screen(blog: Blog) -> None:
    cells = "|".join("wide" * 10 for _ in range(6))
    table = f"|{cells}|\n|{'|'.join(['-'] * 6)}|\n|{cells}|"
    body = f"{'long' * 50}\n\n```\n{'code ' * 50}\n```\n\n{table}"
    blog.send("POST", "/posts", {"title": "word" * 40, "body": body, "tags": ["engines", "tag" * 15]})
    page = blog.page
    page.set_viewport_size({"width": 360, "height": 640})

    def press_until(name: str) -> None:
        """Move the focus to an element by its text, and press Enter."""
        for _ in range(20):
            page.keyboard.press("Tab")
            if name in str(page.evaluate("document.activeElement.textContent")):
                break
        page.keyboard.press("Enter")

    def is_narrow() -> bool:
        return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))

    page.goto(blog.origin)
    expect(page.get_by_role("listitem")).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    assert is_narrow()
    press_until("word")
    expect(page.locator("article table")).to_be_visible()
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    assert is_narrow()
    page.goto(f"{blog.origin}#/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Posts")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.get_by_label("Username")).to_be_visible()
    assert is_narrow()
    for text in ("ada", PASSWORD):
        page.keyboard.press("Tab")
        page.keyboard.type(text)
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Write")).to_be_visible()
    assert is_narrow()


def test_a_writer_publishes_once_although_the_reply_is_lost(blog: Blog) -> None:
    page = blog.page
    keys: list[str] = []

    def lose_first(route: Route, request: Request) -> None:
        if request.method == "POST":
            keys.append(request.headers["idempotency-key"])
            if len(keys) == 1:
                route.fetch()  # the server has the request, and the page gets no response
                route.abort()
                return
        route.continue_()

    page.goto(blog.origin)
    sign_in(page, "wrong")
    expect(page.get_by_role("alert")).to_have_text("Wrong username or password.")
    sign_in(page)
    page.get_by_role("link", name="Write").click()
    page.route(re.compile("/posts$"), lose_first)
    fill(page, "Note A", "It *weaves* patterns.", "Publish")
    expect(page.locator("article em")).to_have_text("weaves")
    assert len(keys) == 2
    assert len(set(keys)) == 1
    page.goto(f"{blog.origin}#/")
    expect(page.get_by_role("listitem")).to_have_count(1)
    token = page.evaluate("JSON.parse(sessionStorage.getItem('session')).token")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    me = send_request(blog.server.connect(), "GET", "/me", None, {"Authorization": f"Bearer {token}"})
    assert me.status == 401


def test_a_writer_signs_in_to_the_page_that_requires_it(blog: Blog) -> None:
    blog.send("POST", "/posts", {"title": "Note A", "body": "It *weaves*.", "tags": []})
    page = blog.page

    def expire_token() -> None:
        blog.send("PUT", "/me/password", {"current_password": PASSWORD, "new_password": PASSWORD})

    def sign_in_here() -> None:
        page.get_by_label("Username").fill("ada")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("main").get_by_role("button", name="Sign in").click()

    page.goto(f"{blog.origin}#/write")
    sign_in_here()
    page.get_by_label("Title").fill("Note B")
    expire_token()
    fill(page, "Note B", "Bernoulli.", "Publish")
    expect(page.get_by_role("alert")).to_contain_text("You are no longer signed in.")
    expect(page.get_by_label("Text")).to_have_value("Bernoulli.")
    page.goto(f"{blog.origin}#/edit/posts/1")
    sign_in_here()
    expect(page.get_by_label("Text")).to_have_value("It *weaves*.")
    expire_token()
    page.goto(f"{blog.origin}#/posts/1")
    expect(page.locator("article em")).to_have_text("weaves")
    expect(page.get_by_role("alert")).to_be_empty()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()


def test_a_late_reply_does_not_replace_the_form_that_is_shown(blog: Blog) -> None:
    blog.send("POST", "/posts", {"title": "Note A", "body": "It weaves.", "tags": []})
    page = blog.page
    page.goto(blog.origin)
    sign_in(page)
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    page.route(re.compile("/posts/1"), hold)
    with page.expect_request(re.compile("/posts/1")):
        page.get_by_role("link", name="Note A").click()
    page.get_by_role("link", name="Write").click()
    page.get_by_label("Title").fill("Note B")
    with page.expect_response(re.compile("/posts/1")) as response:
        held[0].continue_()
    response.value.finished()
    page.wait_for_timeout(200)
    expect(page.get_by_label("Title")).to_have_value("Note B")


def test_a_writer_signs_in_again_and_out_although_the_token_is_no_longer_valid(blog: Blog) -> None:
    page = blog.page
    page.goto(blog.origin)
    sign_in(page)
    expect(page.get_by_role("link", name="Write")).to_be_visible()
    page.evaluate("location.hash = '#/sign-in'")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Posts")).to_be_visible()
    change = {"current_password": PASSWORD, "new_password": PASSWORD}  # revokes the page's token
    blog.send("PUT", "/me/password", change)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_empty()


def test_two_writers_see_what_the_other_has_saved(blog: Blog) -> None:
    blog.send("POST", "/posts", {"title": "Note G", "body": "Bernoulli.", "tags": []})
    page = blog.page
    page.goto(blog.origin)
    sign_in(page)
    page.get_by_role("link", name="Note G").click()
    page.get_by_role("link", name="Edit").click()
    expect(page.get_by_label("Text")).to_have_value("Bernoulli.")
    blog.send("PATCH", "/posts/1", {"body": "Bernoulli numbers, by the other writer."})
    fill(page, "Note G", "Bernoulli numbers, by me.", "Save")
    conflict = page.locator(".conflict")
    expect(conflict).to_contain_text("by the other writer")
    expect(page.get_by_label("Text")).to_have_value("Bernoulli numbers, by me.")
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "blog.png")
    blog.send("PATCH", "/posts/1", {"body": "The other writer again."})
    conflict.get_by_role("button", name="Save my text instead").click()
    expect(conflict).to_contain_text("The other writer again.")
    conflict.get_by_role("button", name="Save my text instead").click()
    expect(page.locator("article")).to_have_text("Bernoulli numbers, by me.")


def test_a_double_click_is_one_click(blog: Blog) -> None:
    """Whatever the button does, which can be clicked again when it is done."""
    for number in range(12):
        blog.send("POST", "/posts", {"title": f"Note {number}", "body": "It weaves.", "tags": []})
        blog.send("POST", "/posts/1/comments", {"body": f"Yes {number}."})
    page = blog.page
    page.goto(blog.origin)
    double_click(page.get_by_role("button", name="More"), "GET", "cursor=")
    notes = page.get_by_role("listitem").get_by_role("link")
    expect(notes).to_have_text([f"Note {number}" for number in reversed(range(12))])
    page.get_by_role("link", name="Sign in").click()
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    double_click(page.get_by_role("main").get_by_role("button", name="Sign in"), "POST", "/tokens$")
    expect(page.get_by_role("link", name="Write")).to_be_visible()
    page.goto(f"{blog.origin}#/posts/1")
    like = page.get_by_role("button", name="Like")
    double_click(like, "PUT", "/like$")
    expect(page.get_by_role("button", name="Like", pressed=True)).to_be_focused()
    double_click(like, "DELETE", "/like$")
    expect(page.get_by_role("button", name="Like", pressed=False)).to_be_focused()
    double_click(page.get_by_role("button", name="More comments"), "GET", "cursor=")
    expect(comment_items(page)).to_contain_text([f"Yes {number}." for number in range(12)])
    page.get_by_label("Your comment").fill("It *weaves* algebra.")
    double_click(page.get_by_role("button", name="Comment", exact=True), "POST", "/comments$")
    expect(comment_items(page)).to_have_count(13)
    expect(comment_items(page).last).to_be_focused()
    double_click(page.get_by_role("button", name="Delete").last, "DELETE", "/comments/")
    expect(comment_items(page)).to_have_count(12)
    page.get_by_role("link", name="Write").click()
    page.get_by_label("Title").fill("Note A")
    page.get_by_label("Text").fill("It *weaves* patterns.")
    double_click(page.get_by_role("button", name="Publish"), "POST", "/posts$")
    expect(page.locator("article em")).to_have_text("weaves")
    double_click(page.get_by_role("button", name="Sign out"), "DELETE", "/tokens/")
    expect(page.get_by_role("link", name="Sign in")).to_be_visible()
    expect(page.get_by_role("alert")).to_be_empty()


def comment_items(page: Page) -> Locator:
    return page.get_by_role("region", name="Comments").get_by_role("listitem")


def write_comment(page: Page, text: str) -> None:
    page.get_by_label("Your comment").fill(text)
    page.get_by_role("button", name="Comment", exact=True).click()


def test_a_reader_reads_the_comments_on_a_post(blog: Blog) -> None:
    """Also if a page of them is empty and not the last one, and whatever their writers have typed."""
    blog.send("POST", "/posts", {"title": "Note A", "body": "It weaves.", "tags": []})
    for number in range(1, 13):
        blog.send("POST", "/posts/1/comments", {"body": f"*Yes* {number}. {HOSTILE}"})
    page = blog.page
    empty_pages: list[str] = []

    def empty_once(route: Route, request: Request) -> None:
        if "cursor" in request.url or empty_pages:
            route.continue_()
            return
        content = route.fetch().json()
        empty_pages.append(request.url)
        route.fulfill(json={**content, "items": []}, headers={"Access-Control-Allow-Origin": blog.origin})

    page.goto(f"{blog.origin}#/posts/1")
    expect(comment_items(page)).to_have_count(10)
    expect(comment_items(page).first.locator("em")).to_have_text("Yes")
    page.get_by_role("button", name="More comments").click()
    expect(comment_items(page)).to_have_count(12)
    expect(page.get_by_role("button", name="More comments")).to_be_hidden()
    assert page.locator("ol [onerror]").count() == 0
    expect(page.get_by_role("region", name="Comments")).to_contain_text("Sign in to comment.")
    expect(page.get_by_label("Your comment")).to_have_count(0)
    expect(page.get_by_role("button", name=re.compile("Delete"))).to_have_count(0)
    page.route(re.compile("/comments"), empty_once)
    page.reload()
    expect(comment_items(page)).to_have_text([re.compile("Yes 11"), re.compile("Yes 12")])
    assert len(empty_pages) == 1


def test_a_comment_is_published_once_although_the_reply_is_lost(blog: Blog) -> None:
    """The text is not lost, and gets another key when it is edited."""
    blog.send("POST", "/posts", {"title": "Note A", "body": "It weaves.", "tags": []})
    for _ in range(11):
        blog.send("POST", "/posts/1/comments", {"body": "First."})
    page = blog.page
    keys: list[str] = []

    def lose_four(route: Route, request: Request) -> None:
        if request.method != "POST":
            route.continue_()
            return
        keys.append(request.headers["idempotency-key"])
        if len(keys) > 4:
            route.continue_()
            return
        if len(keys) == 4:
            route.fetch()  # the server has the request, and the page gets no response
        route.abort()

    page.goto(blog.origin)
    sign_in(page)
    page.route(re.compile("/comments$"), lose_four)
    page.get_by_role("link", name="Note A").click()
    write_comment(page, "It *weaves* algebra.")
    expect(page.get_by_role("alert")).to_have_text("The site does not respond. Try again.")
    page.get_by_role("link", name="A blog on Pressroom").click()
    page.get_by_role("link", name="Note A").click()
    expect(page.get_by_label("Your comment")).to_have_value("It *weaves* algebra.")
    write_comment(page, "It *weaves* patterns, too.")
    written = comment_items(page).filter(has_text="It weaves patterns, too.")
    expect(written).to_have_count(1)
    expect(written).to_be_focused()
    expect(page.get_by_label("Your comment")).to_be_empty()
    assert [keys.count(key) for key in dict.fromkeys(keys)] == [3, 2]
    page.get_by_role("button", name="More comments").click()
    expect(comment_items(page)).to_have_count(12)


def test_the_text_of_a_comment_is_not_lost_when_it_cannot_be_published(blog: Blog) -> None:
    """Because the token has expired, or because the post has been closed."""
    blog.send("POST", "/posts", {"title": "Note A", "body": "It weaves.", "tags": []})
    page = blog.page
    page.goto(blog.origin)
    sign_in(page)
    page.get_by_role("link", name="Note A").click()
    expect(page.get_by_label("Your comment")).to_be_visible()
    blog.send("PUT", "/me/password", {"current_password": PASSWORD, "new_password": PASSWORD})
    write_comment(page, "It weaves.")
    expect(page.get_by_role("alert")).to_contain_text("You are no longer signed in.")
    expect(page.get_by_label("Your comment")).to_have_value("It weaves.")
    sign_in(page)
    page.get_by_role("link", name="Note A").click()
    expect(page.get_by_label("Your comment")).to_have_value("It weaves.")
    blog = blog._replace(headers=get_token(blog.server))
    blog.send("PATCH", "/posts/1", {"comments": "closed"})
    page.get_by_role("button", name="Comment", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("closed")
    expect(page.get_by_label("Your comment")).to_have_value("It weaves.")
    page.reload()
    expect(page.get_by_role("region", name="Comments")).to_contain_text("Comments are closed.")
    expect(page.get_by_label("Your comment")).to_have_count(0)


def test_comments_are_deleted_by_their_writer_and_by_the_author_of_the_post(blog: Blog) -> None:
    """Not one that has been changed since it was read."""
    bob = blog._replace(headers=sign_up(blog.server, "bob"))
    for by in (blog, bob):
        by.send("POST", "/posts", {"title": "Note by bob" if by is bob else "Note A", "body": "It weaves.", "tags": []})
    bob.send("POST", "/posts/1/comments", {"body": "It *weaves* patterns, too."})
    bob.send("POST", "/posts/2/comments", {"body": "By bob."})
    blog.send("POST", "/posts/2/comments", {"body": "By ada."})
    page = blog.page
    page.goto(blog.origin)
    sign_in(page)
    page.get_by_role("link", name="Note A").click()
    expect(comment_items(page)).to_have_count(1)
    page.get_by_role("button", name="Like").click()
    expect(page.get_by_role("button", name="Like", pressed=True)).to_be_visible()
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / "comments.png")
    bob.send("PATCH", "/comments/1", {"body": "It does not."})
    page.get_by_role("button", name="Delete the comment by bob").click()
    expect(page.get_by_role("alert")).to_contain_text("The comment has been changed since you read it.")
    expect(comment_items(page)).to_contain_text("It does not.")
    expect(comment_items(page)).to_be_focused()
    page.get_by_role("button", name="Delete the comment by bob").click()
    expect(comment_items(page)).to_have_count(0)
    expect(page.get_by_role("heading", name="Comments")).to_be_focused()
    expect(page.get_by_role("alert")).to_be_empty()
    page.reload()
    expect(page.get_by_role("button", name="Like", pressed=True)).to_be_visible()
    page.get_by_role("button", name="Like").click()
    expect(page.get_by_role("button", name="Like", pressed=False)).to_be_visible()
    expect(comment_items(page)).to_have_count(0)
    page.goto(f"{blog.origin}#/posts/2")
    expect(comment_items(page)).to_have_count(2)
    expect(page.get_by_role("button", name=re.compile("Delete"))).to_have_count(1)
    page.get_by_role("button", name="Delete the comment by ada").click()
    expect(comment_items(page)).to_have_text([re.compile("By bob.")])
