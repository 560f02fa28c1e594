"""Files of TFRecords that are cut short, corrupt or compressed. Reads real files."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from acquisition.tfrecords.inspection import Inspection, inspect_records
from acquisition.tfrecords.record_files import find_record_files
from acquisition.tfrecords.tfrecords import read_batches, write_examples
from experiment.config import Data
from experiment.errors import ThawError


def inspect(folder: Path) -> Inspection:
    return inspect_records(find_record_files(folder), Data())


@pytest.mark.parametrize("cut", [1, 4, 20, 1000])
def test_a_truncated_file_is_named_with_its_last_record(make: Any, tmp_path: Path, cut: int) -> None:
    folder = make.data_set(tmp_path)
    path = find_record_files(folder).train[0]
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(ThawError, match=r"mine-train.*record 19: the TFRecord is truncated or corrupt"):
        inspect(folder)


def test_a_flipped_byte_in_a_file_is_named_with_its_record(make: Any, tmp_path: Path) -> None:
    records = make.good("test", 10)
    folder = make.data_set(tmp_path, test=records)
    path = find_record_files(folder).test[0]
    content = bytearray(path.read_bytes())
    # Each record is framed by 12 bytes before it and 4 behind it.
    content[sum(len(record) + 16 for record in records[:4]) + 500] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ThawError, match=r"mine-test.*record 4: the TFRecord is truncated or corrupt"):
        inspect(folder)


def test_text_in_place_of_records_is_corrupt_from_the_start(make: Any, tmp_path: Path) -> None:
    folder = make.data_set(tmp_path)
    find_record_files(folder).train[0].write_text("not a TFRecord, but long enough to be taken for one")
    with pytest.raises(ThawError, match="record 0: the TFRecord is truncated or corrupt"):
        inspect(folder)


def test_a_file_that_vanishes_is_named(make: Any, tmp_path: Path) -> None:
    path = find_record_files(make.data_set(tmp_path)).train[0]
    path.unlink()
    with pytest.raises(ThawError, match=r"mine-train.* can't be read: .*you may read"):
        list(read_batches(path))


def compressed_set(make: Any, folder: Path) -> Path:
    make.write_records(folder / "train" / "a.tfrecord.gz", make.good("train", 20), "GZIP")
    make.write_records(folder / "test" / "a.tfrecord.gz", make.good("test", 10), "GZIP")
    return folder


def test_compressed_records_are_read(make: Any, tmp_path: Path) -> None:
    assert sum(inspect(compressed_set(make, tmp_path)).train_counts.values()) == 20


def test_a_truncated_gzip_file_is_named(make: Any, tmp_path: Path) -> None:
    path = find_record_files(compressed_set(make, tmp_path)).train[0]
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ThawError, match=r"a\.tfrecord\.gz: the gzip file is truncated or corrupt"):
        inspect(tmp_path)


def test_a_compressed_file_of_something_else_is_named(make: Any, tmp_path: Path) -> None:
    path = find_record_files(compressed_set(make, tmp_path)).train[0]
    path.write_bytes(gzip.compress(b"not a TFRecord, but long enough to be taken for one"))
    with pytest.raises(ThawError, match="record 0: the TFRecord is truncated or corrupt"):
        inspect(tmp_path)


def test_a_file_that_the_system_refuses_is_an_error_of_the_system(tmp_path: Path) -> None:
    (tmp_path / "in_the_way").touch()
    with pytest.raises(OSError, match="in_the_way"):
        write_examples(tmp_path / "in_the_way" / "a.tfrecord", [])
    (tmp_path / "folder.tfrecord").mkdir()
    with pytest.raises(OSError, match=r"folder\.tfrecord"):
        write_examples(tmp_path / "folder.tfrecord", [(b"png", 0, b"id")])
