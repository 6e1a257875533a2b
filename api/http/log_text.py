"""Text in logs: clients must not be able to write control characters or lines of their own into them."""

import logging
import re

_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e]")
_formatter = logging.Formatter()


def escape(text: str) -> str:
    """Replace characters that are not printable by the escapes of JSON (RFC 8259, section 7).

    Not printable are those that Unicode calls control, format, separator, private or unassigned: also `U+2028`, and
    `U+202E`, which reverses the text that follows.
    """
    return text if text.isprintable() else _NOT_PRINTABLE.sub(_escape_character, text)


def _escape_character(match: re.Match[str]) -> str:
    character = match[0]
    if character.isprintable():
        return character
    units = character.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{units[index : index + 4]}" for index in range(0, len(units), 4))


def decode_field(value: str) -> str:
    """Decode the UTF-8 of a header field, which WSGI passes as Latin-1; other bytes are escaped."""
    return value.encode("latin-1", "replace").decode(errors="backslashreplace")


class EscapingFilter(logging.Filter):
    """Escapes messages and tracebacks, which may repeat what a client sent."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Change the record; keep it."""
        record.msg, record.args = escape(record.getMessage()), ()
        if record.exc_info:
            record.exc_text = "\n".join(map(escape, _formatter.formatException(record.exc_info).split("\n")))
        return True
