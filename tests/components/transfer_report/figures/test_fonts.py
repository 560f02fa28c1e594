"""Letters that matplotlib's own font lacks come from other fonts. Uses the fonts that matplotlib brings."""

import warnings

import matplotlib
import pytest
from matplotlib.figure import Figure
from matplotlib.font_manager import FontEntry, fontManager

from components.transfer_report.figures.figures import save_picture
from components.transfer_report.figures.fonts import families_with, use_fonts_with_all_letters

IN_STIX, IN_MONO, NOWHERE = "\u24b6", "\u2312", "\U0010fffd"
"""A circled A, an arc of drawings, and no letter at all; DejaVu Sans has none of them."""
BROUGHT = [font for font in fontManager.ttflist if font.fname.startswith(matplotlib.get_data_path())]


@pytest.mark.parametrize(
    ("lacking", "families"),
    [(set(), []), ({NOWHERE}, []), ({IN_STIX}, ["STIXGeneral"]), ({IN_MONO, NOWHERE}, ["DejaVu Sans Mono"]),
     ({IN_STIX, IN_MONO}, ["DejaVu Sans Mono", "STIXGeneral"])],
)  # fmt: skip
def test_families_are_those_that_have_the_letters(lacking, families):
    assert families_with(lacking, BROUGHT[::-1]) == families


def test_a_font_that_is_gone_has_no_letters(tmp_path):
    assert families_with({"a"}, [FontEntry(fname=str(tmp_path / "gone.ttf"), name="Gone")]) == []


def test_texts_of_usual_letters_keep_their_font():
    figure = Figure()
    text = figure.text(0, 0, "ants, gänse: 3 → 4")
    before = text.get_fontfamily()
    use_fonts_with_all_letters(figure)
    assert text.get_fontfamily() == before


def test_a_class_name_in_other_letters_is_drawn(tmp_path):
    figure = Figure()
    figure.text(0.1, 0.5, f"class {IN_STIX}")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib warns of a letter for which it draws a box
        save_picture(figure, tmp_path / "picture.png", f"Title {IN_STIX}", "data")
