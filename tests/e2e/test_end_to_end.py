"""The whole DAG as users run it: twice, with a setting changed, refused, and through TFX's own CLI. Takes minutes."""

import csv
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from pipeline.runs.ml_metadata import latest_run_context, nodes_of_run, open_store

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

NODES = [
    "ImportExampleGen", "StatisticsGen", "ImportSchemaGen", "ExampleValidator", "AnomalyGate", "Transform",
    "DomainExamples.target", "DomainExamples.same_classes", "Trainer.source.same_classes.remastered",
    "Tuner.baseline.remastered", "Trainer.baseline.remastered", "Tuner.transfer.same_classes__remastered",
    "Trainer.transfer.same_classes__remastered", "Evaluator.remastered", "TransferAdvisor",
    "Confirmer", "SweepEvaluator", "TransferReport", "Pusher",
]  # fmt: skip

ONE_MORE_SIZE = ("--set", "sizes=[10, 20, 30]", "--set", "candidate_size=20", "--set", "workers=2")


def computed_nodes(experiment):
    store = open_store(experiment.metadata)
    nodes = nodes_of_run(store, latest_run_context(store))
    return {name for name, node in nodes.items() if not node.cached}


def summary(experiment):
    return json.loads((experiment.latest / "summary.json").read_text())


def rows(experiment):
    with (experiment.latest / "cells.csv").open() as file:
        return list(csv.DictReader(file))


def raw_ids(experiment, split):
    import tensorflow as tf

    spec = {"id": tf.io.FixedLenFeature([], tf.string)}
    files = sorted(str(path) for path in (experiment.data / split).iterdir())
    return {tf.io.parse_single_example(record, spec)["id"].numpy() for record in tf.data.TFRecordDataset(files)}


def test_the_first_run_computes_every_node(experiment, first_run):
    assert sorted(summary(experiment)["seconds_per_node"]) == sorted(NODES)
    assert computed_nodes(experiment) == set(NODES)


def test_the_terminal_shows_plan_progress_result_and_nobody_elses_lines(first_run):
    out = first_run.stdout
    assert "Plan: at most 84 trainings" in out and " if nothing is cached" in out
    assert "[1/19] ImportExampleGen" in out and "[19/19] Pusher" in out
    assert "sweep same_classes__remastered: 16 of 16" in out
    assert "report.html" in out and "blessed" in out
    assert first_run.stderr == ""
    assert not [line for line in out.splitlines() if "WARNING" in line or "INFO:" in line]


def test_what_the_summary_confirms_comes_of_fresh_draws(experiment, first_run):
    with (experiment.latest / "confirmed.csv").open() as file:
        fresh = list(csv.DictReader(file))
    told = summary(experiment)
    assert {int(row["draw"]) for row in fresh} == {1000 + draw for draw in range(told["confirmed"][-1]["draws"])}
    assert [one["n"] for one in told["confirmed"]] == [10, 20]
    for one in told["confirmed"]:
        cell = {name: str(one[name]).lower() for name in ("transfer", "n", "freeze_count", "fine_tune")}
        values = [float(row["test_accuracy"]) for row in fresh if cell.items() <= row.items()]
        assert len(values) == one["draws"] in (5, 10)
        assert one["accuracy"] == pytest.approx(sum(values) / len(values))
    [row] = told["closing_table"]
    assert (row["accuracy"], row["draws"]) == (told["confirmed"][-1]["accuracy"], told["confirmed"][-1]["draws"])


def test_nothing_is_left_in_the_temporary_folder(first_run):
    assert first_run.left == set()


def test_everything_to_take_away_lies_in_one_folder(experiment, first_run):
    names = {str(path.relative_to(experiment.latest)) for path in experiment.latest.rglob("*") if path.is_file()}
    assert names >= {"report.html", "cells.csv", "confirmed.csv", "summary.json", "config.yaml", "log.txt",
                     "figures/overview.png", "figures/same_classes__remastered.png"}  # fmt: skip


