"""Numbers that no training can use are refused before anything is planned."""

from pathlib import Path

import pytest

from experiment.errors import ThawError
from experiment.loading import PRESETS, load_config
from pipeline.kubeflow.cluster import load_cluster

CLUSTER = Path(__file__).parents[2] / "kubeflow" / "cluster.yaml"


@pytest.mark.parametrize(
    ("override", "complaint"),
    [
        ("schedule.learning_rate=1e300", "learning_rate: expected at most 1, got '1e300'"),
        ("schedule.fine_tune_learning_rate=1e-300", "fine_tune_learning_rate: expected at least"),
        ("schedule.tuning.learning_rate=2", "schedule.tuning.learning_rate: expected at most 1"),
        ("schedule.epochs=9000000000000000", "schedule.epochs: expected at most 100000"),
        ("source_schedule.batch_size=65537", "source_schedule.batch_size: expected at most 65536"),
        (
            "source_schedule.shift_px=32",
            "shift_px is 32, and the shorter side of data.image_shape is 32 pixels; expect",
        ),
        ("augmentation.noise_stddev=1e300", "noise_stddev: expected at most 255, got '1e300'"),
        ("augmentation.noisy_copies=1000", "noisy_copies: expected at most 100, got 1000"),
        ("activations_gib=1e-300", "activations_gib: expected at least 0.001, got '1e-300'"),
        ("budget_minutes=1e300", "budget_minutes: expected at most 525600, got '1e300'"),
        (
            "blessing.min_gain_points=101",
            "blessing.min_gain_points: expected at most 100, got 101",
        ),
        ("data.image_shape=[1000000, 32, 3]", "data.image_shape.0: expected at most 4096"),
        ("data.image_shape=[32, 32, 5]", "data.image_shape.2: expected at most 4, got 5"),
    ],
)
def test_a_number_beyond_reason_is_refused_with_its_bound(override, complaint):
    with pytest.raises(ThawError) as caught:
        load_config(PRESETS / "quick.yaml", (override,))
    assert complaint in str(caught.value)


@pytest.mark.parametrize(
    "override",
    ["training.gpus=1025", "training.memory_gb=1e300", "retries.factor=1e300", "retries.longest_wait_s=0",
     "timeout_s=9000000000", "nodes.transform={cpus: 1e9, memory_gb: 4}"],
)  # fmt: skip
def test_a_clusters_numbers_beyond_reason_are_refused(override):
    with pytest.raises(ThawError, match=r"expected at (most|least) [\d.]+, got "):
        load_cluster(CLUSTER, (override,))
