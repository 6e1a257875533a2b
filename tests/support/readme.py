"""The README: its sections, and the console sessions in them."""

import re
from collections.abc import Iterator

from tests.support.paths import PROJECT_ROOT

README = (PROJECT_ROOT / "README.md").read_text()


def section(title: str) -> str:
    """Return the text under a heading of the second level."""
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def console_session(text: str) -> Iterator[tuple[str, str]]:
    """Yield each command of the console blocks in `text` with the output below it."""
    for block in re.findall(r"```console\n(.*?)```", text, flags=re.DOTALL):
        for command, _, output in (part.partition("\n") for part in block.split("$ ")[1:]):
            yield command, output


def matches(actual: str, documented: str) -> bool:
    """Return whether output is as documented, where … stands for any text."""
    pattern = ".*".join(map(re.escape, documented.strip().split("…")))
    return re.fullmatch(pattern, actual.replace("\r", "").strip(), flags=re.DOTALL) is not None
