"""The page of results is made of a run's own files. Writes only into temporary folders."""

import csv
import gzip
import json

import pytest

from docs_build import results_page
from docs_build.fresh_tables import read_earlier
from docs_build.results_page import publish
from experiment.errors import ThawError
from pipeline.runs.run_digests import with_digests

CELLS = [
    {
        "transfer": name,
        "n": 10,
        "freeze_count": k,
        "fine_tune": "false",
        "held_from": "0",
        "draw": draw,
        "seconds": 900.0,
    }
    for name, k, draws in (("baseline__original", 0, 2), ("cats_dogs__original", 8, 2), ("cats_dogs__original", 6, 1))
    for draw in range(draws)
]
FRESH = [{**CELLS[0], "draw": 1000 + draw, "seconds": 3600.0} for draw in range(2)]
ANSWER = {
    "n": 10, "transfer": "cats_dogs__original", "freeze_count": 8, "fine_tune": True, "held_from": 0, "draws": 5,
    "accuracy": 0.61, "accuracy_interval": [0.58, 0.64], "baseline": "baseline__original", "baseline_accuracy": 0.55,
    "baseline_interval": [0.5, 0.6], "over_baseline_points": 6.0, "over_baseline_interval_points": [1.0, 11.0],
    "over_baseline_verdict": "gain", "best_from_scratch": "baseline__remastered", "best_from_scratch_accuracy": 0.57,
    "best_from_scratch_interval": [0.52, 0.62], "gain_points": 4.0, "gain_interval_points": [-1.0, 9.0],
    "verdict": "undecided", "collapsed": {"chosen": 0, "baseline": 1, "scratch": 2},
}  # fmt: skip
LABELS = {
    "transfer": "cats_dogs__original", "n": 10, "labels_needed": 314.2, "interval": [10.0, None], "largest": 400,
    "draws": 5,
}  # fmt: skip


def finished_run(folder, *, synthetic=False):
    (folder / "figures").mkdir(parents=True)
    for name in ("cats_dogs__original.png", "overview.png"):
        (folder / "figures" / name).write_bytes(name.encode())
    with (folder / "cells.csv").open("w") as file:
        writer = csv.DictWriter(file, CELLS[0])
        writer.writeheader()
        writer.writerows(CELLS)
    with (folder / "confirmed.csv").open("w") as file:
        writer = csv.DictWriter(file, FRESH[0])
        writer.writeheader()
        writer.writerows(FRESH)
    claim = {"id": "C1", "claim": "It grows.", "verdict": "undecided", "measured": False, "sentence": "Not measured."}
    (folder / "claims.json").write_text(json.dumps({"claims": [claim]}))
    (folder / "learning_curves.csv").write_text("transfer\n")
    (folder / "config.yaml").write_text("seed: 7\n")
    summary = {
        "experiment": "tiny", "data": "cifar10", "synthetic": synthetic, "test_images": 2000,
        "target_classes": ["automobile", "truck"], "versions": {"tfx": "1.16.0"},
        "left_out": {"imagenet__m": "No file"}, "collapsed": [], "diverged": [], "worse_on_val": [],
        "labels_needed": [LABELS], "confirmed": [ANSWER], "confirmed_transfers": [ANSWER],
        "advice": [{"sentence": "With 10 labelled images: nothing."}], "target": {}, "stack": {},
    }  # fmt: skip
    (folder / "summary.json").write_text(json.dumps(with_digests(summary, folder)))
    return folder


@pytest.fixture
def docs(tmp_path):
    publish(finished_run(tmp_path / "run"), tmp_path / "docs", "make run")
    return tmp_path / "docs"


def test_the_page_says_what_ran_and_what_was_left_out(docs):
    page = (docs / "results.md").read_text()
    assert "`make run`" in page and "Seed 7" in page
    # 5 trainings of a quarter of an hour.
    assert "3 cells, 1 to 2 draws each, 5 trainings, 1.2 core-hours" in page
    assert "Fresh draws: 2 trainings, 2.0 core-hours." in page
    assert "`cats_dogs__original`: 2 cells" in page
    assert "Left out: `imagenet__m`. No file." in page
    # As the report has it: two digits, and what the smallest size reaches may take fewer.
    assert "310 [≤10, >400]" in page and "not measured" in page


