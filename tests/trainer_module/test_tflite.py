"""TFLite files against the SavedModel of the same network. Converts small networks with weights from a seed."""

import numpy as np
import pytest
import tensorflow as tf

from pipeline.config import MobileNet
from pipeline.errors import ThawError
from trainer_module import architectures, freezing, source, tflite

pytestmark = pytest.mark.component

# Measured with these networks and images: 1e-7 and 0.012.
FLOAT_TOLERANCE, INT8_TOLERANCE = 1e-5, 0.05


def make_images(count, seed):
    """Noise around a grey of its own for each image, so that probabilities differ."""
    generator = np.random.default_rng(seed)
    greys = generator.uniform(20, 235, (count, 1, 1, 3))
    return np.clip(greys + generator.normal(0, 30, (count, 32, 32, 3)), 0, 255).astype(np.uint8)


IMAGES = make_images(300, seed=1)
LABELS = np.arange(300) % 2
CALIBRATION = make_images(50, seed=2)


def save(network, folder):
    """The network as run_fn leaves it: a SavedModel that takes PNG bytes, and the Keras file beside it."""
    module = tf.Module()
    module.model = network.model

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serve(image_bytes):
        images = tf.map_fn(lambda one: tf.ensure_shape(tf.io.decode_png(one), [32, 32, 3]), image_bytes, tf.uint8)
        logits = network.model(images, training=False)
        positive = tf.sigmoid(logits)
        binary = tf.concat([1 - positive, positive], -1)
        return {"probabilities": binary if logits.shape[-1] == 1 else tf.nn.softmax(logits)}

    tf.saved_model.save(module, str(folder), signatures={"serving_bytes": serve})
    network.model.save(folder / source.KERAS_FILE)


def make_network(classes, seed=3):
    network = architectures.build_network("remastered", (32, 32, 3), classes, MobileNet())
    variables = freezing.model_variables(network)
    freezing.set_weights(variables, freezing.initial_weights(variables, (seed,)))
    return network


@pytest.fixture(scope="module", params=[2, 3])
def exported(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("model")
    save(make_network(request.param), folder)
    found = tflite.export(folder, folder / "tflite", CALIBRATION, IMAGES, LABELS)
    return folder, found, request.param


def test_the_float_file_gives_what_the_saved_model_gives(exported):
    folder, found, _ = exported
    assert found["float"].equal_decisions == 1
    assert found["float"].largest_probability_difference < FLOAT_TOLERANCE
    assert found["float"].accuracy == found["float"].saved_model_accuracy
    assert found["float"].size_bytes == (folder / "tflite" / "model.tflite").stat().st_size


def test_the_int8_file_is_a_quarter_in_size_and_near(exported):
    _, found, _ = exported
    assert found["int8"].size_bytes < 0.3 * found["float"].size_bytes
    assert 0 < found["int8"].largest_probability_difference < INT8_TOLERANCE
    assert found["int8"].equal_decisions > 0.95


def test_a_file_takes_any_number_of_images_and_names_what_it_takes_and_gives(exported):
    folder, _, classes = exported
    content = (folder / "tflite" / "model_int8.tflite").read_bytes()
    both = tflite.predict(content, IMAGES[:3])
    assert both.shape == (3, classes) and both.dtype == np.float32
    np.testing.assert_allclose(both.sum(axis=1), 1, atol=0.01)
    np.testing.assert_allclose(tflite.predict(content, IMAGES[2:3])[0], both[2], atol=1e-6)
    [signature] = tf.lite.Interpreter(model_content=content).get_signature_list().values()
    assert signature == {"inputs": ["images"], "outputs": ["probabilities"]}


def test_a_float_file_of_another_model_than_the_saved_one_is_refused(tmp_path):
    save(make_network(2), tmp_path)
    make_network(2, seed=4).model.save(tmp_path / source.KERAS_FILE)
    with pytest.raises(ThawError, match=r"model.tflite differs from the SavedModel .* at most 0.001"):
        tflite.export(tmp_path, tmp_path / "tflite", CALIBRATION, IMAGES, LABELS)


def test_agreement_counts_decisions_and_takes_the_largest_difference():
    served = np.array([[0.9, 0.1], [0.4, 0.6], [0.5, 0.5]], np.float32)
    lite = np.array([[0.8, 0.2], [0.6, 0.4], [0.5, 0.5]], np.float32)
    found = tflite.compared(served, lite, np.array([0, 1, 1]), size_bytes=7)
    assert (found.equal_decisions, found.accuracy, found.saved_model_accuracy) == pytest.approx((2 / 3, 1 / 3, 2 / 3))
    assert found.largest_probability_difference == pytest.approx(0.2)
    assert found.size_bytes == 7
