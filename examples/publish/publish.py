"""Publish a folder of Markdown files with YAML front matter.

Each file is a post, whose slug is the file's name. The state file `.pressroom.json` in the folder has the revision of
each post as it was published from there, so that a post that was changed on the server since is not overwritten.
"""

import argparse
import json
import os
import re
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple, NoReturn, NotRequired, TypedDict
from urllib.parse import quote

import httpx
import yaml
from rich.console import Console
from rich.progress import track

TOKEN_VARIABLE = "PUBLISH_TOKEN"  # noqa: S105 # a name, not a token
STATE_FILE = ".pressroom.json"
SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
FRONT_MATTER = re.compile(r"---[ \t]*\n(.*?\n)??---[ \t]*(?:\n(.*))?", re.DOTALL)
PROPERTIES = ("title", "published_at", "tags", "metadata")
ATTEMPTS = 6
MAX_WAIT_SECONDS = 120
"""Longer than a rate limit takes, shorter than the rest of the day, which a quota takes."""

Post = dict[str, Any]
"""The JSON of a post."""


class PublishError(Exception):
    """An error that concerns one file; the others are published."""

    kind = "error"


class ConflictError(PublishError):
    """A post is not as it was published from this folder."""

    kind = "conflict"


class FatalError(Exception):
    """An error that concerns all files."""


class Entry(TypedDict):
    """What the state file has of a post. The id and revision are missing while it is being created."""

    created: bool
    id: NotRequired[int]
    revision: NotRequired[str]


class Outcome(NamedTuple):
    """What happened to a file or, if it has been removed, to its post."""

    kind: str
    file: str
    detail: str = ""


def read_post(path: Path) -> Post:
    """Read a file; return the body of a request that publishes it."""
    if not SLUG.fullmatch(path.stem) or len(path.stem) > 80:
        raise PublishError("Invalid name: use 1 to 80 of a-z and 0-9, with single hyphens between them.")
    try:
        match = FRONT_MATTER.fullmatch(path.read_text("utf-8-sig"))
        front_matter = yaml.safe_load(match[1] or "{}") if match else None
        front_matter = json.loads(json.dumps(front_matter, default=str))
    except (OSError, UnicodeDecodeError) as error:
        raise PublishError(f"Cannot be read: {error}.") from error
    except (yaml.YAMLError, TypeError, ValueError, RecursionError) as error:
        raise PublishError(f"Invalid front matter: {' '.join(str(error).split())}.") from error
    if match is None or not isinstance(front_matter, dict):
        raise PublishError("No front matter: begin with a line `---`, properties such as `title: …`, and a line `---`.")
    for name in front_matter:
        if name not in PROPERTIES:
            raise PublishError(f"Unknown property {name!r}: use {', '.join(PROPERTIES)}; others belong into metadata.")
    for name in ("title", "published_at"):
        if name not in front_matter:
            raise PublishError(f"Missing property {name}" + " (null for a draft)" * (name == "published_at") + ".")
    if not isinstance(front_matter["title"], str):
        raise PublishError(f"Invalid title: YAML reads {front_matter['title']!r}, not text. Put the title in quotes.")
    tags, metadata = front_matter.get("tags") or [], front_matter.get("metadata") or {}
    if not isinstance(tags, list) or not isinstance(metadata, dict):
        raise PublishError("Invalid front matter: tags are a list, such as [one, two], and metadata has `name: value`.")
    for tag in tags:
        if not isinstance(tag, str):
            raise PublishError(f"Invalid tags: YAML reads {tag!r}, not text. Put the tag in quotes.")
    return {
        "title": front_matter["title"],
        "body": (match[2] or "").strip("\n"),
        "tags": tags,
        "metadata": metadata,
        "published_at": parse_time(front_matter["published_at"]),
    }


