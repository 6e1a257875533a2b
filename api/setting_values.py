"""How the value of a setting is described and read."""

import re
from collections.abc import Callable, Mapping
from dataclasses import Field, field
from difflib import get_close_matches
from typing import Any, get_args

PREFIX = "PRESSROOM_"

INJECTED = re.compile(
    r"PRESSROOM_([A-Z0-9_]+_)?(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?"
    r"|PORT_[0-9]+_(TCP|UDP|SCTP)(_PROTO|(_PORT|_ADDR)?(_START|_END)?)|ENV_[^=]+)=.*"
    r"|PRESSROOM_([A-Z0-9_]+_)?PORT=(tcp|udp|sctp)://.*"
    r"|PRESSROOM_([A-Z0-9_]+_)?NAME=/[^/]+/[^/]+",
    re.DOTALL,
)
"""Variables that Kubernetes sets for each service, and Docker for each link, whose name begins with `pressroom`."""

_CONTROL_CHARACTER = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff]")
_SYNONYMS = {
    **dict.fromkeys(("PORT", "HOST", "ADDRESS", "ADDR", "LISTEN"), "PRESSROOM_BIND"),
    **dict.fromkeys(("WORKERS", "CONCURRENCY", "WEB_CONCURRENCY"), "WEB_CONCURRENCY"),
}


class InvalidSetting(ValueError):
    """An unknown setting or an invalid value, or several; each message says what to change."""

    def __init__(self, *messages: str) -> None:
        super().__init__("\n".join(messages))
        self.messages = messages


def setting(
    default: Any,
    description: str,
    *,
    choices: tuple[str, ...] = (),
    pattern: str = "",
    expected: str = "",
    minimum: int = 0,
    maximum: int = 1_000_000,
    check: Callable[[str], str] | None = None,
    is_secret: bool = False,
) -> Any:
    """Return a dataclass field with its description and the values it accepts.

    `expected` says in words what `pattern` matches; `check` returns what to change, or nothing. The value of a secret
    is not repeated in errors.
    """
    accepted = {"choices": choices, "pattern": pattern, "expected": expected, "minimum": minimum, "maximum": maximum}
    accepted["check"] = check
    return field(default=default, metadata={"description": description, "is_secret": is_secret, **accepted})


def check_text(name: str, text: str) -> None:
    """Raise `InvalidSetting` if the value of the variable `name` is not UTF-8 or has control characters.

    A file with Windows line endings adds one to each value. The message does not repeat the value.
    """
    if control := _CONTROL_CHARACTER.search(text):
        raise InvalidSetting(
            f"Invalid {name}: remove the control character U+{ord(control[0]):04X}"
            f"{', with which Windows ends lines.' if control[0] == chr(13) else '.'}"
        )
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise InvalidSetting(f"Invalid {name}: the value is not UTF-8. Write it in UTF-8, and set LC_ALL=C.UTF-8.")


def check_port(bind: str) -> str:
    """Return what to change in an address whose port is out of range; empty if nothing."""
    port = bind.rpartition(":")[2]
    is_valid = bind.startswith("unix:") or int(port) <= 65_535
    return "" if is_valid else "use a port from 1 to 65535, or 0 for any that is free"


def is_injected(name: str, text: str) -> bool:
    """Return whether a platform has set the variable, whose name only resembles a setting's."""
    return INJECTED.fullmatch(f"{name}={text}") is not None


def suggest(unknown: str, known: list[str]) -> str:
    """Return a sentence with the valid name that was probably meant by an unknown one."""
    if synonym := _SYNONYMS.get(unknown.removeprefix(PREFIX)):
        return f"Did you mean {synonym}?"
    # Compared without the prefix, which would make any two names similar.
    names = [name.removeprefix(PREFIX) for name in known]
    for near in get_close_matches(unknown.removeprefix(PREFIX), names, n=1):
        return f"Did you mean {PREFIX}{near}?"
    return "`pressroom settings` prints all of them."


def read_all(known: Mapping[str, Field[Any]], environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the values of the variables that `environment` has, by the names of their fields.

    `InvalidSetting` with a message for each unknown name and each invalid value.
    """
    values, problems = dict[str, Any](), list[str]()
    for name, text in sorted(environment.items()):
        if name.startswith(PREFIX) and name not in known and not is_injected(name, text):
            shown = name if name.isprintable() else ascii(name)
            problems.append(f"Unknown setting {shown}. {suggest(name, list(known))}")
    for name, definition in known.items():
        if name in environment:
            try:
                values[definition.name] = read(name, environment[name], definition)
            except InvalidSetting as error:
                problems.append(str(error))
    if problems:
        raise InvalidSetting(*problems)
    return values


def read(name: str, text: str, definition: Field[Any]) -> Any:
    """Return the value of the variable `name`, whose setting has that definition; `InvalidSetting` if it is invalid."""
    accepted = definition.metadata
    check_text(name, text)
    if definition.type is int:
        return read_integer(name, text, accepted["minimum"], accepted["maximum"])
    if accepted["choices"] and text not in accepted["choices"]:
        raise InvalidSetting(f"Invalid {name} {text!r}: use one of {', '.join(accepted['choices'])}.")
    if get_args(definition.type):
        return _read_list(name, text, accepted["check"])
    value = "" if accepted["is_secret"] else f" {text!r}"
    if text != text.strip():
        raise InvalidSetting(f"Invalid {name}{value}: remove the spaces around it.")
    if accepted["pattern"] and not re.fullmatch(accepted["pattern"], text):
        raise InvalidSetting(f"Invalid {name}{value}: use {accepted['expected']}.")
    if accepted["check"] and (advice := accepted["check"](text)):
        raise InvalidSetting(f"Invalid {name}{value}: {advice}.")
    return text


def _read_list(name: str, text: str, check: Callable[[str], str]) -> tuple[str, ...]:
    # Each part once, in the order of the text.
    parts = tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
    if parts != ("*",):
        for part in parts:
            if advice := check(part):
                raise InvalidSetting(f"Invalid {name} {part!r}: {advice}.")
    return parts


def read_integer(name: str, text: str, minimum: int, maximum: int) -> int:
    """Return the number that is the value of the variable `name`; `InvalidSetting` if it is not in the range."""
    if not (re.fullmatch("[0-9]{1,9}", text) and minimum <= int(text) <= maximum):
        raise InvalidSetting(f"Invalid {name} {text!r}: use a whole number from {minimum} to {maximum}.")
    return int(text)
