"""Fingerprints: alterations that do not change them (saving, scaling, mirroring), and those that do. Imports no
TensorFlow."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, ImageOps

from acquisition.splits.fingerprints import LENGTH, fingerprint, mirrored


def photo(seed: int, size: tuple[int, int] = (160, 120)) -> Image.Image:
    """Smooth noise, in the proportions of a photograph's frequencies."""
    coarse = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def saved(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def test_a_fingerprint_has_the_length_one() -> None:
    found = fingerprint(photo(0))
    assert found.shape == (LENGTH,) and found.dtype == np.float32
    assert np.linalg.norm(found) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("colour", ["white", "black", (17, 90, 200)])
def test_one_colour_has_no_fingerprint(colour: str | tuple[int, int, int]) -> None:
    assert not fingerprint(Image.new("RGB", (40, 30), colour)).any()


def test_saving_and_scaling_change_little() -> None:
    original = fingerprint(photo(1))
    for other in (saved(photo(1), 30), photo(1).resize((40, 30)), photo(1).resize((640, 480))):
        assert original @ fingerprint(other) > 0.97


def test_the_mirror_image_is_computed_from_the_fingerprint() -> None:
    np.testing.assert_allclose(
        mirrored(fingerprint(photo(2))), fingerprint(ImageOps.mirror(photo(2))), rtol=0, atol=1e-4
    )


def test_other_photos_are_not_alike() -> None:
    found = np.stack([fingerprint(photo(seed)) for seed in range(50)])
    alike = found @ found.T - np.eye(50)
    assert alike.max() < 0.6
