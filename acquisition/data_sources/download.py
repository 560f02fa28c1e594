"""Downloads one file: resumable, checked, and fails quickly when offline. Imports no TensorFlow."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future, InvalidStateError, wait
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from acquisition.data_sources.one_at_a_time import filled_alone
from experiment.errors import ThawError
from terminal import console

_CHUNK_BYTES = 1 << 16
# What a broken or absent connection raises; OSError covers refused, reset, timed out and unknown host.
_NETWORK_ERRORS = (OSError, http.client.HTTPException)


def download(
    url: str,
    destination: Path,
    *,
    size_bytes: int | None = None,
    md5: str | None = None,
    timeout_s: float = 5.0,
) -> None:
    """Downloads a file, or continues where an earlier try stopped.

    The bytes received are kept in `<destination>.part`; the destination appears once the file is complete and
    checked. A broken connection is opened again as long as each attempt receives something. While another process
    downloads to the same folder, this one waits, and takes what that one received.

    Args:
      url: an http or https address.
      destination: the file to write; its folder is made when absent.
      size_bytes: the expected size; none: the size that the server announces.
      md5: the expected md5, in hexadecimal; none: not checked.
      timeout_s: how long to wait for an answer, and for further bytes, before giving up.

    Raises:
      ThawError: the server can't be reached, refuses, breaks off without sending anything, or its file has
        another size or md5 than expected.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    with filled_alone(destination.parent, lambda line: console.console(stderr=True).print(line)):
        # Without a size or md5 to check, an existing file is one that another process has just received.
        if not (destination.exists() and size_bytes is None and md5 is None):
            _download(url, destination, size_bytes, md5, timeout_s)


def _download(url: str, destination: Path, size_bytes: int | None, md5: str | None, timeout_s: float) -> None:
    part = destination.with_name(destination.name + ".part")
    if destination.exists():
        os.replace(destination, part)  # left by an earlier run: checked like what has just arrived
    of_size, of_time = DownloadColumn(table_column=console.WHOLE), TimeRemainingColumn(table_column=console.WHOLE)
    columns = (console.CutWords("{task.description}"), BarColumn(), of_size, of_time)
    with console.progress_in(console.console(stderr=True), *columns) as progress:
        bar = _Bar(progress, destination.name, size_bytes)
        while not _is_whole(part, size_bytes):
            before = _size(part)
            try:
                whole = _transfer(url, part, size_bytes, timeout_s, bar)
            except _NETWORK_ERRORS as error:
                whole = False
                cause: object = getattr(error, "reason", None) or error or type(error).__name__
            else:
                cause = "the connection closed early"
            if whole:
                break
            if _size(part) <= before:
                raise ThawError(_gave_up(url, part, cause))
    _check(url, part, size_bytes, md5)
    os.replace(part, destination)


class _Bar:
    """One task of a progress bar."""

    def __init__(self, progress: Progress, name: str, total: int | None):
        self.progress = progress
        self.task = progress.add_task(name, total=total, visible=False)  # until something arrives

    def show(self, completed: int, total: int | None) -> None:
        self.progress.update(self.task, completed=completed, total=total, visible=True)


