"""The compiled pipeline in each engine's manner, and what goes wrong in a cluster. Whole runs are exhaustive."""

import json
import subprocess
import sys
import time

import pytest

from pipeline.kubeflow.cluster import Retries
from tests.e2e.cluster import pod_view
from tests.e2e.cluster.engines import ENGINES
from tests.e2e.cluster.local_cluster import LocalCluster
from tests.e2e.cluster.object_store import Bucket, BucketError

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

FIRST = {"importexamplegen", "statisticsgen"}


@pytest.mark.exhaustive  # a minute each; test_kubeflow.py has one manner on each stack
@pytest.mark.parametrize("engine", ENGINES)
def test_a_run_in_each_engines_manner_ends_as_on_this_machine(engine, experiment, compile_tiny, first_run, programs):
    here = json.loads((first_run.folder / "summary.json").read_text())["pushed"]
    file = compile_tiny(f"volume_{engine}")
    cluster = LocalCluster(
        file, experiment.folder / f"cluster_{engine}", engine, [experiment.data], start=programs.start
    )
    results = cluster.run({"data_path": str(experiment.data)})
    for name, task in results.items():
        assert task.state == "done" and task.attempts == [0], f"{name}:\n{cluster.log(name)[-5000:]}"
    assert len(results) == 19
    there = json.loads((cluster.files(results["transferreport"].outputs["report"]) / "summary.json").read_text())
    assert {key: there["pushed"].get(key) for key in ("blessed", "transfer", "reason")} == {
        key: here.get(key) for key in ("blessed", "transfer", "reason")
    }
    ledgers = experiment.ledgers(experiment.folder / f"volume_{engine}")
    assert sum(map(len, ledgers.values())) == 24
    mine = experiment.ledgers()
    assert all(rows[key] == mine[name][key] for name, rows in ledgers.items() for key in rows)
    again = cluster.run({"data_path": str(experiment.data)})
    assert {name for name, task in again.items() if task.state != "cached"} == {"pusher"}


@pytest.mark.exhaustive
@pytest.mark.parametrize("engine", ENGINES)
def test_a_bucket_that_fails_for_a_while_costs_attempts_and_nothing_else(engine, experiment, compile_tiny, programs):
    file = compile_tiny(f"bucket_{engine}")
    folder = experiment.folder / f"failing_{engine}"
    cluster = LocalCluster(file, folder, engine, [experiment.data], parallel=1, start=programs.start)
    cluster.bucket.failures = 2
    results = cluster.run({"data_path": str(experiment.data)}, only=FIRST)
    assert {task.state for task in results.values()} == {"done"}
    failed = [task.attempts.count(1) for task in results.values()]
    assert sum(failed) == (0 if cluster.engine.mounted else 2)
    if sum(failed):
        assert "bucket unavailable" in cluster.log("importexamplegen")


@pytest.mark.exhaustive
@pytest.mark.parametrize("engine", ENGINES)
def test_a_bucket_that_is_away_for_a_minute_is_outlasted_by_the_default_retries(
    engine, experiment, compile_tiny, programs
):
    if not pod_view.can_enter():
        pytest.skip("needs root, and a root file system whose mounts can be made private")
    file = compile_tiny(f"away_{engine}")
    folder = experiment.folder / f"away_at_{engine}"
    cluster = LocalCluster(file, folder, engine, [experiment.data], start=programs.start)
    policy = cluster.spec["root"]["dag"]["tasks"]["importexamplegen"]["retryPolicy"]
    policy["backoffDuration"] = f"{Retries().first_wait_s}s"
    cluster.bucket.fails_until = time.monotonic() + 60
    results = cluster.run({"data_path": str(experiment.data)}, only={"importexamplegen"})
    log = cluster.log("importexamplegen")
    assert results["importexamplegen"].state == "done", log
    assert results["importexamplegen"].attempts[0] == 1
    assert ("Read-only file system" if cluster.engine.mounted else "bucket unavailable") in log


@pytest.mark.exhaustive
@pytest.mark.parametrize("engine", ENGINES)
def test_a_pod_killed_with_half_of_its_output_written_is_tried_again(engine, experiment, compile_tiny, programs):
    file = compile_tiny(f"killed_{engine}")
    folder = experiment.folder / f"killed_at_{engine}"
    cluster = LocalCluster(file, folder, engine, [experiment.data], parallel=1, start=programs.start)

    def something_is_written():
        return any(path.is_file() for path in folder.rglob("Split-*/*"))

    results = cluster.run(
        {"data_path": str(experiment.data)}, only=FIRST, kill={"importexamplegen": something_is_written}
    )
    assert {name: task.state for name, task in results.items()} == dict.fromkeys(FIRST, "done")
    examples = cluster.files(results["importexamplegen"].outputs["examples"])
    assert len(list(examples.glob("Split-train/*"))) == 1


