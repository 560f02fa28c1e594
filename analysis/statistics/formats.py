"""Formats of all numbers that a user reads. Imports only the statistics' types."""

from __future__ import annotations

import re
from collections.abc import Sequence

_OF_MARKDOWN = re.compile(r"[\\`*_{}\[\]<>#|~$&!]")


def markdown(text: str) -> str:
    """A user's text, escaped so that Markdown shows it unchanged, on one line."""
    return _OF_MARKDOWN.sub(r"\\\g<0>", " ".join(text.split()))


def percent(fraction: float) -> str:
    """0.8234 as `82.3%`."""
    return f"{100 * fraction:.1f}%"


def apart(value: float, bound: float) -> tuple[str, str]:
    """A value and the bound that it misses, with one decimal, or as many as are needed to show a difference.

    59.96 and 60 as `59.96` and `60.00`: "60.0 is below 60.0" would read as a mistake.
    """
    for decimals in range(1, 12):
        shown = f"{value:.{decimals}f}", f"{bound:.{decimals}f}"
        if shown[0] != shown[1]:
            break
    return shown


def no_better_than_chance(chance: float) -> str:
    """Words for an accuracy whose interval includes that of always predicting one class, a fraction."""
    return f"not shown to be better than that of always predicting one class ({percent(chance)})"


def percent_interval(bounds: Sequence[float]) -> str:
    """(0.801, 0.845) as `[80.1, 84.5]`."""
    return f"[{100 * bounds[0]:.1f}, {100 * bounds[1]:.1f}]"


def points(value: float) -> str:
    """3.14 as `+3.1`; what rounds to zero is written `0.0`."""
    return f"{value:+.1f}" if abs(value) >= 0.05 else "0.0"


def points_interval(bounds: Sequence[float]) -> str:
    """(-0.4, 6.6) as `[-0.4, +6.6]`."""
    return f"[{points(bounds[0])}, {points(bounds[1])}]"


def draws(counts: Sequence[int]) -> str:
    """[2, 2] as `2 draws`, [1] as `1 draw`, [2, 3] as `2 to 3 draws`."""
    fewest, most = min(counts), max(counts)
    if fewest != most:
        return f"{fewest} to {most} draws"
    return f"{most} draw" if most == 1 else f"{most} draws"
