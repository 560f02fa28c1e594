"""The targets that `thaw advise` is calibrated on, and their record; by hand, no training."""

import csv

import numpy as np

from benchmarks.prediction.target_gains import Row, append
from benchmarks.prediction.targets import TARGETS, records


def test_targets_are_twenty_of_three_kinds():
    assert len({target.name for target in TARGETS}) == 20
    assert {target.kind for target in TARGETS} == {"cifar10", "signs", "ants_bees"}


def test_mirror_images_are_second_copies():
    images = np.arange(3 * 4 * 4 * 3, dtype=np.uint8).reshape(3, 4, 4, 3)
    found = records(images, np.array([2, 0]), np.array([1, 0]), mirrored=True)
    assert found.ids.tolist() == ["000000", "000000", "000002", "000002"]
    assert found.labels.tolist() == [0, 0, 1, 1] and found.copies.tolist() == [0, 1, 0, 1]
    np.testing.assert_array_equal(found.images[3], images[2, :, ::-1])


def test_rows_are_added_below_one_header(tmp_path):
    row = Row("signs 0 1", "signs", 2, 20, 0, "scratch", "original", 0, 0.5, 0.625, False, 1.5)
    append(tmp_path / "new" / "record.csv", [row])
    append(tmp_path / "new" / "record.csv", [row])
    with (tmp_path / "new" / "record.csv").open(newline="") as file:
        found = list(csv.DictReader(file))
    assert [one["test"] for one in found] == ["0.625"] * 2
    assert found[0]["collapsed"] == "False" and found[0]["pixels"] == ""