def _transfer(url: str, part: Path, size_bytes: int | None, timeout_s: float, bar: _Bar) -> bool:
    """Appends what the server sends to the part; returns whether it is all that the server announced."""
    have = _size(part)
    request = urllib.request.Request(url, headers={"User-Agent": "thaw", "Accept-Encoding": "identity"})
    if have:
        request.add_header("Range", f"bytes={have}-")
    try:
        response = _open_within(request, timeout_s)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and have:
            part.unlink()  # longer than the server's file, so useless
            return _transfer(url, part, size_bytes, timeout_s, bar)
        raise ThawError(f"{url} answered {error.code} {error.reason}. Expected the file; try again later, or put "
                        f"the file at {part.with_suffix('')}.") from error  # fmt: skip
    with response:
        resumed = have > 0 and (response.headers.get("Content-Range") or "").startswith(f"bytes {have}-")
        start = have if resumed else 0
        announced = response.headers.get("Content-Length")
        total = start + int(announced) if announced and announced.isdecimal() else None
        if size_bytes is not None and total not in (None, size_bytes):
            raise ThawError(f"{url} offers {total:,} bytes; expected {size_bytes:,}. The server may have sent another "
                            f"page, such as a login page. Put the file at {part.with_suffix('')}.")  # fmt: skip
        with _appending(part, anew=not resumed) as write:
            done = start
            while chunk := response.read(_CHUNK_BYTES):
                done = write(chunk)
                bar.show(done, total)
                if size_bytes is not None and done > size_bytes:
                    break  # the check that follows refuses it
            return total is None or done >= total


@contextlib.contextmanager
def _appending(part: Path, *, anew: bool) -> Iterator[Callable[[bytes], int]]:
    """A function that writes to the file and returns its size.

    Raises:
      ThawError: the file can't be written, which is not a fault of the network.
    """
    try:
        file = part.open("wb" if anew else "ab", buffering=0)
    except OSError as error:
        raise _unwritable(part, error) from error

    def write(chunk: bytes) -> int:
        try:
            rest = memoryview(chunk)
            while rest:
                rest = rest[file.write(rest) :]
        except OSError as error:
            raise _unwritable(part, error) from error
        return file.tell()

    with file:
        yield write


def _unwritable(part: Path, error: OSError) -> ThawError:
    return ThawError(f"{part} can't be written: {error.strerror}. Expected room for the download in a folder that can "
                     "be written. Make room or correct its permissions, and run again: the bytes received are "
                     "kept.")  # fmt: skip


def _open_within(request: urllib.request.Request, timeout_s: float) -> Any:
    """Opens the address, and gives up in time even if the look-up of the host's name hangs.

    A socket's timeout does not cover that look-up, which can take half a minute without a network.
    """
    outcome: Future[Any] = Future()

    def attempt() -> None:
        try:
            answer = urllib.request.urlopen(request, timeout=timeout_s)
        except Exception as error:  # whatever it is, it is raised below, where it can be seen
            with contextlib.suppress(InvalidStateError):
                outcome.set_exception(error)
            return
        try:
            outcome.set_result(answer)
        except InvalidStateError:  # it was cancelled: the answer came too late
            answer.close()

    threading.Thread(target=attempt, daemon=True).start()
    wait([outcome], timeout_s + 1)
    if outcome.cancel():
        raise TimeoutError(f"no answer within {timeout_s:g} s")
    return outcome.result()


def _size(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0


def _is_whole(part: Path, size_bytes: int | None) -> bool:
    return size_bytes is not None and _size(part) == size_bytes


def _check(url: str, part: Path, size_bytes: int | None, md5: str | None) -> None:
    found = _size(part)
    if size_bytes is not None and found != size_bytes:
        part.unlink()
        raise ThawError(f"{url} sent {found:,} bytes; expected {size_bytes:,}. The download was "
                        "deleted. Run again.")  # fmt: skip
    if md5 is None:
        return
    digest = hashlib.md5(usedforsecurity=False)
    with part.open("rb") as file:
        while chunk := file.read(1 << 20):
            digest.update(chunk)
    if digest.hexdigest() != md5:
        part.unlink()
        raise ThawError(f"{url}: the file's md5 is {digest.hexdigest()}; expected {md5}. The download was deleted. Run "
                        "again.")  # fmt: skip


def _gave_up(url: str, part: Path, cause: object) -> str:
    kept = f" {_size(part):,} bytes are kept in {part}; the next run continues from there." if _size(part) else ""
    return (
        f"{url} can't be downloaded: {cause}. Expected the server to send the file; connect to the network, or put "
        f"the file at {part.with_suffix('')}.{kept}"
    )
