"""Random splits and ten lines of the benchmark on photos. Runs no pipeline."""

import numpy as np

from benchmarks.photos import Split, random_split, ten_lines
from experiment.training_settings import FIRST_FRESH_DRAW
from trainer_module.data.draws import class_ranks, draw_subset


def test_a_quarter_is_test_and_a_fifth_of_the_rest_val_and_each_number_splits_otherwise():
    split = random_split(398, 0)
    assert [int((split == name).sum()) for name in ("train", "val", "test")] == [240, 59, 99]
    assert (split == random_split(398, 0)).all() and (split != random_split(398, 1)).any()


def photos(count):
    """Ants and bees alternating, a quarter of them test."""
    kinds = ["test" if number % 4 > 1 and number % 8 < 4 else "train" for number in range(count)]
    classes = ["ants", "bees"]
    return [
        {"file": f"{number}.jpg", "class": classes[number % 2], "split": kind, "id": f"id{number}"}
        for number, kind in enumerate(kinds)
    ]


def test_ten_lines_learn_nothing_from_test_photos():
    split = Split(photos(80), 7, ())
    apart = {photo["file"]: np.array([1.0 if photo["class"] == "bees" else -1.0]) for photo in split.photos}
    assert ten_lines(apart, split, 10, 2) == 1.0
    # Test photos with the other class's features are all named wrongly.
    turned = {photo["file"]: apart[photo["file"]] * (-1 if photo["split"] == "test" else 1) for photo in split.photos}
    assert ten_lines(turned, split, 10, 2) == 0.0


def test_ten_lines_are_trained_on_the_photos_of_thaws_fresh_draws():
    """Classes stand apart in the photos of the two draws alone; the others are turned round and would outvote them."""
    split = Split(photos(400), 7, ())
    train = [photo for photo in split.photos if photo["split"] == "train"]
    labels = np.array([photo["class"] == "bees" for photo in train], int)
    ids = [photo["id"] for photo in train]
    drawn = np.zeros(len(train), bool)
    for draw in (FIRST_FRESH_DRAW, FIRST_FRESH_DRAW + 1):
        drawn |= draw_subset(class_ranks(ids, labels, 7, draw), 10, 2)
    seen = {photo["file"] for photo, one in zip(train, drawn, strict=True) if one}
    features = {}
    for photo in split.photos:
        sign = 1.0 if photo["class"] == "bees" else -1.0
        turned = photo["split"] == "train" and photo["file"] not in seen
        features[photo["file"]] = np.array([-sign if turned else sign])
    assert drawn.sum() < len(train) / 4
    assert ten_lines(features, split, 10, 2) == 1.0
    assert ten_lines(features, split, 10, 3) < 1.0
