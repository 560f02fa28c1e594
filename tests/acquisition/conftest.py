"""Small record files and a real web server on loopback, for the tests in this folder. Imports no component."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from acquisition.tfrecords.tfrecords import encode_png
from experiment.config import ExperimentConfig

Record = bytes | None


def png(number: int, shape: tuple[int, int, int] = (32, 32, 3)) -> bytes:
    """A PNG of noise, another one for each number."""
    pixels = np.random.default_rng(number).integers(0, 256, shape, np.uint8)
    return encode_png(pixels if shape[2] != 1 else pixels[:, :, 0])


def example(**features: bytes | int | list[int] | float) -> bytes:
    """A serialized tf.train.Example with the given features."""
    message = tf.train.Example()
    for name, value in features.items():
        if isinstance(value, bytes):
            message.features.feature[name].bytes_list.value.append(value)
        elif isinstance(value, float):
            message.features.feature[name].float_list.value.append(value)
        else:
            message.features.feature[name].int64_list.value.extend([value] if isinstance(value, int) else value)
    return bytes(message.SerializeToString())


def write_records(path: Path, records: list[bytes], compression: str = "") -> Path:
    """Writes serialized records as one file of TFRecords."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), compression) as writer:
        for record in records:
            writer.write(record)
    return path


@dataclass(frozen=True)
class Makers:
    """The functions above, for tests: modules of tests can't be imported."""

    png: Callable[..., bytes] = png
    example: Callable[..., bytes] = example
    write_records: Callable[..., Path] = write_records

    def good(self, split: str, count: int) -> list[bytes]:
        """Valid records, ten classes alternating, with ids and no image twice."""
        offset = 1000 if split == "test" else 0
        return [example(image=png(offset + i), label=i % 10, id=f"{split}_{i:05d}".encode()) for i in range(count)]

    def data_set(self, folder: Path, train: list[bytes] | None = None, test: list[bytes] | None = None) -> Path:
        """A folder with one training and one test file; valid records by default."""
        train = self.good("train", 20) if train is None else train
        test = self.good("test", 10) if test is None else test
        write_records(folder / "train" / "mine-train.tfrecord-00000-of-00001", train)
        write_records(folder / "test" / "mine-test.tfrecord-00000-of-00001", test)
        return folder


@pytest.fixture
def make() -> Makers:
    return Makers()


@pytest.fixture
def said() -> list[str]:
    """Collects messages; give `said.append` as `say`."""
    return []


@pytest.fixture
def config() -> ExperimentConfig:
    """automobile against truck from ship and airplane, at n = 10 and 20."""
    return ExperimentConfig.model_validate(
        {
            "name": "test",
            "sources": {"ships_planes": {"classes": ["ship", "airplane"]}},
            "transfers": [{"source": "ships_planes", "architecture": "original"}],
            "sizes": [10, 20],
            "freeze_counts": {"original": [0]},
        }
    )


@dataclass
class Site:
    """What the web server has and how it behaves.

    Attributes:
      content: the one file, served under every path.
      ranges: whether requests for a part of it are honoured.
      cut_after: bytes after which each answer breaks off, one entry an answer; later answers are whole.
      status: sent instead of the file when not 200.
      announces_size: whether answers have a Content-Length.
      asked: the Range header of each request so far.
      url: of the file.
    """

    content: bytes = b""
    ranges: bool = True
    cut_after: list[int] = field(default_factory=list)
    status: int = 200
    announces_size: bool = True
    asked: list[str | None] = field(default_factory=list)
    url: str = ""


class _Handler(http.server.BaseHTTPRequestHandler):
    site: Site

    def do_GET(self) -> None:
        site = self.site
        asked = self.headers.get("Range")
        site.asked.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked and site.ranges else 0
        if site.status != 200 or (start and start >= len(site.content)):
            self.send_error(site.status if site.status != 200 else 416)
            return
        body = site.content[start:]
        self.send_response(206 if asked and site.ranges else 200)
        if asked and site.ranges:
            self.send_header("Content-Range", f"bytes {start}-{len(site.content) - 1}/{len(site.content)}")
        if site.announces_size:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: site.cut_after.pop(0)] if site.cut_after else body)

    def log_message(self, format: str, *args: object) -> None:
        """Keeps the server silent."""


@pytest.fixture
def site() -> Iterator[Site]:
    """A running web server with no content yet."""
    site = Site()
    handler = type("Handler", (_Handler,), {"site": site})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        site.url = f"http://127.0.0.1:{server.server_port}/file"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield site
        server.shutdown()
        thread.join()
