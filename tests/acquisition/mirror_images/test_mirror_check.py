"""Histograms of edge directions and the test for left and right, on pictures drawn here. Imports both modules."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from acquisition.mirror_images.mirror_check import check_mirror
from acquisition.mirror_images.orientation_histograms import (
    CELLS,
    DIRECTIONS,
    LENGTH,
    mirrored,
    orientation_histograms,
)


def triangle(seed, points_left):
    """A light triangle on dark noise that points left or right; 48 x 48 pixels."""
    rng = np.random.default_rng(seed)
    pixels = rng.integers(0, 60, (48, 48))
    top, start, size = rng.integers(4, 20), rng.integers(4, 20), rng.integers(16, 24)
    for row in range(size):
        width = int(size * (1 - abs(2 * row / size - 1)))
        shape = slice(size - width, size) if points_left else slice(0, width)
        pixels[top + row, start : start + size][shape] = 220
    return Image.fromarray(np.repeat(pixels[..., None], 3, axis=2).astype(np.uint8))


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_a_mirrored_picture_s_histograms_are_those_of_the_picture_permuted(seed):
    image = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (64, 128, 3), np.uint8))
    turned = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    own = orientation_histograms(image)
    np.testing.assert_allclose(mirrored(own), orientation_histograms(turned), atol=1e-5)
    np.testing.assert_array_equal(mirrored(mirrored(own)), own)


def test_an_edge_counts_in_its_cell_and_direction_alone():
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[:, 32:] = 200  # dark to light, from left to right: an angle of 0
    found = orientation_histograms(Image.fromarray(pixels))
    fine = found[: CELLS[0] ** 2 * DIRECTIONS].reshape(CELLS[0], CELLS[0], DIRECTIONS)
    # Central differences see the edge in the two columns beside it, which lie in two columns of cells: 16 cells.
    np.testing.assert_allclose(fine[:, 3:5, 0], np.sqrt(1 / 16), rtol=1e-5)
    assert fine.sum() == pytest.approx(16 * np.sqrt(1 / 16), rel=1e-5)
    assert mirrored(found)[-DIRECTIONS:].argmax() == DIRECTIONS // 2 and len(found) == LENGTH


def test_a_picture_of_one_colour_has_no_edges():
    assert not orientation_histograms(Image.new("RGB", (10, 3), "red")).any()


def histograms(count, kinds):
    pictures = [triangle(seed, kinds(seed)) for seed in range(count)]
    return np.array([orientation_histograms(picture) for picture in pictures])


def test_classes_that_differ_in_left_and_right_are_found():
    labels = np.arange(80) % 2
    check = check_mirror(histograms(80, lambda seed: seed % 2 == 0), labels, [str(place) for place in range(80)])
    assert check.differs and check.swaps and check.images == 80
    assert check.recognized > 72 and check.mirrored_recognized < 8


def test_classes_whose_mirror_images_occur_themselves_are_not_said_to_differ():
    own = histograms(80, lambda seed: seed % 4 < 2)
    labels = np.arange(80) % 2  # both classes point either way
    check = check_mirror(own, labels, [str(place) for place in range(80)])
    assert not check.differs and not check.swaps


def test_what_is_one_group_is_not_recognized_by_its_own_copies():
    """Forty copies of ten pictures with random labels: in folds of their own they would be known by heart."""
    own = np.repeat(histograms(10, lambda seed: seed % 2 == 0), 4, axis=0)
    labels = np.repeat(np.random.default_rng(1).permutation([0, 1] * 5), 4)
    apart = check_mirror(own, labels, [str(place // 4) for place in range(40)])
    alone = check_mirror(own, labels, [str(place) for place in range(40)])
    assert apart.recognized < 32 and alone.recognized == 40


@pytest.mark.parametrize("groups", [["a"] * 20, [str(place // 5) for place in range(20)]])
def test_too_few_groups_of_a_class_give_no_answer(groups):
    assert check_mirror(histograms(20, lambda seed: True), np.arange(20) % 2, groups) is None


def test_pictures_that_all_look_the_same_give_no_evidence():
    check = check_mirror(np.zeros((10, LENGTH), np.float32), np.arange(10) % 2, [str(place) for place in range(10)])
    assert (check.p_differ, check.differs, check.swaps) == (1.0, False, False)


def test_mirror_images_that_look_like_nothing_known_differ_and_swap_no_classes():
    """Class 0 has triangles that point left, class 1 noise: a mirrored triangle is still no noise."""
    own = histograms(80, lambda seed: True)
    noise = [Image.fromarray(np.random.default_rng(seed).integers(0, 256, (48, 48, 3), np.uint8)) for seed in range(40)]
    own[1::2] = [orientation_histograms(picture) for picture in noise]
    check = check_mirror(own, np.arange(80) % 2, [str(place) for place in range(80)])
    assert not check.swaps and check.mirrored_recognized >= 40
