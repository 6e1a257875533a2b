"""The Markdown pages of the project: their sections, and the console sessions in them."""

import re
from collections.abc import Iterator

from tests.support.paths import PROJECT_ROOT

CONSOLE = re.compile(r"(?:<!-- not run: (.+?) -->\n\n)?^```console\n(.*?)^```", re.DOTALL | re.MULTILINE)


def section(page: str, title: str) -> str:
    """Return the text under a heading of the second level."""
    return (PROJECT_ROOT / page).read_text().partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def console_session(text: str) -> Iterator[tuple[str, str]]:
    """Yield each command of the console blocks in `text` with the output below it, except those marked as not run."""
    for reason, block in CONSOLE.findall(text):
        if not reason:
            for command, _, output in (part.partition("\n") for part in re.split(r"^\$ ", block, flags=re.M)[1:]):
                yield command, output


def matches(actual: str, documented: str) -> bool:
    """Return whether output is as documented, where … stands for any text."""
    pattern = ".*".join(map(re.escape, documented.strip().split("…")))
    return re.fullmatch(pattern, actual.replace("\r", "").strip(), flags=re.DOTALL) is not None
