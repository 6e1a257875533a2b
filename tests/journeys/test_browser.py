"""Swagger UI in a browser."""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
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
PHONE = 390
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


class _BlankPage(BaseHTTPRequestHandler):
    """A page without content, and without a message for each request."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 (the base class's name)
        """Log nothing."""


@contextmanager
def page_of_another_origin(serve: Callable[..., Server]) -> Iterator[tuple[Page, str]]:
    """Open a page that may call the API of another origin; yield it, and the API's URL."""
    blog = ThreadingHTTPServer(("127.0.0.1", 0), _BlankPage)
    thread = Thread(target=blog.serve_forever)
    thread.start()
    try:
        origin = f"http://127.0.0.1:{blog.server_port}"
        server = serve(PRESSROOM_CORS_ORIGINS=origin)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM)
            page = browser.new_page()
            page.goto(origin)
            yield page, f"http://127.0.0.1:{server.port}"
            browser.close()
    finally:
        blog.shutdown()
        thread.join()
        blog.server_close()


SIGN_IN = """async ([url, content]) => {
    const started = performance.now();
    const response = await fetch(url + "/tokens", {
        method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(content)
    });
    const {code, token} = await response.json();
    return [response.status, code ?? token, performance.now() - started];
}"""


@pytest.mark.alone
def test_a_page_of_another_origin_can_sign_in_and_handle_wrong_passwords(serve: Callable[..., Server]) -> None:
    with page_of_another_origin(serve) as (page, url):
        page.request.post(f"{url}/users", data={"username": "ada", "password": PASSWORD})
        credentials = {"username": "ada", "password": PASSWORD}
        for wrong in ({"password": "wrong"}, {"username": "eve"}):
            status, code, milliseconds = page.evaluate(SIGN_IN, [url, {**credentials, **wrong}])
            assert (status, code) == (403, "wrong-credentials")
            assert milliseconds < 1_000
        status, token, _ = page.evaluate(SIGN_IN, [url, credentials])
        assert status == 201
        me = page.request.get(f"{url}/me", headers={"Authorization": f"Bearer {token}"})
        assert me.json()["username"] == "ada"


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
    control.dispatch_event("click")  # a click like a person's would scroll there first, which takes up to a second


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


def expect_errors_folded(operation: Locator, height: int) -> None:
    """Assert that the errors of an expanded operation are one row that is not higher."""
    errors = operation.locator("tr.errors")
    expect(errors).to_have_count(1)
    box = errors.bounding_box()
    assert box
    assert box["height"] < height
    expect(operation.locator("tr.folded")).to_have_count(0)
    expect(operation.get_by_text("application/problem+json")).to_have_count(0)


def execute_example(page: Page, operation_id: str, **fields: str) -> str:
    """Execute an operation with its example and other fields, and return the body of the successful response."""
    with expanded(page, operation_id) as operation:
        expect_errors_folded(operation, height=50)
        for name, value in fields.items():
            operation.get_by_placeholder(name).fill(value)
        status, body = execute(operation)
    assert status // 100 == 2 or status == 304, (operation_id, status, body)
    return body


@pytest.mark.parametrize("prefix", ["", "/press"])
def test_swagger_ui_can_try_out_the_api(serve: Callable[..., Server], prefix: str) -> None:
    with swagger_ui(serve(PRESSROOM_TRUSTED_PROXIES="1" if prefix else "0"), prefix) as page:
        expect(page.get_by_role("heading", level=1)).to_contain_text(DOCUMENT["info"]["title"])
        execute_example(page, "registerUser")
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


def try_out_likes(server: Server, try_out: Callable[[str], str]) -> None:
    """Like the first post, and take the like back."""
    try_out("likePost")
    assert json.loads(try_out("readLike"))["url"] == "/posts/1/like"
    assert [user["username"] for user in json.loads(try_out("listLikers"))["items"]] == ["ada"]
    assert [post["id"] for post in json.loads(try_out("listLikedPosts"))["items"]] == [1]
    try_out("unlikePost")
    assert server.get_json("/posts/1/likes")["items"] == []


def try_out_comments(server: Server, try_out: Callable[..., str], if_match: Callable[[str], Mapping[str, str]]) -> None:
    """Execute the operations of comments on the first post."""
    assert json.loads(try_out("createComment")).items() >= EXAMPLES["CommentCreate"].items()
    assert [comment["id"] for comment in json.loads(try_out("listComments"))["items"]] == [1]
    try_out("readComment")
    try_out("reviseComment", **if_match("/comments/1"))
    assert server.get_json("/comments/1").items() >= EXAMPLES["CommentPatch"].items()
    try_out("removeComment", **if_match("/comments/1"))
    assert server.get_status("/comments/1") == 404


