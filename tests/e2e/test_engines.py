"""The whole pipeline with Beam's other engines: the records, statistics and metrics of a run in one process."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.exhaustive, pytest.mark.timeout(3600)]

SMALLER = ("--set", "sizes=[10]", "--set", "freeze_counts={remastered: [6]}")
EXAMPLES = {
    "Transform": "transformed_examples",
    "DomainExamples.target": "domain",
    "DomainExamples.same_classes": "domain",
}


def free_port():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def servers(experiment):
    """Beam's job service and its pool of workers, each a server of its own; the options that send nodes there."""
    jobs, workers = free_port(), free_port()
    # The pool starts its workers as `python`.
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    modules = (
        ("apache_beam.runners.portability.local_job_service_main", "--port", jobs),
        ("apache_beam.runners.worker.worker_pool_main", "--service_port", workers),
    )
    started = []
    for module, option, port in modules:
        with (experiment.folder / f"{module}.log").open("wb") as log:
            command = [sys.executable, "-m", module, option, str(port)]
            started.append(subprocess.Popen(command, env=environment, stdout=log, stderr=log))
        wait_for(port, started[-1])
    yield [
        "--runner=PortableRunner", f"--job_endpoint=localhost:{jobs}", "--environment_type=EXTERNAL",
        f"--environment_config=localhost:{workers}", "--job_server_timeout=3600",
    ]  # fmt: skip
    for process in started:
        process.terminate()
        process.wait()


def wait_for(port, process):
    while process.poll() is None:
        with socket.socket() as client:
            if client.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise AssertionError(f"the server ended with {process.returncode}")


def run_with(experiment, name, beam_args):
    """Folder of the artifacts of a run with these options of Beam, in a workspace of its own."""
    workspace = experiment.folder / name
    options = ["--set", f"workspace={workspace}", "--set", f"runs={workspace}/runs", "--set", f"beam_args={beam_args}"]
    finished = experiment.run(*SMALLER, *options)
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return workspace / "thaw-tiny" / "artifacts"


@pytest.fixture(scope="module")
def alone(experiment):
    return run_with(experiment, "alone", [])


@pytest.fixture(scope="module", params=["several_processes", "job_service"])
def elsewhere(experiment, request):
    options = ["--direct_running_mode=multi_processing", "--direct_num_workers=2"]
    if request.param == "job_service":
        options = request.getfixturevalue("servers")
    return run_with(experiment, request.param, options)


def output(artifacts, node, name):
    [folder] = (artifacts / node / name).iterdir()
    return folder


def records(folder):
    """Serialized records by split, id and copy."""
    import tensorflow as tf

    from experiment import features

    found = {}
    for path in folder.glob("Split-*/*"):
        compression = "GZIP" if path.suffix == ".gz" else ""
        for serialized in tf.data.TFRecordDataset(str(path), compression).as_numpy_iterator():
            example = tf.train.Example.FromString(serialized)
            content = example.features.feature
            key = path.parent.name, content[features.ID].bytes_list.value[0], *content[features.COPY].int64_list.value
            assert key not in found
            found[key] = example.SerializeToString(deterministic=True)
    return found


@pytest.mark.parametrize("node", EXAMPLES)
def test_examples_are_the_same_records(alone, elsewhere, node):
    expected = records(output(alone, node, EXAMPLES[node]))
    assert expected
    assert records(output(elsewhere, node, EXAMPLES[node])) == expected


def test_statistics_are_the_same(alone, elsewhere):
    import tensorflow_data_validation as tfdv

    for split in ("train", "test"):
        one, other = (
            tfdv.load_stats_binary(str(output(run, "StatisticsGen", "statistics") / f"Split-{split}/FeatureStats.pb"))
            for run in (alone, elsewhere)
        )
        assert described(one) == described(other)
        assert len(described(one)) == 3


def described(statistics):
    """Number of values, range and mean of each feature; quantiles and ranks depend on how records were bundled."""
    [found] = statistics.datasets
    return {
        feature.path.step[0]: (
            found.num_examples, str(feature.string_stats.common_stats or feature.num_stats.common_stats),
            feature.num_stats.min, feature.num_stats.max, round(feature.num_stats.mean, 9), feature.string_stats.unique,
        )
        for feature in found.features
    }  # fmt: skip


def test_the_evaluator_measures_the_same(alone, elsewhere):
    one, other = (
        metrics(output(run, "Evaluator.remastered", "evaluation_of_same_classes__remastered"))
        for run in (alone, elsewhere)
    )
    assert ("candidate", (), "accuracy") in one
    assert one.keys() == other.keys()
    for key, value in one.items():
        assert other[key] == pytest.approx(value, abs=1e-6), key


def metrics(folder):
    """Values by model, slice and metric. Intervals are left out: TFMA draws them at random from bundles."""
    import tensorflow_model_analysis as tfma

    found = {}
    for model in ("candidate", "baseline"):
        for key, outputs in tfma.load_eval_result(str(folder), model_name=model).slicing_metrics:
            for name, value in outputs[""][""].items():
                found[model, key, name] = value.get("boundedValue", {}).get("value", value.get("doubleValue"))
    return found
