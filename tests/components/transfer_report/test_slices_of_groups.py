"""Intervals of the model card's slices where test images depend on each other. Reads examples with TensorFlow."""

import dataclasses

import pytest
import tensorflow as tf

from components.sweep_evaluator.reading import SliceFigure
from components.transfer_report.component import independent_images
from components.transfer_report.page.model_card import weak_slices, with_exact_interval
from experiment import features
from experiment.errors import ThawError
from ledger.ledger import content_key

pytestmark = pytest.mark.component

PEOPLE = 50
IMAGES = [(f"{person:02d}{name}", name, person) for person in range(PEOPLE) for name in ("one", "two")]
"""Id, class and person: each person signed each digit once. Of the first ten people all images are dark."""
SLICES = [
    SliceFigure("", "", 100, 0.94, None, None), SliceFigure("brightness", "dark", 20, 1.0, None, None),
    SliceFigure("brightness", "medium", 80, 0.925, None, None), SliceFigure("class", "one", 50, 0.98, None, None),
    SliceFigure("class", "two", 50, 0.72, None, None),
]  # fmt: skip


@pytest.fixture
def target(tmp_path):
    (tmp_path / "Split-test").mkdir()
    with tf.io.TFRecordWriter(str(tmp_path / "Split-test" / "data.tfrecord")) as writer:
        for name, of, person in IMAGES:
            example = tf.train.Example()
            content = example.features.feature
            content[features.LABEL].int64_list.value.append(int(of == "two"))
            values = {
                features.ID: name, features.CLASS_NAME: of, features.CONTRAST: "low",
                features.BRIGHTNESS: "dark" if person < 10 else "medium",
            }  # fmt: skip
            for key, value in values.items():
                content[key].bytes_list.value.append(value.encode())
            writer.write(example.SerializeToString())
    return str(tmp_path)


@pytest.fixture
def header(header_of):
    return dataclasses.replace(
        header_of("cats_dogs__original", "cats_dogs", "original", len(IMAGES), "signs"),
        classes=("one", "two"),
        test_labels=tuple(int(of == "two") for _, of, _ in IMAGES),
        test_groups=tuple(person for *_, person in IMAGES),
        test_ids_hash=content_key(ids=[name for name, *_ in IMAGES]),
    )


def test_a_slice_counts_the_groups_that_it_has_itself(target, header):
    found = independent_images(SLICES, target, header)
    assert found == {"all test images": 50, "brightness dark": 10, "brightness medium": 40, "class one": 50,
                     "class two": 50}  # fmt: skip


def test_a_class_with_one_image_of_each_person_can_be_weak(target, header):
    """Ten classes of 52 people, one image each, had [47.8, 100.0] all, whether 90% or 100% were right: five images."""
    found = independent_images(SLICES, target, header)
    shown = [with_exact_interval(one, found[one.name]) for one in SLICES]
    assert [one.name for one in weak_slices(shown)] == ["class two"]
    assert shown[4] == with_exact_interval(SLICES[4])
    assert shown[0].high - shown[0].low > 0.1


def test_without_groups_nothing_is_read(header):
    assert independent_images(SLICES, "/nowhere", dataclasses.replace(header, test_groups=())) == {}


def test_other_test_images_are_refused(target, header):
    with pytest.raises(ThawError, match="written for other test images"):
        independent_images(SLICES, target, dataclasses.replace(header, test_ids_hash="other"))
