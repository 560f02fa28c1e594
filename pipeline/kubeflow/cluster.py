"""What a Kubeflow cluster gives a pipeline: image, data, volume, GPUs, retries. Decides no result. Imports
experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import pydantic

from experiment.domains import Settings
from experiment.loading import read_settings, validated

# TFX and Beam read these paths as patterns of files, so none may contain *, ?, [ or a backslash.
Uri = Annotated[str, pydantic.Field(pattern=r"^(gs|s3|minio)://[^/*?\[\\]+(/[^*?\[\\]*)?$")]
PodPath = Annotated[str, pydantic.Field(pattern=r"^/[^*?\[\\]+$")]
Cores = Annotated[float, pydantic.Field(gt=0, le=10_000)]
Gigabytes = Annotated[float, pydantic.Field(gt=0, le=1_000_000)]
DAY_S = 86_400


class ClusterData(Settings):
    """The TFRecords as the pods see them."""

    path: PodPath
    """Folder that the patterns are relative to; the default of the pipeline parameter `data_path`."""
    name: str = pydantic.Field(default="cifar10", min_length=1)
    """For tables and ledgers; data that Thaw generated must be called SYNTHETIC."""
    train: str = "*-train.tfrecord*"
    """Pattern of the training files."""
    test: str = "*-test.tfrecord*"
    """Pattern of the test files."""


class Volume(Settings):
    """The shared volume: data, weights, ledgers and pushed models outlive a pod there."""

    claim: str = pydantic.Field(pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")
    """PersistentVolumeClaim, ReadWriteMany: two sweeps write to it at once."""
    mount: PodPath = "/workspace"
    """Where every pod sees it."""


class Training(Settings):
    """What each Trainer and Tuner requests; every other step requests nothing."""

    gpus: Annotated[int, pydantic.Field(ge=0, le=1024)] = 0
    """Accelerators per pod; none: it trains on its cores."""
    gpu_type: str = pydantic.Field(default="nvidia.com/gpu", min_length=1)
    """Kubernetes' name of the resource (Vertex AI: of the accelerator, such as NVIDIA_TESLA_T4)."""
    cpus: Cores = 4.0
    """Cores a pod."""
    memory_gb: Gigabytes = 8.0
    """Memory a pod, in units of 10^9 bytes."""
    shared_memory_gb: Gigabytes | None = None
    """Size of /dev/shm; none: Kubernetes' 64 MB. Needs an engine that knows `enabledSharedMemory`."""


class NodeResources(Settings):
    """What the pods of one node request, in place of `training` or of nothing."""

    cpus: Cores
    """Cores a pod."""
    memory_gb: Gigabytes
    """Memory a pod, in units of 10^9 bytes."""


class Secret(Settings):
    """A secret of the namespace that every pod gets as environment variables."""

    name: str = pydantic.Field(min_length=1)
    """The secret's name."""
    variables: dict[str, str] = pydantic.Field(min_length=1)
    """By environment variable, the secret's key."""


class Retries(Settings):
    """How often a step is retried whose pod was pre-empted or failed."""

    times: Annotated[int, pydantic.Field(ge=0, le=1000)] = 3
    """Attempts after the first."""
    first_wait_s: Annotated[int, pydantic.Field(ge=0, le=DAY_S)] = 30
    """Wait before the second attempt."""
    factor: Annotated[float, pydantic.Field(ge=1, le=1000)] = 2.0
    """Factor between one wait and the next."""
    longest_wait_s: Annotated[int, pydantic.Field(ge=1, le=DAY_S)] = 600
    """Longest wait."""


class Toleration(Settings):
    """A taint that Trainers' and Tuners' pods tolerate, such as that of pre-emptible nodes or of nodes with GPUs."""

    key: str
    """The taint's key."""
    operator: Literal["Exists", "Equal"] = "Exists"
    """Whether its value counts."""
    value: str = ""
    """The taint's value, for Equal."""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""
    """Empty: every effect."""


class ClusterConfig(Settings):
    """All settings of a cluster in the compiled pipeline; none of them changes what is computed."""

    image: str = pydantic.Field(pattern=r"^\S+$")
    """The image of kubeflow/Dockerfile, as the cluster pulls it; a digest or a tag that never moves."""
    pipeline_root: Uri
    """Root of the artifacts, unless the submission gives another."""
    data: ClusterData
    """The images."""
    volume: Volume
    """The volume that pods share."""
    weights: PodPath | None = None
    """Folder where the pods see the files of backbones; none: `weights/` on the volume."""
    training: Training = Training()
    """What Trainers and Tuners request."""
    retries: Retries = Retries()
    """Retries of every step."""
    node_selector: dict[str, str] = pydantic.Field(default={})
    """Labels of the nodes that Trainers and Tuners may run on, such as a GPU's model."""
    tolerations: tuple[Toleration, ...] = ()
    """Tolerations of Trainers and Tuners."""
    nodes: dict[str, NodeResources] = pydantic.Field(default={})
    """Requests by task of the compiled file, such as transform, or by the beginning of its name, such as
    `evaluator-`."""
    timeout_s: Annotated[int, pydantic.Field(ge=1, le=366 * DAY_S)] | None = None
    """Longest time of a step's pod; none: no limit. A pod that takes longer fails and counts as an attempt."""
    secrets: tuple[Secret, ...] = ()
    """What every pod's environment gets from secrets."""
    image_pull_secrets: tuple[str, ...] = ()
    """Secrets with which the image is pulled."""


def load_cluster(path: str | Path, overrides: tuple[str, ...] = ()) -> ClusterConfig:
    """Reads the description of a cluster, such as kubeflow/cluster.yaml, and applies overrides to it.

    Raises:
      ThawError: as load_config.
    """
    return validated(ClusterConfig, read_settings(Path(path), overrides), str(path), "pipeline/kubeflow/cluster.py")
