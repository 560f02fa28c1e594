"""A run compared with a published grid, both made by hand: every line met, and missed. No TensorFlow."""

from __future__ import annotations

import dataclasses
import gzip
import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

from analysis.statistics.paired_intervals import Interval
from benchmarks.prediction import published_comparison
from benchmarks.prediction.published_grid import PUBLISHED, Grid, read_published

BEST, SCRATCH = {50: 0.84, 100: 0.88}, {50: 0.66, 100: 0.70}
"""The published grid's choices, mean test accuracy by n."""
CHOSEN, WEAK, NETWORK = "imagenet__mobilenet_v2", "cats_dogs__original", "baseline__original"


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Two transfers and a baseline on three draws; `cats_dogs` is worse than the baseline by 3 points on each."""
    rows = ["transfer,source,architecture,n,freeze_count,fine_tune,draw,val_accuracy,test_accuracy,seconds"]
    for n in BEST:
        for draw in range(3):
            luck = 0.01 * (draw - 1)
            for count, better in ((18, 0.0), (9, -0.02)):
                accuracy = BEST[n] + better + luck
                rows.append(f"{CHOSEN},imagenet,mobilenet_v2,{n},{count},false,{draw},{accuracy},{accuracy},1")
            rows.append(f"{WEAK},cats_dogs,original,{n},8,false,{draw},0.6,{SCRATCH[n] - 0.03 + luck},1")
            rows.append(f"{NETWORK},,original,{n},0,false,{draw},0.7,{SCRATCH[n] + luck},1")
    folder = tmp_path / "published"
    folder.mkdir()
    (folder / "ledger.csv.gz").write_bytes(gzip.compress("\n".join(rows).encode()))
    claims = [{"id": "C3", "verdict": "supported"}, {"id": "C6", "verdict": "undecided"}]
    about = {"data": "cifar10", "target_classes": ["automobile", "truck"], "claims": claims}
    (folder / "claims.json").write_text(json.dumps(about))
    return folder


class MadeRun:
    """A run that meets every line; its parts may be changed before it is written."""

    def __init__(self) -> None:
        confirmed = [
            {"n": n, "transfer": CHOSEN, "accuracy": BEST[n] - 0.01,
             "accuracy_interval": [BEST[n] - 0.03, BEST[n] + 0.01], "best_from_scratch": NETWORK,
             "best_from_scratch_accuracy": SCRATCH[n] - 0.01, "verdict": "gain"}
            for n in BEST
        ]  # fmt: skip
        self.summary: dict[str, Any] = {
            "experiment": "quick", "data": "cifar10", "synthetic": False, "target_classes": ["automobile", "truck"],
            "target": {}, "stack": {}, "winner": CHOSEN, "left_out": {}, "diverged": [], "worse_on_val": [],
            "collapsed": [], "pushed": {"blessed": False},
            "ml_metadata": {"store": "metadata.sqlite", "run_context": 1},
            "confirmed": confirmed, "closing_table": [closing_row(CHOSEN, "gain"), closing_row(WEAK, "undecided")],
            "advice": [{"sentence": "Use it.", "n": 50, "sweep": CHOSEN, "from_scratch": NETWORK,
                        "over_scratch_verdict": "gain"}],
            "seconds_per_node": {"Transform": 20.0}, "cached_nodes": [], "seconds_total": 700.0,
        }  # fmt: skip
        self.claims = {"C3": "undecided", "C6": "supported"}
        self.config: dict[str, Any] = {
            "sizes": list(BEST), "baselines": {"mobilenet_v2": "original"},
            "transfers": [{"source": "imagenet", "architecture": "mobilenet_v2"},
                          {"source": "cats_dogs", "architecture": "original"}],
            "backbones": {"mobilenet_v2": {"family": "MobileNetV2", "image_size_px": 96}},
        }  # fmt: skip

    def write(self, folder: Path) -> Path:
        folder.mkdir()
        (folder / "summary.json").write_text(json.dumps(self.summary))
        claims = [{"id": name, "verdict": verdict} for name, verdict in self.claims.items()]
        (folder / "claims.json").write_text(json.dumps({"claims": claims}))
        (folder / "config.yaml").write_text(yaml.safe_dump(self.config))
        return folder


def closing_row(transfer: str, verdict: str) -> dict[str, Any]:
    source, architecture = transfer.split("__")
    lead = {
        "sweep": NETWORK,
        "accuracy": 0.7,
        "lead_points": 1.0,
        "lead_interval_points": [-1.0, 2.0],
        "verdict": verdict,
    }
    return {
        "transfer": transfer, "source": source, "architecture": architecture, "n": 100, "freeze_count": 8,
        "fine_tune": False, "draws": 5, "accuracy": 0.8, "accuracy_interval": [0.7, 0.9], "baseline_accuracy": 0.7,
        "baseline_interval": [0.6, 0.8], "gain_points": 10.0, "gain_interval_points": [-1.0, 20.0],
        "verdict": verdict, "from_scratch": lead, "blessed": False, "reasons": [],
    }  # fmt: skip


@pytest.fixture
def made() -> MadeRun:
    return MadeRun()


@pytest.fixture
def judged(published, tmp_path, capsys):
    """Compares a made run; the status and the first words of its five lines, each with what was found."""

    def judge(run: MadeRun, *options: str) -> tuple[int, list[str]]:
        folder = run.write(tmp_path / "run")
        status = published_comparison.main([str(folder), "--published", str(published), *options])
        lines = capsys.readouterr().out.replace("\nmet", "\n\nmet").replace("\nMISSED", "\n\nMISSED")
        return status, lines.split("\n\n")

    return judge


def test_a_run_as_good_as_the_grid_meets_every_line(made, judged):
    status, lines = judged(made)
    assert status == 0
    assert [line.split()[0] for line in lines] == ["met"] * 5
    assert "n = 50: imagenet__mobilenet_v2 83.0% [81.0, 85.0], published 84.0%" in lines[0]
    assert "n = 100: baseline__original 69.0%, published 70.0% (baseline__original): -1.0" in lines[1]


def missed(lines: list[str]) -> list[int]:
    return [place for place, line in enumerate(lines) if line.startswith("MISSED") and "!! " in line]


@pytest.mark.parametrize(
    ("accuracy", "interval"),
    [(0.80, [0.70, 0.90]), (0.82, [0.81, 0.83])],
    ids=["more than three points below", "its interval below the published figure"],
)
def test_a_chosen_transfer_that_is_worse_is_missed(made, judged, accuracy, interval):
    made.summary["confirmed"][0] |= {"accuracy": accuracy, "accuracy_interval": interval}
    status, lines = judged(made)
    assert (status, missed(lines)) == (1, [0])
    assert "!! n = 50" in lines[0] and "!! n = 100" not in lines[0]


def test_an_interval_wholly_above_the_published_figure_is_met(made, judged):
    made.summary["confirmed"][0] |= {"accuracy": 0.9, "accuracy_interval": [0.88, 0.92]}
    assert judged(made)[0] == 0


def test_a_size_that_was_not_confirmed_is_missed(made, judged):
    del made.summary["confirmed"][1]
    status, lines = judged(made)
    assert (status, missed(lines)) == (1, [0, 1])
    assert "n = 100: nothing confirmed" in lines[0] and "n = 100: nothing confirmed" in lines[1]


def test_a_size_whose_trainings_all_collapsed_is_missed(made, judged):
    nothing = {"accuracy": None, "accuracy_interval": None, "best_from_scratch_accuracy": None}
    made.summary["confirmed"][1] |= nothing
    assert missed(judged(made)[1]) == [0, 1]


def test_a_network_from_scratch_two_points_worse_is_missed_and_a_better_one_is_not(made, judged):
    made.summary["confirmed"][0]["best_from_scratch_accuracy"] = 0.9
    made.summary["confirmed"][1]["best_from_scratch_accuracy"] = 0.679
    status, lines = judged(made)
    assert (status, missed(lines)) == (1, [1])
    assert "!! n = 100" in lines[1] and "!! n = 50" not in lines[1]


def test_a_confirmed_loss_where_the_published_cell_gains_is_missed(made, judged):
    made.summary["confirmed"][0]["verdict"] = "loss"
    status, lines = judged(made)
    assert (status, missed(lines)) == (1, [2])
    assert "n = 50: loss of imagenet__mobilenet_v2 over baseline__original, published +18.0 [+18.0, +18.0]" in lines[2]


def test_a_gain_or_lead_where_the_published_cell_loses_is_missed(made, judged):
    made.summary["closing_table"][1]["from_scratch"]["verdict"] = "gain"
    status, lines = judged(made)
    assert (status, missed(lines)) == (1, [2])
    assert "gain of cats_dogs__original over baseline__original, published -3.0" in lines[2]


def fresh_draws(folder: Path) -> None:
    """Of the grid's choices: the transfer 2 points worse and the network from scratch 3 better than in the grid."""
    rows = ["transfer,source,architecture,n,freeze_count,fine_tune,draw,val_accuracy,test_accuracy,seconds"]
    for n in BEST:
        for draw, luck in ((1000, 0.01), (1001, 0.0), (1002, -0.01)):
            rows.append(f"{CHOSEN},imagenet,mobilenet_v2,{n},18,false,{draw},0.9,{BEST[n] - 0.02 + luck},1")
            rows.append(f"{NETWORK},,original,{n},0,false,{draw},0.7,{SCRATCH[n] + 0.03 - luck},1")
        # A cell that only claims compare, and that the grid did not choose.
        rows.append(f"{CHOSEN},imagenet,mobilenet_v2,{n},9,false,1000,0.99,0.99,1")
    (folder / "confirmed.csv.gz").write_bytes(gzip.compress("\n".join(rows).encode()))