def parse_time(value: object) -> str | None:
    """Return a time as the API expects it; a date is the beginning of its day in UTC."""
    if value is None:
        return None
    text = str(value)
    try:
        time = datetime.fromisoformat(f"{text}T00:00:00Z" if len(text) == len("2026-01-31") else text)
        if time.tzinfo is not None:
            return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
    except (ValueError, OverflowError):
        pass
    raise PublishError(
        f"Invalid published_at {text!r}: use a date, a time with an offset such as 2026-01-31T12:00:00Z, or null for a "
        "draft."
    )


def differences(local: Post, remote: Post) -> list[str]:
    """Return the names of the properties in which a file differs from a post, as the server would store them."""
    tags = [unicodedata.normalize("NFC", tag.lower()) for tag in local["tags"]]
    expected = {**local, "tags": list(dict.fromkeys(tags))}
    actual = {**remote, "published_at": parse_time(remote["published_at"])}
    return [name for name in expected if expected[name] != actual[name]]


def describe(response: httpx.Response) -> str:
    """Return the problem (RFC 9457) in a response as text."""
    try:
        problem = response.json()
        errors = [f"{error.get('pointer', '')}: {error['detail']}" for error in problem.get("errors", [])]
        text = " ".join(errors) or problem["detail"]
    except (ValueError, KeyError, TypeError, AttributeError):  # not the application's response
        text = response.reason_phrase
    wait = response.headers.get("Retry-After")
    return f"{response.status_code} {text}" + (f" Retry-After: {wait}." if wait else "")


def send(
    client: httpx.Client, method: str, path: str, headers: dict[str, str], body: Post | None = None
) -> httpx.Response:
    """Send a request until there is a response; a read or a write with a precondition can be repeated safely."""
    content = None if body is None else json.dumps(body)
    attempt = 0
    while True:
        attempt += 1
        pause = 0.5 * 2**attempt
        try:
            response = client.request(method, path, headers=headers, content=content)
        except httpx.TransportError as error:
            if attempt == ATTEMPTS:
                raise PublishError(f"No response: {error or type(error).__name__}") from error
        else:
            retry_after = response.headers.get("Retry-After", "")
            pause = int(retry_after) if retry_after.isdecimal() else pause
            is_final = response.status_code not in {429, 502, 503, 504}
            if is_final or attempt == ATTEMPTS or pause > MAX_WAIT_SECONDS:
                return response
        time.sleep(pause)


class State:
    """The state file, with the posts that were published from the folder to one account of one server."""

    def __init__(self, file: Path, account: str, *, read_only: bool) -> None:
        self.file, self.read_only, self.lock = file, read_only, Lock()
        try:
            self.accounts: dict[str, dict[str, Entry]] = json.loads(file.read_text()) if file.exists() else {}
            self.entries = self.accounts.setdefault(account, {})
        except (OSError, ValueError, AttributeError) as error:
            raise FatalError(f"Cannot read {file}: {error}. Restore or remove it.") from error

    def put(self, slug: str, entry: Entry | None) -> None:
        """Store an entry, or forget it."""
        if self.read_only or self.entries.get(slug) == entry:
            return
        with self.lock:
            if entry is None:
                self.entries.pop(slug, None)
            else:
                self.entries[slug] = entry
            temporary = self.file.with_name(f"{self.file.name}.new")
            try:
                temporary.write_text(json.dumps(self.accounts, indent=1, sort_keys=True) + "\n")
                temporary.replace(self.file)
            except OSError as error:
                raise FatalError(f"Cannot write {self.file}: {error}.") from error


