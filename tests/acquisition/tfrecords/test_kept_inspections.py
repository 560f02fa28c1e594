"""An inspected data set is not decoded again unless it, or what is asked of it, changed. Writes real TFRecords."""

import pytest

from acquisition.synthetic_images.synthetic import write_synthetic
from acquisition.tfrecords import kept_inspections
from acquisition.tfrecords.record_files import find_record_files
from experiment.config import Data
from experiment.errors import ThawError


@pytest.fixture
def files(tmp_path):
    write_synthetic(tmp_path / "data", 2, 1)
    return find_record_files(tmp_path / "data")


def forbid(*_):
    pytest.fail("the records were decoded again")


def test_the_same_files_are_decoded_once_and_found_the_same(files, tmp_path, monkeypatch):
    first = kept_inspections.inspect_once(files, Data(), tmp_path / "kept")
    monkeypatch.setattr(kept_inspections, "inspect_records", forbid)
    assert kept_inspections.inspect_once(files, Data(), tmp_path / "kept") == first
    assert first.train_counts["truck"] == 2


def test_one_changed_byte_is_noticed(files, tmp_path):
    kept_inspections.inspect_once(files, Data(), tmp_path / "kept")
    content = bytearray(files.train[0].read_bytes())
    content[len(content) // 2] ^= 1
    files.train[0].write_bytes(content)
    with pytest.raises(ThawError, match="record"):
        kept_inspections.inspect_once(files, Data(), tmp_path / "kept")


def test_other_demands_are_checked_again(files, tmp_path):
    kept_inspections.inspect_once(files, Data(), tmp_path / "kept")
    with pytest.raises(ThawError, match="expected"):
        kept_inspections.inspect_once(files, Data(image_shape=(28, 28, 3)), tmp_path / "kept")


def test_faulty_data_is_not_remembered(files, tmp_path):
    for _ in range(2):
        with pytest.raises(ThawError):
            kept_inspections.inspect_once(files, Data(image_shape=(28, 28, 3)), tmp_path / "kept")
    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize("damage", [b"", b"[]", b"{", b"\xff\x00", b'{"train_counts": 1}', "folder"])
def test_a_damaged_inspection_is_made_again_or_said_to_be_in_the_way(files, tmp_path, damage):
    first = kept_inspections.inspect_once(files, Data(), tmp_path / "kept")
    [kept] = (tmp_path / "kept").iterdir()
    kept.unlink()
    if damage == "folder":
        kept.mkdir()
        with pytest.raises(ThawError, match="in the way"):
            kept_inspections.inspect_once(files, Data(), tmp_path / "kept")
        assert list((tmp_path / "kept").iterdir()) == [kept]
        return
    kept.write_bytes(damage)
    assert kept_inspections.inspect_once(files, Data(), tmp_path / "kept") == first


def test_a_folder_of_inspections_that_is_a_file_is_said(files, tmp_path):
    (tmp_path / "kept").write_text("")
    with pytest.raises(ThawError, match=r"kept.*can't be written"):
        kept_inspections.inspect_once(files, Data(), tmp_path / "kept")