def try_out_following(server: Server, try_out: Callable[..., str]) -> None:
    """Follow another user, and unfollow them."""
    server.post_json("/users", {"username": "grace", "password": PASSWORD})
    try_out("followUser", username="grace")
    assert json.loads(try_out("readFollow", username="grace"))["username"] == "grace"
    assert json.loads(try_out("listFollowers"))["items"] == []
    assert [user["username"] for user in json.loads(try_out("listFollowing"))["items"]] == ["grace"]
    assert json.loads(try_out("readTimeline"))["items"] == []
    try_out("unfollowUser", username="grace")


def try_out_suspending(server: Server, try_out: Callable[..., str]) -> None:
    """Suspend another user as an admin, and end it."""
    server.run_command("users", "promote", "ada")
    try_out("suspendUser", username="grace")
    assert [each["user"]["username"] for each in json.loads(try_out("listSuspensions"))["items"]] == ["grace"]
    assert server.get_status("/users/grace") == 404
    try_out("unsuspendUser", username="grace")
    assert server.get_status("/users/grace") == 200


def try_out_other_users(server: Server, try_out: Callable[..., str]) -> None:
    """Execute the operations of which another user is the object."""
    try_out_following(server, try_out)
    try_out_suspending(server, try_out)


def test_every_example_works_in_swagger_ui(serve: Callable[..., Server]) -> None:
    server = serve(PRESSROOM_RATE_LIMITS="off")
    executed = set()
    with swagger_ui(server) as page:

        def try_out(operation_id: str, **fields: str) -> str:
            executed.add(operation_id)
            return execute_example(page, operation_id, **fields)

        def if_match(path: str) -> dict[str, str]:
            return {"If-Match": page.request.get(f"http://127.0.0.1:{server.port}{path}").headers["etag"]}

        def status_of_me(token: str) -> int:
            return page.request.get(
                f"http://127.0.0.1:{server.port}/me", headers={"Authorization": f"Bearer {token}"}
            ).status

        try_out("registerUser")
        token = json.loads(try_out("createToken"))["token"]
        authorize(page, "bearer", value=token)
        for name in ("readMe", "readUser", "readToken"):
            try_out(name)
        assert [user["username"] for user in json.loads(try_out("listUsers"))["items"]] == ["ada"]
        assert [each["name"] for each in json.loads(try_out("listTokens"))["items"]] == ["laptop"]
        try_out("reviseUser", **if_match("/users/ada"))
        assert server.get_json("/users/ada").items() >= EXAMPLES["UserPatch"].items()

        try_out("publishPost")
        assert server.get_json("/posts/1").items() >= EXAMPLES["PostCreate"].items()
        assert [post["id"] for post in json.loads(try_out("listPosts"))["items"]] == [1]
        try_out("readPost")
        assert [each["tag"] for each in json.loads(try_out("listTags"))["items"]] == EXAMPLES["PostCreate"]["tags"]
        assert all(EXAMPLES["PostCreate"]["title"] in try_out(feed) for feed in ("readAtomFeed", "readJSONFeed"))
        try_out_likes(server, try_out)
        try_out("exportMe")
        try_out("revisePost", **if_match("/posts/1"))
        assert server.get_json("/posts/1").items() >= (EXAMPLES["PostCreate"] | EXAMPLES["PostPatch"]).items()

        try_out_comments(server, try_out, if_match)
        draft = json.loads(try_out("putPost", **{"If-None-Match": "*"}))
        assert draft.items() >= EXAMPLES["PostPut"].items()
        assert json.loads(try_out("readPostBySlug")) == draft
        assert json.loads(try_out("putPost", **{"If-None-Match": "", "If-Match": f'"{draft["revision"]}"'})) == draft

        try_out_other_users(server, try_out)

        try_out("changePassword")
        password = EXAMPLES["PasswordChange"]["new_password"]
        assert status_of_me(server.post_json("/tokens", {}, basic_auth("ada", password))["token"]) == 200
        try_out("revokeToken")
        assert status_of_me(token) == 401

        authorize(page, "basic", username="ada", password=password)
        with expanded(page, "createToken") as sign_in:
            sign_in.get_by_role("textbox").last.fill(json.dumps({"name": "HTTP Basic"}))
            status, body = execute(sign_in)
        assert status == 201
        authorize(page, "bearer", value=json.loads(body)["token"])
        try_out("removePost", **if_match("/posts/1"))
        assert server.get_status("/posts/1") == 404
        try_out("removePost", post_id=str(draft["id"]), **{"If-Match": "*"})
        try_out("removeUser", **if_match("/users/ada"))
        assert server.get_status("/users/ada") == 404

        for name, tag in TAGS.items():
            if tag in {"changes", "service", "problems", "health", "metrics", "docs"}:
                try_out(name)
    assert executed == TAGS.keys()


