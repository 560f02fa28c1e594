"""Errors that a user reads, what counts as damage, and words for paths, counts and lists. Imports nothing from Thaw."""

import os
from collections.abc import Iterable
from pathlib import Path

OURS = frozenset({
    "acquisition", "analysis", "components", "docs_build", "experiment", "ledger", "local_runner", "pipeline",
    "terminal", "thaw", "trainer_module", "transferability",
})  # fmt: skip
"""Top-level modules of Thaw."""


class ThawError(Exception):
    """Something the user can correct: what happened, what was expected, what to do next.

    Args:
      message: may quote any name or value; what can't be printed in it is written as an escape.
    """

    def __init__(self, message: str):
        super().__init__(printable(message))


class Damaged(ValueError):
    """What our own code finds wrong with the content of a file; the caller that opened it adds which file, and what to
    do."""


REPAIR = (
    "Restore it from a copy. Or move metadata.sqlite and the folder `artifacts` beside it away and run the same "
    "configuration again: data preparation, sources and candidates are then computed again, but no training that is in "
    "a ledger (the folder `ledgers` beside them) is repeated."
)
"""What to do about a damaged artifact, or about ML Metadata's file, in the experiment's part of the workspace."""


def printable(text: str) -> str:
    r"""The text with control characters and bytes that are not UTF-8 as escapes (\x1b, \udcff); line feeds stay."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)


def check_utf_8(path: str, advice: str) -> None:
    """Checks that a path is UTF-8: TensorFlow and YAML accept no other names of files.

    Raises:
      ThawError: the path has bytes that are not UTF-8; it ends in the advice.
    """
    if any("\udc80" <= one <= "\udcff" for one in path):
        raise ThawError(f"The name of {path} is not UTF-8, so TensorFlow can't open it. {advice}")


def home_expanded(path: Path | str) -> Path:
    """The path with `~` as the home folder; `~name` of an unknown user stays unchanged, and is then not found.

    Shells leave it in quotes and in `--runs=~/runs`, so every path of a command line or setting is expanded by this.
    Path.expanduser raises a RuntimeError for it.
    """
    return Path(os.path.expanduser(path))


SLIPS = frozenset({
    ArithmeticError, AssertionError, AttributeError, IndexError, KeyError, NameError, RuntimeError, StopIteration,
    TypeError, UnboundLocalError, ValueError, ZeroDivisionError,
})  # fmt: skip
"""What wrong code raises. Not what is derived from them, such as UnicodeDecodeError and Damaged."""


def is_own_mistake(error: Exception) -> bool:
    """Whether it is a bug in our own code and not a complaint about damaged input.

    Libraries raise the same exceptions for damaged files; the difference is whose code raised them. Our own code raises
    Damaged or ThawError for damage, and checks what it passes to functions written in C, such as numpy's reshape: they
    have no frame of their own, so their exceptions count as ours.
    """
    if type(error) not in SLIPS:
        return False
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return place is not None and str(place.tb_frame.f_globals.get("__name__")).partition(".")[0] in OURS


def counted(count: int, one: str, several: str = "") -> str:
    """`1 image`, `2,000 images`; with a verb, `1 image is` and `2 images are`.

    Args:
      count: how many.
      one: the words for 1.
      several: for any other number; empty: `one` with an s.
    """
    return f"{count:,} {worded(count, one, several)}"


def worded(count: float, one: str, several: str = "") -> str:
    """The same words without the number."""
    return one if count == 1 else several or f"{one}s"


def listed(values: Iterable[object]) -> str:
    """`rose, tulip`, or `none`; text that is empty or has a comma or outer spaces is put in quotes."""
    texts = map(str, values)
    return ", ".join(repr(one) if "," in one or one != one.strip() or not one else one for one in texts) or "none"
