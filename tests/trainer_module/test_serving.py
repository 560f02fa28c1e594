"""The exported SavedModel, loaded again: each signature against the network. Runs TFT once on two records."""

import io
import resource
import struct
import zlib

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


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_declaring(width, height):
    """A PNG of a few bytes with right checksums, whose header declares so many pixels."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(bytes(100))) + chunk(b"IEND", b"")


def encoded(format, mode="RGB", size=(32, 32), **options):
    buffer = io.BytesIO()
    Image.fromarray(IMAGES[0]).convert(mode).resize(size).save(buffer, format, **options)
    return buffer.getvalue()


def jpeg_declaring(width, height):
    content = bytearray(encoded("JPEG"))
    place = content.index(b"\xff\xc0") + 5
    content[place : place + 4] = struct.pack(">HH", height, width)
    return bytes(content)


@pytest.mark.parametrize(
    "image",
    [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", png_declaring(20_000, 20_000), png_declaring(2**31 - 1, 1),
     png_declaring(0, 0), jpeg_declaring(65_000, 65_000), encoded("GIF"), encoded("BMP"), encoded("PNG", size=(16, 32)),
     encoded("JPEG", size=(32, 33))],
    ids=["nothing", "png's first bytes", "jpeg's first bytes", "gigabyte png", "wide png", "png without pixels",
         "gigabytes jpeg", "gif", "bmp", "small png", "large jpeg"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["serving_default", "serving_bytes"])
def test_a_request_with_another_image_than_expected_is_refused_at_no_cost(signatures, name, image):
    before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    batch = [png(IMAGES[0]), image]
    with pytest.raises(tf.errors.InvalidArgumentError):
        signatures[name](tf.constant(batch if name == "serving_bytes" else [example(image=one) for one in batch]))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kib < 100 << 10


def test_the_refusal_says_what_is_expected_and_which_image_is_not(signatures):
    batch = [png(IMAGES[0]), b"no image", png(IMAGES[1]), png_declaring(9, 9)]
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"expected PNG or JPEG of 32 x 32 pixels(.|\n)*\[1 3\]"):
        signatures["serving_bytes"](tf.constant(batch))


@pytest.mark.parametrize(
    "image",
    [encoded("JPEG"), encoded("JPEG", "CMYK"), encoded("PNG", "L"), encoded("PNG", "RGBA"), encoded("PNG", "P"),
     encoded("PNG", save_all=True, append_images=[Image.new("RGB", (32, 32))]), encoded("PNG", "I;16")],
    ids=["jpeg", "cmyk jpeg", "grey", "transparent", "palette", "animated", "16 bits"],
)  # fmt: skip
def test_images_of_the_expected_size_are_answered_whatever_their_colours(signatures, image):
    assert_sound(signatures["serving_bytes"](tf.constant([image])))


def assert_sound(answer):
    np.testing.assert_allclose(answer["probabilities"].numpy().sum(axis=1), 1, atol=1e-6)
    assert answer["class_names"].numpy()[0].decode() in SETTINGS.classes


ALL = [
    pytest.param(name, range(10_000), marks=[pytest.mark.exhaustive, pytest.mark.timeout(3600)])
    for name in ("serving_default", "serving_bytes")
]
SOME = [("serving_default", range(200)), ("serving_bytes", range(200))]
# TensorFlow 2.16's parse_example ends the process on it (docs/reliability.md).
REFUSALS = (tf.errors.InvalidArgumentError, tf.errors.DataLossError)
FATAL = ("serving_default", range(7380, 7390))


@pytest.mark.parametrize(
    ("name", "numbers"), [*SOME, FATAL, *ALL], ids=["examples", "bytes", "fatal", "all examples", "all bytes"]
)
def test_a_damaged_request_is_answered_or_refused_and_the_next_one_is_served(signatures, mutations, name, numbers):
    images = [png(IMAGES[0]), encoded("PNG", compress_level=0), encoded("JPEG"), encoded("JPEG", progressive=True)]
    sound = images if name == "serving_bytes" else [example(image=image) for image in images]
    refused = 0
    for request in mutations(sound, numbers):
        try:
            answer = signatures[name](tf.constant([request]))
        except (*REFUSALS, TypeError) as error:
            # TensorFlow's message quotes the request, and Python can't decode what is not UTF-8 in it.
            assert isinstance(error, REFUSALS) or "codec can't decode byte" in str(error)
            refused += 1
        else:
            assert_sound(answer)
    assert 0 < refused < len(numbers)
    assert_sound(signatures[name](tf.constant(sound[:1])))


@pytest.mark.parametrize("name", ["serving_default", "transform_features"])
def test_a_request_that_is_no_example_is_refused_among_sound_ones(signatures, name):
    sound = example(image=png(IMAGES[0]), label=1)
    with pytest.raises(tf.errors.DataLossError, match="Unable to parse"):
        signatures[name](tf.constant([sound, sound[:-1]]))


def test_a_batch_of_no_records_is_transformed_to_none(signatures):
    assert signatures["transform_features"](tf.constant([], tf.string))[features.IMAGE].shape == (0,)


def test_weights_are_part_of_the_graph(folder):
    """Variables would be saved, and restored by each Evaluator, one by one (docs/overhead.md)."""
    assert tf.train.list_variables(str(folder / "variables" / "variables")) == [("_CHECKPOINTABLE_OBJECT_GRAPH", [])]
