"""Words of pages, templates and Python texts, and lengths of sentences, against docs/style.md. Imports none of them.

The terms are those of docs/style.md; proselint, in `make lint`, checks general usage.
"""

from __future__ import annotations

import ast
import functools
import io
import json
import re
import tokenize
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.packages import MODULES, PACKAGES

ROOT = Path(__file__).resolve().parents[2]
STYLE = ROOT / "docs" / "style.md"
MOST_WORDS = 45
"""In one sentence, outside tables and code. The style asks for 25; a list in a sentence may be longer."""

PATTERNS = ("*.md", "docs/**/*.md", "kubeflow/*.md", "components/**/*.j2")
EXEMPT = {
    "docs/style.md": "names the terms",
}
PYTHON = sorted(
    [*(ROOT / name for name in MODULES), *(f for name in (*PACKAGES, "benchmarks", "docs_build", "kubeflow")
                                           for f in (ROOT / name).rglob("*.py"))]
)  # fmt: skip
PAGES = sorted(path for pattern in PATTERNS for path in ROOT.glob(pattern) if str(path.relative_to(ROOT)) not in EXEMPT)

OLD_TEXTS = (
    "Such a transfer is left out of the run, loudly.",
    "Layer conv holds weights that are no finite numbers.",
    "It has what TensorFlow, Beam and TFX had to say.",
    "Cells of the grid as stock KerasTuner trials and in Thaw, by turns.",
    "A training that diverged twice in vain.",
    "Fresh draws settle it, and its interval holds 0.",
    "The plan promises about half the time.",
    "Something that you can put right, or that Thaw mends.",
    "What is compared is fixed beforehand, and another draw makes it anew.",
    "Accuracy fine-tuned less that of the cell without, of intervals that hold the truth.",
    "A group in two splits is torn apart and flatters every figure.",
    "Correct the permissions or see to it, and the run goes on.",
    "Short probes foretell nothing, held against the rule.",
    "For n images of a target, a linear probe is fitted on every source's features at every cut, and a ridge "
    "regression turns the probes' squared errors, n, the share of frozen layers, fine-tuning and the architecture into "
    "an expected gain over training from scratch, which is said with its interval.",
)
"""Of earlier pages, each with one of the terms or too long."""


@functools.cache
def unwanted_terms() -> re.Pattern[str]:
    """The left column of the table that follows `Do not use these` in docs/style.md, as a pattern of whole words.

    Words in brackets only say which sense is meant: `call (a difference)` is left out, for `call` has others.
    """
    table = STYLE.read_text(encoding="utf-8").partition("Do not use these")[2].partition("\n## ")[0]
    cells = re.findall(r"^\|([^|]+)\|[^|]+\|$", table, flags=re.MULTILINE)[2:]
    terms = [term.strip() for cell in cells for term in cell.split(",")]
    listed = "|".join(re.escape(term) for term in terms if "(" not in term)
    return re.compile(rf"\b(?:{listed})(?:s|d|ed)?\b", re.IGNORECASE)


def prose_of(text: str) -> str:
    """Text without code, tables, headings, pictures, markup and the addresses of links; a paragraph a line."""
    text = re.sub(r"```.*?```|<style>.*?</style>|\{#.*?#\}|\{%.*?%\}|<svg.*?</svg>", "\n\n", text, flags=re.DOTALL)
    text = re.sub(r"\{\{.*?\}\}|`[^`]*`", "X", text, flags=re.DOTALL)
    text = re.sub(r"</?(?:p|li|ul|dt|dd|dl|h\d|caption|td|th|tr|div|small|br|summary|title)\b[^>]*>", "\n\n", text)
    text = re.sub(r"<[^>]*>|!\[[^\]]*\]\([^)]*\)", "", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"^(?:#+ |\|).*$", "\n", text, flags=re.MULTILINE)
    text = re.sub(r"^\s*(?:[-*]|\d+\.) +", "\n", text, flags=re.MULTILINE)
    return "\n".join(" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip())


def sentences_of(text: str) -> Iterator[str]:
    for paragraph in prose_of(text).splitlines():
        yield from re.split(r"(?<=[.!?:;])[\"')*_]* +(?=[\"'(*_\[]*[A-Z0-9`\[])|: |; ", paragraph)


def words_of(sentence: str) -> list[str]:
    return [word for word in sentence.split() if re.search(r"[A-Za-z]", word)]


def python_texts(source: str) -> Iterator[str]:
    """Docstrings, comments, and strings of two words or more, each on one line."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
            yield " ".join(node.value.split())
    comments = [(token.start[0], token.string.lstrip("# ")) for token in tokenize.generate_tokens(
        io.StringIO(source).readline) if token.type == tokenize.COMMENT]  # fmt: skip
    yield " ".join(text for _, text in comments)


def unwanted_in(prose: str) -> list[str]:
    """Unwanted terms with their surroundings."""
    return [
        f"{match[0]!r} in: ...{prose[max(0, match.start() - 40) : match.end() + 40]}..."
        for match in unwanted_terms().finditer(prose)
    ]


def findings_in(text: str) -> list[str]:
    """What a page says against the style: unwanted terms, and long sentences."""
    return unwanted_in(prose_of(text)) + [
        f"{len(words_of(sentence))} words: {sentence}"
        for sentence in sentences_of(text)
        if len(words_of(sentence)) > MOST_WORDS
    ]


def found_in(paths: Sequence[Path], findings: Callable[[str], list[str]]) -> dict[str, list[str]]:
    """What is wrong with the files' texts, by file; files where nothing is are left out."""
    return {
        str(path.relative_to(ROOT)): found for path in paths if (found := findings(path.read_text(encoding="utf-8")))
    }


def test_a_page_has_no_unwanted_term_and_no_sentence_to_be_read_twice() -> None:
    assert len(PAGES) > 50
    assert found_in(PAGES, findings_in) == {}


def test_texts_of_a_module_have_no_unwanted_term() -> None:
    assert found_in(PYTHON, lambda source: unwanted_in("\n".join(python_texts(source)))) == {}


def test_a_notebook_has_no_unwanted_term() -> None:
    def in_cells(notebook: str) -> list[str]:
        return unwanted_in("\n".join("".join(cell["source"]) for cell in json.loads(notebook)["cells"]))

    paths = sorted((ROOT / "notebooks").glob("*.ipynb"))
    assert paths and found_in(paths, in_cells) == {}


def test_docstrings_comments_and_messages_are_read_and_code_is_not() -> None:
    module = '"""Settles it."""\n# In vain.\nmend = 1\nsay(f"{x} went on " + "and anew")\nname = "promise"\n'
    assert len(unwanted_in("\n".join(python_texts(module)))) == 4


@pytest.mark.parametrize("text", OLD_TEXTS)
def test_texts_of_earlier_pages_are_found(text: str) -> None:
    assert findings_in(text)


def test_tables_code_and_templates_are_not_read_as_prose() -> None:
    assert not findings_in(
        "| promise | mend |\n\n```\nsettle loudly\n```\n\n`in vain` and {{ by turns }}, {% promise %}."
    )
    assert len(findings_in("- It mends one.\n- It settles another.")) == 2


def test_no_cell_of_a_table_waits_for_its_text() -> None:
    """engines.md had `MULTI` where the result of a trial should have been written."""
    cells = {(path.name, cell) for path in PAGES for cell in re.findall(r"(?<=\| )[A-Z_]{4,}(?= \|)", path.read_text())}
    assert {(name, cell) for name, cell in cells if cell != "LEEP"} == set()
