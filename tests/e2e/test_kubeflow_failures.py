"""Pods that can't do their task say so in one message. A pod each; no whole run. All engines are exhaustive."""

import dataclasses
import json

import pytest

from tests.e2e.cluster import pod_view
from tests.e2e.cluster.engines import ENGINES, OF_EVERY_RUN
from tests.e2e.cluster.local_cluster import LocalCluster, start_new

pytestmark = [pytest.mark.e2e]
FIRST = "importexamplegen"


@pytest.fixture(
    params=[
        OF_EVERY_RUN,
        *(pytest.param(name, marks=pytest.mark.exhaustive) for name in ENGINES if name != OF_EVERY_RUN),
    ]
)
def cluster(request, experiment, compile_tiny, programs, tmp_path):
    file = compile_tiny("volume_of_failures")
    cluster = LocalCluster(file, tmp_path / "cluster", request.param, [experiment.data], start=programs.start)
    cluster.spec["root"]["dag"]["tasks"][FIRST]["retryPolicy"]["maxRetryCount"] = 0
    return cluster


def expect(cluster, **changes):
    """Changes what the compiled file expects of the image of the first task."""
    args = cluster.spec["deploymentSpec"]["executors"][f"exec-{FIRST}"]["container"]["args"]
    place = args.index("--thaw_expects") + 1
    args[place] = json.dumps({**json.loads(args[place]), **changes})


def said(cluster, experiment):
    """The one message of the pod that failed."""
    task = cluster.run({"data_path": str(experiment.data)}, only={FIRST})[FIRST]
    log = cluster.log(FIRST)
    assert (task.state, task.attempts) == ("failed", [1]), log
    assert "Traceback" not in log
    return log


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"code": "0123456789abcdef"}, "This image's version of Thaw"),
        ({"tensorflow": "2.99.0"}, "(2.99.0 in the file)"),
        ({"python": "3.99"}, "python"),
        ({"gpus": 2}, "requests 2 GPU(s) for this step, and TensorFlow sees none"),
    ],
)
def test_an_image_that_does_not_fit_the_compiled_file_ends_the_pod_with_one_message(
    changes, message, cluster, experiment
):
    expect(cluster, **changes)
    log = said(cluster, experiment)
    assert message in log and log.count("thaw: ") == 1


@pytest.mark.parametrize(
    ("folder", "message"),
    [
        pytest.param("outputs", "The disk is full: {0} can't be written", marks=pytest.mark.exhaustive),
        ("/tmp", "Can't make a temporary folder"),
    ],
)
def test_a_full_disk_ends_the_pod_with_a_message_that_names_the_folder(folder, message, cluster, experiment):
    if not pod_view.can_enter():
        pytest.skip("needs root, and a root file system whose mounts can be made private")
    if folder == "outputs":
        folder = f"/{cluster.engine.folder}"
    # With Vertex AI's, TFX's own driver would be the first process that fails.
    cluster.engine = dataclasses.replace(cluster.engine, drivers=False)
    cluster.full.append(folder)
    cluster.start = start_new  # the server of forks makes a folder in /tmp itself
    log = said(cluster, experiment)
    assert message.format(folder) in log and folder in log and log.count("thaw: ") == 1