def test_fresh_draws_of_the_published_choices_are_what_a_run_is_compared_with(made, judged, published):
    fresh_draws(published)
    made.summary["confirmed"][0]["verdict"] = "loss"
    status, lines = judged(made)
    assert (status, missed(lines)) == (1, [1, 2])
    assert "published 82.0% (imagenet__mobilenet_v2, 18 frozen): +1.0" in lines[0]
    assert "!! n = 50: baseline__original 65.0%, published 69.0% (baseline__original): -4.0" in lines[1]
    # Gains of 13 + 2, 13 and 13 - 2 points: 13 +- 4.303 * 2 / sqrt(3).
    assert "n = 50: loss of imagenet__mobilenet_v2 over baseline__original, published +13.0 [+8.0, +18.0]" in lines[2]
    # cats_dogs has no fresh draws: the grid's own -3.
    assert "cats_dogs" not in lines[2]


def test_one_common_draw_contradicts_nothing(published):
    found = read_published(published)
    one = {
        n: Grid(pd.DataFrame([row for (_, draw), row in grid.rows.items() if draw == 0]))
        for n, grid in found.transfers.items()
    }
    lonely = dataclasses.replace(found, transfers=one)
    assert lonely.gain(50, WEAK, NETWORK) == Interval(-100.0, pytest.approx(-3.0), 100.0, 1)


