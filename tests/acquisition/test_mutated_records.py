"""Damaged records and files of them are read correctly or rejected by name. Mutates thousands of valid ones."""

from __future__ import annotations

import io
import re
import resource
import struct
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from acquisition.tfrecords import inspection
from acquisition.tfrecords.inspection import inspect_records
from acquisition.tfrecords.record_files import RecordFiles
from experiment.config import Data
from experiment.errors import ThawError
from trainer_module.data.image_decoding import decode_images

Mutations = Callable[..., Iterator[bytes]]
Judge = Callable[[bytes], bool]
DATA = Data(classes=("a", "b", "c"), image_shape=(8, 8, 3))
NAMED = re.compile(r"(train|test)\.tfrecord, record \d+")


def numbers(some: int, every: int) -> pytest.MarkDecorator:
    """A sample of the mutations, or all of them on request."""
    whole = pytest.param(range(every), id="all", marks=[pytest.mark.exhaustive, pytest.mark.timeout(3600)])
    return pytest.mark.parametrize("numbers", [pytest.param(range(some), id="some"), whole])


def pixels(number: int) -> np.ndarray:
    return np.random.default_rng(number).integers(0, 256, (8, 8, 3), np.uint8)


def encoded(format: str, number: int = 1, mode: str = "RGB", **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels(number)).convert(mode).save(buffer, format, **options)
    return buffer.getvalue()


IMAGES = [encoded("PNG"), encoded("PNG", 2, "P"), encoded("PNG", 3, compress_level=0), encoded("JPEG"),
          encoded("JPEG", 4, progressive=True)]  # fmt: skip


def png_chunks(image: bytes) -> list[tuple[bytes, bytes]]:
    """(kind, content) of a PNG's chunks."""
    chunks, place = [], 8
    while place < len(image):
        [length] = struct.unpack(">I", image[place : place + 4])
        chunks.append((image[place + 4 : place + 8], image[place + 8 : place + 8 + length]))
        place += 12 + length
    return chunks


def png_of(chunks: list[tuple[bytes, bytes]]) -> bytes:
    """A PNG whose checksums are right whatever its chunks hold."""
    body = (struct.pack(">I", len(c)) + kind + c + struct.pack(">I", zlib.crc32(kind + c)) for kind, c in chunks)
    return b"\x89PNG\r\n\x1a\n" + b"".join(body)


class Folder:
    """One test record and training records that change, inspected again and again."""

    def __init__(self, make: Any, folder: Path):
        self.train = folder / "train.tfrecord"
        self.files = RecordFiles(folder, "train.tfrecord", "test.tfrecord")
        self.test = [make.example(image=encoded("PNG", 9), label=1, id=b"test")]
        make.write_records(folder / "test.tfrecord", self.test)
        make.write_records(self.train, [])

    def inspect(self) -> dict[str, int] | str:
        """Training images by class, or why the data are refused."""
        try:
            return inspect_records(self.files, DATA).train_counts
        except ThawError as error:
            return str(error)


@pytest.fixture
def folder(make: Any, tmp_path: Path) -> Folder:
    return Folder(make, tmp_path)


@pytest.fixture
def judge(folder: Folder, monkeypatch: pytest.MonkeyPatch) -> Callable[[bytes], bool]:
    """A function that returns whether a training record passes: it must then be valid, and otherwise be named.

    The record is passed as if it had been read: opening two files takes ten times as long as inspecting them.
    """

    def judge(record: bytes) -> bool:
        read = {"train": [record], "test": folder.test}
        monkeypatch.setattr(inspection, "read_batches", lambda path: iter([(0, read[path.stem])]))
        found = folder.inspect()
        if isinstance(found, str):
            assert NAMED.search(found), found
            return False
        features = tf.train.Example.FromString(record).features.feature
        label = features["label"].int64_list.value[0]
        assert found == {name: int(index == label) for index, name in enumerate(DATA.classes)}
        assert decode_images(tf.constant([features["image"].bytes_list.value[0]]), DATA.image_shape).shape[0] == 1
        return True

    return judge


@numbers(300, 30_000)
def test_a_damaged_record_is_read_right_or_named(make: Any, mutations: Mutations, judge: Judge, numbers: range) -> None:
    samples = [make.example(image=image, label=i % 3, id=b"train") for i, image in enumerate(IMAGES)]
    passed = [judge(record) for record in mutations(samples, numbers)]
    assert 0 < sum(passed) < len(passed)


@numbers(300, 25_000)
def test_a_damaged_image_in_a_sound_record_is_read_right_or_named(
    make: Any, mutations: Mutations, judge: Judge, numbers: range
) -> None:
    passed = [judge(make.example(image=image, label=0, id=b"x")) for image in mutations(IMAGES, numbers)]
    assert 0 < sum(passed) < len(passed)


@numbers(200, 15_000)
def test_damage_that_the_checksums_of_a_png_do_not_show_is_read_right_or_named(
    make: Any, mutations: Mutations, judge: Judge, numbers: range
) -> None:
    chunks = png_chunks(IMAGES[0])
    passed = []
    for place in range(len(chunks)):
        kind, content = chunks[place]
        for changed in mutations([kind + content], numbers[place :: len(chunks)]):
            image = png_of([*chunks[:place], (changed[:4], changed[4:]), *chunks[place + 1 :]])
            passed.append(judge(make.example(image=image, label=0, id=b"x")))
    assert 0 < sum(passed) < len(passed)


@numbers(30, 3_000)
def test_a_damaged_file_is_read_right_or_named(make: Any, mutations: Mutations, folder: Folder, numbers: range) -> None:
    records = [make.example(image=IMAGES[i], label=i, id=str(i).encode()) for i in range(3)]
    whole = make.write_records(folder.train, records).read_bytes()
    for content in mutations([whole], numbers):
        folder.train.write_bytes(content)
        found = folder.inspect()
        if isinstance(found, str):
            assert NAMED.search(found) or "The train split has no records" in found, found
        else:
            # Checksums let whole records pass alone; cut off between two of them, a file is shorter and sound.
            assert all(count <= 1 for count in found.values())


def test_an_image_that_inflates_to_more_than_it_declares_takes_no_memory_for_it(make: Any, judge: Judge) -> None:
    header, pixels, end = png_chunks(IMAGES[0])
    packer = zlib.compressobj(1)
    content = (zlib.decompress(pixels[1]), *(bytes(1 << 20) for _ in range(128)))
    much = b"".join(packer.compress(part) for part in content) + packer.flush()
    text = (b"zTXt", b"note\0\0" + zlib.compress(bytes(1 << 26), 1))
    sound = make.example(image=IMAGES[0], label=0, id=b"x")
    assert judge(sound)
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert judge(make.example(image=png_of([header, (b"IDAT", much), end]), label=0, id=b"x"))
    assert judge(make.example(image=png_of([header, text, pixels, end]), label=0, id=b"x"))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 100 << 10
