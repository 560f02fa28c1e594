"""The whole report, written from invented ledgers and read again. Imports no TensorFlow."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from analysis.transfer_prediction.predicted_gains import BeforeTraining
from components.transfer_report.figures.mistakes import MOST_SHOWN, TargetImages
from components.transfer_report.report import Evaluation
from components.transfer_report.settings import ReportSettings
from experiment.changes import changed
from experiment.config import Blessing
from experiment.errors import ThawError
from ledger.ledger import content_key
from ledger.rows import Header, Row
from tests.analysis.report_ledgers import make_sweep
from tests.components.transfer_report.written_report import report_of

pytestmark = pytest.mark.slow  # writes whole reports

Ledger = tuple[Header, list[Row]]
SETTINGS = ReportSettings(
    experiment="quick",
    deployed_size=400,
    blessing=Blessing(),
    transfers_left_out={"imagenet__mobilenet_v2": "ImageNet weights were not found."},
    versions={"tensorflow": "2.16.2"},
    seed=2022,
    records_per_image=3,
    batch_size=32,
)
BEFORE = BeforeTraining(calibration="", level=0.9, predicted_gains={}, estimates=(), seconds=0.0)
OUTCOMES = {
    "all_but_target__original": Evaluation(True),
    "cats_dogs__original": Evaluation(False, ("<b>below</b> the threshold",)),
}


@pytest.fixture(scope="module")
def written(
    quick_ledgers: list[Ledger], tmp_path_factory: pytest.TempPathFactory, before_of: Any
) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("runs") / "run"
    nasty = "<script>alert(1)</script>"
    ledgers = [(dataclasses.replace(header, classes=(nasty, "truck")), rows) for header, rows in quick_ledgers]
    return folder, report_of(folder, ledgers, OUTCOMES, SETTINGS, before_of(ledgers))


@pytest.fixture(scope="module")
def refused(quick_ledgers: list[Ledger], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """One transfer on real data at one size, with a floor it can't reach."""
    folder = tmp_path_factory.mktemp("refused")
    ledgers = [
        (dataclasses.replace(header, data="CIFAR-10"), [row for row in rows if row.n == 400])
        for header, rows in quick_ledgers
        if header.sweep != "cats_dogs__original"
    ]
    strict = changed(SETTINGS, blessing=Blessing(min_accuracy=0.99))
    return folder, report_of(folder, ledgers, OUTCOMES, strict, BEFORE)


