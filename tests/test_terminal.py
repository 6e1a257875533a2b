"""What `pressroom` reads from a terminal or pipe, and what it writes there, in any encoding."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from api.cli.main import cli
from api.cli.terminal import Choice, FilePath, Number, Seconds, Text
from api.settings import Settings
from tests.support.clients import PASSWORD
from tests.support.paths import PROJECT_ROOT

PRESSROOM = str(Path(sys.executable).with_name("pressroom"))
Run = Callable[..., subprocess.CompletedProcess[bytes]]


def heavy(*values: object) -> Any:
    """Return the parameters of a test that `make test` skips: each starts processes, and others prove the same path."""
    return pytest.param(*values, marks=pytest.mark.heavy)


@pytest.fixture
def pressroom(settings: Settings, tmp_path: Path) -> Run:
    """Run the command as a shell does, with arguments, input and output in bytes."""
    environment = {**os.environ, "PRESSROOM_DATABASE_URL": settings.database_url}

    def run(*arguments: bytes, stdin: bytes = b"", **changes: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [PRESSROOM, *arguments],
            cwd=tmp_path,
            env={**environment, **changes},
            input=stdin,
            capture_output=True,
            check=False,
            start_new_session=True,  # without a terminal, from which a prompt would read
        )

    return run


def commands(group: click.Group, *path: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Yield all commands with the words that run them."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *path, name)
        else:
            yield (*path, name), command


def texts() -> Iterator[tuple[tuple[str, ...], click.Parameter]]:
    """Yield each parameter that takes a value, with its command."""
    for path, command in commands(cli):
        for parameter in command.params:
            if not getattr(parameter, "is_flag", False):
                yield path, parameter


def arguments(path: tuple[str, ...], tested: click.Parameter, value: bytes) -> list[bytes]:
    """Return a command line in which that parameter has the value, and others a valid one."""
    command = dict(commands(cli))[path]
    line = [word.encode() for word in path]
    for parameter in command.params:
        given = value if parameter is tested else b"12345678"
        if isinstance(parameter, click.Option):
            if parameter is tested or parameter.name == "password":
                line += [parameter.opts[0].encode(), given]
            elif parameter.required:
                line += [parameter.opts[0].encode(), b"/dev/null"]
        else:
            line.append(given if parameter is tested else b"ada")
    return [*line, b"--yes"] if path == ("restore",) else line


TEXTS = [pytest.param(*text, id=f"{' '.join(text[0])} {text[1].name}") for text in texts()]
NOT_FILES = [
    pytest.param(path, parameter, id=f"{' '.join(path)} {parameter.name}")
    for path, parameter in texts()
    if not isinstance(parameter.type, FilePath)
]


def test_the_commands_have_texts() -> None:
    assert len(TEXTS) >= 12


@pytest.mark.parametrize(("path", "parameter"), TEXTS)
def test_every_parameter_is_a_text_or_a_file(path: tuple[str, ...], parameter: click.Parameter) -> None:
    """The types of click accept text that is not UTF-8."""
    assert isinstance(parameter.type, Text | FilePath | Number | Seconds | Choice), (path, parameter)


@pytest.fixture
def run(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Run a command in this process, with arguments decoded as Python decodes them, and bytes as standard input."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRESSROOM_DATABASE_URL", settings.database_url)
    return lambda line, stdin=b"": CliRunner().invoke(cli, [os.fsdecode(argument) for argument in line], input=stdin)


@pytest.mark.parametrize(("path", "parameter"), NOT_FILES)
@pytest.mark.parametrize("value", [b"\xff", b"a\xc3", b"\xed\xa0\x80"])
def test_arguments_that_are_not_utf_8_are_reported_in_one_sentence(
    run: Callable[..., Result], path: tuple[str, ...], parameter: click.Parameter, value: bytes
) -> None:
    result = run(arguments(path, parameter, value))
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.splitlines()[-1].startswith("Error: Invalid value for '")
    assert result.stderr.endswith("': It is not UTF-8. Write it in UTF-8, and set LC_ALL=C.UTF-8.\n")


def test_file_names_may_be_any_bytes(run: Callable[..., Result]) -> None:
    run([b"users", b"create", b"ada", b"--password", b"12345678"])
    for command in (b"export", b"import", b"backup"):
        result = run([command, b"\xff.file"])
        assert (result.exit_code, "Error" in result.stderr) == (0, False)
    assert Path(os.fsdecode(b"\xff.file")).exists()
    missing = run([b"import", b"\xfe"])
    assert (missing.exit_code, missing.stderr.count("Error: ")) == (2, 1)


@pytest.mark.parametrize(("path", "parameter"), TEXTS)
def test_control_characters_in_arguments_reach_no_terminal(
    run: Callable[..., Result], path: tuple[str, ...], parameter: click.Parameter
) -> None:
    result = run(arguments(path, parameter, "a\x1b[31m\x9b1m\r\nb".encode()))
    assert isinstance(result.exception, SystemExit | None)
    assert all(character.isprintable() or character == "\n" for character in result.output)
    # The texts of a user may have control characters over HTTP, too.
    is_text = parameter.name in {"display_name", "bio", "password"}
    assert is_text or result.exit_code in {1, 2}


def test_an_argument_of_a_shell_that_is_not_utf_8_is_reported(pressroom: Run) -> None:
    result = pressroom(b"users", b"create", b"x", b"--display-name", b"\xff", b"--password", b"12345678")
    assert result.returncode == 2
    assert result.stderr.endswith(b": It is not UTF-8. Write it in UTF-8, and set LC_ALL=C.UTF-8.\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", heavy("utf-16"), heavy("ascii:strict")])
def test_output_in_another_encoding_is_escaped(pressroom: Run, tmp_path: Path, encoding: str) -> None:
    (tmp_path / "漢.ndjson").write_text('{"user": {"username": "ada", "display_name": "漢"}}\n{"漢\x1b": 1}\n')
    result = pressroom(b"import", "漢.ndjson".encode(), PYTHONIOENCODING=encoding)
    assert result.returncode == 1
    assert b"Traceback" not in result.stderr
    encoding = encoding.partition(":")[0]
    # click takes ASCII for a locale that is not set, and prints UTF-8.
    printed = "utf-8" if encoding == "ascii" else encoding
    assert "Imported 1, skipped 0" in result.stdout.decode(printed)
    name = r"\u6f22" if encoding == "latin-1" else "漢"
    assert f"{name}.ndjson:2: " in result.stderr.decode(printed)
    exported = pressroom(b"export", PYTHONIOENCODING=encoding)
    assert json.loads(exported.stdout)["user"]["display_name"] == "漢"
    document = pressroom(b"openapi", b"print", PYTHONIOENCODING=encoding)
    assert json.loads(document.stdout.decode("utf-8"))["openapi"]


def test_the_document_is_written_in_utf_8_in_any_locale(pressroom: Run, tmp_path: Path) -> None:
    locale = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    document = (PROJECT_ROOT / "openapi" / "openapi.json").read_bytes()
    assert pressroom(b"openapi", b"write", b"document.json", **locale).returncode == 0
    assert (tmp_path / "document.json").read_bytes() == document
    assert pressroom(b"openapi", b"write", b"-", **locale).stdout == document


def test_the_c_locale_is_no_error(pressroom: Run) -> None:
    created = pressroom(
        b"users", b"create", b"ada", b"--display-name", "Zoë".encode(), b"--password", b"12345678", LC_ALL="C"
    )
    assert (created.returncode, created.stdout) == (0, b"Registered ada.\n")
    assert json.loads(pressroom(b"export").stdout)["user"]["display_name"] == "Zoë"


def test_files_that_are_not_utf_8_are_reported_by_line(pressroom: Run, tmp_path: Path) -> None:
    lines = [b'{"user": {"username": "ada"}}', b'{"user": {"username": "\xff"}}', b"\xff\xfe", b"\0"]
    (tmp_path / "in.ndjson").write_bytes(b"\n".join(lines))
    result = pressroom(b"import", b"in.ndjson")
    assert (result.returncode, result.stdout) == (1, b"Imported 1, skipped 0 already present, 3 errors.\n")
    numbers = [line.split(b":")[1] for line in result.stderr.splitlines() if line.startswith(b"in.ndjson:")]
    assert numbers == [b"2", b"3", b"4"]


@pytest.mark.parametrize(
    ("command", "stdin_or_out"),
    [
        ("users create ada --password-stdin", "<&-"),
        ("export", ">&-"),
        heavy("import -", "<&-"),
        heavy("openapi print", ">&-"),
    ],
)
def test_closed_input_or_output_is_reported_in_one_sentence(
    settings: Settings, tmp_path: Path, command: str, stdin_or_out: str
) -> None:
    result = subprocess.run(
        ["sh", "-c", f"{PRESSROOM} {command} {stdin_or_out}"],
        cwd=tmp_path,
        env={**os.environ, "PRESSROOM_DATABASE_URL": settings.database_url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (result.returncode, result.stderr.count("\n")) == (1, 1)
    assert " is closed." in result.stderr


@pytest.mark.parametrize("command", ["users --help", "export", heavy("check"), heavy("openapi print")])
def test_a_reader_that_has_gone_ends_a_command_without_a_message(
    settings: Settings, tmp_path: Path, command: str
) -> None:
    read, write = os.pipe()
    os.close(read)
    result = subprocess.run(
        [PRESSROOM, *command.split()],
        cwd=tmp_path,
        env={**os.environ, "PRESSROOM_DATABASE_URL": settings.database_url},
        stdout=write,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(write)
    assert result.stderr == b""
    assert result.returncode in {0, 1}


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_password_is_read_from_standard_input(run: Callable[..., Result], end: bytes) -> None:
    password = "pässword with spaces "
    created = run([b"users", b"create", b"ada", b"--password-stdin"], password.encode() + end)
    assert (created.exit_code, created.stdout) == (0, "Registered ada.\n")
    changed = run([b"users", b"set-password", b"ada", b"--password-stdin"], password.encode() + end)
    assert changed.exit_code == 0
    assert password not in created.output + changed.output


@pytest.mark.parametrize("command", [b"create", b"set-password"])
@pytest.mark.parametrize(
    ("stdin", "message"),
    [
        (b"\xff\xff\xff\xff\xff\xff\xff\xff", "Standard input is not UTF-8. Send the password in UTF-8."),
        (b"12345678\n12345678\n", "Standard input has more than one line. Send only the password."),
        (b"x" * 5_000, "Standard input is too long. Send only the password."),
        (b"", "password: Length must be between 8 and 128."),
        (b"1234\x005678", "password: U+0000 is not allowed."),
    ],
)
def test_invalid_passwords_on_standard_input_are_reported(
    run: Callable[..., Result], command: bytes, stdin: bytes, message: str
) -> None:
    result = run([b"users", command, b"ada", b"--password-stdin"], stdin)
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, f"Error: {message}")


def test_a_password_has_one_source(run: Callable[..., Result]) -> None:
    result = run([b"users", b"create", b"ada", b"--password", b"12345678", b"--password-stdin"], b"12345678")
    expected = (2, "Error: Use either --password or --password-stdin.")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == expected


def test_a_password_that_is_typed_is_not_shown(settings: Settings, tmp_path: Path) -> None:
    terminal, standard = pty.openpty()
    environment = {**os.environ, "PRESSROOM_DATABASE_URL": settings.database_url}
    command = [PRESSROOM, "users", "create", "ada"]
    # A session of its own, because it would ask at the terminal of the tests if there is one.
    process = subprocess.Popen(
        command, env=environment, stdin=standard, stdout=standard, stderr=standard, start_new_session=True
    )
    os.close(standard)
    output = b""
    for prompt in (b"Password: ", b"Repeat for confirmation: "):
        while prompt not in output:
            output += os.read(terminal, 1_000)
        os.write(terminal, f"{PASSWORD}\n".encode())
    while b"Registered ada." not in output:
        output += os.read(terminal, 1_000)
    assert process.wait() == 0
    os.close(terminal)
    assert PASSWORD.encode() not in output


def test_a_typed_password_that_is_not_utf_8_is_reported_in_one_sentence(pressroom: Run) -> None:
    result = pressroom(b"users", b"create", b"ada", stdin=b"\xff\xff\xff\xff\xff\xff\xff\xff\n" * 2)
    assert result.returncode in {1, 2}
    assert result.stderr.splitlines()[-1].startswith(b"Error: The input is not UTF-8.")
    assert b"Traceback" not in result.stderr


def test_help_warns_of_passwords_in_arguments(run: Callable[..., Result]) -> None:
    for command in (b"create", b"set-password"):
        shown = " ".join(run([b"users", command, b"--help"]).stdout.split())
        assert "Other users of this machine can see it in `ps`" in shown
