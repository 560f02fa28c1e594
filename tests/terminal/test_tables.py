"""Tables on narrow terminals: no name and no figure is cut or broken, nothing is read as markup."""

from __future__ import annotations

import dataclasses
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from analysis.statistics.paired_intervals import Interval
from ledger.cell_selection import Cell
from pipeline.runner.doctor import Finding
from pipeline.runner.progress_report import ExperimentState, SweepState
from pipeline.runs.run_comparison import Change, Comparison
from terminal.tables import FittingTable
from thaw import tables

NAMES = ("all_but_target__mobilenet_v2", "my-holiday-photos__mobilenet_v2", "baseline__remastered")


def printed(table, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, color_system=None)
    console.print(table)
    text = console.file.getvalue()
    assert max(len(line) for line in text.splitlines()) <= width
    assert "…" not in text
    return text


def whole_name(name: str, text: str) -> bool:
    return name in text or all(part in text for part in name.split("__"))


def printed_comparison(width: int, cells: tuple[Change, ...], answers: tuple[Change, ...] = ()) -> str:
    return "\n".join(printed(table, width) for table in tables.comparison_tables(Comparison(answers, cells)))


@pytest.mark.parametrize("width", [80, 60, 40])
def test_a_comparison_shows_every_name_figure_and_verdict_whole(width: int) -> None:
    points = Interval(-12.3, -10.1, -7.9, 3)
    places = [(name, Cell(2000, 18, True)) for name in NAMES]
    cells = tuple(Change(one, one, False, 0.888, 0.777, points, "undecided") for one in places)
    answers = (Change(places[0], places[1], True, 0.666, 0.555, dataclasses.replace(points, draws=5), "loss"),)
    text = printed_comparison(width, cells, answers)
    before, after = text.split("Best transfers on val, on 5 fresh draws")
    assert "on 3 draws of the search" in " ".join(before.split())
    assert all(whole_name(name, before) for name in NAMES) and all(whole_name(name, after) for name in NAMES[:2])
    assert before.count("undecided") == before.count("-10.1 [-12.3, -7.9]") == before.count("88.8") == len(NAMES)
    assert all(word in after for word in ("66.6", "55.5", "-10.1 [-12.3, -7.9]", "k=18 fine-tuned", "loss"))
    assert all("over draws, on these test images alone" in " ".join(part.split()) for part in (before, after))


def test_a_difference_of_one_draw_has_no_interval() -> None:
    place = ("a__original", Cell(20, 6, False))
    change = Change(place, place, False, 0.5, 0.6, Interval(10.0, 10.0, 10.0, 1), "undecided")
    text = printed_comparison(80, (change,))
    nothing = printed_comparison(80, (dataclasses.replace(change, points=Interval(-0.2, -0.01, 0.02, 3)),))
    assert "0.0 [-0.2, 0.0]" in nothing and "-0.0" not in nothing and "+0.0" not in nothing
    equal = printed_comparison(80, (dataclasses.replace(change, points=Interval(10.0, 10.0, 10.0, 3)),))
    assert "+10.0 [equal draws]" in equal and "[+10.0" not in equal
    assert "+10.0 [one draw]" in text and "[+10.0" not in text and "on 1 draw of the search" in text


@pytest.mark.parametrize("width", [80, 60, 40])
def test_progress_shows_every_name_and_figure_whole(width: int) -> None:
    sweeps = tuple(SweepState(name, 1234, 5678, 90, 360_000) for name in NAMES)
    state = ExperimentState(sweeps, "CIFAR-10", None, False, "", "")
    text = printed(tables.progress_table("mine", state), width)
    assert all(name in text for name in NAMES) and "Experiment mine on CIFAR-10" in text
    assert "CIFAR-10 on" not in printed(tables.progress_table("CIFAR-10", state), width)
    assert text.count("1234") == text.count("5678") == text.count("100:00:00") == len(NAMES)


@pytest.mark.parametrize("width", [80, 60, 40])
def test_files_of_tensorflow_lite_are_shown_whole(width: int) -> None:
    one = {"file": "model_dynamic_range.tflite", "size_bytes": 12_345_678, "accuracy": 0.912, "equal_decisions": 0.999,
           "saved_model_accuracy": 0.913, "largest_difference": 0.0123}  # fmt: skip
    text = printed(tables.tflite_table({"files": [one], "test_images": 2000, "data": "CIFAR-10"}), width)
    assert all(part in text for part in ("model_dynamic_range.tflite", "12.35", "91.2%", "91.3%", "99.9%", "0.012"))


def test_a_finding_is_a_line_which_breaks_no_path_and_what_to_do_one_below() -> None:
    name = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_0.35_224_no_top.h5"
    found = [Finding("disk", "ok", "64 GB free at /a"), Finding("backbone b", "warning", "none [/]", f"Get {name}.")]
    console = Console(file=io.StringIO(), width=40, color_system=None)
    for line in tables.finding_lines(found):
        console.print(line, soft_wrap=True)
    assert console.file.getvalue().splitlines() == [
        "ok       disk: 64 GB free at /a", "warning  backbone b: none [/]", f"           Get {name}.",
    ]  # fmt: skip


@given(st.lists(st.text("abc[/]_", min_size=1, max_size=30).filter(str.strip), min_size=1, max_size=3),
       st.integers(20, 80))  # fmt: skip
def test_no_name_is_read_as_markup_or_cut(names: list[str], width: int) -> None:
    table = FittingTable(tables.empty_table("class", "train"), [(name, "1,234") for name in names])
    text = "".join(printed(table, width).split())
    assert all(name in text for name in names)
    assert text.count("1,234") == len(names)
