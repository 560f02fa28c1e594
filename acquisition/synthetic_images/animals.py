"""Draws the synthetic animals out of parts that they share: trunk, legs, eyes, fur. Imports only numpy."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from acquisition.synthetic_images.shapes import Paint, Pen, mix, shade


def _legs(pen: Pen, paint: Paint, xs: Sequence[float], top: float, width: float) -> None:
    for x in xs:
        foot = x + paint.between(-0.1, 0.1)
        knee = ((x + foot) / 2 + 0.03, (top + 0.5) / 2)
        pen.line(((x, top), knee, (foot, 0.5)), width, shade(paint.fur, 0.8))


def _eye(pen: Pen, paint: Paint, x: float, y: float, radius: float = 0.04) -> None:
    pen.ellipse(x, y, radius, radius, paint.eye)


def _trunk(pen: Pen, paint: Paint, rx: float, ry: float, y: float) -> None:
    pen.ellipse(0, y, rx, ry, paint.fur)
    pen.ellipse(0, y + ry * 0.5, rx * 0.7, ry * 0.4, shade(paint.fur, 1.2))


def draw_bird(pen: Pen, paint: Paint) -> None:
    feather = paint.second if paint.chance(0.6) else paint.fur
    paint.fur = paint.body if paint.chance(0.6) else paint.fur
    pen.polygon(((-0.4, 0.0), (-0.95, -0.1), (-0.9, 0.16)), feather)
    _legs(pen, paint, (-0.05, 0.12), 0.2, 0.035)
    _trunk(pen, paint, 0.5, 0.27, 0.03)
    pen.ellipse(0.45, -0.28, 0.2, 0.19, paint.fur)
    pen.polygon(((0.62, -0.34), (0.9, -0.24), (0.62, -0.2)), (225, 160, 40))
    _eye(pen, paint, 0.5, -0.31)
    lift = paint.between(-0.65, 0.2)
    pen.polygon(((0.2, -0.08), (-0.15, 0.08), (-0.55, lift), (-0.2, lift - 0.1)), feather)


def draw_cat(pen: Pen, paint: Paint) -> None:
    tail = paint.between(-0.75, -0.3)
    pen.line(((-0.5, 0.1), (-0.8, 0.05), (-0.8, tail)), 0.1, paint.fur)
    _legs(pen, paint, (-0.42, -0.28, 0.28, 0.42), 0.2, 0.1)
    _trunk(pen, paint, 0.58, 0.24, 0.08)
    for side in (-1, 1):
        x = 0.5 + side * 0.22
        pen.polygon(((x - 0.15, -0.25), (x + 0.15, -0.25), (x + side * 0.1, -0.72)), paint.fur)
        pen.polygon(((x - 0.06, -0.35), (x + 0.08, -0.35), (x + side * 0.07, -0.58)), (205, 140, 140))
    pen.ellipse(0.5, -0.18, 0.36, 0.3, paint.fur)
    for x in (0.37, 0.63):
        _eye(pen, paint, x, -0.24, 0.065)
    pen.ellipse(0.5, -0.08, 0.06, 0.04, (200, 120, 120))
    if paint.chance(0.5):
        for x in (-0.35, -0.15, 0.05):
            pen.line(((x, -0.12), (x - 0.05, 0.12)), 0.05, shade(paint.fur, 0.6))


def draw_dog(pen: Pen, paint: Paint) -> None:
    pen.line(((-0.45, 0.0), (-0.7, -0.2), (-0.8, paint.between(-0.4, -0.05))), 0.1, paint.fur)
    _legs(pen, paint, (-0.38, -0.24, 0.22, 0.36), 0.15, 0.12)
    _trunk(pen, paint, 0.56, 0.25, 0.03)
    pen.ellipse(0.42, -0.3, 0.3, 0.27, paint.fur)
    pen.ellipse(0.74, -0.18, 0.28, 0.14, shade(paint.fur, 1.15))
    pen.ellipse(0.96, -0.24, 0.08, 0.08, (15, 15, 15))
    pen.ellipse(0.24, -0.16, 0.13, 0.34, shade(paint.fur, 0.55), turn=0.15)
    _eye(pen, paint, 0.52, -0.38, 0.055)


def draw_deer(pen: Pen, paint: Paint) -> None:
    _legs(pen, paint, (-0.38, -0.28, 0.22, 0.32), 0.1, 0.055)
    _trunk(pen, paint, 0.5, 0.2, -0.02)
    pen.polygon(((0.25, -0.1), (0.45, 0.0), (0.68, -0.4), (0.5, -0.45)), paint.fur)
    pen.ellipse(0.68, -0.44, 0.19, 0.1, paint.fur, turn=0.3)
    _eye(pen, paint, 0.66, -0.48, 0.03)
    for lean in (-0.12, 0.14):
        tip = (0.55 + lean * 2, -0.95)
        pen.line(((0.56, -0.5), (0.55 + lean, -0.7), tip), 0.04, shade(paint.fur, 0.55))
        pen.line(((0.55 + lean, -0.7), (0.62 + lean * 2.5, -0.76)), 0.04, shade(paint.fur, 0.55))
    if paint.chance(0.4):
        for x in np.linspace(-0.3, 0.2, 4):
            pen.ellipse(float(x), -0.08, 0.03, 0.03, (235, 230, 215))


def draw_horse(pen: Pen, paint: Paint) -> None:
    mane = shade(paint.fur, 0.5)
    pen.line(((-0.5, -0.1), (-0.7, 0.0), (-0.72, 0.35)), 0.1, mane)
    _legs(pen, paint, (-0.42, -0.28, 0.25, 0.4), 0.1, 0.085)
    _trunk(pen, paint, 0.56, 0.24, -0.03)
    pen.polygon(((0.2, -0.15), (0.5, 0.05), (0.72, -0.42), (0.48, -0.55)), paint.fur)
    pen.line(((0.18, -0.2), (0.34, -0.42), (0.5, -0.6)), 0.1, mane)
    pen.ellipse(0.72, -0.4, 0.28, 0.12, paint.fur, turn=0.7)
    pen.polygon(((0.48, -0.5), (0.6, -0.5), (0.52, -0.68)), paint.fur)
    _eye(pen, paint, 0.65, -0.46, 0.035)


def draw_frog(pen: Pen, paint: Paint) -> None:
    green = mix((50, 120, 40), (140, 190, 60), paint.rng.random())
    paint.fur = green if paint.chance(0.7) else paint.fur
    for side in (-1, 1):
        leg = ((side * 0.4, 0.2), (side * 0.85, 0.05), (side * 0.6, 0.48), (side * 0.95, 0.5))
        pen.line(leg, 0.13, shade(paint.fur, 0.8))
    _trunk(pen, paint, 0.58, 0.34, 0.15)
    pen.ellipse(0, -0.12, 0.42, 0.24, paint.fur)
    for x in (-0.26, 0.26):
        pen.ellipse(x, -0.33, 0.14, 0.14, paint.fur)
        pen.ellipse(x, -0.34, 0.08, 0.08, (235, 225, 120))
        pen.ellipse(x, -0.34, 0.035, 0.05, (10, 10, 10))
    pen.line(((-0.28, -0.04), (0, 0.02), (0.28, -0.04)), 0.035, shade(paint.fur, 0.5))
