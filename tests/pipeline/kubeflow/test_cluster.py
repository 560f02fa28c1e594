"""The description of a cluster: what it rejects, and its defaults. Imports no TFX."""

from pathlib import Path

import pytest

from experiment.errors import ThawError
from pipeline.kubeflow.cluster import load_cluster
from pipeline.kubeflow.pod_resources import add_pod_resources, executor_of

EXAMPLE = Path(__file__).parents[3] / "kubeflow" / "cluster.yaml"


@pytest.fixture
def least(tmp_path):
    """The settings without which there is no cluster."""
    path = tmp_path / "cluster.yaml"
    path.write_text(
        "image: thaw:1\npipeline_root: s3://bucket/root\ndata: {path: /data}\nvolume: {claim: thaw-workspace}\n"
    )
    return path


def test_the_example_of_the_repository_is_valid():
    assert load_cluster(EXAMPLE).training.gpus == 1


def test_told_nothing_it_asks_for_no_gpu_and_tries_again(least):
    cluster = load_cluster(least)
    assert (cluster.training.gpus, cluster.retries.times) == (0, 3)
    assert (cluster.volume.mount, cluster.node_selector, cluster.tolerations) == ("/workspace", {}, ())


@pytest.mark.parametrize(
    ("override", "place"),
    [
        ("gpus=1", "gpus: unknown key; check its spelling against pipeline/kubeflow/cluster.py"),
        ("training.gpus=-1", "training.gpus"),
        ("training.cpus=0", "training.cpus"),
        ("pipeline_root=/tmp/root", "pipeline_root"),
        ("data.path=data/cifar10", "data.path"),
        ("volume.claim=Thaw Workspace", "volume.claim"),
        ("retries.factor=0.5", "retries.factor"),
        ("tolerations=[{key: a, operator: In}]", "tolerations.0.operator"),
        ("image=", "image"),
        ("image=a b", "image: expected the name of an image, without spaces, got 'a b'"),
        ("data.test='*-train.tfrecord*'", "data: train and test are both '*-train.tfrecord*'"),
        ("data.train=''", "data.train"),
        ("data.name=synthetic", "data: name is 'synthetic'; write SYNTHETIC for images that Thaw generated"),
        ("tolerations=[{key: a, value: b}]", "tolerations.0: value is 'b', which counts only with operator Equal"),
        ("tolerations=[{key: '', operator: Equal}]", "tolerations.0: operator Equal needs a key"),
        ("secrets=[{name: a, variables: {'A B': key}}]", "expected the name of an environment variable"),
        ("nodes={'': {cpus: 1, memory_gb: 1}}", "nodes"),
        ("training.shared_memory_gb=0.0001", "training.shared_memory_gb"),
    ],
)
def test_what_is_wrong_is_named(least, override, place):
    with pytest.raises(ThawError, match="is not valid") as raised:
        load_cluster(least, (override,))
    assert place in str(raised.value)
    assert f"cluster.yaml with --cluster-set {override} is not" in str(raised.value)


def test_the_option_and_the_file_are_named_as_those_of_a_cluster(least, tmp_path):
    with pytest.raises(ThawError, match=r"--cluster-set takes key=value, such as --cluster-set retries\.times=5"):
        load_cluster(least, ("image",))
    with pytest.raises(ThawError, match=r"such as kubeflow/cluster\.yaml"):
        load_cluster(tmp_path / "none.yaml")


def test_a_task_gets_the_resources_of_its_own_name_else_of_the_longest_beginning(least):
    given = {"tuner-a-": 3, "transform": 5, "tuner-": 2}
    cluster = load_cluster(
        least, (f"nodes={ {name: {'cpus': cpus, 'memory_gb': 1} for name, cpus in given.items()} }",)
    )
    names = ("tuner-a-b", "tuner-b", "transform", "transform-c")
    spec = {
        "root": {"dag": {"tasks": {name: {"componentRef": {"name": name}} for name in names}}},
        "components": {name: {"executorLabel": name} for name in names},
        "deploymentSpec": {"executors": {name: {"container": {}} for name in names}},
    }
    add_pod_resources(spec, cluster)
    asked = {name: executor_of(spec, name)["container"].get("resources", {}).get("cpuLimit") for name in names}
    assert asked == {"tuner-a-b": 3, "tuner-b": 2, "transform": 5, "transform-c": None}
