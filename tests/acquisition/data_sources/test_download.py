"""Downloads from a real server that breaks off, ignores ranges or is not there. Uses only loopback."""

from __future__ import annotations

import hashlib
import http.client
import socket
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from acquisition.data_sources.download import download
from experiment.errors import ThawError

CONTENT = bytes(range(256)) * 2000  # 512,000 bytes
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()
SOON = 20.0
"""Seconds, for a busy machine; with more, the tests of timeouts would take three times as long."""


def fetch(site: Any, path: Path, **changes: Any) -> None:
    settings: dict[str, Any] = {"size_bytes": len(CONTENT), "md5": MD5, "timeout_s": 3 * SOON}
    download(site.url, path, **settings | changes)


@pytest.fixture(autouse=True)
def _content(site: Any) -> None:
    site.content = CONTENT


def test_a_whole_file_arrives_checked(site: Any, tmp_path: Path) -> None:
    fetch(site, tmp_path / "new" / "file")
    assert (tmp_path / "new" / "file").read_bytes() == CONTENT
    assert site.asked == [None]
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]


def test_an_interrupted_transfer_goes_on_where_it_stopped(site: Any, tmp_path: Path) -> None:
    site.cut_after = [100_000, 50_000]
    fetch(site, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert site.asked == [None, "bytes=100000-", "bytes=150000-"]


def test_a_later_run_goes_on_where_the_first_gave_up(site: Any, tmp_path: Path) -> None:
    site.cut_after = [200_000, 0]
    with pytest.raises(ThawError, match=r"closed early.*200,000 bytes are kept in .*file\.part"):
        fetch(site, tmp_path / "file")
    assert not (tmp_path / "file").exists()
    fetch(site, tmp_path / "file")
    assert site.asked[-1] == "bytes=200000-"
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_server_without_ranges_sends_the_whole_again(site: Any, tmp_path: Path) -> None:
    site.ranges = False
    (tmp_path / "file.part").write_bytes(b"x" * 1000)
    fetch(site, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_whole_file_left_by_an_earlier_run_is_checked_and_kept(site: Any, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(CONTENT)
    fetch(site, tmp_path / "file")
    assert site.asked == []
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_part_longer_than_the_file_is_started_again(site: Any, tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(CONTENT + b"more")
    fetch(site, tmp_path / "file")
    assert site.asked == [f"bytes={len(CONTENT) + 4}-", None]
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_another_md5_is_refused_and_thrown_away(site: Any, tmp_path: Path) -> None:
    with pytest.raises(ThawError, match=f"md5 is {MD5}; expected 0000"):
        fetch(site, tmp_path / "file", md5="0000")
    assert list(tmp_path.iterdir()) == []


def test_an_announced_size_that_differs_is_refused_before_the_transfer(site: Any, tmp_path: Path) -> None:
    with pytest.raises(
        ThawError,
        match=r"offers 512,000 bytes; expected 600,000\. The server may have sent another "
        "page",
    ):
        fetch(site, tmp_path / "file", size_bytes=600_000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("expected", [400_000, 511_999])
def test_more_bytes_than_expected_are_refused(site: Any, tmp_path: Path, expected: int) -> None:
    site.announces_size = False
    with pytest.raises(ThawError, match=f"expected {expected:,}. The download was deleted"):
        fetch(site, tmp_path / "file", size_bytes=expected)
    assert list(tmp_path.iterdir()) == []


def test_without_expectations_the_announced_size_decides(site: Any, tmp_path: Path) -> None:
    site.cut_after = [1000]
    fetch(site, tmp_path / "file", size_bytes=None, md5=None)
    assert (tmp_path / "file").read_bytes() == CONTENT


@pytest.mark.parametrize("status", [404, 503])
def test_a_refusal_is_named(site: Any, tmp_path: Path, status: int) -> None:
    site.status = status
    with pytest.raises(ThawError, match=rf"answered {status} .* put the file at {tmp_path}/file\.$"):
        fetch(site, tmp_path / "file")


def test_a_closed_port_is_given_up_at_once(tmp_path: Path) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # bound, but not listening
        started = time.monotonic()
        put = rf"can't be downloaded: .*refused.*connect to the network, or put the file at {tmp_path}/file\.$"
        with pytest.raises(ThawError, match=put):
            download(f"http://127.0.0.1:{reserved.getsockname()[1]}/file", tmp_path / "file", timeout_s=3 * SOON)
    assert time.monotonic() - started < SOON


def test_a_server_that_never_answers_is_given_up_in_time(tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        started = time.monotonic()
        with pytest.raises(ThawError, match=r"can't be downloaded: .*timed out"):
            download(f"http://127.0.0.1:{silent.getsockname()[1]}/file", tmp_path / "file", timeout_s=0.3)
    assert time.monotonic() - started < SOON


def test_a_name_look_up_that_hangs_is_given_up_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # No machine has a name server that hangs on request, so the look-up itself is made slow.
    def hanging(*_: Any, **__: Any) -> None:
        time.sleep(3 * SOON)  # in a thread that nobody waits for
        raise socket.gaierror("no name server")

    monkeypatch.setattr(socket, "getaddrinfo", hanging)
    started = time.monotonic()
    with pytest.raises(ThawError, match=r"no answer within 0\.1 s"):
        download("http://thaw.invalid/file", tmp_path / "file", timeout_s=0.1)
    assert time.monotonic() - started < SOON


def test_a_connection_that_comes_after_the_time_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, look_up = threading.Event(), socket.getaddrinfo

    def late(*arguments: Any, **options: Any) -> Any:
        found.wait(SOON)
        return look_up(*arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", late)
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(SOON)
        # Kept, and with it what the frames of the download hold.
        with pytest.raises(ThawError, match="no answer within") as caught:
            download(f"http://127.0.0.1:{server.getsockname()[1]}/file", tmp_path / "file", timeout_s=0.1)
        found.set()
        connection, _ = server.accept()
        with connection:
            connection.settimeout(SOON)
            while not connection.recv(1 << 16).endswith(b"\r\n\r\n"):
                pass
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            assert connection.recv(1) == b""  # the other side has closed it
    assert caught.value


def test_a_full_disk_is_not_taken_for_a_fault_of_the_network(site: Any, tmp_path: Path) -> None:
    (tmp_path / "file.part").symlink_to("/dev/full")
    with pytest.raises(ThawError, match=r"file\.part can't be written: No space left on device") as refused:
        fetch(site, tmp_path / "file")
    assert "network" not in str(refused.value)


def test_a_size_that_is_no_number_is_not_believed(site: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    get = http.client.HTTPMessage.get
    monkeypatch.setattr(
        http.client.HTTPMessage, "get",
        lambda self, name, *rest: "many" if name == "Content-Length" else get(self, name, *rest),
    )  # fmt: skip
    fetch(site, tmp_path / "file")
    assert (tmp_path / "file").read_bytes() == CONTENT


def test_of_two_commands_at_once_one_downloads_and_the_other_takes_its_file(site: Any, tmp_path: Path) -> None:
    """Without a size and an md5, as for weights, a mixture of both files would not be noticed."""
    both = [
        threading.Thread(target=fetch, args=(site, tmp_path / "file"), kwargs={"size_bytes": None, "md5": None})
        for _ in range(2)
    ]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert (site.asked, (tmp_path / "file").read_bytes() == CONTENT) == ([None], True)
