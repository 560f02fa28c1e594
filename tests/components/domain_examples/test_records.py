"""One record on its way into a domain: relabelled, assigned to a split, augmented. No Beam, no TFX."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st

from components.domain_examples import records
from components.domain_examples.records import DomainSettings
from experiment import features
from experiment.config import Augmentation
from experiment.domains import val_count
from experiment.errors import Damaged

SHAPE = (2, 3, 1)
IMAGE = np.array([[[0], [100], [255]], [[7], [8], [9]]], np.uint8)


def settings(**changes):
    base = DomainSettings(
        classes=("truck", "cat"), data_classes=("airplane", "cat", "truck"), image_shape=SHAPE,
        augmentation=Augmentation(), val_fraction=0.2, seed=3, with_test=False,
    )  # fmt: skip
    return base.model_copy(update=changes)


def transformed(label=2, name="train_00001"):
    example = tf.train.Example()
    content = example.features.feature
    content[features.IMAGE].bytes_list.value.append(tf.io.serialize_tensor(IMAGE).numpy())
    content[features.LABEL].int64_list.value.append(label)
    content[features.ID].bytes_list.value.append(name.encode())
    return example


def pixels(example):
    return np.frombuffer(example.features.feature[features.IMAGE].bytes_list.value[0], np.uint8).reshape(SHAPE)


def test_a_record_of_the_domain_gets_its_place_among_the_domains_classes():
    truck, cat = (records.relabelled(transformed(label), settings()) for label in (2, 1))
    assert (records.label(truck), records.label(cat)) == (0, 1)
    assert truck.features.feature[features.CLASS_NAME].bytes_list.value[0] == b"truck"
    np.testing.assert_array_equal(pixels(truck), IMAGE)


def without(name):
    example = transformed()
    example.features.feature[name].bytes_list.value[:] = []
    return example


def cut_short():
    example = transformed()
    example.features.feature[features.IMAGE].bytes_list.value[0] = b"12345"
    return example


@pytest.mark.parametrize(
    ("example", "message"),
    [
        (without(features.IMAGE), "0 values of the feature"),
        (without(features.ID), "0 values of the feature"),
        (cut_short(), "an image has 5 bytes; expected 6 or more"),
    ],
)
def test_a_record_that_transform_did_not_write_is_damage(example, message):
    with pytest.raises(Damaged, match=message):
        records.relabelled(example, settings())


def test_a_record_that_says_twice_whether_it_is_val_is_damage():
    example = transformed()
    example.features.feature[features.VAL].int64_list.value[:] = [0, 1]
    with pytest.raises(Damaged, match="2 values of the feature"):
        records.take_val(example)


@pytest.mark.parametrize(("name", "compression"), [("examples.gz", "GZIP"), ("examples", "")])
def test_records_of_other_classes_are_not_read(tmp_path, name, compression):
    path = str(tmp_path / name)
    with tf.io.TFRecordWriter(path, compression) as writer:
        for label, image_id in ((0, "a"), (2, "b"), (1, "c"), (0, "d")):
            writer.write(transformed(label, image_id).SerializeToString())
    kept = records.domain_records(path, settings())
    found = [(records.image_id(example), records.label(example)) for example in kept]
    assert found == [("b", 0), ("c", 1)]


def test_copies_are_the_image_its_mirror_and_noise():
    example = records.relabelled(transformed(), settings())
    original, mirror, noisy = records.augmented(example, settings())
    np.testing.assert_array_equal(pixels(original), IMAGE)
    np.testing.assert_array_equal(pixels(mirror), IMAGE[:, ::-1])
    difference = pixels(noisy).astype(int) - IMAGE
    assert difference.any() and np.abs(difference).max() < 60
    numbers = [copy.features.feature[features.COPY].int64_list.value[0] for copy in (original, mirror, noisy)]
    assert numbers == [0, 1, 2]
    assert {records.image_id(copy) for copy in (original, mirror, noisy)} == {"train_00001"}


def test_noise_has_the_configured_deviation_and_is_fixed_by_seed_and_id():
    shape = (64, 64, 3)
    grey = np.full(shape, 128, np.uint8)
    wanted = settings(image_shape=shape, augmentation=Augmentation(mirror=False, noise_stddev=12.0))

    def noise(name, seed):
        example = transformed(name=name)
        example.features.feature[features.IMAGE].bytes_list.value[0] = grey.tobytes()
        example.features.feature[features.COPY].int64_list.value.append(0)
        copies = list(records.augmented(example, wanted.model_copy(update={"seed": seed})))
        content = copies[1].features.feature[features.IMAGE].bytes_list.value[0]
        return np.frombuffer(content, np.uint8).astype(int) - 128

    assert noise("a", 1).std() == pytest.approx(12, rel=0.05)
    assert np.array_equal(noise("a", 1), noise("a", 1))
    assert not np.array_equal(noise("a", 1), noise("b", 1))
    assert not np.array_equal(noise("a", 1), noise("a", 2))


def test_without_augmentation_the_image_stays_alone():
    example = records.relabelled(transformed(), settings())
    plain = settings(augmentation=Augmentation(mirror=False, noisy_copies=0))
    assert len(list(records.augmented(example, plain))) == 1


names = st.lists(st.text("abc0123456789", min_size=1, max_size=6), min_size=1, max_size=40, unique=True)


@given(names, st.floats(0.01, 0.9), st.integers(0, 3))
def test_val_has_the_rounded_share_of_a_class_whatever_the_order(ids, fraction, seed):
    chosen = records.val_ids(ids, fraction, seed)
    assert len(chosen) == max(1, round(len(ids) * fraction)) == val_count(len(ids), fraction)
    assert set(records.val_ids(sorted(ids), fraction, seed)) == set(chosen) <= set(ids)


def test_cifar10s_classes_give_a_thousand_val_images_each():
    assert val_count(5000, 0.2) == 1000
