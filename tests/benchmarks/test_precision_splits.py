"""Splits of photos on which both precisions are compared, and the summary of their record; by hand, no training."""

import numpy as np

from benchmarks.precision_splits import read_rows, split_of, summary
from benchmarks.prediction.targets import Images
from tests.packages import ROOT

IMAGES = Images(
    np.arange(120 * 2 * 2 * 3, dtype=np.uint8).reshape(120, 2, 2, 3), np.repeat(["ants", "bees"], 60), np.full(120, "")
)


def test_a_split_trains_validates_and_tests_on_different_photos():
    data = split_of(IMAGES, 10, 0, [0, 1])
    parts = [set(part.ids.tolist()) for part in (data.train, data.val, data.test)]
    assert not parts[0] & parts[1] and not parts[0] & parts[2] and not parts[1] & parts[2]
    assert len(parts[1]) == 40 and len(parts[2]) == 40
    assert np.bincount(data.test.labels).tolist() == [20, 20]
    other = split_of(IMAGES, 10, 1, [0, 1])
    assert set(other.test.ids.tolist()) != parts[2]


def test_the_interval_is_over_splits_not_over_draws():
    rows = [
        {"split": split, "draw": draw, "precision": precision, "test": str(test)}
        for split, draws in {"0": (0.02, 0.04), "1": (-0.01, 0.01)}.items()
        for draw, gain in enumerate(draws)
        for precision, test in (("float32", 0.5), ("bfloat16", 0.5 + gain))
    ]
    # Splits differ by +3 and 0 points: mean 1.5, half width 12.706 * 2.1213 / sqrt(2) = 19.06.
    assert summary(rows) == "4 pairs: float32 50.0%, bfloat16 51.5%, difference +1.5 [-17.6, +20.6] points"
    one = "2 pairs: float32 50.0%, bfloat16 53.0%, difference +3.0 points, of one split, so there is no interval"
    assert summary([row for row in rows if row["split"] == "0"]) == one


def test_the_published_record_has_both_precisions_of_every_pair():
    rows = read_rows(ROOT / "docs" / "precision_splits.csv")
    by_arm = [
        {(row["kind"], row["n"], row["split"], row["draw"]) for row in rows if row["precision"] == precision}
        for precision in ("float32", "bfloat16")
    ]
    assert by_arm[0] == by_arm[1] and 2 * len(by_arm[0]) == len(rows) >= 256
    [ants] = {row["n"] for row in rows if row["kind"] == "ants_bees"}
    assert summary([row for row in rows if row["kind"] == "ants_bees"]).startswith("128 pairs") and ants == "10"


def test_a_record_that_is_not_there_has_no_rows(tmp_path):
    assert read_rows(tmp_path / "none.csv") == []