def test_every_execution_is_a_row_with_its_baseline_and_gain(experiment, first_run):
    table = rows(experiment)
    assert list(table[0]) == [
        "transfer", "source", "architecture", "n", "freeze_count", "fine_tune", "held_from", "draw", "val_accuracy",
        "test_accuracy", "baseline_test_accuracy", "gain_points", "seconds", "outcome", "worse_on_val", "data",
    ]  # fmt: skip
    assert len(table) == 24
    for row in (row for row in table if row["transfer"] == "same_classes__remastered"):
        gain = 100 * (float(row["test_accuracy"]) - float(row["baseline_test_accuracy"]))
        assert float(row["gain_points"]) == pytest.approx(gain)


def test_every_cell_has_a_tfma_result_with_the_ledgers_accuracy(experiment, first_run):
    import tensorflow_model_analysis as tfma

    folder = Path(summary(experiment)["sweep_evaluation"])
    index = json.loads((folder / "sweep_evaluation.json").read_text())
    assert len(index["cells"]) == 8
    for cell in index["cells"]:
        wanted = tuple(str(cell[key]).lower() for key in ("transfer", "n", "freeze_count", "fine_tune"))
        accuracies = [
            float(row["test_accuracy"]) for row in rows(experiment)
            if tuple(row[key].lower() for key in ("transfer", "n", "freeze_count", "fine_tune")) == wanted
        ]  # fmt: skip
        result = tfma.load_eval_result(str(folder / cell["path"]), model_name="candidate")
        figures = result.get_metrics_for_slice()
        value = figures["sparse_categorical_accuracy"]["boundedValue"]["value"]
        assert value == pytest.approx(sum(accuracies) / 2, abs=1e-9)
        assert figures["example_count"]["doubleValue"] == 80


def test_the_blessed_winner_is_pushed_and_its_model_answers_to_png_bytes(experiment, first_run):
    import tensorflow as tf

    pushed = summary(experiment)["pushed"]
    assert pushed["blessed"] and pushed["transfer"] == "same_classes__remastered"
    model = tf.saved_model.load(pushed["path"])
    assert {"serving_default", "serving_bytes", "transform_features"} <= set(model.signatures)
    records = list(tf.data.TFRecordDataset(sorted(map(str, (experiment.data / "test").glob("*")))).take(4))
    parsed = tf.io.parse_example(records, {"image": tf.io.FixedLenFeature([], tf.string)})
    by_bytes = model.signatures["serving_bytes"](image_bytes=parsed["image"])
    by_example = model.signatures["serving_default"](examples=tf.stack(records))
    assert by_bytes["probabilities"].shape == (4, 2)
    tf.debugging.assert_near(by_bytes["probabilities"], by_example["probabilities"])
    assert set(by_bytes["class_names"].numpy()) <= {b"automobile", b"truck"}
    with pytest.raises(tf.errors.InvalidArgumentError):
        model.signatures["serving_bytes"](image_bytes=tf.constant([b"no image"]))


def test_the_candidates_model_is_the_one_the_ledger_speaks_of(experiment, first_run):
    """The candidate, trained again from the Tuner's choice, has the val accuracy of that execution."""
    closing = summary(experiment)["closing_table"][0]
    [row] = [
        row
        for row in rows(experiment)
        if row["transfer"] == closing["transfer"] and row["draw"] == "0"
        and (int(row["n"]), int(row["freeze_count"]), row["fine_tune"].lower())
        == (closing["n"], closing["freeze_count"], str(closing["fine_tune"]).lower())
    ]  # fmt: skip
    store = open_store(experiment.metadata)
    nodes = nodes_of_run(store, latest_run_context(store))
    uri = nodes["Trainer.transfer.same_classes__remastered"].outputs["model"][0]
    with open(f"{uri}/Format-Serving/thaw.json") as file:
        card = json.load(file)
    assert card["val_accuracy"] == pytest.approx(float(row["val_accuracy"]), abs=1e-6)


