"""The progress of an experiment, by its ledgers and its run folders. Imports no TFX."""

import dataclasses
import json
import tracemalloc

import numpy as np
import pytest

from experiment.changes import as_written, changed
from experiment.errors import ThawError
from experiment.loading import PRESETS, load_config
from ledger.ledger import write_ledger
from ledger.ledger_note import FRESH_DRAWS_FOLDER, note_path, write_note
from ledger.rows import Header, Row
from pipeline.dag.node_settings import asked_digest
from pipeline.runner.progress_report import in_words, state_of
from pipeline.runs import run_folder
from pipeline.runs.run_folder import new_run_folder
from pipeline.runs.run_lock import locked
from tests.stacks import STACK
from thaw.tables import progress_table

QUICK = PRESETS / "quick.yaml"
HEADER = Header(
    "cats_dogs__original",
    "cats_dogs",
    "original",
    "original",
    "SYNTHETIC",
    ("automobile", "truck"),
    "ab",
    "c0",
    (0, 1),
    "c",
    (5, 5),
    8,
    "",
    STACK,
    (),
)


@pytest.fixture
def make_config(tmp_path):
    def make_config(*settings):
        return load_config(QUICK, (f"workspace={tmp_path / 'ws'}", f"runs={tmp_path / 'runs'}", "draws=9", *settings))

    return make_config


@pytest.fixture
def config(make_config):
    return make_config()


def add_ledger(config, name, outcomes, partial="", n=100, freeze_count=8, held_from=0, images=2):
    """A ledger of cats_dogs__original as a run with this configuration leaves it."""
    folder = config.ledger_folder
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        Row(f"k{number}", n, freeze_count, False, number, 0.5, 0.7, 0.5, 0.7, 1.0, 3, 2.5, (), "",
            np.full((images, 2), 0.5), outcome, held_from)
        for number, outcome in enumerate(outcomes)
    ]  # fmt: skip
    write_ledger(folder / name, HEADER, rows)
    with (folder / name).open("a") as file:
        file.write(partial)
    asked = asked_digest(config, "cats_dogs", "original")
    write_note(note_path(folder, "cats_dogs__original", asked), folder / name)
    return folder / name


def add_run(config, name, finished=False, data="CIFAR-10"):
    folder = config.runs / name
    folder.mkdir(parents=True)
    settings = as_written(config)
    (folder / "started.json").write_text(json.dumps({"data": data, "settings": settings}))
    if finished:
        finish(folder)
    return folder


def finish(folder, data="CIFAR-10"):
    summary = {
        "experiment": "quick", "data": data, "synthetic": False, "target_classes": [], "winner": "", "left_out": {},
        "collapsed": [], "advice": [], "diverged": [], "worse_on_val": [], "pushed": {"blessed": False},
        "closing_table": [],
        "target": {}, "stack": {}, "ml_metadata": {"store": "metadata.sqlite", "run_context": 1},
    }  # fmt: skip
    (folder / "summary.json").write_text(json.dumps(summary))


def sweep(config, name="cats_dogs__original"):
    return next(one for one in state_of(config).sweeps if one.sweep == name)


def test_nothing_ran_yet(config):
    assert (state := state_of(config)).run is None and (state.finished, state.data) == (False, "")
    # 3 sizes, 2 tunings, 9 draws; a transfer has 2 freeze counts.
    assert {one.sweep: (one.done, one.planned) for one in state.sweeps}["baseline__original"] == (0, 54)
    assert sweep(config).planned == 108


def test_what_a_search_may_train_is_shown_as_at_most(config, make_config):
    add_ledger(config, "cats_dogs__original-abc.jsonl", ["trained"] * 3)
    shown = {row[0].plain: row[2].plain for row in progress_table("quick", state_of(config)).rows}
    assert shown["cats_dogs__original"] == "at most 108" and shown["baseline__original"] == "54"
    assert {one.bound for one in state_of(make_config("search=grid")).sweeps} == {"", "at most "}
    assert {one.bound for one in state_of(make_config("search=grid", "fine_tune=[false]")).sweeps} == {""}


def test_under_a_time_limit_everything_but_baselines_is_at_most(make_config):
    bounds = {one.sweep: one.bound for one in state_of(make_config("search=grid", "budget_minutes=10")).sweeps}
    assert bounds.pop("baseline__original") == "" and set(bounds.values()) == {"at most "}


