"""Links from our Markdown pages to files of the project lead somewhere. Reads text alone."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SKIPPED = ("build", "runs", "workspace")
PAGES = sorted(
    f
    for f in ROOT.rglob("*.md")
    if not any(part.startswith(".") or part in SKIPPED for part in f.relative_to(ROOT).parts[:-1])
)


def local_links(text: str) -> list[str]:
    """Targets of the page's links and pictures that are files, without their #anchors; code is left out."""
    prose = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.MULTILINE | re.DOTALL)
    prose = re.sub(r"`[^`\n]*`", "", prose)
    targets = re.findall(r"\]\(<?([^)\s>]+)>?(?:\s+\"[^\"]*\")?\)", prose)
    targets += re.findall(r"^\[[^\]]+\]:\s+(\S+)", prose, flags=re.MULTILINE)
    targets += re.findall(r"<(?:img|a)\b[^>]*?\b(?:src|href)=\"([^\"]+)\"", prose)
    files = [t.partition("#")[0] for t in targets if not re.match(r"[a-z][a-z0-9+.-]*:", t)]
    return [file for file in files if file]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_to_files_resolve(page: Path) -> None:
    missing = [link for link in local_links(page.read_text()) if not (page.parent / link).exists()]
    assert missing == [], f"{page.relative_to(ROOT)} links to files that are not there"


def test_local_links_are_found_and_others_left_alone() -> None:
    page = (
        "[a](docs/a.md#top) ![b](b.png \"B\") [web](https://x.org/y.md) [here](#here) <img src=\"c.svg\">\n"
        "`[code](no.md)`\n```\n[block](no.md)\n```\n[d]: e.md\n"
    )  # fmt: skip
    assert local_links(page) == ["docs/a.md", "b.png", "e.md", "c.svg"]
