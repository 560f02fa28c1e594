"""Which classes have too few test or val images to be judged. Counts made by hand."""

import re

import pytest

from acquisition.tfrecords.inspection import Inspection
from acquisition.tfrecords.scarce_classes import scarce_classes
from experiment.config import ExperimentConfig

CLASSES = ("rose", "tulip")


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        ((750, 8), (250, 2), ["'tulip' has 2 test images and 2 on val. .*one image is 50 points"]),
        ((750, 8), (250, 1), ["'tulip' has 1 test image and"]),
        ((750, 30), (250, 10), ["'tulip' has 6 val images"]),
        ((6, 8), (9, 9), ["'rose' has 9 test images", "'tulip' has 9 test images"]),
        ((50, 50), (10, 10), []),
    ],
)
def test_each_class_with_few_images_is_named_with_its_counts(train, test, said):
    found = Inspection(dict(zip(CLASSES, train, strict=True)), dict(zip(CLASSES, test, strict=True)), True, "", 0)
    config = ExperimentConfig.model_construct(
        target=type("Target", (), {"classes": CLASSES})(),
        data=type("Data", (), {"val_fraction": 0.2, "val_key": None})(),
    )
    sentences = list(scarce_classes(found, config))
    assert len(sentences) == len(said)
    for sentence, pattern in zip(sentences, said, strict=True):
        assert re.search(pattern, sentence)


@pytest.mark.parametrize(
    ("classes", "train", "test", "said"),
    [
        (100, 40, 4, ["100 of 100 classes have fewer than 10 test images (the fewest: 4). That is too few to measure"]),
        (100, 40, 12, []),
        (10, 40, 12, ["The classes have 80 val images together. That is too few to choose a cell reliably."]),
    ],
)
def test_many_classes_have_one_sentence_together(classes, train, test, said):
    names = tuple(f"class_{number}" for number in range(classes))
    counts = [dict.fromkeys(names, count) for count in (train, test)]
    config = ExperimentConfig.model_construct(
        target=type("Target", (), {"classes": names})(), data=type("Data", (), {"val_fraction": 0.2, "val_key": None})()
    )
    sentences = list(scarce_classes(Inspection(*counts, True, "", 0), config))
    assert len(sentences) == len(said)
    assert all(start in sentence for sentence, start in zip(sentences, said, strict=True))


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ([10] * 20, ["200 test images are in 20 groups. If those of a group are alike, they have the information of 20 "
                     "im"]),
        ([50, *[1] * 150], ["in 151 groups. If those of a group are alike, they have the information of 15 images"]),
        ([4] * 50, []),
        ([1] * 200, []),
        ([], []),
    ],
)  # fmt: skip
def test_few_groups_of_test_images_are_named(groups, said):
    numbers = [number for number, size in enumerate(groups) for _ in range(size)]
    by_class = {"rose": numbers[::2], "tulip": numbers[1::2], "fern": list(range(1000, 2000))}
    found = Inspection(*[dict.fromkeys(CLASSES, 100)] * 2, True, "", 0, test_groups=by_class if groups else {})
    config = ExperimentConfig.model_construct(
        target=type("Target", (), {"classes": CLASSES})(),
        data=type("Data", (), {"val_fraction": 0.2, "val_key": None})(),
    )
    sentences = list(scarce_classes(found, config))
    assert len(sentences) == len(said)
    assert all(start in sentence for sentence, start in zip(sentences, said, strict=True))