def test_a_claim_called_the_opposite_is_missed_and_one_left_undecided_is_not(made, judged):
    made.claims = {"C3": "contradicted", "C6": "contradicted"}
    status, lines = judged(made)
    assert (status, missed(lines)) == (1, [2])
    assert "C3: contradicted, published supported" in lines[2] and "C6" not in lines[2]


def test_a_mobilenet_of_smaller_images_is_missed(made, judged):
    made.config["backbones"]["mobilenet_v2"]["image_size_px"] = 64
    assert missed(judged(made)[1]) == [3]


def test_a_run_without_mobilenet_is_missed(made, judged):
    made.config["backbones"] = {}
    assert missed(judged(made)[1]) == [3]


def test_a_mobilenet_of_a_runs_older_format_is_found(made, judged):
    made.config["mobilenet_v2"] = {"image_size_px": 96}
    del made.config["backbones"]
    assert judged(made)[0] == 0


def test_the_seconds_allowed_are_fewer_with_fast(made, judged):
    status, lines = judged(made, "--fast")
    assert (status, missed(lines)) == (1, [4])
    assert "at most 600 s" in lines[4] and "!! 700 s" in lines[4]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"seconds_total": 901.0}, "901 s"),
        ({"cached_nodes": ["Transform"]}, "nodes from the cache, without which a run takes longer: Transform"),
    ],
)
def test_a_run_that_is_slow_or_was_computed_before_is_missed(made, judged, change, said):
    made.summary |= change
    status, lines = judged(made)
    assert (status, missed(lines)) == (1, [4])
    assert said in lines[4]


def test_a_run_from_before_its_seconds_were_written_is_missed(made, judged):
    del made.summary["seconds_total"]
    status, lines = judged(made)
    assert (status, missed(lines)) == (1, [4])
    assert "the nodes took 20 s" in lines[4]


@pytest.mark.parametrize(
    ("part", "change", "said"),
    [
        ("summary", {"data": "SYNTHETIC", "synthetic": True}, "SYNTHETIC images"),
        ("summary", {"data": "signs"}, "images of signs"),
        ("summary", {"target_classes": ["deer", "horse"]}, "deer and horse"),
        ("config", {"sizes": [50, 70, 100]}, "imagenet__mobilenet_v2 at n = 70"),
    ],
)
def test_a_run_of_another_target_is_refused_by_name(made, published, tmp_path, capsys, part, change, said):
    getattr(made, part).update(change)
    folder = made.write(tmp_path / "run")
    assert published_comparison.main([str(folder), "--published", str(published)]) == 1
    found = capsys.readouterr()
    assert found.out == "" and said in found.err and "quick.yaml" in found.err


def test_the_published_grid_is_read_whole():
    found = read_published(PUBLISHED)
    assert sorted(found.transfers) == sorted(found.baselines) == [10, 20, 50, 100, 200, 400, 800, 1500, 2000]
    grid = found.transfers[200]
    assert grid.best == (CHOSEN, 8, True) and grid.mean(grid.best, "test_accuracy") == pytest.approx(91.17, abs=0.05)
    assert found.claims["C3"] == "supported"
