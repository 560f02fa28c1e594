"""Draws the synthetic vehicles out of parts that they share: wheels, windows, hulls. Imports only numpy."""

from __future__ import annotations

import numpy as np

from acquisition.synthetic_images.shapes import Colour, Paint, Pen, shade


def _wheel(pen: Pen, paint: Paint, x: float, y: float, radius: float) -> None:
    pen.ellipse(x, y, radius, radius, paint.tyre)
    pen.ellipse(x, y, radius * 0.5, radius * 0.5, shade(paint.second, 1.2))


def _windows(pen: Pen, paint: Paint, x0: float, x1: float, y0: float, y1: float, count: int) -> None:
    pitch = (x1 - x0) / count
    for number in range(count):
        pen.box(x0 + pitch * (number + 0.12), y0, x0 + pitch * (number + 0.88), y1, paint.glass)


def _hull(pen: Pen, x0: float, x1: float, y0: float, y1: float, rake: float, colour: Colour) -> None:
    """A body with slanting ends, wider at the top for positive rake."""
    pen.polygon(((x0 - rake, y0), (x1 + rake, y0), (x1, y1), (x0, y1)), colour)


def draw_airplane(pen: Pen, paint: Paint) -> None:
    height = paint.between(0.11, 0.17)
    pen.polygon(((-0.95, -0.45), (-0.75, -0.45), (-0.5, 0), (-0.9, 0)), paint.second)
    pen.polygon(((0.1, -0.02), (0.3, -0.02), (-0.25, -0.42), (-0.4, -0.42)), shade(paint.body, 0.75))
    pen.ellipse(0, 0, 0.95, height, paint.body)
    _windows(pen, paint, -0.55, 0.55, -0.07, 0.0, int(paint.rng.integers(5, 9)))
    pen.polygon(((0.62, -0.09), (0.8, -0.06), (0.85, 0), (0.62, 0)), paint.glass)
    pen.polygon(((0.15, 0.04), (0.4, 0.04), (-0.3, 0.5), (-0.48, 0.5)), shade(paint.second, 0.9))
    if paint.chance(0.5):
        for x in (-0.1, 0.55):
            pen.line(((x, height * 0.6), (x, 0.26)), 0.03, paint.tyre)
            _wheel(pen, paint, x, 0.28, 0.08)


def draw_ship(pen: Pen, paint: Paint) -> None:
    deck = paint.between(0.0, 0.15)
    left, right = sorted((paint.between(-0.7, -0.1), paint.between(0.0, 0.6)))
    top = deck - paint.between(0.2, 0.4)
    pen.box(left, top, right, deck, paint.second)
    _windows(pen, paint, left + 0.03, right - 0.03, top + 0.06, top + 0.16, int(paint.rng.integers(2, 6)))
    if paint.chance(0.6):
        funnel = paint.between(left, right)
        pen.box(funnel - 0.08, top - 0.25, funnel + 0.08, top, shade(paint.body, 0.8))
    mast = paint.between(-0.5, 0.6)
    pen.line(((mast, deck), (mast, -0.75)), 0.03, paint.tyre)
    _hull(pen, -0.75, 0.75, deck, 0.5, paint.between(0.1, 0.25), paint.body)
    if paint.chance(0.5):
        for x in np.linspace(-0.55, 0.55, 6):
            pen.ellipse(float(x), deck + 0.14, 0.04, 0.04, paint.glass)
    if paint.chance(0.5):
        _hull(pen, -0.74, 0.74, 0.38, 0.5, 0.03, shade(paint.second, 0.7))


def draw_automobile(pen: Pen, paint: Paint) -> None:
    front, rear = paint.between(0.15, 0.75), paint.between(-0.9, -0.45)  # of the cabin's foot
    roof, waist = paint.between(-0.42, -0.2), paint.between(-0.05, 0.08)
    rake = -paint.between(0.06, 0.22)
    pen.polygon(((rear - rake, roof), (front + rake, roof), (front, waist), (rear, waist)), paint.body)
    _windows(pen, paint, rear - rake, front + rake, roof + 0.06, waist - 0.02, int(paint.rng.integers(2, 4)))
    _hull(pen, -0.92, 0.92, waist, 0.36, -paint.between(0.0, 0.06), paint.body)
    pen.line(((-0.9, 0.2), (0.9, 0.2)), 0.03, paint.second)
    radius = paint.between(0.15, 0.21)
    for x in (-paint.between(0.5, 0.6), paint.between(0.5, 0.6)):
        _wheel(pen, paint, x, 0.5 - radius, radius)
    pen.ellipse(0.88, waist + 0.1, 0.05, 0.05, (240, 235, 180))


def draw_truck(pen: Pen, paint: Paint) -> None:
    cab, roof = paint.between(0.25, 0.5), paint.between(-0.4, -0.15)
    floor = 0.28
    load = paint.rng.integers(3)
    top = paint.between(-0.6, -0.3)
    if load == 0:  # box
        pen.box(-0.95, top, cab - 0.05, floor, paint.second)
    elif load == 1:  # tank
        pen.ellipse(-0.35, (top + floor) / 2, 0.62, (floor - top) / 2, paint.second)
    else:  # open bed with freight
        pen.box(-0.95, 0.05, cab - 0.05, floor, paint.second)
        pen.box(-0.8, top / 2, paint.between(-0.3, 0.1), 0.05, paint.any_colour())
    pen.polygon(((cab, roof), (0.82, roof), (0.92, 0.02), (0.92, floor), (cab, floor)), paint.body)
    _windows(pen, paint, cab + 0.08, 0.84, roof + 0.07, 0.0, 1 + int(paint.chance(0.3)))
    pen.box(-0.95, floor - 0.02, 0.92, 0.36, shade(paint.tyre, 1.3))
    radius = paint.between(0.13, 0.19)
    axles = [-0.7, 0.68] if paint.chance(0.5) else [-0.75, -0.4, 0.68]
    for x in axles:
        _wheel(pen, paint, x, 0.5 - radius, radius)
