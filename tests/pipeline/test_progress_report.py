"""How far an experiment is, by its ledgers and its run folders. Imports no TFX."""

import json
import os
from pathlib import Path

import pytest

from pipeline.loading import load_config
from pipeline.progress_report import in_words, state_of

QUICK = Path(__file__).parents[2] / "pipeline" / "presets" / "quick.yaml"


@pytest.fixture
def config(tmp_path):
    return load_config(QUICK, (f"workspace={tmp_path / 'ws'}", f"runs={tmp_path / 'runs'}", "most_draws=5"))


def write_ledger(config, name, outcomes, age_s=0, partial="", n=100, freeze_count=8):
    path = config.workspace / config.pipeline_name / "ledgers" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    cell = {"n": n, "freeze_count": freeze_count, "seconds": 2.5}
    rows = [{"row": {**cell, "outcome": outcome}} for outcome in outcomes]
    path.write_text("".join(json.dumps(line) + "\n" for line in [{"header": {}}, *rows]) + partial)
    os.utime(path, (1e9 - age_s, 1e9 - age_s))


def sweep(config, name):
    return next(one for one in state_of(config).sweeps if one.sweep == name)


def test_nothing_ran_yet(config):
    state = state_of(config)
    assert (state.run, state.finished) == (None, False)
    # 3 sizes, 2 tunings; a baseline gets every draw that a cell can get, a transfer 3 freeze counts and 3 draws.
    assert {one.sweep: (one.done, one.planned) for one in state.sweeps}["baseline__original"] == (0, 30)
    assert sweep(config, "cats_dogs__original").planned == 54


def test_the_newest_ledger_counts_and_a_line_being_written_does_not(config):
    write_ledger(config, "cats_dogs__original-old.jsonl", ["trained"] * 9, age_s=60)
    write_ledger(config, "cats_dogs__original-new.jsonl", ["trained", "diverged"], partial='{"row": {"outc')
    found = sweep(config, "cats_dogs__original")
    assert (found.done, found.diverged, found.training_s) == (2, 1, 5.0)


@pytest.mark.parametrize("cell", [{"n": 21}, {"freeze_count": 1}])
def test_cells_that_only_a_search_trained_are_not_counted(config, cell):
    write_ledger(config, "cats_dogs__original-new.jsonl", ["trained"], **cell)
    assert sweep(config, "cats_dogs__original").done == 0


def test_the_newest_run_is_told_in_a_sentence(config):
    assert in_words(state_of(config)) == "Nothing ran yet: `thaw run` begins."
    folder = config.runs / "20261124-110000-quick"
    folder.mkdir(parents=True)
    (folder / "log.txt").write_text("sweep: 3 of 9\n")
    assert "is not finished. Its log ends: sweep: 3 of 9; all" in in_words(state_of(config))
    (folder / "log.txt").write_text("Component Pusher is running.\n")
    assert "is not finished. It is at the node Pusher, or stopped there;" in in_words(state_of(config))
    (folder / "summary.json").write_text("{}")
    assert in_words(state_of(config)).startswith("The newest run is finished: ")


def test_the_newest_run_says_how_it_stands(config):
    for name in ("20261124-100000-quick", "20261124-110000-quick"):
        (config.runs / name).mkdir(parents=True)
    (config.runs / "latest").symlink_to("20261124-100000-quick")
    newest = config.runs / "20261124-110000-quick"
    (newest / "log.txt").write_text("one\nsweep: 3 of 9\n\n")
    state = state_of(config)
    assert (state.run, state.finished, state.node, state.last_line) == (newest, False, "", "sweep: 3 of 9")
    log = "".join(f"INFO:absl:Component {name} is running.\nmore\n" for name in ("ImportExampleGen", "Tuner.a__b"))
    (newest / "log.txt").write_text(log)
    assert state_of(config).node == "Tuner.a__b"
    (newest / "summary.json").write_text("{}")
    state = state_of(config)
    assert (state.finished, state.node) == (True, "")
