"""Links, paths and modules in our Markdown pages exist. Reads only text."""

import re
from pathlib import Path

from tests.packages import PACKAGES

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


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def test_links_to_files_resolve() -> None:
    links = [(page, link) for page in PAGES for link in local_links(page.read_text(encoding="utf-8"))]
    assert len(links) > 100
    assert [(name_of(page), link) for page, link in links if not (page.parent / link).exists()] == []


def test_local_links_are_found_and_others_left_alone() -> None:
    page = (
        "[a](docs/a.md#top) ![b](b.png \"B\") [web](https://x.org/y.md) [here](#here) <img src=\"c.svg\">\n"
        "`[code](no.md)`\n```\n[block](no.md)\n```\n[d]: e.md\n"
    )  # fmt: skip
    assert local_links(page) == ["docs/a.md", "b.png", "e.md", "c.svg"]


def named_places(text: str) -> set[str]:
    """Paths of Python and YAML files, and modules to run with `python -m`, that a page names below our packages."""
    folders = "|".join((*PACKAGES, "benchmarks", "docs_build", "tests"))
    files = re.findall(rf"(?<![\w/.-])(?:{folders})/[\w/-]+\.(?:py|yaml)\b", text)
    modules = re.findall(rf"python -m\s+((?:{folders})[\w.]*\w)", text)
    return {*files, *(f"{module.replace('.', '/')}.py" for module in modules)}


def test_files_and_modules_that_a_page_names_are_there() -> None:
    places = [(name_of(page), place) for page in PAGES for place in named_places(page.read_text(encoding="utf-8"))]
    assert len(places) > 100
    assert [one for one in places if not (ROOT / one[1]).exists()] == []


def test_test_files_that_a_page_names_without_a_folder_are_there() -> None:
    there = {path.name for path in (ROOT / "tests").rglob("test_*.py")}
    named = [
        (name_of(page), name)
        for page in PAGES
        for name in re.findall(r"(?<![\w/.-])(test_\w+\.py)\b", page.read_text(encoding="utf-8"))
    ]
    assert named and [one for one in named if one[1] not in there] == []


def test_a_page_that_the_site_fills_with_another_has_no_text_of_its_own() -> None:
    stubs = re.findall(r'^    "([\w/]+)": DOCS\.parent', (ROOT / "docs" / "conf.py").read_text(), flags=re.MULTILINE)
    assert stubs and [stub for stub in stubs if len((ROOT / "docs" / f"{stub}.md").read_text().splitlines()) > 3] == []


def test_named_files_and_modules_are_found() -> None:
    page = "`pipeline/dag/dag.py`, `python -m\n  benchmarks.speed.bench`, `tests/a/test_b.py`"
    assert named_places(page) == {"pipeline/dag/dag.py", "benchmarks/speed/bench.py", "tests/a/test_b.py"}