def test_fresh_draws_are_counted_beside_the_search_and_a_size_may_get_more(config):
    path = add_ledger(config, "cats_dogs__original-1.jsonl", ["trained"] * 2)
    folder = config.ledger_folder / FRESH_DRAWS_FOLDER
    folder.mkdir()
    path.rename(folder / path.name)
    add_ledger(config, path.name, ["trained"])
    fresh = state_of(config).sweeps[-1]
    assert (fresh.sweep, fresh.done, fresh.training_s, sweep(config).done) == ("fresh draws", 2, 5.0, 1)
    # At n = 50 and 100 a transfer and its baseline, at 200 three transfers and two: 8; at most 11. Five draws.
    shown = progress_table("quick", state_of(config)).rows[-1][2].plain
    assert (fresh.fewest, fresh.planned, shown) == (5 * 8, 5 * 11, "40 to 55")


def test_tuned_ranges_are_planned_and_counted_where_they_are_asked_for(config, make_config):
    add_ledger(config, "cats_dogs__original-1.jsonl", ["trained"] * 2, freeze_count=2, held_from=4)
    assert sweep(config).done == 0
    wider = make_config("tuned={original: [[2, 4]]}")
    assert (sweep(wider).done, sweep(wider).planned) == (2, sweep(config).planned + len(config.sizes) * config.draws)
    assert sweep(make_config("tuned={original: [[2, 5]]}")).done == 0


def test_the_ledger_used_last_counts_and_a_line_being_written_does_not(config):
    add_ledger(config, "cats_dogs__original-old.jsonl", ["trained"] * 9)
    add_ledger(config, "cats_dogs__original-new.jsonl", ["trained", "diverged"], partial='{"row": {"outc')
    found = sweep(config)
    assert (found.done, found.diverged, found.training_s) == (2, 1, 5.0)


@pytest.mark.parametrize(
    "change",
    ["seed=1", "schedule.batch_size=2", "sources.cats_dogs.classes=[bird, cat]", "data.val_fraction=0.3",
     "source_schedule.epochs=77", "augmentation.noisy_copies=2", "data.path=/elsewhere"],
)  # fmt: skip
def test_the_ledger_of_other_settings_does_not_count(config, make_config, change):
    add_ledger(config, "cats_dogs__original-1.jsonl", ["trained"] * 4)
    add_run(config, "20261124-110000-quick", finished=True)
    other = make_config(change)
    state = state_of(other)
    assert sweep(other).done == 0 and (state.run, state.finished) == (None, False)
    assert f"differs in {change.partition('.')[0].partition('=')[0]}." in in_words(state)
    assert sweep(config).done == 4


@pytest.mark.parametrize("change", ["workers=1", "draws=5", "runs=elsewhere", "backbones.mobilenet_v2.weights=/w.h5",
                                    "target.name=other"])  # fmt: skip
def test_settings_that_decide_no_row_leave_the_ledger_found(config, make_config, change):
    add_ledger(config, "cats_dogs__original-1.jsonl", ["trained"] * 4)
    assert sweep(make_config(change)).done == 4


@pytest.mark.parametrize("cell", [{"n": 21}, {"freeze_count": 1}])
def test_cells_that_only_a_search_trained_are_not_counted(config, cell):
    add_ledger(config, "cats_dogs__original-new.jsonl", ["trained"], **cell)
    assert sweep(config).done == 0


def test_draws_that_only_a_run_with_more_of_them_trained_are_not_counted(config, make_config):
    add_ledger(config, "cats_dogs__original-1.jsonl", ["trained"] * 3 + ["diverged"])
    found = sweep(make_config("draws=2"))
    assert (found.done, found.diverged, found.training_s) == (2, 0, 5.0)


def test_one_row_of_a_ledger_is_in_memory_at_a_time(config):
    path = add_ledger(config, "cats_dogs__original-1.jsonl", ["trained"] * 9, images=200_000)
    tracemalloc.start()
    assert sweep(config).done == 9
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < path.stat().st_size


def test_a_stopped_run_is_not_running_where_a_later_one_with_other_settings_is(config, make_config):
    stopped, other = add_run(config, "20261124-110000-quick"), make_config("seed=1")
    running = add_run(other, "20261124-120000-quick")
    with locked(config.pipeline_folder):
        assert f"{stopped}, stopped" in in_words(state_of(config))
        assert f"{running}, is running" in in_words(state_of(other))


def test_a_stopped_run_is_not_running_where_a_search_works_in_the_workspace(config):
    stopped = add_run(config, "20261124-110000-quick")
    with locked(config.pipeline_folder, searching=True):
        assert f"{stopped}, stopped" in in_words(state_of(config))


