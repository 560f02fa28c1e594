"""The exported SavedModel, loaded again: each signature against the network. Runs TFT once on two records."""

import io

import apache_beam as beam
import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform.beam as tft_beam
from PIL import Image
from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

from pipeline.config import MobileNet, Schedule
from trainer_module import features, freezing, serving, source
from trainer_module.preprocessing import preprocessing_fn
from trainer_module.settings import ModelSettings

pytestmark = pytest.mark.component

RAW = {"image": tf.io.FixedLenFeature([], tf.string), "label": tf.io.FixedLenFeature([], tf.int64)}
TOLD = {"image_key": "image", "label_key": "label", "id_key": "id", "image_shape": [32, 32, 3]}
SETTINGS = ModelSettings(
    role="transfer", name="a__remastered", source="a", architecture="remastered", classes=("automobile", "truck"),
    image_shape=(32, 32, 3), image_key="image", mobilenet=MobileNet(), schedule=Schedule(), seed=1, data_name="d",
    code="c",
)  # fmt: skip
IMAGES = np.random.default_rng(5).integers(0, 256, (6, 32, 32, 3), np.uint8)


def png(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def example(**values):
    result = tf.train.Example()
    for name, value in values.items():
        kind = result.features.feature[name]
        (kind.bytes_list if isinstance(value, bytes) else kind.int64_list).value.append(value)
    return result.SerializeToString()


@pytest.fixture(scope="module")
def network():
    network = source.network_of(SETTINGS)
    variables = freezing.model_variables(network)
    freezing.set_weights(variables, freezing.initial_weights(variables, (1,)))
    return network


@pytest.fixture(scope="module")
def folder(network, tmp_path_factory):
    folder = tmp_path_factory.mktemp("serving")
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(RAW))
    records = [{"image": png(image), "label": 1} for image in IMAGES[:2]]
    graph = str(folder / "graph")
    with beam.Pipeline(runner="FnApiRunner") as pipeline, tft_beam.Context(temp_dir=str(folder / "temporary")):
        raw = pipeline | beam.Create(records)
        transform_fn = (raw, metadata) | tft_beam.AnalyzeDataset(lambda inputs: preprocessing_fn(inputs, TOLD))
        _ = transform_fn | tft_beam.WriteTransformFn(graph)
        _ = metadata | tft_beam.WriteMetadata(f"{graph}/metadata", pipeline=pipeline)
    serving.export(network.model, SETTINGS, graph, folder / "model")
    return folder / "model"


@pytest.fixture(scope="module")
def signatures(folder):
    return tf.saved_model.load(str(folder)).signatures


@pytest.fixture(scope="module")
def positive(network):
    """The network's own probability of `truck`, by image."""
    return tf.sigmoid(network.model(IMAGES, training=False))[:, 0].numpy()


@pytest.mark.parametrize("name", ["serving_default", "serving_bytes"])
def test_requests_get_the_networks_answers(signatures, positive, name):
    raw = [png(image) for image in IMAGES]
    answer = signatures[name](tf.constant(raw if name == "serving_bytes" else [example(image=r) for r in raw]))
    np.testing.assert_allclose(answer["probabilities"].numpy(), np.stack([1 - positive, positive], 1), atol=1e-6)
    expected = ["truck" if p > 0.5 else "automobile" for p in positive]
    assert [given.decode() for given in answer["class_names"].numpy()] == expected


def test_the_evaluator_gets_class_indices_of_plain_pixels(signatures, positive):
    examples = [example(**{features.IMAGE: image.tobytes()}) for image in IMAGES]
    [given] = signatures[features.SCORE_SIGNATURE](tf.constant(examples)).values()
    assert given.numpy().tolist() == (positive > 0.5).astype(int).tolist()


def test_raw_records_are_transformed_as_in_the_pipeline(signatures):
    transformed = signatures["transform_features"](tf.constant([example(image=png(IMAGES[0]), label=1)]))
    assert transformed[features.IMAGE].numpy()[0].endswith(IMAGES[0].tobytes())


def test_bytes_that_are_no_image_fail_the_request(signatures):
    with pytest.raises(tf.errors.InvalidArgumentError):
        signatures["serving_bytes"](tf.constant([b"no image"]))


def test_weights_are_part_of_the_graph(folder):
    """Variables would be saved, and restored by each Evaluator, one by one (docs/overhead.md)."""
    assert tf.train.list_variables(str(folder / "variables" / "variables")) == [("_CHECKPOINTABLE_OBJECT_GRAPH", [])]
