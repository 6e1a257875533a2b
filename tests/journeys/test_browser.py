"""Swagger UI, in a real browser."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect, sync_playwright

from tests.support.clients import PASSWORD, basic
from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
SCREENSHOTS = Path(os.environ.get("SCREENSHOTS", PROJECT_ROOT / "build"))
DOCUMENT = json.loads((PROJECT_ROOT / "openapi" / "openapi.json").read_text())
TAGS = {
    operation["operationId"]: operation["tags"][0]
    for item in DOCUMENT["paths"].values()
    for method, operation in item.items()
    if method != "parameters"
}
EXAMPLES = {name: schema["examples"][0] for name, schema in DOCUMENT["components"]["schemas"].items()}
expect.set_options(timeout=30_000)
pytestmark = [
    pytest.mark.heavy,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no browser: apt-get install chromium"),
]


@contextmanager
def opened(server: Server, prefix: str = "", **options: Any) -> Iterator[Page]:
    """The page, of which a reader has nothing to complain until it is closed; a proxy takes away the `prefix`."""
    origin = f"http://127.0.0.1:{server.port}"
    complaints = []

    def notice(url: str, *, fine: bool, complaint: object) -> None:
        if not fine:
            complaints.append(f"{url}: {complaint}")

    def pass_on(route: Route) -> None:
        inside = route.request.url.replace(f"{origin}{prefix}", origin, 1)
        route.continue_(url=inside, headers={**route.request.headers, "X-Forwarded-Prefix": prefix})

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        context = browser.new_context(**options)
        # What the Content-Security-Policy stops is told on the console.
        context.on(
            "console", lambda told: notice(told.text, fine=told.type not in {"error", "warning"}, complaint=told)
        )
        context.on("weberror", lambda error: notice("an error", fine=False, complaint=error.error))
        context.on(
            "request",
            lambda sent: notice(sent.url, fine=sent.url.startswith(f"{origin}{prefix}/"), complaint="is elsewhere"),
        )
        context.on("requestfailed", lambda sent: notice(sent.url, fine=False, complaint=sent.failure))
        context.on("response", lambda got: notice(got.url, fine=got.status < 400, complaint=got.status))
        if prefix:
            context.route(f"{origin}{prefix}/**", pass_on)
        page = context.new_page()
        page.goto(f"{origin}{prefix}/docs")
        yield page
        browser.close()
    assert complaints == []


def sign_in(page: Page, scheme: str, **credentials: str) -> None:
    """By the dialog; instead of whoever was signed in."""
    page.get_by_role("button", name="Authorize").click()
    form = page.locator("form", has=page.get_by_role("heading", name=scheme))
    if (signed_in := form.get_by_role("button", name="Remove authorization")).is_visible():
        signed_in.click()
    for name, value in credentials.items():
        form.get_by_label(f"auth-{scheme}-{name}").fill(value)
    form.get_by_role("button", name="Apply credentials").click()
    form.get_by_role("button", name="Close").click()


@contextmanager
def unfolded(page: Page, name: str) -> Iterator[Locator]:
    """The operation of that `operationId`, open for a while: the more is open, the slower the page."""
    operation = page.locator(f"#operations-{TAGS[name]}-{name}")
    handle = operation.locator(".opblock-summary-control")
    handle.click()
    yield operation
    handle.click()


def execute(operation: Locator) -> tuple[int, str]:
    """Status and body of the answer to what the operation shows, as the page shows them."""
    button = operation.get_by_role("button", name="Execute")
    expect(button).to_be_visible()
    if (clear := operation.get_by_role("button", name="Clear")).is_visible():
        clear.click()
    button.click()
    answer = operation.locator(".live-responses-table .response")
    return int(answer.locator(".response-col_status").inner_text()), "".join(answer.locator("code").all_inner_texts())


def shown(page: Page, name: str) -> str:
    """The answer to the operation as it is shown."""
    with unfolded(page, name) as operation:
        status, answer = execute(operation)
    assert status // 100 == 2 or status == 304, (name, status, answer)
    return answer


@pytest.mark.parametrize("prefix", ["", "/press"])
def test_the_api_can_be_tried_out(serve: Callable[..., Server], prefix: str) -> None:
    with opened(serve(PRESSROOM_TRUSTED_PROXIES="1" if prefix else "0"), prefix) as page:
        expect(page.get_by_role("heading", level=1)).to_contain_text(DOCUMENT["info"]["title"])
        shown(page, "registerUser")
        sign_in(page, "basic", username="ada", password=PASSWORD)
        sign_in(page, "bearer", value=json.loads(shown(page, "createToken"))["token"])
        with unfolded(page, "publishPost") as publish:
            publish.get_by_role("textbox").last.fill(json.dumps({"title": "Tried out", "body": "In a browser."}))
            status, answer = execute(publish)
            post = json.loads(answer)
            assert (status, post["title"], post["url"]) == (201, "Tried out", f"{prefix}/posts/1")
        with unfolded(page, "readPost") as read:
            read.get_by_placeholder("post_id").fill(str(post["id"]))
            assert execute(read) == (200, answer)
            page.screenshot(path=SCREENSHOTS / "docs.png", full_page=True)


def test_every_example_works_as_shown(serve: Callable[..., Server]) -> None:
    server = serve(PRESSROOM_RATE_LIMITS="off")
    executed = set()
    with opened(server) as page:

        def tried(name: str) -> str:
            executed.add(name)
            return shown(page, name)

        def me(token: str) -> int:
            url = f"http://127.0.0.1:{server.port}/me"
            return page.request.get(url, headers={"Authorization": f"Bearer {token}"}).status

        tried("registerUser")
        sign_in(page, "basic", username="ada", password=PASSWORD)
        token = json.loads(tried("createToken"))["token"]
        sign_in(page, "bearer", value=token)
        tried("readMe")
        tried("readUser")
        tried("readToken")
        assert [user["username"] for user in json.loads(tried("listUsers"))["items"]] == ["ada"]
        assert [each["name"] for each in json.loads(tried("listTokens"))["items"]] == ["laptop"]
        tried("reviseUser")
        assert server.read("/users/ada").items() >= EXAMPLES["UserPatch"].items()

        tried("publishPost")
        assert server.read("/posts/1").items() >= EXAMPLES["PostCreate"].items()
        assert [post["id"] for post in json.loads(tried("listPosts"))["items"]] == [1]
        tried("readPost")
        tried("revisePost")
        assert server.read("/posts/1").items() >= (EXAMPLES["PostCreate"] | EXAMPLES["PostPatch"]).items()

        tried("changePassword")
        password = EXAMPLES["PasswordChange"]["new_password"]
        assert me(server.post("/tokens", {}, basic("ada", password))["token"]) == 200
        tried("revokeToken")
        assert me(token) == 401

        sign_in(page, "basic", username="ada", password=password)
        sign_in(page, "bearer", value=json.loads(tried("createToken"))["token"])
        tried("removePost")
        assert server.get("/posts/1") == 404
        tried("removeUser")
        assert server.get("/users/ada") == 404

        for name in (
            "readRoot",
            "readAbout",
            "readLiveness",
            "readReadiness",
            "readMetrics",
            "readDocs",
            "readDocument",
        ):
            tried(name)
    assert executed == TAGS.keys()


def test_a_phone_in_the_dark_shows_it_all(serve: Callable[..., Server]) -> None:
    width = 390
    with opened(serve(), viewport={"width": width, "height": 844}, color_scheme="dark") as page:
        with unfolded(page, "publishPost") as publish:
            expect(publish.get_by_role("button", name="Execute")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") == width
            page.screenshot(path=SCREENSHOTS / "docs-phone.png", full_page=True)
        expect(page.locator("html")).to_have_class("dark-mode")
