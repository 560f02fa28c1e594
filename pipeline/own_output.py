"""The folder that `thaw init` writes: whole or not at all. Imports errors alone."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from pipeline.errors import ThawError

CONFIG, RECORDS, IMAGES = "config.yaml", "records", "images.csv"
"""All that such a folder holds: the experiment, its TFRecords, and which image is in which split."""


def check_output(out: Path, folder: Path, *, force: bool) -> None:
    """Says early that the folder can't be written.

    Args:
      out: to be written.
      folder: of the user's images.
      force: an earlier output of `thaw init` may be replaced.

    Raises:
      ThawError: it exists and may not be replaced, lies within the images or holds them, or in no folder.
    """
    if out == folder or folder in out.parents or out in folder.parents:
        raise ThawError(f"{out} and the images in {folder} lie within each other. Name another folder with --out.")
    if not out.parent.is_dir():
        raise ThawError(f"{out.parent}, where {out.name} should be made, is no folder. Make it, or name another with "
                        "--out.")  # fmt: skip
    if not os.path.lexists(out):
        return
    if not force:
        raise ThawError(f"{out} exists. Name another folder with --out, or replace it with --force.")
    if out.is_symlink() or not _is_ours(out):
        raise ThawError(f"{out} holds other things than `thaw init` writes, so --force does not replace it. Remove it "
                        "yourself, or name another folder with --out.")  # fmt: skip


@contextlib.contextmanager
def written_whole(out: Path) -> Iterator[Path]:
    """Gives a temporary folder beside `out`, which takes its place when the block ends well and else vanishes.

    Raises:
      ThawError: it can't be written.
    """
    try:
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as temporary:
            draft = Path(temporary) / "new"
            draft.mkdir()
            yield draft
            if out.exists():
                os.replace(out, Path(temporary) / "old")
            os.replace(draft, out)
    except OSError as error:
        raise ThawError(f"{out} can't be written ({error}). Expected a place with room for the images; free some, put "
                        "its permissions right, or name another with --out.") from error  # fmt: skip


def _is_ours(folder: Path) -> bool:
    """Whether the folder holds what `thaw init` writes, and nothing else."""
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()}
    return CONFIG in names and names <= {CONFIG, RECORDS, IMAGES}
