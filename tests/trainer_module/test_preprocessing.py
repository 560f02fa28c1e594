"""preprocessing_fn on real encoded images. Eager TensorFlow."""

import io

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from experiment import features
from trainer_module.data.image_decoding import decode_images, image_bands
from trainer_module.preprocessing import preprocessing_fn

pytestmark = pytest.mark.slow  # imports TensorFlow

CONFIG = {
    "image_key": "image",
    "label_key": "label",
    "id_key": "id",
    "image_shape": [4, 4, 3],
    "resize": False,
    "code": "",
}
IMAGE = np.arange(48, dtype=np.uint8).reshape(4, 4, 3) * 5


def encoded(image=IMAGE, kind="PNG"):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, kind)
    return buffer.getvalue()


def transform(**raw):
    inputs = {"image": tf.constant([encoded()]), "label": tf.constant([[7]], tf.int64), **raw}
    return preprocessing_fn(inputs, CONFIG)


def test_pixels_end_the_serialized_tensor():
    content = transform()[features.IMAGE].numpy()[0]
    np.testing.assert_array_equal(np.frombuffer(content[-48:], np.uint8).reshape(4, 4, 3), IMAGE)


def test_label_and_id_pass_through():
    result = transform(id=tf.constant([b"train_00007"]))
    assert result[features.LABEL].numpy().tolist() == [7]
    assert result[features.ID].numpy().tolist() == [b"train_00007"]


def test_what_says_that_an_image_is_val_passes_through_where_there_is_a_key():
    inputs = {
        "image": tf.constant([encoded()]),
        "label": tf.constant([[7]], tf.int64),
        "v": tf.constant([[1]], tf.int64),
    }
    assert preprocessing_fn(inputs, {**CONFIG, "val_key": "v"})[features.VAL].numpy().tolist() == [1]
    assert features.VAL not in preprocessing_fn(inputs, {**CONFIG, "val_key": None})


def test_the_name_of_the_group_passes_through_where_there_is_a_key():
    inputs = {
        "image": tf.constant([encoded()]),
        "label": tf.constant([[7]], tf.int64),
        "g": tf.constant([["日本 person"]]),
    }
    found = preprocessing_fn(inputs, {**CONFIG, "group_key": "g"})[features.GROUP].numpy()
    assert [name.decode() for name in found] == ["日本 person"]
    assert features.GROUP not in preprocessing_fn(inputs, {**CONFIG, "group_key": None})


def test_a_record_without_an_id_gets_one_from_its_bytes():
    sparse = tf.SparseTensor(np.zeros((0, 2), np.int64), tf.constant([], tf.string), [1, 0])
    without, empty = transform()[features.ID], transform(id=sparse)[features.ID]
    assert without.numpy()[0].startswith(b"image_") and without.numpy()[0] == empty.numpy()[0]
    other = transform(image=tf.constant([encoded(IMAGE + 1)]))[features.ID]
    assert other.numpy()[0] != without.numpy()[0]


def test_jpeg_bytes_are_decoded_too():
    grey = np.full((4, 4, 3), 128, np.uint8)
    np.testing.assert_allclose(decode_images(tf.constant([encoded(grey, "JPEG")]), (4, 4, 3))[0], grey, atol=2)


def test_an_image_of_another_size_is_an_error():
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        decode_images(tf.constant([encoded(np.zeros((5, 4, 3), np.uint8))]), (4, 4, 3))


def test_bytes_that_are_no_image_are_an_error():
    with pytest.raises(tf.errors.InvalidArgumentError):
        decode_images(tf.constant([b"not an image"]), (4, 4, 3))


def test_bands_of_known_images():
    dark, bright = np.zeros((4, 4, 3), np.uint8), np.full((4, 4, 3), 255, np.uint8)
    checkers = np.zeros((4, 4, 3), np.uint8)
    checkers[::2, ::2], checkers[1::2, 1::2] = 240, 240
    brightness, contrast = image_bands(tf.constant(np.stack([dark, bright, checkers])))
    assert brightness.numpy().tolist() == [b"dark", b"bright", b"medium"]
    assert contrast.numpy().tolist() == [b"low", b"low", b"high"]