def test_a_run_on_a_folder_named_from_another_one_is_found(make_config, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    folder = new_run_folder(make_config("data.path=photos"), "photos")
    for name in ("photos", "./photos", f"{tmp_path}/photos"):
        assert state_of(make_config(f"data.path={name}")).run == folder, name
    assert state_of(make_config("data.path=others")).run is None


def test_the_newest_run_is_told_in_a_sentence(config):
    assert in_words(state_of(config)).endswith("settings. `thaw run` with the same options starts it.")
    folder = add_run(config, "20261124-110000-quick")
    (folder / "log.txt").write_text("FileNotFoundError: [Errno 2] No such file or directory: b'/tmp/thaw-a/scipy-b'\n")
    assert "stopped before its first node. `thaw run` with the same options continues it" in in_words(state_of(config))
    (folder / "log.txt").write_text("Component Pusher is running.\n")
    assert "stopped at the node Pusher. `thaw run` with the same options continues it" in in_words(state_of(config))
    with locked(config.pipeline_folder):
        assert in_words(state_of(config)).endswith("is running at the node Pusher.")
    finish(folder)
    assert in_words(state_of(config)).startswith("The newest run is finished: ")


def test_a_finished_run_of_which_no_training_is_found_is_not_told_as_if_all_were_there(config):
    """As after an update of Thaw: the table says that none is done."""
    add_run(config, "20261124-110000-quick", finished=True)
    assert "finds none of its trainings in the ledgers" in in_words(state_of(config))
    add_ledger(config, "a.jsonl", ["trained"])
    assert in_words(state_of(config)).endswith("report.html.")


def test_a_run_is_found_by_the_settings_that_it_wrote(config, make_config):
    """config.yaml has what the run found out of each backbone; another file of weights is another experiment."""
    facts = {"sha256": "a" * 64, "mflop": 21.3, "parts": 18}
    asked = config.backbones["mobilenet_v2"]

    def told(**more):
        return changed(config, backbones={"mobilenet_v2": changed(asked, **{**facts, **more})})

    folder = add_run(config, "20261124-110000-quick")
    assert state_of(told()).run == folder
    folder = add_run(told(), "20261124-120000-quick")
    assert [state_of(one).run for one in (config, told())] == [folder, folder]
    other = state_of(told(sha256="b" * 64))
    assert (other.run.name, other.differing) == ("20261124-110000-quick", ())


def test_a_time_limit_is_no_other_experiment_and_is_said(config, make_config):
    folder = add_run(make_config("budget_minutes=2"), "20261124-110000-quick", finished=True)
    state = state_of(config)
    assert (state.run, state.finished, state.run_minutes) == (folder, True, 2)
    assert "It had a limit of 2 minutes. `thaw run` with more, or none" in in_words(state)
    assert "`thaw report` made it from a run that stopped." in in_words(dataclasses.replace(state, run_minutes=0.0101))
    assert state_of(make_config("budget_minutes=3")).run == folder


def test_the_newest_run_says_how_it_stands(config):
    add_run(config, "20261124-100000-quick")
    newest = add_run(config, "20261124-110000-quick")
    (config.runs / "latest").symlink_to("20261124-100000-quick")
    (newest / "log.txt").write_text("one\nsweep: 3 of 9\n\n")
    state = state_of(config)
    assert (state.run, state.finished, state.node, state.last_line) == (newest, False, "", "sweep: 3 of 9")
    log = "".join(f"INFO:absl:Component {name} is running.\nmore\n" for name in ("ImportExampleGen", "Tuner.a__b"))
    (newest / "log.txt").write_text(log)
    assert state_of(config).node == "Tuner.a__b"
    finish(newest)
    state = state_of(config)
    assert (state.finished, state.node) == (True, "")


def test_runs_of_one_second_are_ordered_by_their_numbers_and_those_of_other_experiments_left_out(config):
    for name in ("20261124-110000-quick-10", "20261124-110000-quick-2", "20261124-110000-quick"):
        add_run(config, name)
    for name in ("20261125-110000-my_quick", "20261125-110000-quick_photos", "quick", "20261125-110000-quick-copy"):
        (config.runs / name).mkdir()
    assert state_of(config).run == config.runs / "20261124-110000-quick-10"


def test_the_folder_of_a_run_that_begins_is_found(config):
    folder = run_folder.new_run_folder(config, "SYNTHETIC images")
    state = state_of(config)
    assert (state.run, state.finished, state.data) == (folder, False, "SYNTHETIC images")


def test_synthetic_data_is_said_from_a_ledger_alone(config):
    add_ledger(config, "cats_dogs__original-1.jsonl", ["trained"])
    assert state_of(config).data == "SYNTHETIC"


def test_a_ledger_that_was_moved_away_has_no_rows(config):
    add_ledger(config, "cats_dogs__original-1.jsonl", ["trained"]).unlink()
    assert sweep(config).done == 0


def test_a_damaged_ledger_is_named(config):
    path = add_ledger(config, "cats_dogs__original-1.jsonl", ["trained"] * 3)
    path.write_text(path.read_text().replace('"seconds":2.5', '"seconds":9.5', 1))
    with pytest.raises(ThawError, match=f"{path}, line 2: damaged or altered"):
        state_of(config)
