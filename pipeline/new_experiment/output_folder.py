"""The folder that `thaw init` writes, completely or not at all. Imports acquisition and errors."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import signal
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from acquisition.splits.near_duplicates_file import NEAR
from experiment.errors import ThawError, check_utf_8

CONFIG, RECORDS, IMAGES = "config.yaml", "records", "images.csv"
"""With NEAR, the entries of such a folder: the experiment, its TFRecords, the split of each image."""
_LOCK, _NEW, _OLD = "thaw-init.lock", "new", "old"
"""In the temporary folder: the writing process's lock, the new files, and those that they replace."""


def check_output(out: Path, folder: Path, *, force: bool) -> None:
    """Checks early that the folder can be written; removes what a killed init left next to it.

    Args:
      out: to be written.
      folder: of the user's images.
      force: an earlier output of `thaw init` may be replaced.

    Raises:
      ThawError: it exists and may not be replaced, lies within the images or contains them, lies in no folder, or its
        path is not UTF-8.
    """
    check_utf_8(str(out), "Name another folder with --out.")
    # Links and `..` obscure a folder's place.
    # Not Path.resolve: before Python 3.13 it raises if links form a loop.
    real, images = Path(os.path.realpath(out.parent), out.name), Path(os.path.realpath(folder))
    if real == images or images in real.parents or real in images.parents:
        raise ThawError(f"{out} and the images in {folder} contain each other. Name another folder with --out.")
    if not out.parent.is_dir():
        raise ThawError(f"{out.parent}, where {out.name} should be made, is not a folder. Make it, or name another "
                        "with --out.")  # fmt: skip
    _clear_leftovers(out)
    _check_replaceable(out, force=force)


def _check_replaceable(out: Path, *, force: bool) -> None:
    if not os.path.lexists(out):
        return
    if not force:
        raise ThawError(f"{out} exists. Name another folder with --out, or replace it with --force.")
    if out.is_symlink() or not _is_ours(out):
        raise ThawError(f"{out} holds files that `thaw init` did not write, so --force does not replace it. Remove it "
                        "yourself, or name another folder with --out.")  # fmt: skip


@contextlib.contextmanager
def written_whole(out: Path, *, force: bool) -> Iterator[Path]:
    """Yields a temporary folder next to `out`; it replaces `out` if the block succeeds, and is removed otherwise.

    It is also removed if SIGTERM or SIGHUP would end the process at once: the status is 128 plus the signal's number.

    Args:
      out: to be written.
      force: as in check_output; checked again at the end, since another process may have written there.

    Raises:
      ThawError: it can't be written, or may not be replaced.
    """
    try:
        with _ended_in_order(), _temporary_beside(out) as temporary, _held(temporary):
            draft = temporary / _NEW
            draft.mkdir()
            yield draft
            _check_replaceable(out, force=force)
            _put(draft, out, temporary / _OLD)
    except OSError as error:
        raise ThawError(f"{out} can't be written ({error}). Expected a place with room for the images; free some, "
                        "correct its permissions, or name another with --out.") from error  # fmt: skip


@contextlib.contextmanager
def _temporary_beside(out: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as temporary:
        yield Path(temporary)


def _put(draft: Path, out: Path, old: Path) -> None:
    """Renames the draft to `out`; the earlier folder is moved to `old`, and back if that fails."""
    try:
        if out.exists():
            os.replace(out, old)
        os.replace(draft, out)
    except BaseException:
        if old.exists() and not out.exists():
            os.replace(old, out)
        raise


@contextlib.contextmanager
def _ended_in_order() -> Iterator[None]:
    """Makes signals that end the process at once raise SystemExit in the main thread, so that files are removed."""

    def end(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    deadly = [one for one in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(one) == signal.SIG_DFL]
    for number in deadly:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in deadly:
            signal.signal(number, signal.SIG_DFL)


@contextlib.contextmanager
def _held(temporary: Path) -> Iterator[None]:
    with (temporary / _LOCK).open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _clear_leftovers(out: Path) -> None:
    """Removes temporary folders of killed processes; an experiment that was being replaced is restored."""
    own = re.compile(re.escape(f".{out.name}-") + r"[a-z0-9_]+")  # none of an output named `<out.name>-2`
    for entry in out.parent.iterdir():
        if not own.fullmatch(entry.name) or not (entry / _LOCK).is_file():
            continue
        with contextlib.suppress(OSError), (entry / _LOCK).open("r+", encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails if another init is writing
            if (entry / _OLD).is_dir() and not os.path.lexists(out):
                os.replace(entry / _OLD, out)
            shutil.rmtree(entry)


def _is_ours(folder: Path) -> bool:
    """Whether the folder contains only what `thaw init` writes."""
    if not folder.is_dir():
        return False
    names = {path.name for path in folder.iterdir()}
    return CONFIG in names and names <= {CONFIG, RECORDS, IMAGES, NEAR}
