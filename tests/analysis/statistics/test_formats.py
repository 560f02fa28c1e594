"""How numbers are written. Imports no TensorFlow."""

from __future__ import annotations

import re

from analysis.statistics import formats
from tests.packages import ROOT


def test_fractions_are_written_as_percent() -> None:
    assert formats.percent(0.8234) == "82.3%"
    assert formats.percent_interval((0.801, 0.845)) == "[80.1, 84.5]"


def test_points_carry_their_sign_but_zero_has_none() -> None:
    assert [formats.points(value) for value in (3.14, -0.44, 0.04, -0.04, 0.0)] == [
        "+3.1", "-0.4", "0.0", "0.0", "0.0",
    ]  # fmt: skip
    assert formats.points_interval((-0.4, 6.6)) == "[-0.4, +6.6]"


def test_draws_are_counted_in_words() -> None:
    assert [formats.draws(counts) for counts in ([1, 1], [2], [3, 2])] == [
        "1 draw",
        "2 draws",
        "2 to 3 draws",
    ]


def test_a_value_and_the_bound_that_it_misses_are_written_apart() -> None:
    assert formats.apart(59.96, 60) == ("59.96", "60.00")
    assert formats.apart(58.1, 60) == ("58.1", "60.0")
    assert formats.apart(5, 5) == ("5.00000000000", "5.00000000000")


def test_no_other_place_writes_a_sign_before_a_figure() -> None:
    """It would write `-0.0`, and another zero than the rest of the page."""
    signed = re.compile(r"[:%]\+\.\df")
    of_users = [path for package in ("analysis", "components", "pipeline", "thaw", "terminal")
                for kind in ("py", "j2") for path in (ROOT / package).rglob(f"*.{kind}")]  # fmt: skip
    assert [path.name for path in of_users if signed.search(path.read_text(encoding="utf-8"))] == ["formats.py"]
