"""Swagger UI in a browser."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Locator, Page, Route, expect, sync_playwright

from tests.support.clients import PASSWORD, basic_auth
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
    pytest.mark.skipif(CHROMIUM is None, reason="no browser: apt-get install chromium"),
]


@contextmanager
def swagger_ui(server: Server, prefix: str = "", **options: Any) -> Iterator[Page]:
    """Open /docs in a browser, through a proxy that removes `prefix`, and assert at the end that nothing went wrong."""
    origin = f"http://127.0.0.1:{server.port}"
    problems = []

    def check(url: str, *, ok: bool, problem: object) -> None:
        if not ok:
            problems.append(f"{url}: {problem}")

    def proxy(route: Route) -> None:
        url = route.request.url.replace(f"{origin}{prefix}", origin, 1)
        route.continue_(url=url, headers={**route.request.headers, "X-Forwarded-Prefix": prefix})

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM)
        context = browser.new_context(**options)
        # The console reports what the Content-Security-Policy blocks.
        context.on(
            "console",
            lambda message: check(message.text, ok=message.type not in {"error", "warning"}, problem=message),
        )
        context.on("weberror", lambda error: check("an error", ok=False, problem=error.error))
        context.on(
            "request",
            lambda request: check(
                request.url, ok=request.url.startswith(f"{origin}{prefix}/"), problem="is another origin or prefix"
            ),
        )
        context.on("requestfailed", lambda request: check(request.url, ok=False, problem=request.failure))
        context.on("response", lambda response: check(response.url, ok=response.status < 400, problem=response.status))
        if prefix:
            context.route(f"{origin}{prefix}/**", proxy)
        page = context.new_page()
        page.goto(f"{origin}{prefix}/docs")
        yield page
        browser.close()
    assert problems == []


def authorize(page: Page, scheme: str, **credentials: str) -> None:
    """Enter credentials in the dialog, in place of earlier ones."""
    page.get_by_role("button", name="Authorize").click()
    form = page.locator("form", has=page.get_by_role("heading", name=scheme))
    if (remove := form.get_by_role("button", name="Remove authorization")).is_visible():
        remove.click()
    for name, value in credentials.items():
        form.get_by_label(f"auth-{scheme}-{name}").fill(value)
    form.get_by_role("button", name="Apply credentials").click()
    form.get_by_role("button", name="Close").click()


@contextmanager
def expanded(page: Page, operation_id: str) -> Iterator[Locator]:
    """Expand an operation, and collapse it afterwards: many expanded operations make the page slow."""
    operation = page.locator(f"#operations-{TAGS[operation_id]}-{operation_id}")
    control = operation.locator(".opblock-summary-control")
    control.click()
    yield operation
    control.click()


def execute(operation: Locator) -> tuple[int, str]:
    """Execute an expanded operation, and return status and body of the response as shown."""
    button = operation.get_by_role("button", name="Execute")
    expect(button).to_be_visible()
    if (clear := operation.get_by_role("button", name="Clear")).is_visible():
        clear.click()
    button.click()
    response = operation.locator(".live-responses-table .response")
    status = int(response.locator(".response-col_status").inner_text())  # waits for the response
    return status, "".join(response.locator("code").all_inner_texts())


def execute_example(page: Page, operation_id: str) -> str:
    """Execute an operation with its example, and return the body of the successful response."""
    with expanded(page, operation_id) as operation:
        status, body = execute(operation)
    assert status // 100 == 2 or status == 304, (operation_id, status, body)
    return body


@pytest.mark.parametrize("prefix", ["", "/press"])
def test_swagger_ui_can_try_out_the_api(serve: Callable[..., Server], prefix: str) -> None:
    with swagger_ui(serve(PRESSROOM_TRUSTED_PROXIES="1" if prefix else "0"), prefix) as page:
        expect(page.get_by_role("heading", level=1)).to_contain_text(DOCUMENT["info"]["title"])
        execute_example(page, "registerUser")
        authorize(page, "basic", username="ada", password=PASSWORD)
        authorize(page, "bearer", value=json.loads(execute_example(page, "createToken"))["token"])
        with expanded(page, "publishPost") as publish:
            publish.get_by_role("textbox").last.fill(json.dumps({"title": "Tried out", "body": "In a browser."}))
            status, body = execute(publish)
            post = json.loads(body)
            assert (status, post["title"], post["url"]) == (201, "Tried out", f"{prefix}/posts/1")
        with expanded(page, "readPost") as read:
            read.get_by_placeholder("post_id").fill(str(post["id"]))
            assert execute(read) == (200, body)
            page.screenshot(path=SCREENSHOTS / "docs.png", full_page=True)


def test_every_example_works_in_swagger_ui(serve: Callable[..., Server]) -> None:
    server = serve(PRESSROOM_RATE_LIMITS="off")
    executed = set()
    with swagger_ui(server) as page:

        def try_out(operation_id: str) -> str:
            executed.add(operation_id)
            return execute_example(page, operation_id)

        def status_of_me(token: str) -> int:
            url = f"http://127.0.0.1:{server.port}/me"
            return page.request.get(url, headers={"Authorization": f"Bearer {token}"}).status

        try_out("registerUser")
        authorize(page, "basic", username="ada", password=PASSWORD)
        token = json.loads(try_out("createToken"))["token"]
        authorize(page, "bearer", value=token)
        try_out("readMe")
        try_out("readUser")
        try_out("readToken")
        assert [user["username"] for user in json.loads(try_out("listUsers"))["items"]] == ["ada"]
        assert [each["name"] for each in json.loads(try_out("listTokens"))["items"]] == ["laptop"]
        try_out("reviseUser")
        assert server.get_json("/users/ada").items() >= EXAMPLES["UserPatch"].items()

        try_out("publishPost")
        assert server.get_json("/posts/1").items() >= EXAMPLES["PostCreate"].items()
        assert [post["id"] for post in json.loads(try_out("listPosts"))["items"]] == [1]
        try_out("readPost")
        try_out("revisePost")
        assert server.get_json("/posts/1").items() >= (EXAMPLES["PostCreate"] | EXAMPLES["PostPatch"]).items()

        try_out("changePassword")
        password = EXAMPLES["PasswordChange"]["new_password"]
        assert status_of_me(server.post_json("/tokens", {}, basic_auth("ada", password))["token"]) == 200
        try_out("revokeToken")
        assert status_of_me(token) == 401

        authorize(page, "basic", username="ada", password=password)
        authorize(page, "bearer", value=json.loads(try_out("createToken"))["token"])
        try_out("removePost")
        assert server.get_status("/posts/1") == 404
        try_out("removeUser")
        assert server.get_status("/users/ada") == 404

        for name in (
            "readRoot",
            "readAbout",
            "readLiveness",
            "readReadiness",
            "readMetrics",
            "readDocs",
            "readDocument",
        ):
            try_out(name)
    assert executed == TAGS.keys()


def test_swagger_ui_fits_a_phone_and_has_a_dark_mode(serve: Callable[..., Server]) -> None:
    width = 390
    with swagger_ui(serve(), viewport={"width": width, "height": 844}, color_scheme="dark") as page:
        with expanded(page, "publishPost") as publish:
            expect(publish.get_by_role("button", name="Execute")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") == width
            page.screenshot(path=SCREENSHOTS / "docs-phone.png", full_page=True)
        expect(page.locator("html")).to_have_class("dark-mode")