def test_no_training_or_tuning_file_holds_a_test_image(experiment, first_run):
    import tensorflow as tf

    from experiment import features

    spec = {features.ID: tf.io.FixedLenFeature([], tf.string)}
    nodes = nodes_of_run(open_store(experiment.metadata), latest_run_context(open_store(experiment.metadata)))
    seen = {}
    for name in ("DomainExamples.target", "DomainExamples.same_classes"):
        for split in ("train", "val", "test"):
            files = tf.io.gfile.glob(f"{nodes[name].outputs['domain'][0]}/Split-{split}/*")
            examples = [tf.io.parse_single_example(record, spec) for record in tf.data.TFRecordDataset(files)]
            seen[name, split] = {example[features.ID].numpy() for example in examples}
    raw = {split: raw_ids(experiment, split) for split in ("train", "test")}
    assert not raw["train"] & raw["test"]
    for (name, split), ids in seen.items():
        assert ids <= raw["test" if split == "test" else "train"], (name, split)
        assert bool(ids) == (name == "DomainExamples.target" or split != "test")
        assert split == "val" or not ids & seen[name, "val"]
    assert [len(seen["DomainExamples.target", split]) for split in ("train", "val", "test")] == [256, 64, 80]


def test_results_on_drawn_images_are_labelled(experiment, first_run):
    assert all(row["data"].startswith("SYNTHETIC") for row in rows(experiment))
    assert "SYNTHETIC" in (experiment.latest / "report.html").read_text()
    assert "SYNTHETIC" in first_run.stdout


@pytest.fixture(scope="module")
def second_run(experiment, first_run):
    before = rows(experiment)
    finished = experiment.run()
    return before, finished


def test_a_second_run_is_served_from_the_cache_with_the_same_results(experiment, second_run):
    before, finished = second_run
    assert finished.returncode == 0, finished.stderr
    assert computed_nodes(experiment) == set()
    assert rows(experiment) == before
    assert len(list((experiment.folder / "runs").glob("2*"))) == 2


@pytest.fixture(scope="module")
def refused_run(experiment, second_run):
    pushed = sorted((experiment.folder / "workspace" / "thaw-tiny" / "pushed").iterdir())
    return pushed, experiment.run("--set", "blessing.min_accuracy=0.999")


def test_a_changed_threshold_reruns_only_what_depends_on_it(experiment, refused_run):
    assert refused_run[1].returncode == 0, refused_run[1].stderr
    assert computed_nodes(experiment) == {"Evaluator.remastered", "TransferReport", "Pusher"}


def test_a_refused_model_is_not_pushed_and_the_reason_is_shown(experiment, refused_run):
    before, finished = refused_run
    assert sorted((experiment.folder / "workspace" / "thaw-tiny" / "pushed").iterdir()) == before
    pushed = summary(experiment)["pushed"]
    assert (pushed["blessed"], pushed["path"]) == (False, None)
    assert "below the floor of 99.9%" in pushed["reason"]
    assert "not blessed" in finished.stdout


@pytest.fixture(scope="module")
def stopped_run(experiment, refused_run):
    """Exit status and output of a run with one more size, stopped by Ctrl-C when the first new row is written."""
    trained = sum(len(rows) for rows in experiment.ledgers().values())
    return stopped(experiment, lambda printed: written_rows(experiment) > trained)


def stopped(experiment, when):
    """The same of a run that is stopped as soon as `when` is true of what it printed."""
    with (experiment.folder / "stopped.txt").open("w+") as output:
        command = [sys.executable, str(experiment.runner), "--config", str(experiment.config), *ONE_MORE_SIZE]
        process = experiment.programs.start(command, experiment.folder, experiment.environment, output, output)
        while not when(Path(output.name).read_text()) and process.poll() is None:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: workers get it too
        status = process.wait()
        output.seek(0)
        return status, output.read()


