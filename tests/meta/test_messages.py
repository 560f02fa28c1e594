"""Messages of errors are sentences in plain words. Reads the sources as text; `pytest -s` prints all of them."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeGuard

from tests.packages import MODULES, PACKAGES, tree_of

ROOT = Path(__file__).resolve().parents[2]
FILES = sorted([*(ROOT / name for name in MODULES), *(f for name in PACKAGES for f in (ROOT / name).rglob("*.py"))])
READ_BY_USERS = ("ThawError", "ValueError")
HOME_MADE = (
    "None if", "not to be had", "mend", "in vain", "loudly", "holds 0", "are no finite", "is no finite", "no row is",
    "is no row", "any more", "would be others", "put its permissions right", "settle", "promise", "by turns",
)  # fmt: skip
NOT_A = re.compile(r"\b(?:is|are) no (?!longer\b|{)\w+")
"""`is no folder` for `is not a folder`; `there is no folder` is English."""


def trees() -> dict[str, ast.Module]:
    return {str(path.relative_to(ROOT)): tree_of(path) for path in FILES}


def literal(node: ast.expr) -> str:
    """The text of a message, with each value that is put into it as {}."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(literal, node.values))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return literal(node.left) + literal(node.right)
    return "{}"


def messages(tree: ast.AST) -> Iterator[tuple[int, str, str]]:
    """(line, name of the exception, text) of what a module raises for users to read."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and node.exc.args:
            name = ast.unparse(node.exc.func).rpartition(".")[2]
            if name in READ_BY_USERS:
                yield node.lineno, name, literal(node.exc.args[0])


def complaints(name: str, text: str) -> list[str]:
    """What is wrong with a message. A ValueError may be a part of a sentence, which the code that catches it
    completes."""
    found = [word for word in HOME_MADE if re.search(rf"\b{re.escape(word)}", text)]
    found += [match.group() for match in NOT_A.finditer(text) if not text[: match.start()].lower().endswith("there ")]
    if name == "ThawError" and not text.rstrip().endswith((".", "?", "{}")):
        found.append("does not end with a sentence")
    return found


def test_messages_are_sentences_in_plain_words() -> None:
    found = [(f"{file}:{line}", name, text) for file, tree in trees().items() for line, name, text in messages(tree)]
    for place, name, text in found:
        print(f"{place} {name}: {text}")
    assert len(found) > 300
    assert {(place, text): wrong for place, name, text in found if (wrong := complaints(name, text))} == {}


def test_each_kind_of_message_and_each_fault_is_seen() -> None:
    tree = ast.parse('raise ThawError(f"{a} is " + "here. Go.")\nraise errors.ThawError("x")\nraise KeyError("y")')
    assert list(messages(tree)) == [(1, "ThawError", "{} is here. Go."), (2, "ThawError", "x")]
    assert complaints("ThawError", "{} is no folder") == ["is no folder", "does not end with a sentence"]
    assert complaints("ThawError", "There is no folder {}. Make it.") == []
    assert complaints("ValueError", "the interval holds 0") == ["holds 0"]


def test_who_is_told_to_move_the_record_of_runs_is_told_to_move_the_artifacts_too() -> None:
    """A run refuses artifacts without a record (metadata_file.check_metadata): to remove it alone does not help."""
    texts = [(file, literal(node)) for file, tree in trees().items() for node in ast.walk(tree) if is_text(node)]
    advice = [one for one in texts if "metadata.sqlite" in one[1] and re.search(r"\b(?:re)?move\b", one[1].lower())]
    assert advice and [one for one in advice if "`artifacts`" not in one[1]] == []


def is_text(node: ast.AST) -> TypeGuard[ast.expr]:
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


VERBS = re.compile(r"\{\} (?:(?:of|the|your|other|test|training) )*\w+s (?:are|have|were|lie)\b")
ALWAYS_SEVERAL = (
    "bytes are", "images are near-duplicates", "images are so alike", "workers were lost",
    "test images are of one group", "test images are in",
)  # fmt: skip
"""Words behind a number that is never 1."""


def test_a_verb_behind_a_number_fits_one_too() -> None:
    """`1 files are`; experiment.errors has the words for one and for several."""
    nodes = [(file, node) for file, tree in trees().items() for node in ast.walk(tree)]
    found = [
        (file, text) for file, node in nodes if isinstance(node, ast.JoinedStr) and VERBS.search(text := literal(node))
    ]
    assert [one for one in found if not any(words in one[1] for words in ALWAYS_SEVERAL)] == []


LISTS = ("list", "sorted", "set", "tuple")
NOT_FOR_USERS = (
    "trainer_module/",
    "analysis/confirmation/collapse.py",
    "pipeline/planning/precision.py",
    "benchmarks/",
)
"""Shapes and counts in a programmer's error, keys, and code whose text is in the keys of ledgers."""


def python_lists(tree: ast.AST) -> Iterator[str]:
    """Values that an f-string would write as Python does: ['a', 'b']."""
    for node in ast.walk(tree):
        called = node.value.func if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Call) else None
        if isinstance(called, ast.Name) and called.id in LISTS:
            yield ast.unparse(node.value)


def test_lists_are_written_in_words() -> None:
    """experiment.errors.listed writes `rose, tulip`."""
    found = {file: list(python_lists(tree)) for file, tree in trees().items() if not file.startswith(NOT_FOR_USERS)}
    assert {file: lists for file, lists in found.items() if lists} == {}
    assert list(python_lists(ast.parse('f"{list(a)} {listed(a)}"'))) == ["list(a)"]
