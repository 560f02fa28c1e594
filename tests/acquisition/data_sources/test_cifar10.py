"""The official archive's layout, in small, becomes TFRecords. Builds its archives itself; no network."""

from __future__ import annotations

import io
import os
import pickle
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from acquisition.data_sources.cifar10 import OFFICIAL, convert_archive
from acquisition.tfrecords.inspection import inspect_records
from acquisition.tfrecords.record_files import find_record_files
from experiment.config import Data
from experiment.errors import ThawError

NAMES = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


def batch(number: int, images: int = 4) -> dict[bytes, Any]:
    """As the official batches: rows of 1024 red, 1024 green and 1024 blue values."""
    data = np.random.default_rng(number).integers(0, 256, (images, 3072), np.uint8)
    return {b"data": data, b"labels": [(number + i) % 10 for i in range(images)], b"batch_label": b"x"}


def archived(path: Path, batches: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as tar:
        for name, content in batches.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return path


def pickled(**changes: Any) -> dict[str, bytes]:
    """Six batches, some replaced by other objects (by name)."""
    sound = {name: batch(number) for number, name in enumerate(NAMES)}
    return {name: pickle.dumps(content, protocol=2) for name, content in (sound | changes).items()}


def test_every_image_label_and_id_arrives_in_order(tmp_path: Path) -> None:
    done: list[int] = []
    convert_archive(archived(tmp_path / "a.tar.gz", pickled()), tmp_path / "out", done.append)
    files = find_record_files(tmp_path / "out")
    assert done == [4, 8, 12, 16, 20, 24]
    assert [path.name for path in files.test] == ["cifar10-test.tfrecord-00000-of-00001"]
    records = [
        tf.train.Example.FromString(raw).features.feature
        for path in (*files.train, *files.test)
        for raw in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    ]
    expected_ids = [f"train_{i:05d}" for i in range(20)] + [f"test_{i:05d}" for i in range(4)]
    assert [record["id"].bytes_list.value[0].decode() for record in records] == expected_ids
    rows = [batch(number) for number in range(6)]
    assert [r["label"].int64_list.value[0] for r in records] == [x for row in rows for x in row[b"labels"]]
    for record, row in zip(records, np.concatenate([row[b"data"] for row in rows]), strict=True):
        pixels = tf.io.decode_png(record["image"].bytes_list.value[0]).numpy()
        assert pixels.shape == (32, 32, 3)
        assert pixels[3, 5].tolist() == [row[3 * 32 + 5], row[1024 + 3 * 32 + 5], row[2048 + 3 * 32 + 5]]


def test_the_result_passes_the_inspection(tmp_path: Path) -> None:
    convert_archive(archived(tmp_path / "a.tar.gz", pickled()), tmp_path / "out")
    inspection = inspect_records(find_record_files(tmp_path / "out"), Data())
    assert sum(inspection.train_counts.values()) == 20
    assert inspection.has_ids


def test_the_official_archive_is_the_one_of_the_readme() -> None:
    assert OFFICIAL.url == "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
    assert OFFICIAL.size_bytes == 170498071
    assert OFFICIAL.md5 == "c58f30108f718f92721af3b95e74349a"


class _Command:
    """Runs a command when it is unpickled."""

    def __init__(self, command: str):
        self.command = command

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (self.command,)


def test_a_pickle_that_would_run_code_is_refused_unrun(tmp_path: Path) -> None:
    proof = tmp_path / "ran"
    archive = archived(tmp_path / "a.tar.gz", pickled(data_batch_2=_Command(f"touch {proof}")))
    with pytest.raises(ThawError, match=r"data_batch_2 \(it holds \w+\.system, which is not an array\)"):
        convert_archive(archive, tmp_path / "out")
    assert not proof.exists()


def test_a_missing_batch_is_named(tmp_path: Path) -> None:
    batches = pickled()
    del batches["data_batch_3"]
    with pytest.raises(ThawError, match="no readable cifar-10-batches-py/data_batch_3"):
        convert_archive(archived(tmp_path / "a.tar.gz", batches), tmp_path / "out")


@pytest.mark.parametrize(
    "content", [b"", b"\x80\x63.", b"}]K\x01s.", b"h\x05.", b"K\x01K\x02R."],
    ids=["empty", "of another protocol", "a list as a key", "a value that is not there", "a number that is called"],
)  # fmt: skip
def test_a_pickle_that_is_damaged_is_named(tmp_path: Path, content: bytes) -> None:
    archive = archived(tmp_path / "a.tar.gz", pickled() | {"data_batch_1": content})
    with pytest.raises(ThawError, match=r"has no readable cifar-10-batches-py/data_batch_1 .*Expected the official"):
        convert_archive(archive, tmp_path / "out")


@pytest.mark.parametrize("content", [b"", b"no archive at all"])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar.gz").write_bytes(content)
    with pytest.raises(ThawError, match=r"a\.tar\.gz has no readable .*delete the file and run again"):
        convert_archive(tmp_path / "a.tar.gz", tmp_path / "out")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ([1, 2], "expected `data`"),
        ({b"labels": [1]}, "expected `data`"),
        ({b"data": np.zeros((4, 3071), np.uint8), b"labels": [0] * 4}, "3072 columns"),
        ({b"data": np.zeros((4, 3072), np.float32), b"labels": [0] * 4}, "expected `data` as bytes"),
        ({b"data": np.zeros((4, 3072), np.uint8), b"labels": [0] * 3}, "expected `labels` with 4 numbers"),
        ({b"data": np.zeros((4, 3072), np.uint8), b"labels": [0, 1, 2, 10]}, "expected `labels` with 4 numbers"),
        ({b"data": np.zeros((4, 3072), np.uint8)}, "expected `labels` with 4 numbers"),
    ],
)
def test_a_batch_of_another_layout_is_named(tmp_path: Path, content: Any, complaint: str) -> None:
    archive = archived(tmp_path / "a.tar.gz", pickled(data_batch_5=content))
    with pytest.raises(ThawError, match=f"data_batch_5: .*{complaint}"):
        convert_archive(archive, tmp_path / "out")