def test_swagger_ui_stores_the_token_but_no_password(serve: Callable[..., Server]) -> None:
    with swagger_ui(serve()) as page:
        execute_example(page, "registerUser")
        token = json.loads(execute_example(page, "createToken"))["token"]
        authorize(page, "basic", username="ada", password=PASSWORD)
        authorize(page, "bearer", value=token)
        page.reload()
        assert json.loads(execute_example(page, "readMe"))["username"] == "ada"
        stored = page.evaluate("JSON.stringify(localStorage)")
        assert token in stored
        assert PASSWORD not in stored
        # Removing it removes the stored one, too.
        page.get_by_role("button", name="Authorize").click()
        page.get_by_role("button", name="Remove authorization").click()
        assert token not in page.evaluate("JSON.stringify(localStorage)")


def test_padlocks_in_swagger_ui_are_closed_if_and_only_if_there_are_credentials(serve: Callable[..., Server]) -> None:
    with swagger_ui(serve()) as page:
        by_scheme = [
            scheme
            for item in DOCUMENT["paths"].values()
            for operation in item.values()
            for scheme in next(iter(operation["security"]), {})
        ]
        assert {"basic", "bearer"} == set(by_scheme)
        expect(page.locator(".opblock svg.locked")).to_have_count(0)
        expect(page.locator(".opblock svg.unlocked")).to_have_count(len(by_scheme))
        authorize(page, "bearer", value="prt_" + "a" * 43)
        expect(page.locator(".opblock svg.locked")).to_have_count(by_scheme.count("bearer"))


def test_swagger_ui_fills_in_neither_if_match_nor_a_datetime(serve: Callable[..., Server]) -> None:
    """A click must neither overwrite the changes of others nor publish a post in the past."""
    with swagger_ui(serve()) as page:
        for operation_id in ("reviseUser", "removeUser", "revisePost", "removePost", "putPost"):
            with expanded(page, operation_id) as operation:
                expect(operation.get_by_placeholder("If-Match")).to_have_value("")
        with expanded(page, "publishPost") as publish:
            body = json.loads(publish.get_by_role("textbox").last.input_value())
            assert body.keys() == {"title", "body", "tags"}
        with expanded(page, "putPost") as put:
            expect(put.get_by_placeholder("If-None-Match")).to_have_value("")
            assert json.loads(put.get_by_role("textbox").last.input_value())["published_at"] is None


@pytest.mark.parametrize("width", [1280, pytest.param(PHONE, marks=pytest.mark.nightly)])
def test_swagger_ui_folds_errors(serve: Callable[..., Server], width: int) -> None:
    """They were 5,000 of the 7,000 pixels of an operation."""
    with swagger_ui(serve(), viewport={"width": width, "height": 844}) as page:
        # On wide screens, the test that executes each operation has checked it.
        for operation_id in TAGS if width == PHONE else ():
            with expanded(page, operation_id) as operation:
                expect_errors_folded(operation, height=100)
        with expanded(page, "publishPost") as publish:
            page.screenshot(path=SCREENSHOTS / f"docs-operation-{width}.png", full_page=True)
            publish.get_by_role("button", name="400 401 403").click()
            expect(publish.get_by_role("link", name="unprocessable-content")).to_have_attribute(
                "href", "problems/unprocessable-content"
            )
            publish.get_by_role("button", name="Validation failed").click()
            expect(publish.get_by_text('"pointer": "#/title"')).to_be_visible()
            page.screenshot(path=SCREENSHOTS / f"docs-errors-{width}.png", full_page=True)
            publish.get_by_role("button", name="Validation failed").click()
            expect(publish.get_by_text('"pointer": "#/title"')).to_have_count(0)
            publish.get_by_role("button", name="400 401 403").click()
            expect(publish.locator("tr.folded")).to_have_count(0)


def test_swagger_ui_begins_with_what_most_readers_look_for(serve: Callable[..., Server]) -> None:
    with swagger_ui(serve()) as page:
        expect(page.locator(".opblock-tag")).to_have_count(len({*TAGS.values()}))
        tags = [each.get_attribute("data-tag") for each in page.locator(".opblock-tag").all()]
        assert tags[:3] == ["posts", "comments", "users"]
        assert tags[-3:] == ["health", "metrics", "docs"]


def test_swagger_ui_fits_a_phone_and_has_a_dark_mode(serve: Callable[..., Server]) -> None:
    with swagger_ui(serve(), viewport={"width": PHONE, "height": 844}, color_scheme="dark") as page:
        with expanded(page, "publishPost") as publish:
            expect(publish.get_by_role("button", name="Execute")).to_be_visible()
            assert page.evaluate("document.documentElement.scrollWidth") == PHONE
            page.screenshot(path=SCREENSHOTS / "docs-phone.png", full_page=True)
        expect(page.locator("html")).to_have_class("dark-mode")
