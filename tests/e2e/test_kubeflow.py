"""The compiled pipeline and the manifests' commands, run as pods would, end as a run on this machine. Takes minutes."""

import dataclasses
import itertools
import json
import os
import sys
from pathlib import Path

import pytest

from ledger.ledger import read_ledger
from tests.e2e.cluster.engines import OF_EVERY_RUN
from tests.e2e.cluster.local_cluster import LocalCluster

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

HERE = Path(__file__).parent
TUNER = "tuner-transfer-same-classes-remastered"


@pytest.fixture(scope="module")
def compiled(compile_tiny):
    """The pipeline's file; its volume is a folder."""
    return compile_tiny("volume")


@pytest.fixture(scope="module")
def here(first_run):
    """Summary of the same experiment's run on this machine."""
    return json.loads((first_run.folder / "summary.json").read_text())


@pytest.fixture(scope="module")
def cluster(experiment, compiled, programs):
    """Its pods are forks; that of the test with a driver is new, and imports everything by itself."""
    read = [experiment.data]
    return LocalCluster(compiled, experiment.folder / "cluster", OF_EVERY_RUN, read, start=programs.start)


@pytest.fixture(scope="module")
def ledgers(experiment):
    return experiment.folder / "volume" / "thaw-tiny" / "ledgers"


@pytest.fixture(scope="module")
def run(experiment, cluster, ledgers):
    """A run in which the transfer's Tuner is killed when it has written its first row."""

    def a_row_is_written():
        written = next(iter(ledgers.glob("same_classes__remastered-*.jsonl")), None)
        return written is not None and written.read_bytes().count(b"\n") >= 2

    results = cluster.run({"data_path": str(experiment.data)}, kill={TUNER: a_row_is_written})
    for name, task in results.items():
        assert task.state == "done", f"{name}:\n{cluster.log(name)[-5000:]}"
    return results


def decisive(folder):
    """Rows of every ledger below the folder, less what may differ between two runs."""
    rows = {}
    for path in sorted(folder.glob("*.jsonl")):
        for row in read_ledger(path)[1]:
            assert row.key not in rows
            rows[row.key] = {**dataclasses.asdict(row), "test_probabilities": row.test_probabilities.tobytes()}
            del rows[row.key]["seconds"]
    return rows


def test_every_task_of_the_file_was_run(cluster, run):
    assert set(run) == set(cluster.spec["root"]["dag"]["tasks"])
    assert len(run) == 19


def test_the_ledgers_hold_the_rows_of_a_run_on_this_machine(experiment, run, here, ledgers):
    rows = decisive(ledgers)
    assert len(rows) == 24
    # Other tests of this session sweep further cells in the same workspace.
    local = decisive(experiment.folder / "workspace" / "thaw-tiny" / "ledgers")
    assert rows == {key: row for key, row in local.items() if key in rows}


def test_the_blessing_is_that_of_a_run_on_this_machine(cluster, run, here):
    report = json.loads((cluster.files(run["transferreport"].outputs["report"]) / "summary.json").read_text())
    for key in ("blessed", "transfer", "reason"):
        assert report["pushed"].get(key) == here["pushed"].get(key), key
    assert run["transferreport"].outputs["blessing"]["metadata"]["blessed"] == int(here["pushed"]["blessed"])
    assert run["pusher"].outputs["pushed_model"]["metadata"]["pushed"] == int(here["pushed"]["blessed"])


def test_the_killed_tuner_was_tried_again_and_went_on_where_it_was(run, ledgers):
    assert run[TUNER].attempts == [-9, 0]
    assert [task.attempts for name, task in run.items() if name != TUNER] == [[0]] * (len(run) - 1)
    [ledger] = ledgers.glob("same_classes__remastered-*.jsonl")
    keys = [row.key for row in read_ledger(ledger)[1]]
    assert len(keys) == len(set(keys)) == 16


def test_tasks_ran_side_by_side_and_after_those_they_wait_for(cluster, run):
    spans = sorted((task.began, task.ended) for task in run.values())
    assert any(later[0] < earlier[1] for earlier, later in itertools.pairwise(spans))
    for name, task in cluster.spec["root"]["dag"]["tasks"].items():
        assert all(run[upstream].ended <= run[name].began for upstream in task.get("dependentTasks", []))


def test_a_second_run_is_served_from_the_cache_but_for_what_pushes_which_finds_its_model_served(
    experiment, cluster, run
):  # fmt: skip
    pushed = experiment.folder / "volume" / "thaw-tiny" / "pushed"
    before = list(pushed.iterdir())
    again = cluster.run({"data_path": str(experiment.data)})
    assert {name for name, task in again.items() if task.state != "cached"} == {"pusher"}
    version = [one["pusher"].outputs["pushed_model"]["metadata"]["pushed_version"] for one in (run, again)]
    assert version[0] == version[1] and list(pushed.iterdir()) == before


@pytest.mark.exhaustive
def test_with_its_driver_example_gen_also_learns_the_datas_fingerprint(experiment, compiled):
    """As on Vertex AI, which runs the container's lifecycle hook; Kubeflow's own engine passes it over."""
    vertex = LocalCluster(compiled, experiment.folder / "vertex", "vertex", [experiment.data])
    task = vertex.run({"data_path": str(experiment.data)}, only={"importexamplegen"})["importexamplegen"]
    assert task.state == "done", vertex.log("importexamplegen")[-5000:]
    assert task.outputs["examples"]["metadata"]["input_fingerprint"].startswith("split:train")


def test_a_task_that_keeps_failing_stops_the_run(experiment, compiled, programs):
    broken = LocalCluster(compiled, experiment.folder / "broken", OF_EVERY_RUN, start=programs.start)
    broken.spec["root"]["dag"]["tasks"]["importexamplegen"]["retryPolicy"]["maxRetryCount"] = 0
    results = broken.run({"data_path": str(experiment.folder / "nothing")}, only={"importexamplegen", "statisticsgen"})
    assert results["importexamplegen"].attempts == [1] and "statisticsgen" not in results
    assert "No file matches train/*" in broken.log("importexamplegen")


def test_a_pod_turns_the_buckets_uris_into_the_launchers_folders_and_back(tmp_path, programs):
    output = tmp_path / "pod" / "output_metadata.json"
    schema = {"artifacts": [{"uri": "minio://bucket/schema", "type": {"schemaTitle": "tfx.Schema"}, "name": "1"}]}
    invocation = {"inputs": {"parameters": {"text": {"stringValue": ""}}},
                  "outputs": {"artifacts": {"schema": schema}, "outputFile": str(output)}}  # fmt: skip
    pod = tmp_path / "pod.py"
    pod.write_text(
        "import sys, pathlib, pipeline.kubeflow.task as task; task.main(sys.argv[2:], pathlib.Path(sys.argv[1]))"
    )
    arguments = ["--executor_class_path", "components.import_schema.ImportSchema_Executor",
                 "--json_serialized_invocation_args", json.dumps(invocation)]  # fmt: skip
    finished = programs.run([sys.executable, str(pod), str(tmp_path / "pod"), *arguments], tmp_path, os.environ)
    assert finished.returncode == 0, finished.stderr
    assert (tmp_path / "pod" / "minio" / "bucket" / "schema" / "schema.pbtxt").exists()
    [written] = json.loads(output.read_text())["artifacts"]["schema"]["artifacts"]
    assert written["uri"] == "minio://bucket/schema"