def test_remarks_stand_at_the_end(tmp_path):
    (tmp_path / "remarks.md").write_text("A fifth draw is missing.\n\n")
    publish(finished_run(tmp_path / "run"), tmp_path / "docs", "make run", remarks=tmp_path / "remarks.md")
    assert (tmp_path / "docs" / "results.md").read_text().endswith("\n## Remarks\n\nA fifth draw is missing.\n")


def test_every_figure_is_there_and_linked_the_overview_first(docs):
    page = (docs / "results.md").read_text()
    linked = [line.split("](")[1].rstrip(")") for line in page.splitlines() if line.startswith("![")]
    assert linked == ["results/overview.png", "results/cats_dogs__original.png"]
    assert all((docs / path).exists() for path in linked)


def test_the_ledger_holds_every_training_and_is_the_same_file_for_the_same_rows(docs, tmp_path):
    first = (docs / "results" / "ledger.csv.gz").read_bytes()
    assert len(gzip.decompress(first).decode().splitlines()) == 1 + len(CELLS)
    (docs / "results" / "of_an_earlier_run.png").write_bytes(b"")
    publish(tmp_path / "run", docs, "make run")
    assert (docs / "results" / "ledger.csv.gz").read_bytes() == first
    assert not (docs / "results" / "of_an_earlier_run.png").exists()


def test_the_fresh_rows_are_published_too(docs):
    fresh = gzip.decompress((docs / "results" / "confirmed.csv.gz").read_bytes()).decode().splitlines()
    assert [row["draw"] for row in csv.DictReader(fresh)] == ["1000", "1001"]


def test_every_transfer_has_its_fresh_draws(docs):
    page = (docs / "results.md").read_text()
    row = (
        "| 10 | 8 | yes | 5 | 61.0% [58.0, 64.0] | 55.0% [50.0, 60.0] | +6.0 [+1.0, +11.0] | gain | "
        "+4.0 [-1.0, +9.0], `baseline__remastered` | undecided | 3 |"
    )
    assert "### `cats_dogs__original`" in page and row in page
    assert "## What changed" not in page


def earlier_ledger(path, rows):
    names = ("transfer", "source", "n", "freeze_count", "fine_tune", "draw", "val_accuracy", "test_accuracy")
    lines = [",".join(names), *(",".join(map(str, row)) for row in rows)]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    return path


EARLIER = [
    # On val k=6 is best (mean 0.7); on test it has 0.6 and 0.7.
    ("cats_dogs__original", "cats_dogs", 10, 8, "false", 0, 0.9, 0.99),
    ("cats_dogs__original", "cats_dogs", 10, 8, "false", 1, 0.4, 0.99),
    ("cats_dogs__original", "cats_dogs", 10, 6, "true", 0, 0.7, 0.6),
    ("cats_dogs__original", "cats_dogs", 10, 6, "true", 1, 0.7, 0.7),
    ("baseline__original", "", 10, 0, "false", 0, 0.6, 0.5),
    ("baseline__narrow", "", 10, 0, "false", 0, 0.5, 0.9),
]


def test_the_earlier_grid_is_compared_with(tmp_path):
    ledger = earlier_ledger(tmp_path / "ledger.csv.gz", EARLIER)
    publish(finished_run(tmp_path / "run"), tmp_path / "docs", "make run", earlier=ledger)
    page = (tmp_path / "docs" / "results.md").read_text()
    assert "| 61.0% [58.0, 64.0] | 65.0% | 55.0% [50.0, 60.0] |" in page
    changed = (
        "| 10 | `cats_dogs__original` | 65.0% | `cats_dogs__original` | 61.0% [58.0, 64.0] | -4.0 | "
        "50.0%, `baseline__original` | 57.0% [52.0, 62.0], `baseline__remastered` | +7.0 |"
    )
    assert changed in page