class Publisher:
    """Publishes files to an account, whose posts it has listed."""

    def __init__(
        self, client: httpx.Client, folder: Path, username: str | None, *, dry_run: bool, overwrite: bool
    ) -> None:
        self.client, self.folder, self.dry_run, self.overwrite = client, folder, dry_run, overwrite
        self.username = quote(username or self._get("/me")["username"], safe="")
        account = str(client.base_url.join(f"users/{self.username}"))
        self.state = State(folder / STATE_FILE, account, read_only=dry_run)
        self.posts: dict[str, Post] = {}
        cursor = ""
        while cursor is not None:
            page = self._get(f"/posts?author={self.username}&expand=body&limit=100" + (cursor and f"&cursor={cursor}"))
            self.posts.update({post["slug"]: post for post in page["items"] if post["slug"]})
            cursor = page["next_cursor"]

    def publish(self, path: Path) -> Outcome:
        """Publish a file."""
        local, slug, file = read_post(path), path.stem, str(path.relative_to(self.folder))
        post, entry = self.posts.get(slug), self.state.entries.get(slug)
        changed = differences(local, post) if post else []
        if post and not changed:
            self._record(slug, post)
            return Outcome("unchanged", file)
        if post and (entry or {}).get("revision") != post["revision"]:
            self._conflict(f"{', '.join(changed)}: changed on the server, or not published from this folder")
        if not post and entry and "revision" in entry:
            self._conflict("removed on the server, or its slug was changed there")
        outcome = Outcome("updated" if post else "created", file, ", ".join(changed))
        if self.dry_run:
            return outcome
        if not post:
            self.state.put(slug, {"created": True})  # without an id, in case the response is lost
        precondition = {"If-Match": f'"{post["revision"]}"'} if post else {"If-None-Match": "*"}
        url = f"/users/{self.username}/posts/{slug}"
        # PUT replaces the complete post, and whether comments are open is set on the server.
        body = {**local, "comments": post["comments"]} if post else local
        response = send(self.client, "PUT", url, precondition, body)
        if response.status_code == 412:  # also if an earlier response was lost
            response = send(self.client, "GET", url, {})
            if response.status_code != 200 or differences(local, response.json()):
                raise ConflictError("changed on the server at the same time; run this again")
        if not response.is_success:
            if not post and response.status_code < 500:  # a 5xx does not say whether it was created
                self.state.put(slug, entry)
            self._fail(response)
        self._record(slug, response.json())
        is_same = post and post["revision"] == response.json()["revision"]
        return outcome._replace(kind="unchanged") if is_same else outcome

    def delete(self, slug: str) -> Outcome:
        """Delete a post that was created from this folder, and whose file is gone."""
        entry, post, file = self.state.entries[slug], self.posts.get(slug), f"{slug}.md"
        if post is None or post["id"] != entry.get("id", post["id"]):
            self.state.put(slug, None)
            return Outcome("unchanged", file)
        if not entry["created"]:
            return Outcome("skipped", file, "not deleted, because it existed before it was published from this folder")
        if post["revision"] != entry.get("revision"):
            self._conflict("not deleted, because it was changed on the server")
        if not self.dry_run:
            response = send(self.client, "DELETE", f"/posts/{post['id']}", {"If-Match": f'"{post["revision"]}"'})
            if response.status_code == 412:
                raise ConflictError("changed on the server at the same time; run this again")
            if response.status_code not in {204, 404}:  # 404: it has been deleted
                self._fail(response)
            self.state.put(slug, None)
        return Outcome("deleted", file)

    def _get(self, path: str) -> Any:
        """Return the JSON of a resource that every file needs."""
        try:
            response = send(self.client, "GET", path, {})
            return response.json() if response.is_success else self._fail(response)
        except (PublishError, ValueError) as error:
            raise FatalError(f"Cannot read {self.client.base_url.join(path)}: {error}") from error

    def _record(self, slug: str, post: Post) -> None:
        entry = self.state.entries.get(slug, Entry(created=False))
        created = entry["created"] and entry.get("id", post["id"]) == post["id"]
        self.state.put(slug, {"created": created, "id": post["id"], "revision": post["revision"]})

    def _conflict(self, problem: str) -> None:
        if not self.overwrite:
            raise ConflictError(f"{problem}; --overwrite disregards that")

    def _fail(self, response: httpx.Response) -> NoReturn:
        if response.status_code in {401, 403}:
            raise FatalError(f"{describe(response)} Check the token in {TOKEN_VARIABLE}, and the username.")
        raise PublishError(describe(response))


