"""Generates a replacement for CIFAR-10 if photographs are not available. Imports no TensorFlow itself.

How hard it is, automobile against truck at n = 100: Keras `fit` for 30 epochs at batch 32 on the images,
their mirrors and noisy copies; sources trained on 1,200 images a class; 600 test images; mean of 2 draws:

  Table 1's network: 61% from scratch; from ship and airplane 89% (k = 0) and 87% (k = 2).
  The same, half as wide: 60% and 66% from scratch (two sets of draws); from the other 8 classes 89% (k = 0)
  and 92% (k = 2); from cat and dog 78% (k = 2).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from acquisition.synthetic_images import animals, vehicles
from acquisition.synthetic_images.shapes import Paint, Pen
from acquisition.tfrecords.tfrecords import encode_png, write_examples
from experiment.config import CIFAR10_CLASSES
from experiment.random_streams import Stream, stream_generator

NAME = "synthetic"
"""Prefix of the files' names, which identifies a copy of the set."""
VERSION = 1
"""Increased whenever the generated images change."""

_DRAW: dict[str, Callable[[Pen, Paint], None]] = {
    "airplane": vehicles.draw_airplane,
    "automobile": vehicles.draw_automobile,
    "bird": animals.draw_bird,
    "cat": animals.draw_cat,
    "deer": animals.draw_deer,
    "dog": animals.draw_dog,
    "frog": animals.draw_frog,
    "horse": animals.draw_horse,
    "ship": vehicles.draw_ship,
    "truck": vehicles.draw_truck,
}

_SIZE_PX = 32
_CANVAS_PX = 128
"""Drawn four times as large and averaged down, so that edges fall between pixels."""


def write_synthetic(folder: Path, train_per_class: int, test_per_class: int, seed: int = 0) -> None:
    """Writes `train/synthetic-train.tfrecord-...` and `test/synthetic-test.tfrecord-...`.

    Ten classes with CIFAR-10's names and labels, in random order, as PNG of 32 x 32 pixels, RGB; ids
    `synthetic_train_00000` and on. Equal arguments give equal pixels.

    Args:
      folder: where to write; made when absent.
      train_per_class, test_per_class: images of each class.
      seed: of all that is random.
    """
    for name, per_class in (("train", train_per_class), ("test", test_per_class)):
        labels = stream_generator(seed, Stream.SYNTHETIC_LABELS, name).permutation(np.repeat(np.arange(10), per_class))
        path = folder / name / f"{NAME}-{name}.tfrecord-00000-of-00001"
        write_examples(path, _examples(name, labels.tolist(), seed))


def _examples(name: str, labels: list[int], seed: int) -> Iterator[tuple[bytes, int, bytes]]:
    for index, label in enumerate(labels):
        image = draw_image(CIFAR10_CLASSES[label], stream_generator(seed, Stream.SYNTHETIC_IMAGES, name, index))
        yield encode_png(image), label, f"{NAME}_{name}_{index:05d}".encode()


def draw_image(name: str, rng: np.random.Generator) -> np.ndarray:
    """Draws one image of a class: uint8 of shape (32, 32, 3)."""
    image = Image.fromarray(_background(rng))
    canvas = ImageDraw.Draw(image)
    _clutter(canvas, rng, int(rng.integers(0, 4)), 20)
    _DRAW[name](_pen(canvas, rng), Paint(rng))
    _clutter(canvas, rng, int(rng.integers(0, 2)), 12)
    small = np.asarray(image.reduce(_CANVAS_PX // _SIZE_PX), np.float32)
    return _photograph(small, rng)


def _background(rng: np.random.Generator) -> np.ndarray:
    """Sky over ground, each running from one pale colour to another, the horizon anywhere."""
    grey, hue = rng.uniform(60, 215, (4, 1)), rng.normal(0, 22, (4, 3))
    sky, haze, near, far = np.clip(grey + hue, 0, 255)
    rows = np.linspace(0, 1, _CANVAS_PX)[:, None]
    horizon = rng.uniform(0.3, 0.9)
    above = sky + (haze - sky) * (rows / horizon)
    below = far + (near - far) * ((rows - horizon) / (1 - horizon))
    column = np.where(rows < horizon, above, below)  # [canvas, 3]
    return np.repeat(column[:, None].astype(np.uint8), _CANVAS_PX, axis=1)


def _clutter(canvas: ImageDraw.ImageDraw, rng: np.random.Generator, count: int, largest_px: float) -> None:
    """Ellipses, boxes and bars anywhere, behind the object or before it."""
    for _ in range(count):
        x, y = rng.uniform(0, _CANVAS_PX, 2)
        rx, ry = rng.uniform(3, largest_px, 2)
        red, green, blue = (int(value) for value in rng.integers(40, 216, 3))
        colour = (red, green, blue)
        kind = rng.integers(3)
        if kind == 0:
            canvas.ellipse((x - rx, y - ry, x + rx, y + ry), fill=colour)
        elif kind == 1:
            canvas.rectangle((x - rx, y - ry, x + rx, y + ry), fill=colour)
        else:
            ends = (x - 2 * rx, y - 2 * ry, x + 2 * rx, y + 2 * ry)
            canvas.line(ends, fill=colour, width=int(rng.integers(2, 6)))


def _pen(canvas: ImageDraw.ImageDraw, rng: np.random.Generator) -> Pen:
    """Puts the object somewhere, in some size, turned a little, facing left or right."""
    scale = rng.uniform(44, 60) * np.array([rng.choice([-1.0, 1.0]), 1.0]) * rng.uniform(0.9, 1.12, 2)
    turn = rng.normal(0, 0.1)
    rotation = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    centre = _CANVAS_PX / 2 + rng.uniform(-12, 12, 2)
    return Pen(canvas, rotation * scale, centre)


def _photograph(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Light from one side, another contrast and tint, and a camera's noise."""
    ramp = np.linspace(-1, 1, _SIZE_PX)
    slope = rng.uniform(-0.25, 0.25, 2)
    light = 1 + slope[0] * ramp[:, None, None] + slope[1] * ramp[None, :, None]
    contrast, tint = rng.uniform(0.6, 1.1), rng.uniform(0.92, 1.08, 3)
    level = rng.uniform(105, 150)
    pixels = ((image * light - 128) * contrast + level) * tint
    pixels += rng.normal(0, rng.uniform(2, 10), image.shape)
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