@pytest.mark.exhaustive  # minutes: every node runs twice
@pytest.mark.parametrize("engine", ENGINES)
def test_a_pod_killed_in_each_node_costs_an_attempt_and_nothing_else(
    engine, experiment, compile_tiny, first_run, programs
):
    file = compile_tiny(f"each_killed_{engine}")
    folder = experiment.folder / f"each_killed_at_{engine}"
    cluster = LocalCluster(file, folder, engine, [experiment.data], start=programs.start)

    in_pod = "pods/1/{0}/0/" + f"{cluster.engine.folder}/"
    outputs = ("bucket/" if cluster.engine.mounted else in_pod) + "thaw/thaw-tiny/1/{0}/*/**/*"

    def wrote(name):
        """Whether the node has a file among its outputs; one that is too quick for this is lost at its end."""
        return lambda: any(path.is_file() for path in folder.glob(outputs.format(name)))

    tasks = cluster.spec["root"]["dag"]["tasks"]
    results = cluster.run({"data_path": str(experiment.data)}, kill={name: wrote(name) for name in tasks})
    for name, task in results.items():
        assert (task.state, task.attempts) == ("done", [-9, 0]), f"{name}:\n{cluster.log(name)[-5000:]}"
    assert set(results) == set(tasks)
    mine, ledgers = experiment.ledgers(), experiment.ledgers(experiment.folder / f"each_killed_{engine}")
    assert sum(map(len, ledgers.values())) == 24
    assert all(rows[key] == mine[name][key] for name, rows in ledgers.items() for key in rows)
    here = json.loads((first_run.folder / "summary.json").read_text())["pushed"]
    there = json.loads((cluster.files(results["transferreport"].outputs["report"]) / "summary.json").read_text())
    assert there["pushed"].get("blessed") == here["blessed"] and there["pushed"].get("transfer") == here["transfer"]


@pytest.mark.parametrize(
    ("changed", "engines"),
    [
        ({"image": "thaw:2"}, set(ENGINES)),
        ({"args": ["--runner=other"]}, set(ENGINES)),
        ({"env": [{"name": "A", "value": "1"}]}, {"kfp_next"}),
        ({"resources": {"cpuLimit": 9.0}}, set()),
    ],
)
def test_the_cache_asks_what_kubeflows_key_has(changed, engines):
    container = {"image": "thaw:1", "command": ["python"], "args": ["--runner=x"]}
    inputs = {"artifacts": {"a": {"artifacts": [{"name": "7", "uri": "s3://b/1"}]}}, "parameterValues": {"p": 1}}
    for name, engine in ENGINES.items():
        before = engine.fingerprint({}, container, inputs, {"claim"})
        assert (engine.fingerprint({}, {**container, **changed}, inputs, {"claim"}) != before) == (name in engines)
        moved = {**inputs, "artifacts": {"a": {"artifacts": [{"name": "7", "uri": "s3://b/2"}]}}}
        assert engine.fingerprint({}, container, moved, {"claim"}) == before
        assert engine.fingerprint({}, container, {**inputs, "parameterValues": {"p": 2}}, {"claim"}) != before
        assert engine.fingerprint({}, container, inputs, {"other"}) != before


def test_a_marker_within_an_artifact_stops_the_launcher_as_in_kubeflow(tmp_path):
    bucket = Bucket(tmp_path / "bucket")
    (tmp_path / "model" / "Format-Serving").mkdir(parents=True)
    (tmp_path / "model" / "Format-Serving" / "saved_model.pb").write_text("model")
    bucket.upload(tmp_path / "model", "thaw/model")
    bucket.download("thaw/model", tmp_path / "before")
    assert (tmp_path / "before" / "Format-Serving" / "saved_model.pb").read_text() == "model"
    bucket.markers.add("thaw/model/Format-Serving/")
    with pytest.raises(BucketError, match="not a directory"):
        bucket.download("thaw/model", tmp_path / "after")


def test_engines_differ_in_what_they_say_of_an_input():
    stored = {"key": "examples", "type": {"instanceSchema": "title: tfx.Examples"}, "uri": "s3://b/examples",
              "metadata": {"names": ["a"]}}  # fmt: skip
    told = {name: engine.input_artifact(stored, 7) for name, engine in ENGINES.items()}
    assert told["vertex"]["type"] == stored["type"]
    assert "type" not in told["kfp_mlmd"] and told["kfp_mlmd"]["metadata"] == {"names": {"list": ["a"]}}
    assert told["kfp_next"]["type"] == {"schemaTitle": "Artifact"} and told["kfp_next"]["name"] == "examples"


def test_a_pod_has_its_own_files_and_is_not_root(tmp_path):
    if not pod_view.can_enter():
        pytest.skip("needs root, and a root file system whose mounts can be made private")
    program = tmp_path / "code" / "look.py"
    program.parent.mkdir()
    program.write_text(f"""
import os
print(os.getuid(), os.path.exists({str(tmp_path)!r}))
open("/tmp/mine", "w")
try:
    open("/home/thaw/x", "w")
except OSError as error:
    print(error.strerror)
""")
    look = tmp_path / "pods" / "tmp"
    look.mkdir(parents=True)
    (tmp_path / "root").mkdir()
    look.chmod(0o777)
    view = pod_view.view_of(tmp_path / "root", [], {"/tmp": look, "/code": program.parent})
    command = ["/usr/bin/env", "python3", "/code/look.py"]
    finished = subprocess.run(
        [sys.executable, pod_view.__file__, json.dumps(view), *command], capture_output=True, text=True,
        env={"PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert finished.stdout == f"{pod_view.USER} False\nRead-only file system\n", finished.stderr
    assert (look / "mine").exists()
