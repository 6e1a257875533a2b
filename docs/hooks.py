"""Hooks of MkDocs: the site has the repository's pages, and the files that they link to."""

import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

PAGES = ("*.md", "benchmarks/*.md", "deploy/**/*.md", "docs/**/*.md", "examples/*/*.md", "openapi/*.md")
LINK = re.compile(r"\]\(([^)#:\s]+)")
LIST_ITEM = re.compile(r"(\d+\. |- )")


def on_page_markdown(markdown: str, **_: object) -> str:
    """Indent what belongs to an item of a list by four spaces: MkDocs' Markdown needs them, CommonMark does not."""
    lines, width = [], 0
    for line in markdown.split("\n"):
        if item := LIST_ITEM.match(line):
            width = len(item[0])
        elif line and not line.startswith(" "):
            width = 0
        lines.append(f"    {line[width:]}" if width and line.startswith(" " * width) else line)
    return "\n".join(lines)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace the files of `docs/` by those of the repository; the theme's stay."""
    root = Path(config.config_file_path).parent
    paths = sorted({linked for pattern in PAGES for page in root.glob(pattern) for linked in _with_links(page)})
    theme = [file for file in files if file.src_dir != config.docs_dir]
    return Files([*theme, *(_file(config, root, path) for path in paths)])


def _with_links(page: Path) -> Iterator[Path]:
    yield page
    for target in LINK.findall(page.read_text()):
        if (linked := (page.parent / target).resolve()).is_file():
            yield linked


def _file(config: MkDocsConfig, root: Path, path: Path) -> File:
    return File.generated(config, path.relative_to(root).as_posix(), abs_src_path=str(path))