def written_rows(experiment):
    ledgers = (experiment.metadata.parent / "ledgers").glob("*.jsonl")
    return sum(path.read_bytes().count(b"\n") - 1 for path in ledgers)


def test_ctrl_c_in_the_middle_of_a_run_leaves_a_line_and_no_traceback(stopped_run):
    status, output = stopped_run
    assert status == 128 + signal.SIGINT, output
    assert output.endswith("\nStopped. Run the same command again: what was finished is not repeated.\n")
    assert "Traceback" not in output and "[19/19]" not in output


def test_one_more_size_repeats_no_execution_of_the_ledger_nor_of_a_run_that_was_stopped(experiment, stopped_run):
    before = experiment.ledgers(seconds=True)
    assert sum(map(len, before.values())) > 24
    status, output = stopped(experiment, lambda printed: "] Confirmer" in printed)  # when the sweeps have ended
    assert status == 128 + signal.SIGINT, output
    after = experiment.ledgers(seconds=True)
    assert all(rows.items() <= after[name].items() for name, rows in before.items())
    assert "sweep same_classes__remastered: 24 of 24" in output


def test_tfx_creates_lists_and_runs_the_pipeline(experiment, second_run):
    runner = experiment.folder / "my_runner.py"
    runner.write_text(
        "import sys\n\nimport local_runner\n\n"
        f"if __name__ == '__main__':\n    sys.exit(local_runner.main(['--config', {str(experiment.config)!r}]))\n"
    )
    engine = "--engine=local"
    tfx = [sys.executable, str(Path(sys.executable).with_name("tfx"))]
    created = experiment.call([*tfx, "pipeline", "create", f"--pipeline-path={runner}", engine])
    assert 'Pipeline "thaw-tiny" created successfully.' in created.stdout, created.stdout + created.stderr
    listed = experiment.call([*tfx, "pipeline", "list", engine])
    assert "thaw-tiny" in listed.stdout
    runs = len(list((experiment.folder / "runs").glob("2*")))
    ran = experiment.call([*tfx, "run", "create", "--pipeline-name=thaw-tiny", engine])
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert len(list((experiment.folder / "runs").glob("2*"))) == runs + 1
    for question in (["list", "--pipeline-name=thaw-tiny"], ["status", "--pipeline-name=thaw-tiny", "--run-id=1"]):
        answered = experiment.call([*tfx, "run", *question, engine])
        assert answered.returncode == 0 and "Not supported for local orchestrator." in answered.stdout


def test_a_search_finds_what_the_run_trained_and_keeps_what_it_trains(experiment, first_run):
    before = experiment.ledgers()
    command = [sys.executable, str(ROOT / "thaw_entry.py"), "search", "--runs", str(experiment.latest.parent)]
    finished = experiment.call([*command, "--n", "10", "--draws", "2", "--json"])
    assert finished.returncode == 0, finished.stdout + finished.stderr
    found, after = json.loads(finished.stdout), experiment.ledgers()
    assert found["chosen"]["cell"]["n"] == 10 and found["chosen"]["accuracy"]["draws"] == 2
    assert found["share"] <= 0.25 and found["data"].startswith("SYNTHETIC")
    assert set(after) == set(before)  # the same sweeps, the same files
    assert all(before[name].items() <= after[name].items() for name in before)
    sweep = next(name for name in after if name.startswith("same_classes__remastered"))
    new = [row for key, row in after[sweep].items() if key not in before[sweep]]
    assert new and all(row["n"] == 10 and row["freeze_count"] < 5 for row in new)  # 5 and 6 were there already
    again = experiment.call([*command, "--n", "10", "--draws", "2", "--json"])
    assert experiment.ledgers() == after
    assert json.loads(again.stdout)["chosen"] == found["chosen"]
