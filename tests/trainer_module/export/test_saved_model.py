"""The exported SavedModel, loaded again: each signature against the network. Runs TFT once on two records."""

import io
import resource
import struct
import zlib

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from acquisition.image_folders.image_files import load_image, png_bytes
from experiment import features
from trainer_module.export import saved_model

pytestmark = pytest.mark.component

IMAGES = np.random.default_rng(5).integers(0, 256, (6, 32, 32, 3), np.uint8)  # those of exported_model


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
def signatures(exported_model):
    return tf.saved_model.load(str(exported_model.folder)).signatures


@pytest.fixture(scope="module")
def positive(exported_model):
    """The network's own probability of `truck`, by image."""
    return tf.sigmoid(exported_model.network.model(IMAGES, training=False))[:, 0].numpy()


@pytest.mark.parametrize("name", ["serving_default", "serving_bytes"])
def test_requests_get_the_networks_answers(signatures, positive, name):
    raw = [png(image) for image in IMAGES]
    answer = signatures[name](tf.constant(raw if name == "serving_bytes" else [example(image=r) for r in raw]))
    np.testing.assert_allclose(answer["probabilities"].numpy(), np.stack([1 - positive, positive], 1), atol=1e-5)
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


def saved(image, format):
    buffer = io.BytesIO()
    image.save(buffer, format)
    return buffer.getvalue()


def oriented(value, order="big"):
    """EXIF with that orientation behind another tag, in one of the two byte orders."""
    exif = Image.Exif()
    exif.endian = "<" if order == "little" else ">"
    exif[0x010F], exif[0x0112] = "a camera", value
    return exif


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
    [encoded("JPEG"), encoded("PNG", "L"), encoded("PNG", "1"), encoded("PNG", "RGBA"), encoded("PNG", "LA"),
     encoded("PNG", "P"), encoded("JPEG", "L"), encoded("JPEG", exif=oriented(1)),
     encoded("JPEG", comment=oriented(6).tobytes()[6:])],
    ids=["jpeg", "grey", "1 bit", "opaque", "opaque grey", "palette", "grey jpeg", "upright", "comment"],
)  # fmt: skip
@pytest.mark.parametrize("name", ["serving_default", "serving_bytes"])
def test_what_init_takes_is_answered_as_the_record_that_it_makes(signatures, name, image):
    record = png_bytes(load_image(image, "image"))
    given, made = (signatures[name](tf.constant([one if name == "serving_bytes" else example(image=one)]))
                   for one in (image, record))  # fmt: skip
    # Two libraries decode a JPEG to pixels that differ by a grey level or two.
    np.testing.assert_allclose(given["probabilities"], made["probabilities"], atol=0.01)


SEE_THROUGH = Image.fromarray(np.dstack([IMAGES[0], np.full((32, 32), 255, np.uint8)]))
SEE_THROUGH.putpixel((3, 4), (10, 20, 30, 128))


@pytest.mark.parametrize(
    ("image", "words"),
    [(saved(SEE_THROUGH, "PNG"), "transparent"), (saved(SEE_THROUGH.convert("LA"), "PNG"), "transparent"),
     (encoded("PNG", "P", transparency=0), "transparent"),
     (encoded("PNG", transparency=tuple(IMAGES[0, 0, 0])), "transparent"),
     (encoded("PNG", "L", transparency=int(np.asarray(Image.fromarray(IMAGES[0]).convert("L"))[0, 0])), "transparent"),
     (encoded("JPEG", "CMYK"), "CMYK"), (encoded("PNG", "I;16"), "16 bits of grey"),
     (encoded("PNG", save_all=True, append_images=[Image.new("RGB", (32, 32))]), "animation"),
     (encoded("WEBP"), "expected PNG or JPEG"), (encoded("TIFF"), "expected PNG or JPEG"),
     *((encoded("JPEG", exif=oriented(value)), "not upright") for value in range(2, 9)),
     (encoded("JPEG", exif=oriented(6, "little")), "not upright"), (encoded("PNG", exif=oriented(3)), "not upright"),
     (encoded("JPEG", xmp=b'<rdf tiff:Orientation="6"/>'), "not upright")],
)  # fmt: skip
@pytest.mark.parametrize("name", ["serving_default", "serving_bytes"])
def test_what_would_be_seen_otherwise_than_in_training_is_refused_in_words(signatures, name, image, words):
    batch = [png(IMAGES[0]), image]
    with pytest.raises(tf.errors.InvalidArgumentError, match=rf"{words}(.|\n)*\[1\]"):
        signatures[name](tf.constant(batch if name == "serving_bytes" else [example(image=one) for one in batch]))


def test_a_model_of_grey_images_refuses_colours():
    saved_model.assert_usable(
        tf.constant([encoded("PNG", "L"), encoded("JPEG", "L"), encoded("PNG", "I;16")]), (32, 32, 1), resize=False
    )
    for image in (encoded("PNG"), encoded("PNG", "P"), encoded("JPEG"), encoded("JPEG", "CMYK")):
        with pytest.raises(tf.errors.InvalidArgumentError, match="expected grey images"):
            saved_model.assert_usable(tf.constant([image]), (32, 32, 1), resize=False)


def assert_sound(answer):
    np.testing.assert_allclose(answer["probabilities"].numpy().sum(axis=1), 1, atol=1e-6)
    assert answer["class_names"].numpy()[0].decode() in ("automobile", "truck")


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


@pytest.mark.parametrize("name", ["serving_default", "serving_bytes"])
def test_a_batch_of_no_images_gets_no_answers(signatures, name):
    [taken] = signatures[name].structured_input_signature[1]
    answer = signatures[name](**{taken: tf.constant([], tf.string)})
    assert answer["probabilities"].shape == (0, 2) and answer["class_names"].shape == (0,)


def test_a_batch_of_no_records_is_transformed_to_none(signatures):
    assert signatures["transform_features"](tf.constant([], tf.string))[features.IMAGE].shape == (0,)


def test_weights_are_part_of_the_graph(exported_model):
    """Variables would be saved, and restored by each Evaluator, one by one (docs/archive.md)."""
    assert tf.train.list_variables(str(exported_model.folder / "variables" / "variables")) == [
        ("_CHECKPOINTABLE_OBJECT_GRAPH", [])
    ]
