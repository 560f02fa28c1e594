"""Pictures of any size: the exported model answers the user's own files as evaluation saw them. Runs TFT once."""

import io

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft
from PIL import Image

from experiment import features
from tests.conftest import export_model
from tests.trainer_module.export.test_saved_model import example, png_declaring
from trainer_module.data.image_decoding import decode_images, fit_image

pytestmark = pytest.mark.component

SIZES = [(32, 32), (300, 200), (50, 80), (1000, 9), (33, 32), (8, 8)]


def file_of(number: int, size: tuple[int, int], kind: str, mode: str) -> bytes:
    width, height = size
    smooth = np.random.default_rng(number).integers(0, 256, (4, 4, 3), np.uint8)
    picture = Image.fromarray(smooth).resize((width, height), Image.Resampling.BICUBIC).convert(mode)
    buffer = io.BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


FILES = [
    file_of(number, size, kind, mode)
    for number, (size, kind, mode) in enumerate(
        (size, kind, mode) for size in SIZES for kind, mode in (("PNG", "RGB"), ("JPEG", "RGB"), ("JPEG", "L"))
    )
]


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    folder = tmp_path_factory.mktemp("any_size")
    network = export_model(folder, FILES[:4], resize=True)
    return folder, network, tf.saved_model.load(str(folder / "model")).signatures


@pytest.mark.parametrize("name", ["serving_default", "serving_bytes"])
def test_a_users_own_files_get_the_probabilities_that_evaluation_has(exported, name):
    """Evaluation reads the pixels that Transform wrote; a request brings the file itself."""
    folder, network, signatures = exported
    layer = tft.TFTransformOutput(str(folder / "graph")).transform_features_layer()
    raw = {"image": tf.constant(FILES), "label": tf.zeros([len(FILES)], tf.int64)}
    written = layer(raw)[features.IMAGE].numpy()
    pixels = np.stack([np.frombuffer(one[-32 * 32 * 3 :], np.uint8).reshape(32, 32, 3) for one in written])
    positive = tf.sigmoid(network.model(pixels, training=False))[:, 0].numpy()
    request = FILES if name == "serving_bytes" else [example(image=file) for file in FILES]
    answer = signatures[name](tf.constant(request))
    np.testing.assert_allclose(answer["probabilities"].numpy()[:, 1], positive, atol=1e-5)


@pytest.mark.parametrize(("width", "height"), [(100_000, 100_000), (2**31 - 1, 2), (7, 500), (0, 0)])
def test_sizes_that_no_memory_holds_or_no_class_shows_in_are_refused(exported, width, height):
    _, _, signatures = exported
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"8 pixels or more a side(.|\n)*\[1\]"):
        signatures["serving_bytes"](tf.constant([FILES[0], png_declaring(width, height)]))


def test_an_image_of_the_size_itself_stays_as_it_is():
    image = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)
    np.testing.assert_array_equal(fit_image(tf.constant(image), (32, 32, 3)), image)


@pytest.mark.parametrize(("height", "width"), [(32, 96), (96, 32), (64, 192)])
def test_what_is_too_long_is_cut_off_evenly_at_both_ends(height, width):
    """The middle square is white, the ends are black."""
    image = np.zeros((height, width, 3), np.uint8)
    side = min(height, width)
    image[(height - side) // 2 :][:side, (width - side) // 2 :][:, :side] = 255
    assert fit_image(tf.constant(image), (16, 16, 3)).numpy().min() == 255


def test_shrinking_takes_the_mean_and_no_single_pixels():
    """A fine chessboard becomes grey; taken pixel by pixel it would stay black or white."""
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    image = np.repeat(board[..., None], 3, axis=-1).astype(np.uint8)
    small = fit_image(tf.constant(image), (8, 8, 3)).numpy()
    assert np.all(np.abs(small[1:-1, 1:-1].astype(int) - 127) <= 2)


def test_without_resize_another_size_is_an_error():
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):
        decode_images(tf.constant([FILES[3]]), (32, 32, 3), resize=False)
