"""The drawn images: their layout, their determinism, their variety. Trains nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from acquisition.synthetic_images.synthetic import draw_image, write_synthetic
from acquisition.tfrecords.inspection import inspect_records
from acquisition.tfrecords.record_files import find_record_files
from experiment.config import CIFAR10_CLASSES, Data


def drawn(name: str, count: int, seed: int = 0) -> np.ndarray:
    """Images of one class, [count, 32, 32, 3]."""
    return np.stack([draw_image(name, np.random.default_rng([seed, number])) for number in range(count)])


def test_a_set_has_every_class_equally_often_and_passes_the_inspection(tmp_path: Path) -> None:
    write_synthetic(tmp_path, 3, 2)
    inspection = inspect_records(find_record_files(tmp_path), Data())
    assert inspection.train_counts == dict.fromkeys(CIFAR10_CLASSES, 3)
    assert inspection.test_counts == dict.fromkeys(CIFAR10_CLASSES, 2)
    assert inspection.has_ids


def test_ids_say_that_the_images_are_synthetic(tmp_path: Path) -> None:
    write_synthetic(tmp_path, 1, 1)
    raw = next(tf.data.TFRecordDataset(str(find_record_files(tmp_path).test[0])).as_numpy_iterator())
    feature = tf.train.Example.FromString(raw).features.feature
    assert feature["id"].bytes_list.value[0] == b"synthetic_test_00000"


def test_equal_arguments_give_equal_files_and_another_seed_others(tmp_path: Path) -> None:
    contents = []
    for folder, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_synthetic(tmp_path / folder, 2, 1, seed)
        contents.append([path.read_bytes() for path in find_record_files(tmp_path / folder).train])
    assert contents[0] == contents[1]
    assert contents[0] != contents[2]


def test_training_and_test_images_differ(tmp_path: Path) -> None:
    write_synthetic(tmp_path, 2, 2)
    files = find_record_files(tmp_path)
    images = [
        tf.train.Example.FromString(raw).features.feature["image"].bytes_list.value[0]
        for path in (*files.train, *files.test)
        for raw in tf.data.TFRecordDataset(str(path)).as_numpy_iterator()
    ]
    assert len(set(images)) == 40


@pytest.mark.parametrize("name", CIFAR10_CLASSES)
def test_images_of_a_class_vary_and_fill_the_range(name: str) -> None:
    images = drawn(name, 24)
    assert images.shape == (24, 32, 32, 3)
    assert images.dtype == np.uint8
    assert images.astype(float).std(axis=0).min() > 15  # every pixel changes from image to image
    assert images.min() < 30
    assert images.max() > 225


def test_mean_colour_does_not_give_the_target_class_away() -> None:
    # Cars and trucks must be distinguished by shape: their mean colours differ by less than they scatter.
    means = {name: drawn(name, 150).mean(axis=(1, 2)) for name in ("automobile", "truck")}
    difference = abs(means["automobile"].mean(axis=0) - means["truck"].mean(axis=0))
    assert (difference < 0.5 * means["truck"].std(axis=0)).all()


def test_an_unknown_class_has_no_drawing() -> None:
    with pytest.raises(KeyError):
        draw_image("bicycle", np.random.default_rng(0))
