"""The description of a cluster: what it rejects, and its defaults. Imports no TFX."""

from pathlib import Path

import pytest

from experiment.errors import ThawError
from pipeline.kubeflow.cluster import load_cluster

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
    ],
)
def test_what_is_wrong_is_named(least, override, place):
    with pytest.raises(ThawError, match="is not valid") as raised:
        load_cluster(least, (override,))
    assert place in str(raised.value)
