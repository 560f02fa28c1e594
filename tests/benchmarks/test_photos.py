"""Random splits and ten lines of the benchmark on photos. Runs no pipeline."""

import numpy as np

from benchmarks.photos import random_split, ten_lines


def test_a_quarter_is_test_and_a_fifth_of_the_rest_val_and_each_number_splits_otherwise():
    split = random_split(398, 0)
    assert [int((split == name).sum()) for name in ("train", "val", "test")] == [240, 59, 99]
    assert (split == random_split(398, 0)).all() and (split != random_split(398, 1)).any()


def test_ten_lines_see_no_test_photo_and_as_many_of_each_class():
    labels = np.arange(80) % 2
    split = random_split(80, 0)
    apart = np.where(labels == 1, 1.0, -1.0)[:, None]
    assert ten_lines(apart, labels, split, 10) == 1.0
    # Test photos with the other class's features are all named wrongly: nothing was learnt from them.
    assert ten_lines(np.where((split == "test")[:, None], -apart, apart), labels, split, 10) == 0.0
