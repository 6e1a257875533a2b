"""Clients generated from the OpenAPI document, compiled or type-checked and run against a real server."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.support.document import schemas
from tests.support.paths import PROJECT_ROOT
from tests.support.servers import Server

DOCUMENT = PROJECT_ROOT / "openapi" / "openapi.json"
NODE_MODULES = PROJECT_ROOT / "openapi" / "node_modules"
STORIES, PATTERNS = Path(__file__).parent / "clients", Path(__file__).parent / "patterns"
# Debian's packages.
PHP_LIBRARY = Path("/usr/share/php/GuzzleHttp/autoload.php")
JAVA_ANNOTATIONS = Path("/usr/share/java/geronimo-annotation-1.3-spec.jar")
DOCUMENT_JSON = json.loads(DOCUMENT.read_text())

pytestmark = pytest.mark.heavy


def run(*command: str | Path, directory: Path, text: str = "") -> str:
    """Run a command that must succeed, and return its output; show it if the command fails."""
    # Go needs neither a C compiler nor the network for clients without dependencies.
    env = {**os.environ, "CGO_ENABLED": "0", "GOPROXY": "off", "GOTOOLCHAIN": "local"}
    result = subprocess.run(command, cwd=directory, env=env, capture_output=True, text=True, check=False, input=text)
    assert result.returncode == 0, f"{command[0]}: {result.stdout}{result.stderr}"
    return result.stdout


def needs(command: str, packages: str, *files: Path) -> pytest.MarkDecorator:
    """Skip a test unless there are a command and files of Debian packages."""
    present = shutil.which(command) and all(file.exists() for file in files)
    return pytest.mark.skipif(not present, reason=f"the client needs {packages}: apt-get install {packages}")


def test_a_generated_python_client_is_typed_and_works(serve: Callable[..., Server], tmp_path: Path) -> None:
    shutil.copy(STORIES / "story.py", tmp_path)
    # Without the generator's ruff hooks: they warn of the generator's own code, and their fixes fail `mypy --strict`.
    are_texts = {"application/atom+xml": "text/plain", "application/x-ndjson": "text/plain"}
    config = {"post_hooks": [], "content_type_overrides": are_texts}
    (tmp_path / "config.json").write_text(json.dumps(config))
    generator = Path(sys.executable).with_name("openapi-python-client")
    options = ["--config", "config.json", "--meta", "none", "--fail-on-warning", "--output-path", "pressroom_client"]
    run(generator, "generate", "--path", DOCUMENT, *options, directory=tmp_path)
    run(sys.executable, "-m", "mypy", "--strict", "pressroom_client", "story.py", directory=tmp_path)
    run(sys.executable, "story.py", f"http://127.0.0.1:{serve().port}", directory=tmp_path)


@pytest.mark.skipif(
    shutil.which("node") is None or not NODE_MODULES.exists(),
    reason="the client needs Node 20 and its packages: npm ci --prefix openapi",
)
def test_a_generated_typescript_client_is_typed_and_works(serve: Callable[..., Server], tmp_path: Path) -> None:
    for name in ("story.mts", "tsconfig.json"):
        shutil.copy(STORIES / name, tmp_path)
    (tmp_path / "node_modules").symlink_to(NODE_MODULES)
    # Otherwise a request could not omit a property that has a default.
    options = ["--default-non-nullable", "false", "--output", "pressroom.d.ts"]
    run(NODE_MODULES / ".bin" / "openapi-typescript", DOCUMENT, *options, directory=tmp_path)
    run(NODE_MODULES / ".bin" / "tsc", directory=tmp_path)
    run("node", "story.mjs", f"http://127.0.0.1:{serve().port}", directory=tmp_path)


def openapi_generator() -> Path:
    """Return the jar of openapi-generator, which its Python package contains."""
    package = find_spec("openapi_generator_cli")
    assert package
    assert package.origin
    return Path(package.origin).with_name("openapi-generator.jar")


def generate(language: str, directory: Path, **options: str) -> Path:
    """Generate a client with openapi-generator, and return its directory."""
    command = ["java", "-jar", str(openapi_generator()), "generate", "-g", language, "-i", str(DOCUMENT)]
    command += ["-o", "pressroom", "--global-property", "apiTests=false,modelTests=false,apiDocs=false,modelDocs=false"]
    if language == "java":
        command += ["--library", "native"]
    command += ["--additional-properties", ",".join(f"{name}={value}" for name, value in options.items())]
    run(*command, directory=directory)
    return directory / "pressroom"


JRE = "default-jre-headless"


@needs("java", JRE)
@needs("go", "golang-go")
def test_a_generated_go_client_compiles_and_works(serve: Callable[..., Server], tmp_path: Path) -> None:
    shutil.copy(STORIES / "story.go", tmp_path)
    client = generate("go", tmp_path, packageName="pressroom")
    # The client becomes a package of the story's module, which needs no other.
    (client / "go.mod").unlink()
    (tmp_path / "go.mod").write_text("module pressroom.example/client\n\ngo 1.18\n")
    run("go", "vet", "./...", directory=tmp_path)
    run("go", "run", ".", f"http://127.0.0.1:{serve().port}", directory=tmp_path)


@needs("java", JRE)
@needs("php", "php-cli php-curl php-guzzlehttp-guzzle php-mbstring", PHP_LIBRARY)
def test_a_generated_php_client_loads_and_works(serve: Callable[..., Server], tmp_path: Path) -> None:
    shutil.copy(STORIES / "story.php", tmp_path)
    client = generate("php", tmp_path, invokerPackage="Pressroom")
    for file in client.rglob("*.php"):
        run("php", "-l", file, directory=tmp_path)
    run("php", "story.php", f"http://127.0.0.1:{serve().port}", directory=tmp_path)


@needs("java", JRE)
@needs("ruby", "ruby ruby-typhoeus")
@pytest.mark.nightly
def test_a_generated_ruby_client_loads_and_works(serve: Callable[..., Server], tmp_path: Path) -> None:
    shutil.copy(STORIES / "story.rb", tmp_path)
    generate("ruby", tmp_path, gemName="pressroom")  # loading it loads all of its files
    run("ruby", "story.rb", f"http://127.0.0.1:{serve().port}", directory=tmp_path)


@needs("javac", "default-jdk-headless libgeronimo-annotation-1.3-spec-java", JAVA_ANNOTATIONS)
@pytest.mark.nightly
def test_a_generated_java_client_compiles_and_works(serve: Callable[..., Server], tmp_path: Path) -> None:
    shutil.copy(STORIES / "Story.java", tmp_path)
    package = "com.pressroom.client"
    packages = {"invokerPackage": package, "apiPackage": f"{package}.api", "modelPackage": f"{package}.model"}
    client = generate("java", tmp_path, openApiNullable="false", **packages)
    # The generator contains the JSON library that its clients need.
    classpath = f"classes:{openapi_generator()}:{JAVA_ANNOTATIONS}"
    sources = [tmp_path / "Story.java", *(client / "src" / "main").rglob("*.java")]
    run("javac", "-d", "classes", "-cp", classpath, *sources, directory=tmp_path)
    run("java", "-cp", classpath, "Story", f"http://127.0.0.1:{serve().port}", directory=tmp_path)


def texts(node: Any) -> Iterator[str]:
    """Yield every text in a part of the OpenAPI document."""
    if isinstance(node, str):
        yield node
    elif isinstance(node, dict | list):
        for child in node.values() if isinstance(node, dict) else node:
            yield from texts(child)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(["node", "matches.js"], marks=needs("node", "nodejs"), id="ECMAScript"),
        pytest.param(["php", "matches.php"], marks=needs("php", "php-cli"), id="PCRE"),
        pytest.param(["ruby", "matches.rb"], marks=needs("ruby", "ruby"), id="Ruby"),
        pytest.param(["go", "run", "matches.go"], marks=needs("go", "golang-go"), id="RE2"),
        pytest.param(
            ["java", "-cp", str(openapi_generator()), "Matches.java"],
            marks=needs("javac", "default-jdk-headless"),
            id="Java",
        ),
    ],
)
def test_every_pattern_matches_the_same_texts_in_every_language(command: list[str]) -> None:
    patterns = sorted({schema["pattern"] for _, schema in schemas(DOCUMENT_JSON) if "pattern" in schema})
    examples = ["", "\0", "a\0b", "é", "漢", "😀", "-", "a,b", "0999-01-01", *sorted({*texts(DOCUMENT_JSON)})]
    cases = [(pattern, text) for pattern in patterns for text in examples]
    printed = run(*command, directory=PATTERNS, text=json.dumps(cases)).strip()
    expected = "".join("1" if re.search(pattern, text) else "0" for pattern, text in cases)
    assert [case for case, found, right in zip(cases, printed, expected, strict=True) if found != right] == []
