"""The one exception a user is meant to read, and what is said of paths. Imports nothing of ours."""

import os
from pathlib import Path

OURS = frozenset({
    "acquisition", "analysis", "components", "docs_build", "experiment", "ledger", "local_runner", "pipeline",
    "terminal", "thaw", "trainer_module", "transferability",
})  # fmt: skip
"""Top-level modules of Thaw."""


class ThawError(Exception):
    """Something the user can put right: what happened, what was expected, what to do next.

    Args:
      message: may quote any name or value; what can't be printed in it is written as an escape.
    """

    def __init__(self, message: str):
        super().__init__(printable(message))


def printable(text: str) -> str:
    r"""The text with control characters and bytes that are not UTF-8 as escapes (\x1b, \udcff); line feeds stay."""
    if text.replace("\n", "").isprintable():
        return text
    return "".join(one if one.isprintable() or one == "\n" else ascii(one)[1:-1] for one in text)


def check_utf_8(path: str, advice: str) -> None:
    """TensorFlow and YAML take no other names of files.

    Raises:
      ThawError: the path has bytes that are not UTF-8; it ends in the advice.
    """
    if any("\udc80" <= one <= "\udcff" for one in path):
        raise ThawError(f"The name of {path} is not UTF-8, so TensorFlow can't open it. {advice}")


def home_expanded(path: Path) -> Path:
    """The path with `~` as the home folder; a user's whom the system does not know stays as it is, and is not found.

    Path.expanduser raises a RuntimeError for it.
    """
    return Path(os.path.expanduser(path))


def is_own_mistake(error: Exception) -> bool:
    """Whether it is a slip of ours rather than a library's complaint about damaged input.

    Libraries complain of damaged files by TypeError and AttributeError too; what differs is whose code raised it.
    """
    if not isinstance(error, TypeError | AttributeError | NameError):
        return False
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return place is not None and str(place.tb_frame.f_globals.get("__name__")).partition(".")[0] in OURS
