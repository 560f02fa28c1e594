"""No text of a user's is read as markup: consoles and bars come from terminal.console. Reads the sources as text."""

import ast
from collections.abc import Iterator
from pathlib import Path

from tests.packages import PACKAGES, tree_of

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = (*PACKAGES, "benchmarks", "docs_build")
MODULES = sorted(
    {
        *ROOT.glob("*.py"),
        *(path for package in (*PACKAGES, "benchmarks", "notebooks") for path in (ROOT / package).rglob("*.py")),
    }
    - {ROOT / "terminal" / "console.py"}
)
READ_MARKUP = {
    "Console", "Progress", "TextColumn", "SpinnerColumn", "Prompt", "Confirm", "Markdown", "track", "from_markup",
    "get_console",
}  # fmt: skip


def readers_of_markup(tree: ast.AST) -> Iterator[str]:
    """Calls in a module that could read markup."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            told = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
            if name in READ_MARKUP or told.get("markup", "False") != "False":
                yield name


def test_no_module_makes_what_reads_markup() -> None:
    trees = {str(path.relative_to(ROOT)): tree_of(path) for path in MODULES}
    assert {name: found for name, tree in trees.items() if (found := list(readers_of_markup(tree)))} == {}


def test_each_reader_of_markup_is_seen() -> None:
    text = "Console()\nrich.console.Console()\nProgress()\nText.from_markup('')\nout.print('', markup=True)\nTable('')"
    assert sorted(readers_of_markup(ast.parse(text))) == ["Console", "Console", "Progress", "from_markup", "print"]
