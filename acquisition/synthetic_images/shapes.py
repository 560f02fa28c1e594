"""The pen and the paint that synthetic objects are drawn with. Imports only numpy and PIL."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import ImageDraw

Colour = tuple[int, int, int]
Points = Sequence[tuple[float, float]]

_ANGLES = np.linspace(0, 2 * np.pi, 24, endpoint=False)
_CIRCLE = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)], axis=1)  # [24, 2]

_FURS: tuple[Colour, ...] = (
    (120, 80, 45), (70, 50, 35), (170, 120, 70), (215, 190, 150),
    (60, 60, 62), (150, 150, 150), (225, 222, 215),
)  # fmt: skip


class Pen:
    """Draws in the frame of an object: x and y from about -1 to 1, y downwards, the ground at 0.5.

    Args:
      canvas: where to draw.
      matrix: 2 x 2 array that turns, scales and mirrors the frame, in canvas pixels per unit.
      centre: the frame's origin on the canvas, pixels.
    """

    def __init__(self, canvas: ImageDraw.ImageDraw, matrix: np.ndarray, centre: np.ndarray):
        self._canvas = canvas
        self._matrix = matrix
        self._centre = centre
        self._unit = float(np.sqrt(abs(np.linalg.det(matrix))))

    def polygon(self, points: Points | np.ndarray, colour: Colour) -> None:
        self._canvas.polygon(self._pixels(points), fill=colour)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour, turn: float = 0.0) -> None:
        cos, sin = np.cos(turn), np.sin(turn)
        turned = (_CIRCLE * (rx, ry)) @ np.array([[cos, sin], [-sin, cos]])
        self.polygon(turned + np.array((x, y)), colour)

    def line(self, points: Points, width: float, colour: Colour) -> None:
        thickness = max(1, round(width * self._unit))
        self._canvas.line(self._pixels(points), fill=colour, width=thickness, joint="curve")

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: Colour) -> None:
        self.polygon(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), colour)

    def _pixels(self, points: Points | np.ndarray) -> list[float]:
        pixels: np.ndarray = np.asarray(points, float) @ self._matrix.T + self._centre
        return pixels.ravel().tolist()


class Paint:
    """Random colours and measures of one object."""

    def __init__(self, rng: np.random.Generator):
        self.rng = rng
        self.body = self.any_colour()
        self.second = self.any_colour() if rng.random() < 0.5 else shade(self.body, rng.uniform(0.6, 1.3))
        self.glass = mix((40, 50, 70), (210, 230, 245), rng.random())
        self.tyre = mix((5, 5, 5), (70, 70, 70), rng.random())
        self.fur = mix(_FURS[rng.integers(len(_FURS))], self.any_colour(), 0.15)
        self.eye = (10, 10, 10) if sum(self.fur) > 240 else (230, 220, 120)

    def any_colour(self) -> Colour:
        red, green, blue = self.rng.integers(20, 236, 3)
        return int(red), int(green), int(blue)

    def between(self, low: float, high: float) -> float:
        return float(self.rng.uniform(low, high))

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)


def shade(colour: Colour, factor: float) -> Colour:
    red, green, blue = (min(255, int(value * factor)) for value in colour)
    return red, green, blue


def mix(one: Colour, other: Colour, share: float) -> Colour:
    red, green, blue = (int(a + (b - a) * share) for a, b in zip(one, other, strict=True))
    return red, green, blue