def test_of_equal_cells_the_earlier_grid_chose_as_a_run_does(tmp_path):
    """The means of val differ in the last bit alone, so more frozen layers decide."""
    rows = [
        ("a__original", "a", 10, k, "true", draw, val, test)
        for k, vals, test in ((6, (0.9, 0.8), 0.5), (8, (0.75, 0.95), 0.6), (4, (0.85, 0.85), 0.7))
        for draw, val in enumerate(vals)
    ]
    [(_, choice)] = read_earlier(earlier_ledger(tmp_path / "ledger.csv.gz", rows)).items()
    assert choice.test_accuracy == 0.6


def test_an_earlier_ledger_that_cannot_be_read_is_refused_before_anything_is_written(tmp_path):
    (tmp_path / "ledger.csv.gz").write_text("transfer,n")
    with pytest.raises(ThawError, match=r"ledger\.csv\.gz is missing or damaged"):
        publish(finished_run(tmp_path / "run"), tmp_path / "docs", "make run", earlier=tmp_path / "ledger.csv.gz")
    assert not (tmp_path / "docs").exists()


def test_synthetic_results_are_labelled(tmp_path):
    publish(finished_run(tmp_path / "run", synthetic=True), tmp_path / "docs", "make run")
    assert "**SYNTHETIC images" in (tmp_path / "docs" / "results.md").read_text()


SCORED = {
    "source": "cats_dogs__original", "data": "cifar10", "test_accuracy": 0.8695, "test_images": 2000, "seconds": 956.4,
    "val_accuracy_by_step": [[800, 0.724], [1600, 0.821]], "from_cache": False,
}  # fmt: skip


def test_sources_are_shown_where_they_were_scored(tmp_path):
    (tmp_path / "sources.json").write_text(json.dumps([SCORED]))
    publish(finished_run(tmp_path / "run"), tmp_path / "docs", "make run", tmp_path / "sources.json")
    row = "| `cats_dogs__original` | 87.0% of 2,000 | 800: 72.4%, 1,600: 82.1% | 956 |"
    assert row in (tmp_path / "docs" / "results.md").read_text()


def test_sources_that_were_scored_on_other_data_are_refused_before_anything_is_written(tmp_path):
    (tmp_path / "sources.json").write_text(json.dumps([SCORED, {**SCORED, "data": "SYNTHETIC shapes"}]))
    with pytest.raises(ThawError, match=r"sources on SYNTHETIC shapes, and .*run ran on cifar10"):
        publish(finished_run(tmp_path / "run"), tmp_path / "docs", "make run", tmp_path / "sources.json")
    assert not (tmp_path / "docs").exists()


def test_a_run_that_did_not_finish_is_refused(tmp_path, capsys):
    with pytest.raises(ThawError, match="is not a finished run"):
        publish(tmp_path, tmp_path / "docs", "make run")
    assert results_page.main([str(tmp_path), str(tmp_path / "docs"), "--command", "make run"]) == 1
    assert "is not a finished run" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "written", "altered"),
    [
        ("summary.json", "0.61", "0.91"), ("cells.csv", "900.0", "1.0"), ("confirmed.csv", "3600.0", "1.0"),
        ("claims.json", "undecided", "supported"), ("config.yaml", "7", "8"), ("learning_curves.csv", "\n", "\n\n"),
    ],
)  # fmt: skip
def test_a_run_that_was_altered_is_refused_before_anything_is_written(tmp_path, name, written, altered):
    run = finished_run(tmp_path / "run")
    content = (run / name).read_text()
    assert written in content
    (run / name).write_text(content.replace(written, altered))
    with pytest.raises(ThawError, match=f"{name} is missing or damaged: it was altered"):
        publish(run, tmp_path / "docs", "make run")
    assert not (tmp_path / "docs").exists()
