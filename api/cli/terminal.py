"""Text and bytes that come from a terminal or go to one."""

import io
import os
import re
import sys
from collections.abc import Callable
from typing import Any, BinaryIO, TypeVar

import click

PASSWORD_INPUT_MAX_BYTES = 4_096
Command = TypeVar("Command", bound=Callable[..., object])
_CONTROL_CHARACTER = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_NOT_UTF8 = re.compile("[\ud800-\udfff]")


class Text(click.ParamType[str]):
    """Text, as opposed to the bytes of a file name."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the text; `BadParameter` if it is not UTF-8."""
        text = str(value)
        if _NOT_UTF8.search(text):
            # The message does not repeat the text, which may be a password.
            self.fail("It is not UTF-8. Write it in UTF-8, and set LC_ALL=C.UTF-8.", param, ctx)
        return text


class _UTF8(click.ParamType[Any]):
    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value that the text has; `BadParameter` if it has none, and if it is not UTF-8."""
        return super().convert(Text().convert(value, param, ctx), param, ctx)


class Number(_UTF8, click.IntRange):
    """A whole number."""


class Seconds(_UTF8, click.FloatRange):
    """A number of seconds."""


class Choice(_UTF8, click.Choice[Any]):
    """One of several texts."""


class FilePath(click.Path):
    """The path of a file, in any bytes but control characters, which a message could not show."""

    def __init__(self, *, exists: bool = False, allow_dash: bool = False) -> None:
        super().__init__(exists=exists, dir_okay=False, allow_dash=allow_dash)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the path; `BadParameter` if it has control characters."""
        path = os.fsdecode(value)
        if _CONTROL_CHARACTER.search(path):
            self.fail(f"{path!r} has control characters. Choose another name.", param, ctx)
        return super().convert(value, param, ctx)


def escape_controls(text: str) -> str:
    """Return the text with escapes for control characters, which could change what a terminal shows."""
    return _CONTROL_CHARACTER.sub(lambda match: ascii(match[0])[1:-1], text)


def escape_what_the_terminal_lacks() -> None:
    """Print characters that the encoding of the output does not have as escapes, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def discard_unwritable_output() -> None:
    """Discard what standard output cannot take, such as on a full disk: Python would report it again when it ends."""
    try:
        if sys.stdout:
            sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def binary_output() -> BinaryIO:
    """Return standard output for bytes."""
    if sys.stdout is None:
        raise click.ClickException("Standard output is closed. Name a file.")
    return sys.stdout.buffer


def binary_input() -> BinaryIO:
    """Return standard input for bytes."""
    if sys.stdin is None:
        raise click.ClickException("Standard input is closed.")
    return sys.stdin.buffer


def password_options(description: str) -> Callable[[Command], Command]:
    """Add `--password-stdin` and `--password` to a command, which passes both to `read_password`."""

    def decorate(command: Command) -> Command:
        visible = "Other users of this machine can see it in `ps`, and shells save it in their history."
        command = click.option("--password", type=Text(), help=f"{description}; prompted for if omitted. {visible}")(
            command
        )
        return click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")(command)

    return decorate


def read_password(password: str | None, *, password_stdin: bool) -> str:
    """Return the password from the option, from standard input, or from a prompt."""
    if password is not None and password_stdin:
        raise click.UsageError("Use either --password or --password-stdin.")
    if password is not None:
        return password
    if not password_stdin:
        return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
    raw = binary_input().read(PASSWORD_INPUT_MAX_BYTES + 1)
    if len(raw) > PASSWORD_INPUT_MAX_BYTES:
        raise click.UsageError("Standard input is too long. Send only the password.")
    try:
        text = raw.decode().removesuffix("\n").removesuffix("\r")
    except UnicodeDecodeError:
        raise click.UsageError("Standard input is not UTF-8. Send the password in UTF-8.") from None
    if "\n" in text:
        raise click.UsageError("Standard input has more than one line. Send only the password.")
    return text
