"""Every command that reads a run's folder, on a folder in which one file is damaged: a message, no traceback."""

import csv
import json
import shutil
import sys

import hypothesis.strategies as st
import pytest
import yaml
from hypothesis import HealthCheck, given, settings

from components.transfer_report.executions_table import COLUMNS
from experiment.changes import as_written
from experiment.errors import ThawError
from experiment.loading import load_config
from ledger.ledger_note import note_path
from pipeline.dag.node_settings import asked_digest
from pipeline.runs.run_files import read_cells, read_settings, read_summary
from pipeline.runs.run_formats import CELL_COLUMNS
from tests.pipeline.metadata_recorder import Recorder, small_settings, small_summary
from thaw.main import main as run_command

CELL = {"transfer": "a__original", "n": 10, "freeze_count": 8, "fine_tune": "false", "held_from": 0}
DAMAGES = {
    "missing": None,
    "empty": lambda _: b"",
    "cut": lambda content: content[: len(content) // 2],
    "garbage": lambda _: b"\x00\xff\xfe garbage \x80" * 20,
    "list": lambda _: b"[1, 2]\n",
    "object": lambda _: b"{}\n",
    "nested": lambda _: b"[" * 100_000 + b"\n",
}
READS = {
    "report": ("summary.json",),
    "compare": ("config.yaml", "cells.csv"),
    "advise": ("summary.json", "config.yaml", "metadata.sqlite"),
    "search": ("summary.json", "config.yaml", "metadata.sqlite"),
    "tflite": ("summary.json", "config.yaml", "metadata.sqlite"),
    "status": ("summary.json", "started.json"),
}


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A finished run's folder in ./runs, its configuration in ./small.yaml, and ML Metadata's file beside them."""
    monkeypatch.chdir(tmp_path)
    recorder = Recorder(tmp_path / "metadata.sqlite")
    recorder.execution("run", "DomainExamples.target", {}, {"domain": str(tmp_path / "domain")})
    (tmp_path / "artifacts").mkdir()
    folder = tmp_path / "runs" / "20261124-100000-small"
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps(small_summary(recorder)) + "\n")
    (folder / "config.yaml").write_text(yaml.safe_dump(small_settings()))
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(small_settings()))
    started = {"data": "CIFAR-10", "settings": as_written(read_settings(folder))}
    (folder / "started.json").write_text(json.dumps(started))
    with (folder / "cells.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows([{**CELL, "draw": draw, "test_accuracy": 0.5} for draw in range(3)])
    return folder


@pytest.fixture
def call(run, monkeypatch, capfd):
    """A function that runs `thaw` in this process: its status, and all that it printed."""

    def call(command):
        arguments = {"compare": [run.name, run.name], "status": ["--config", "small.yaml"]}.get(command, [run.name])
        monkeypatch.setattr(sys, "argv", ["thaw", command, *arguments])
        try:
            run_command()
            status = 0
        except SystemExit as ended:
            status = ended.code
        captured = capfd.readouterr()
        return status, captured.out + captured.err

    return call


@pytest.mark.parametrize(
    ("command", "name", "damage"),
    [
        (command, name, damage)
        for command, names in READS.items()
        for name in names
        for damage in DAMAGES
        # To status, a run without a summary.json has not finished.
        if (command, name, damage) != ("status", "summary.json", "missing")
    ],
)
def test_a_damaged_file_is_named_and_nothing_else_is_said(run, call, tmp_path, command, name, damage):
    path = (tmp_path if name == "metadata.sqlite" else run) / name
    content = path.read_bytes()
    path.unlink()
    if DAMAGES[damage] is not None:
        path.write_bytes(DAMAGES[damage](content))
    status, said = call(command)
    assert (status, "Traceback" in said) == (1, False), said
    assert name in said and "older Thaw" not in said
    assert "run the same" in said or "thaw run" in said or "workspace back" in said


@pytest.mark.parametrize(("command", "name"), [(command, name) for command, names in READS.items() for name in names])
def test_a_folder_in_the_place_of_a_file_is_named(run, call, tmp_path, command, name):
    path = (tmp_path if name == "metadata.sqlite" else run) / name
    path.unlink()
    path.mkdir()
    status, said = call(command)
    assert (status, "Traceback" in said) == (1, False), said
    assert str(path) in said.replace("\n", "")


def test_status_names_a_log_that_is_a_folder(run, call):
    (run / "summary.json").unlink()
    (run / "log.txt").mkdir()
    status, said = call("status")
    assert status == 1 and f"{run / 'log.txt'} is missing or damaged: Is a directory" in said, said


def changed(content, place, value):
    """The JSON content with another value at a place."""
    at = content
    for key in place[:-1]:
        at = at[key]
    at[place[-1]] = value
    return content


ROW = ("closing_table", 0)


@pytest.mark.parametrize(
    ("command", "name", "place", "value"),
    [
        ("report", "summary.json", (*ROW, "accuracy"), "5"),
        ("report", "summary.json", (*ROW, "gain_interval_points"), ["1", "2"]),
        ("report", "summary.json", (*ROW, "verdict"), "x"),
        ("report", "summary.json", (*ROW, "from_scratch"), {}),
        ("report", "summary.json", (*ROW, "from_scratch", "lead_interval_points"), [1]),
        ("report", "summary.json", ("diverged",), [{}]),
        ("report", "summary.json", ("worse_on_val",), [{}]),
        ("compare", "summary.json", ("target",), None),
        ("advise", "summary.json", ("ml_metadata", "run_context"), "1"),
        ("advise", "summary.json", ("ml_metadata", "run_context"), 10**30),
        ("status", "started.json", ("settings", "backbones"), None),
    ],
)
def test_a_value_of_another_type_is_named(run, call, command, name, place, value):
    (run / name).write_text(json.dumps(changed(json.loads((run / name).read_text()), place, value)))
    status, said = call(command)
    assert (status, "Traceback" in said) == (1, False), said
    assert f"{name} is missing or damaged: {place[0]}" in said


def test_whatever_is_missing_in_a_summary_is_named_or_not_needed(run, call):
    whole = json.loads((run / "summary.json").read_text())
    whole |= {"not_trained": {"a__original": 2}, "planned_trainings": 4, "search": "bayesian"}
    refused = set()
    for name in whole:
        (run / "summary.json").write_text(json.dumps({key: value for key, value in whole.items() if key != name}))
        status, said = call("report")
        assert "Traceback" not in said, said
        named = f"{name}: Field required" in said or "planned_trainings" in said
        assert (status, named) in ((0, False), (1, True)), said
        refused |= {name} if status else set()
    assert whole.keys() - refused == {"advice", "not_trained", "search"}


def test_compare_says_where_a_report_advises_a_network_from_scratch_and_not_the_transfer_that_it_chose(run, call):
    path, chosen = run / "summary.json", {"transfer": CELL["transfer"], "freeze_count": 8, "fine_tune": False}
    shutil.copy(run / "cells.csv", run / "confirmed.csv")
    for n, sweep, advised in ((10, "baseline__original", True), (10, "a__original", False)):
        advice = {"n": n, "sweep": sweep, "sentence": "With 10 labelled images: this."}
        summary = {**json.loads(path.read_text()), "advice": [advice], "confirmed": [{"n": 10, **chosen}]}
        path.write_text(json.dumps(summary))
        status, said = call("compare")
        assert status == 0 and "Best transfers" in said
        assert ("A advises no transfer at n = 10: With 10 labelled images: this." in said) == advised, said
        assert ("B advises no transfer at n = 10" in said) == advised
    path.write_text(json.dumps({**summary, "advice": [{**advice, "sweep": 3}]}))
    assert "advice.0.sweep: Input should be a valid string" in call("compare")[1]


@pytest.mark.parametrize(
    ("column", "text"), [("fine_tune", ""), ("fine_tune", "yes"), ("test_accuracy", "nan"), ("test_accuracy", "1.5")]
)
def test_a_figure_that_no_run_writes_is_named(run, call, column, text):
    with (run / "cells.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    with (run / "cells.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows([{**rows[0], column: text}, *rows[1:]])
    status, said = call("compare")
    assert status == 1 and "line 2 has no" in said and column in said


def test_a_run_that_began_without_its_record_says_what_helps(run, call):
    (run / "started.json").unlink()
    assert f"move {run} away" in call("status")[1].replace("\n", " ")


def test_a_note_that_names_no_ledger_is_named(run, call, tmp_path):
    (run / "summary.json").unlink()
    config = load_config("small.yaml")
    note = note_path(config.pipeline_folder / "ledgers", "baseline__original", asked_digest(config, "", "original"))
    note.parent.mkdir(parents=True)
    for content in (b"", b"\x00.jsonl", b"\xff.jsonl", b"../../a.jsonl"):
        note.write_bytes(content)
        status, said = call("status")
        assert (status, "Traceback" in said, note.name in said) == (1, False, True), said


@pytest.mark.parametrize("command", ["report", "compare", "status"])
def test_the_whole_folder_is_read(call, command):
    status, said = call(command)
    assert status == 0, said


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.integers(0, 5000), name=st.sampled_from(["summary.json", "config.yaml", "cells.csv"]), byte=st.binary())
def test_whatever_is_changed_in_a_file_the_reader_says_so_or_gives_what_fits(run, at, name, byte):
    read = {"summary.json": read_summary, "config.yaml": read_settings, "cells.csv": read_cells}[name]
    whole = (run / name).read_bytes()
    try:
        at %= len(whole)
        (run / name).write_bytes(whole[:at] + byte)
        found = read(run)
        if name == "cells.csv":
            assert all(kind(row[column]) is not None for row in found for column, kind in CELL_COLUMNS.items())
    except ThawError as error:
        assert name in str(error)
    finally:
        (run / name).write_bytes(whole)


CURVE = {
    "name": "a__original",
    "points": [{"n": 10, "accuracy": 0.5, "fresh": True}],
    "collapsed": [],
    "silent": "Why.",
}
LABELS = {"n": 10, "wished_accuracy": 0.95, "winner": "a__original", "curves": [CURVE], "met": None}


def test_learning_curves_that_are_whole_are_shown(run, call):
    path = run / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"labels": LABELS}))
    status, printed = call("labels")
    assert status in (0, None) and "a__original: no forecast. Why." in printed


@pytest.mark.parametrize(
    "labels",
    [{}, {**LABELS, "curves": []}, {**LABELS, "winner": "b"}, {**LABELS, "met": {}},
     {**LABELS, "wished_accuracy": float("nan")},
     *({**LABELS, "curves": [{key: value for key, value in CURVE.items() if key != name}]} for name in CURVE),
     {**LABELS, "curves": [{**CURVE, "silent": None}]}, {**LABELS, "curves": [{**CURVE, "points": None}]}],
)  # fmt: skip
def test_damaged_learning_curves_are_named(run, call, labels):
    path = run / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"labels": labels}))
    for command in ("labels", "report"):
        status, printed = call(command)
        assert status == 1 and "summary.json is missing or damaged" in printed and "Traceback" not in printed


def test_a_number_that_is_none_is_no_figure(run, call):
    path = run / "summary.json"
    summary = json.loads(path.read_text())
    summary["closing_table"][0]["accuracy"] = float("nan")
    path.write_text(json.dumps(summary))
    status, printed = call("report")
    assert status == 1 and "it holds NaN" in printed and "nan%" not in printed
