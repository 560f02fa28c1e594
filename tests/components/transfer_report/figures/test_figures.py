"""The content of the pictures; test_report checks their files. Imports no TensorFlow and no pyplot."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis.cells.cell_summaries import Summaries, summarise
from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import pair_ledgers
from analysis.findings.learning_curves import Pace
from analysis.statistics import formats
from analysis.statistics.paired_intervals import Interval
from components.transfer_report.figures.accuracy_curves import draw_overview
from components.transfer_report.figures.curves_figure import draw_curves
from components.transfer_report.figures.figures import curve_pairs, freezing_lines, shared_scales, write_figures
from components.transfer_report.figures.heat_map import Scales, draw_heat_map, hover_text
from ledger.cell_selection import Cell
from ledger.rows import Header, Row

Ledger = tuple[Header, list[Row]]
SCALES = Scales(accuracy=(50, 100), gain=30)


@pytest.fixture(scope="module")
def quick(quick_ledgers: list[Ledger]) -> Summaries:
    return summarise(pair_ledgers(quick_ledgers))


@pytest.fixture(scope="module")
def drawn(quick: Summaries) -> Figure:
    return draw_heat_map(quick.transfers["all_but_target__original"], (), SCALES)


def texts(figure: Figure) -> list[str]:
    found = [text.get_text() for axes in figure.axes for text in axes.texts]
    return found + [text.get_text() for text in figure.texts]


def hatched(figure: Figure) -> int:
    patches = [patch for axes in figure.axes for patch in axes.patches]
    return sum(isinstance(patch, Rectangle) and bool(patch.get_hatch()) for patch in patches)


def test_every_cell_carries_its_value_and_its_interval(quick: Summaries, drawn: Figure) -> None:
    shown = texts(drawn)
    for s in quick.transfers["all_but_target__original"]:
        assert f"{100 * s.accuracy.estimate:.1f}" in shown
        assert f"{100 * s.accuracy.low:.1f}-{100 * s.accuracy.high:.1f}" in shown
        assert formats.points(s.gain_points.estimate) in shown
        assert f"{formats.points(s.gain_points.low)} {formats.points(s.gain_points.high)}" in shown
    assert not any("+0.0" in text or "-0.0" in text for text in shown)


def test_undecided_cells_are_hatched_and_no_others(quick: Summaries, drawn: Figure) -> None:
    verdicts = [cell.verdict for cell in quick.transfers["all_but_target__original"]]
    assert set(verdicts) == {"gain", "undecided"}
    assert hatched(drawn) == verdicts.count("undecided")


def test_a_missing_cell_is_marked_as_not_run(quick: Summaries) -> None:
    cells = [s for s in quick.transfers["cats_dogs__original"] if s.cell != Cell(100, 6, True)]
    # Once in the accuracy and once in the gain panel.
    assert texts(draw_heat_map(cells, (), SCALES)).count("not run") == 2


def test_cells_that_hold_layers_have_no_place_in_the_heat_map(quick: Summaries) -> None:
    cells = quick.transfers["cats_dogs__original"]
    held = dataclasses.replace(cells[0], cell=Cell(100, 2, False, 4))
    drawn_with = draw_heat_map([*cells, held], {held.cell}, SCALES)
    assert texts(drawn_with) == texts(draw_heat_map(cells, (), SCALES))
    assert freezing_lines([*cells, held]) == freezing_lines(cells)


def test_only_the_tunings_that_were_swept_get_a_row(quick: Summaries) -> None:
    cells = [s for s in quick.transfers["cats_dogs__original"] if not s.cell.fine_tune]
    titles = [axes.get_title(loc="left") for axes in draw_heat_map(cells, (), SCALES).axes]
    assert [title for title in titles if title] == [
        "not fine-tuned: accuracy on test, %",
        "not fine-tuned: gain over the baseline, points",
    ]


def test_chosen_cells_are_framed_in_both_panels(quick: Summaries) -> None:
    cells = [s for s in quick.transfers["cats_dogs__original"] if s.cell.n == 100]

    def rectangles(chosen: set[Cell]) -> int:
        return sum(len(axes.patches) for axes in draw_heat_map(cells, chosen, SCALES).axes)

    # A frame is a white and a black rectangle.
    assert rectangles({Cell(100, 4, False)}) - rectangles(set()) == 4


def test_the_reports_axis_stands_beside_ours_where_it_differs(drawn: Figure) -> None:
    panel = drawn.axes[0]
    [right] = panel.child_axes
    assert [label.get_text() for label in panel.get_yticklabels()] == ["4", "6", "8"]
    assert [label.get_text() for label in right.get_yticklabels()] == ["5", "7", "9"]


def test_mobilenet_counts_parts_and_needs_no_second_axis(report_ledgers: list[Ledger]) -> None:
    ledgers = [one for one in report_ledgers if one[0].architecture == "mobilenet_v2"]
    few = [(header, [row for row in rows if row.n == 10 and not row.fine_tune]) for header, rows in ledgers]
    cells = summarise(pair_ledgers(few)).transfers["imagenet__mobilenet_v2"]
    figure = draw_heat_map(cells, (), SCALES)
    panel = figure.axes[0]
    assert panel.get_ylabel() == "frozen parts k"
    assert [label.get_text() for label in panel.get_yticklabels()] == [str(k) for k in range(19)]
    assert not panel.child_axes


def test_scales_hold_every_cell_with_zero_gain_in_the_middle(quick: Summaries) -> None:
    scales = shared_scales(quick)
    cells = [cell for group in quick.transfers.values() for cell in group]
    assert all(scales.accuracy[0] <= 100 * cell.accuracy.estimate <= scales.accuracy[1] for cell in cells)
    assert all(abs(cell.gain_points.estimate) <= scales.gain for cell in cells)
    assert [limit % 5 for limit in (*scales.accuracy, scales.gain)] == [0, 0, 0]


def test_the_overview_shows_every_transfer_and_baseline_with_its_sizes(quick: Summaries) -> None:
    series = {name: [s for s in cells if s.cell.freeze_count == 4 and not s.cell.fine_tune]
              for name, cells in quick.transfers.items()}  # fmt: skip
    baselines = {name: [s for s in cells if not s.cell.fine_tune] for name, cells in quick.baselines.items()}
    [axes] = draw_overview(series, baselines, "the best on val").axes
    legend = axes.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == [
        "all_but_target__original",
        "cats_dogs__original",
        "baseline, original: random weights",
    ]
    assert legend.get_title().get_text() == "the best on val"
    assert axes.get_xscale() == "log"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["20", "100", "400"]


def test_a_cell_tells_everything_on_hovering(quick: Summaries) -> None:
    summary = quick.transfers["all_but_target__original"][0]
    lines = hover_text(summary).splitlines()
    assert lines[0] == "n = 20, k = 4, not fine-tuned"
    assert lines[1].startswith(f"accuracy {100 * summary.accuracy.estimate:.1f}% [")
    assert lines[3].endswith(f": {summary.verdict}, 2 draws")


def test_figure_8_has_a_line_for_each_way_that_was_swept(report_ledgers: list[Ledger]) -> None:
    ledgers = [one for one in report_ledgers if one[0].architecture == "mobilenet_v2"]
    few = [(header, [row for row in rows if row.n in (10, 20)]) for header, rows in ledgers]
    cells = summarise(pair_ledgers(few)).transfers["imagenet__mobilenet_v2"]
    lines = freezing_lines(cells)
    assert {name: [(one.cell.freeze_count, one.cell.n) for one in line] for name, line in lines.items()} == {
        "all parts frozen": [(18, 10), (18, 20)],
        "nothing frozen": [(0, 10), (0, 20)],
        "all parts frozen, then fine-tuned": [(18, 10), (18, 20)],
    }
    assert list(freezing_lines([one for one in cells if one.cell.freeze_count == 18])) == [
        "all parts frozen",
        "all parts frozen, then fine-tuned",
    ]


def test_a_backbone_is_frozen_by_parts(quick: Summaries) -> None:
    shipped = quick.transfers["all_but_target__original"]
    cells = [dataclasses.replace(one, architecture="mine", max_freeze_count=8) for one in shipped]
    assert draw_heat_map(cells, (), SCALES).axes[0].get_ylabel() == "frozen parts k"
    assert "all parts frozen" in freezing_lines(cells)
    assert not freezing_lines([dataclasses.replace(one, max_freeze_count=9) for one in cells if one.cell.freeze_count])


@pytest.mark.slow  # draws a picture for each transfer
def test_no_two_transfers_write_the_same_file(report_ledgers: list[Ledger], tmp_path: Path) -> None:
    """A source may be called `freezing_imagenet`."""
    ledgers = [(header, [row for row in rows if row.n == 10])
               for header, rows in report_ledgers if header.architecture == "mobilenet_v2"]  # fmt: skip
    [(header, rows)] = [one for one in ledgers if one[0].source]
    named = dataclasses.replace(header, sweep="freezing_imagenet__mobilenet_v2", source="freezing_imagenet")
    grid = Grid(pair_ledgers([*ledgers, (named, rows)]))
    drawn = write_figures(tmp_path, summarise(grid.ledgers), grid, Pace(3, 32))
    shown = [drawn.overview, *drawn.heat_maps.values(), *drawn.freezing.values()]
    assert len(drawn.freezing) == 2 and len({one.path for one in shown}) == len(shown) == 5


def test_learning_curves_have_a_panel_a_transfer_and_mark_where_fine_tuning_begins(
    quick_ledgers: list[Ledger],
) -> None:
    grid = Grid(pair_ledgers(quick_ledgers))
    found = curve_pairs(grid, Pace(3, 32), 100)
    pairs = [*found.values()]
    assert (
        [pair.title.split(":")[0] for pair in pairs] == [*found] == ["all_but_target__original", "cats_dogs__original"]
    )
    tuned = [grid.chosen.transfers[name][100].fine_tune for name in grid.chosen.transfers]
    assert [pair.phase_2 is not None for pair in pairs] == tuned
    panels = [axes for axes in draw_curves(pairs).axes if axes.get_visible()]
    assert len(panels) == 2
    # The transfer's line and the baseline's, and the vertical one where fine-tuning begins.
    assert [len(axes.lines) for axes in panels] == [2 + one for one in tuned]


def test_five_panels_stand_in_two_rows_and_the_sixth_is_empty(quick_ledgers: list[Ledger]) -> None:
    pair = next(iter(curve_pairs(Grid(pair_ledgers(quick_ledgers)), Pace(3, 32), 100).values()))
    figure = draw_curves([pair] * 5)
    assert [axes.get_visible() for axes in figure.axes] == [True] * 5 + [False]


@pytest.mark.parametrize(("end", "last_ticks"), [(30.0, ["8", "16"]), (3000.0, ["256", "1024"])])
def test_a_baseline_that_trains_longer_than_the_transfer_is_not_cut(
    quick_ledgers: list[Ledger], end: float, last_ticks: list[str]
) -> None:
    pair = next(iter(curve_pairs(Grid(pair_ledgers(quick_ledgers)), Pace(3, 32), 100).values()))
    shorter = [one for one in pair.transfer if one[0] <= 10]
    longer = [*shorter, (end, pair.transfer[-1][1])]
    [axes] = draw_curves([dataclasses.replace(pair, transfer=shorter, baseline=longer)]).axes
    ends = [max(line.get_xdata()) for line in axes.lines[:2]]
    assert ends == [shorter[-1][0], end] and axes.get_xlim()[1] > end
    labels = [label.get_text() for label in axes.get_xticklabels()]
    assert labels[0] == "0" and labels[-2:] == last_ticks and len(labels) <= 11


def test_no_series_of_many_is_beyond_the_overviews_edge(quick: Summaries) -> None:
    cells = [s for s in quick.transfers["cats_dogs__original"] if s.cell.freeze_count == 4 and not s.cell.fine_tune]
    [axes] = draw_overview({f"transfer {number}": cells for number in range(30)}, {}, "").axes
    drawn = [x for line in axes.lines for x in line.get_xdata()]
    assert axes.get_xlim()[0] < min(drawn) and max(drawn) < axes.get_xlim()[1]


@pytest.mark.parametrize(("level", "floor"), [(0.5, 35), (0.12, 9), (0.01, -1)])
def test_curves_of_many_classes_which_begin_low_are_within_the_picture(
    quick_ledgers: list[Ledger], level: float, floor: float
) -> None:
    """Curves of 100 classes lay below axes that began at 35%."""
    pair = next(iter(curve_pairs(Grid(pair_ledgers(quick_ledgers)), Pace(3, 32), 100).values()))
    low = [(epoch, Interval(level, level, level, 3)) for epoch, _ in pair.baseline]
    [axes] = draw_curves([dataclasses.replace(pair, transfer=low, baseline=low)]).axes
    assert axes.get_ylim() == (pytest.approx(floor), 101)


@pytest.mark.parametrize("longer", ["transfer", "baseline"])
def test_both_learning_curves_are_shown_to_their_ends(quick_ledgers: list[Ledger], longer: str) -> None:
    """A baseline of 30 epochs was cut off at the 10 of its transfer, and its end could not be compared."""
    pair = next(iter(curve_pairs(Grid(pair_ledgers(quick_ledgers)), Pace(3, 32), 100).values()))
    end = Interval(0.7, 0.8, 0.9, 3)
    curves = {"transfer": [*pair.transfer[:2], (8.0, end)], "baseline": [*pair.baseline[:2], (8.0, end)]}
    [axes] = draw_curves([dataclasses.replace(pair, **{**curves, longer: [*curves[longer][:2], (300.0, end)]})]).axes
    assert axes.get_xlim()[1] > 300 and 128 < axes.get_xticks()[-1] <= 300


def test_equal_gains_of_zero_still_have_a_scale(header_of: Callable[..., Header], row_of: Callable[..., Row]) -> None:
    row = row_of((10, 0, False), 0, np.arange(10) < 7)
    sweeps = ("baseline__original", ""), ("cats_dogs__original", "cats_dogs")
    ledgers = [(header_of(sweep, source, "original", 10, "CIFAR-10"), [row]) for sweep, source in sweeps]
    assert shared_scales(summarise(pair_ledgers(ledgers))) == Scales(accuracy=(70, 75), gain=5)