def test_everything_lies_in_the_folder(written: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = written
    files = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert files == {
        "report.html", "cells.csv", "confirmed.csv", "claims.json",
        "estimates.csv", "learning_curves.csv", "predicted_gains.csv", "summary.json",
        "figures/all_but_target__original.png", "figures/cats_dogs__original.png", "figures/estimates.png",
        "figures/labels.png", "figures/learning_curves.png", "figures/overview.png",
    }  # fmt: skip


def test_every_row_of_every_table_names_the_data(written: tuple[Path, dict[str, Any]]) -> None:
    folder, summary = written
    for path in folder.glob("*.csv"):
        with path.open(encoding="utf-8") as file:
            assert {row["data"] for row in csv.DictReader(file)} == {summary["data"]}, path


def test_the_summary_returned_is_the_summary_written(written: tuple[Path, dict[str, Any]]) -> None:
    folder, summary = written
    assert json.loads((folder / "summary.json").read_text()) == summary


def test_the_summary_has_the_promised_keys(written: tuple[Path, dict[str, Any]]) -> None:
    _, summary = written
    assert {
        "experiment", "data", "synthetic", "closing_table", "winner", "pushed", "left_out", "versions",
        "seconds_per_node",
    } <= set(summary)  # fmt: skip
    assert summary["synthetic"] is True
    assert summary["left_out"] == SETTINGS.transfers_left_out
    assert summary["seconds_per_node"] == {}
    for row in summary["closing_table"]:
        assert row["n"] == 400
        assert row["accuracy_interval"][0] <= row["accuracy"] <= row["accuracy_interval"][1]
        low, high = row["gain_interval_points"]
        assert low <= row["gain_points"] <= high
        assert row["gain_points"] == pytest.approx(100 * (row["accuracy"] - row["baseline_accuracy"]))


def test_the_best_on_val_is_pushed_and_the_other_says_why_not(written: tuple[Path, dict[str, Any]]) -> None:
    _, summary = written
    assert summary["winner"] == "all_but_target__original"
    assert summary["pushed"] == {
        "blessed": True, "transfer": "all_but_target__original", "path": None, "reason": None,
    }  # fmt: skip
    refused = summary["closing_table"][1]
    assert not refused["blessed"]
    assert "Evaluator (TFMA): <b>below</b> the threshold" in refused["reasons"]


def test_a_winner_that_is_not_blessed_leaves_the_reason(refused: tuple[Path, dict[str, Any]]) -> None:
    folder, summary = refused
    assert summary["pushed"]["transfer"] is None
    assert "below the floor of 99.0%" in summary["pushed"]["reason"]
    page = (folder / "report.html").read_text()
    assert "Do not deploy a transfer yet: all_but_target__original, the best on val, did not pass every check." in page
    assert "Why it is not pushed" in page


def test_the_page_loads_nothing_from_elsewhere(written: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = written
    page = (folder / "report.html").read_text()
    assert len(page) < 5_000_000
    sources = re.findall(r"""(?:src|href)\s*=\s*["']?([^"'\s>]{0,30})""", page)
    assert len(sources) == 6
    assert all(source.startswith("data:image/webp;base64,") for source in sources)
    assert not re.search(r"https?:|url\(|@import|<link|<script", page)


def test_every_cell_of_a_heat_map_says_all_on_hovering(written: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = written
    page = (folder / "report.html").read_text()
    titles = re.findall(r"<rect [^>]*><title>(.*?)</title></rect>", page, flags=re.DOTALL)
    # Accuracy and gain of 18 cells of two transfers.
    assert len(titles) == 2 * 2 * 18
    assert re.fullmatch(
        r"n = 20, k = 4, not fine-tuned\naccuracy \d+\.\d% \[.*\]\nbaseline \d+\.\d% \[.*\]\n"
        r"gain [+-]\d+\.\d points \[.*\]: (gain|loss|undecided), 2 draws",
        titles[0],
    )


def test_the_page_tells_what_to_use_at_each_n_and_the_summary_holds_it(written: tuple[Path, dict[str, Any]]) -> None:
    folder, summary = written
    page = (folder / "report.html").read_text()
    assert [one["n"] for one in summary["advice"]] == [20, 100, 400]
    assert all(one["sentence"] in page for one in summary["advice"])
    assert {one["transfer"] for one in summary["labels_needed"]} == set(OUTCOMES)


def test_the_page_says_what_further_images_bring_as_the_summary_does(written: tuple[Path, dict[str, Any]]) -> None:
    folder, summary = written
    section = (folder / "report.html").read_text().partition("<h2>How many labels it will take</h2>")[2]
    section = section.partition("<h2>")[0]
    assert [one["name"] for one in summary["labels"]["curves"]] == [*OUTCOMES, "from scratch"]
    for place in summary["labels"]["curves"][0]["ahead"]:
        assert f"{100 * place['expected']:.1f}% [{100 * place['low']:.1f}, {100 * place['high']:.1f}]" in section
    assert "SYNTHETIC" in section and "n = 8,000" in section and "is expected to reach" in section


def test_a_run_of_one_size_says_why_it_can_say_nothing_of_more_images(refused: tuple[Path, dict[str, Any]]) -> None:
    folder, summary = refused
    assert all("measured only at n = 400" in one["silent"] for one in summary["labels"]["curves"])
    page = (folder / "report.html").read_text()
    assert "all_but_target__original: no forecast." in page
    assert not (folder / "figures" / "labels.png").exists()


def test_class_names_and_reasons_are_escaped(written: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = written
    page = (folder / "report.html").read_text()
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<b>below" not in page
    assert "&lt;b&gt;below&lt;/b&gt; the threshold" in page


def test_every_table_of_a_synthetic_page_is_marked(written: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = written
    page = (folder / "report.html").read_text()
    tables = re.findall(r"<table.*?</table>", page, flags=re.DOTALL)
    # Confirmed, closing table, every transfer, labels saved, labels ahead, claims, data; predicted gains twice and
    # estimators; two a transfer.
    assert len(tables) == 14
    assert all("SYNTHETIC" in table for table in tables)
    assert "<title>SYNTHETIC" in page


def test_real_data_carry_no_mark(refused: tuple[Path, dict[str, Any]]) -> None:
    folder, summary = refused
    assert summary["synthetic"] is False
    assert "SYNTHETIC" not in (folder / "report.html").read_text()


def test_pictures_have_their_full_width_and_are_marked_where_synthetic(
    written: tuple[Path, dict[str, Any]], refused: tuple[Path, dict[str, Any]]
) -> None:
    for (folder, _), synthetic in ((written, True), (refused, False)):
        for path in (folder / "figures").iterdir():
            with Image.open(path) as picture:
                assert (picture.format, picture.width) == ("PNG", 1408)
                # The mark alone has an area in this red.
                red = (np.asarray(picture.convert("RGB")) == (0xB0, 0x00, 0x20)).all(axis=-1).sum()
            assert (red > 2000) == synthetic, path


def test_every_cell_stands_in_the_page_with_its_verdict(written: tuple[Path, dict[str, Any]]) -> None:
    folder, _ = written
    page = (folder / "report.html").read_text()
    details = re.findall(r"<details>.*?</details>", page, flags=re.DOTALL)
    cells = [part for part in details if " cells as a table" in part]
    assert [len(re.findall(r'<td class="(?:gain|loss|undecided)">', part)) for part in cells] == [18, 18]
    [predicted] = [part for part in details if " predicted gains as a table" in part]
    assert predicted.count("<tr>") == 1 + 36


def test_a_transfer_without_an_outcome_is_refused(quick_ledgers: list[Ledger], tmp_path: Path) -> None:
    with pytest.raises(ThawError, match="no result of cats_dogs__original"):
        report_of(tmp_path, quick_ledgers, {"all_but_target__original": Evaluation(True)}, SETTINGS, BEFORE)


def with_ids(ledgers: list[Ledger], ids: list[str]) -> list[Ledger]:
    return [(dataclasses.replace(header, test_ids_hash=content_key(ids=ids)), rows) for header, rows in ledgers]


@pytest.fixture(scope="module")
def pictured(quick_ledgers: list[Ledger], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report that shows the winner's mistakes."""
    folder = tmp_path_factory.mktemp("pictured")
    ids = [f"<photo {place}>" for place in range(500)]
    images = TargetImages(np.zeros((500, 16, 16, 3), np.uint8), ids)
    report_of(folder, with_ids(quick_ledgers, ids), OUTCOMES, SETTINGS, BEFORE, images)
    return folder


def test_the_page_shows_what_the_winner_calls_wrongly_with_ids_and_probabilities(pictured: Path) -> None:
    page = (pictured / "report.html").read_text()
    assert "What it gets wrong" in page and (pictured / "figures" / "mistakes.png").exists()
    found = re.findall(r"<title>&lt;photo (\d+)&gt;: (\w+); the model says (\w+) 75.0%, (\w+) 25.0%</title>", page)
    assert len(found) == MOST_SHOWN
    assert all(truth == second != called for _, truth, called, second in found)
    assert all(truth == ("automobile", "truck")[int(place) % 2] for place, truth, _, _ in found)


def test_images_of_another_target_are_refused(quick_ledgers: list[Ledger], tmp_path: Path) -> None:
    images = TargetImages(np.zeros((500, 16, 16, 3), np.uint8), ["a"] * 500)
    with pytest.raises(ThawError, match="not those that the ledgers were written for"):
        report_of(tmp_path, quick_ledgers, OUTCOMES, SETTINGS, BEFORE, images)


def test_a_transfer_may_be_held_against_another_architecture(quick_ledgers: list[Ledger], tmp_path: Path) -> None:
    grid = ((20, 100, 400), (13, 18), (False, True))
    header, rows = make_sweep("imagenet__mobilenet_v2", (0.95, 30), grid, 2, 500, "SYNTHETIC shapes")
    ledgers = [quick_ledgers[0], (dataclasses.replace(header, baseline="original"), rows)]
    summary = report_of(tmp_path, ledgers, {"imagenet__mobilenet_v2": Evaluation(True)}, SETTINGS, BEFORE)
    [row] = summary["closing_table"]
    assert (row["architecture"], row["baseline_architecture"]) == ("mobilenet_v2", "original")
    assert row["from_scratch"]["sweep"] == "baseline__original"
    page = (tmp_path / "report.html").read_text()
    assert "The original network from random weights, trained on the same images, reaches" in page
    assert "the same architecture from random weights" not in page


def test_the_page_shows_near_duplicates_with_their_splits(quick_ledgers: list[Ledger], tmp_path: Path) -> None:
    ids = [f"photo {place}" for place in range(500)]
    black = np.zeros((16, 16, 3), np.uint8)
    images = TargetImages(np.zeros((500, 16, 16, 3), np.uint8), ids, {"a": (black, "train"), "b": (black, "train")})
    settings = changed(SETTINGS, near_duplicates=(("a", "b"), ("of another class",)), near_duplicate_sets=7)
    report_of(tmp_path, with_ids(quick_ledgers, ids), OUTCOMES, settings, BEFORE, images)
    assert "near_duplicates.csv lists all" in (tmp_path / "report.html").read_text()
    assert (tmp_path / "figures" / "near_duplicates.png").exists()


def test_without_near_duplicates_there_is_no_such_section(pictured: Path) -> None:
    assert "Near-duplicates" not in (pictured / "report.html").read_text()