def publish_all(publisher: Publisher, paths: list[Path], *, delete: bool, jobs: int) -> Iterator[Outcome]:
    """Publish files and, if requested, delete the posts of files that are gone."""
    slugs = Counter(path.stem for path in paths)

    def publish(path: Path) -> Outcome:
        if slugs[path.stem] > 1:
            raise PublishError("Another file has the same name: rename one.")
        return publisher.publish(path)

    def attempt(file: str, task: Callable[[], Outcome]) -> Outcome:
        try:
            return task()
        except PublishError as error:
            return Outcome(error.kind, file, str(error))

    tasks = [(str(path.relative_to(publisher.folder)), partial(publish, path)) for path in paths]
    if delete:
        gone = sorted(publisher.state.entries.keys() - slugs.keys())
        tasks += [(f"{slug}.md", partial(publisher.delete, slug)) for slug in gone]
    console = Console(stderr=True)
    with ThreadPoolExecutor(jobs) as pool:
        done = as_completed([pool.submit(attempt, *task) for task in tasks])
        try:
            for future in track(done, "Publishing", len(tasks), console=console, disable=not console.is_terminal):
                yield future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def report(outcomes: list[Outcome], *, dry_run: bool) -> None:
    """Print what happened to each file, and how many there are of each kind."""
    for kind, file, detail in sorted(outcomes, key=lambda outcome: outcome.file):
        if kind != "unchanged":
            stream = sys.stderr if kind in {"error", "conflict"} else sys.stdout
            print(f"{kind} {file}{detail and ': '}{detail}", file=stream)
    counts = Counter(outcome.kind for outcome in outcomes)
    kinds = ("created", "updated", "deleted", "unchanged", "conflict", "error")
    print("Dry run, nothing is changed: " * dry_run + ", ".join(f"{counts[kind]} {kind}" for kind in kinds) + ".")


def main() -> int:
    """Return 0 if all files are published, 1 if some are not, and 2 if the rest could not be attempted."""
    parser = argparse.ArgumentParser(description="Publish a folder of Markdown files with YAML front matter.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--url", default="http://127.0.0.1:8000", help="the server; default: %(default)s")
    parser.add_argument("--username", help="the account; default: that of the token")
    parser.add_argument("--dry-run", action="store_true", help="report what would be done, and send nothing")
    parser.add_argument("--overwrite", action="store_true", help="discard changes that were made on the server")
    parser.add_argument("--delete", action="store_true", help="delete posts created from here, whose files are gone")
    parser.add_argument(
        "--jobs", type=int, choices=range(1, 9), default=4, help="requests at a time; default: %(default)s"
    )
    arguments = parser.parse_args()
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    folder: Path = arguments.folder
    paths = sorted(path for path in folder.rglob("*.md") if "/." not in f"/{path.relative_to(folder)}")
    token = os.environ.get(TOKEN_VARIABLE, "").strip()
    if not re.fullmatch("[!-~]+", token):
        parser.error(f"set {TOKEN_VARIABLE} to a token, which POST /tokens creates")
    if not paths:  # with --delete, a wrong folder would delete everything
        parser.error(f"{folder} has no files *.md")
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    options = {"dry_run": arguments.dry_run, "overwrite": arguments.overwrite}
    outcomes: list[Outcome] = []
    try:
        with httpx.Client(base_url=arguments.url, headers=headers, timeout=30) as client:
            publisher = Publisher(client, folder, arguments.username, **options)
            for outcome in publish_all(publisher, paths, delete=arguments.delete, jobs=arguments.jobs):
                outcomes.append(outcome)  # noqa: PERF402 # those before an error are reported, too
    except (FatalError, httpx.InvalidURL) as error:
        report(outcomes, dry_run=arguments.dry_run)
        print(error, file=sys.stderr)
        return 2
    report(outcomes, dry_run=arguments.dry_run)
    gone = publisher.state.entries.keys() - {path.stem for path in paths}
    if gone and not arguments.delete:
        print(f"Without a file: {', '.join(sorted(gone))}. --delete deletes their posts.")
    return int(any(outcome.kind in {"error", "conflict"} for outcome in outcomes))


if __name__ == "__main__":
    sys.exit(main())
