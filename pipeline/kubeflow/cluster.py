"""What a Kubeflow cluster gives a pipeline: image, data, volume, GPUs, retries. Decides no result. Imports
experiment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import pydantic

from experiment.domains import Settings, like
from experiment.loading import Examples, read_settings, validated

# TFX and Beam read these paths as patterns of files, so none may contain *, ?, [ or a backslash.
Uri = Annotated[
    str,
    like(
        r"(gs|s3|minio)://[^/*?\[\\]+(/[^*?\[\\]*)?",
        "gs://, s3:// or minio:// and a path without *, ?, [ or a backslash",
    ),
]
PodPath = Annotated[str, like(r"/[^*?\[\\]+", "an absolute path without *, ?, [ or a backslash")]
Cores = Annotated[float, pydantic.Field(gt=0, le=10_000)]
Gigabytes = Annotated[float, pydantic.Field(gt=0, le=1_000_000)]
Variable = Annotated[str, like(r"[A-Za-z_]\w*", "the name of an environment variable, such as AWS_ACCESS_KEY_ID")]
Key = Annotated[str, pydantic.Field(min_length=1)]
DAY_S = 86_400


class ClusterData(Settings):
    """The TFRecords as the pods see them."""

    path: PodPath
    """Folder that the patterns are relative to; the default of the pipeline parameter `data_path`."""
    name: str = pydantic.Field(default="cifar10", min_length=1)
    """For tables and ledgers; data that Thaw generated must be called SYNTHETIC."""
    train: str = pydantic.Field(default="*-train.tfrecord*", min_length=1)
    """Pattern of the training files."""
    test: str = pydantic.Field(default="*-test.tfrecord*", min_length=1)
    """Pattern of the test files."""

    def problems(self) -> Iterator[str]:
        """Test images that are training images, or a name that only almost says that Thaw generated them."""
        if self.name != "SYNTHETIC" and self.name.upper().startswith("SYNTHETIC"):
            yield f"name is {self.name!r}; write SYNTHETIC for images that Thaw generated, another name for others"
        if self.train == self.test:
            yield f"train and test are both {self.train!r}, so test images would be training images; name other files"


class Volume(Settings):
    """The shared volume: data, weights, ledgers and pushed models outlive a pod there."""

    claim: Annotated[
        str,
        like(
            r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", "small letters, digits, dashes and dots, a letter or digit at both ends"
        ),
    ]
    """PersistentVolumeClaim, ReadWriteMany: two sweeps write to it at once."""
    mount: PodPath = "/workspace"
    """Where every pod sees it."""


class Training(Settings):
    """What each Trainer, each Tuner and the Confirmer requests; every other step requests nothing."""

    gpus: Annotated[int, pydantic.Field(ge=0, le=1024)] = 0
    """Accelerators per pod; none: it trains on its cores."""
    gpu_type: str = pydantic.Field(default="nvidia.com/gpu", min_length=1)
    """Kubernetes' name of the resource (Vertex AI: of the accelerator, such as NVIDIA_TESLA_T4)."""
    cpus: Cores = 4.0
    """Cores a pod."""
    memory_gb: Gigabytes = 8.0
    """Memory a pod, in units of 10^9 bytes."""
    shared_memory_gb: Annotated[float, pydantic.Field(ge=0.001, le=1_000_000)] | None = None
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
    variables: dict[Variable, Key] = pydantic.Field(min_length=1)
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
    """A taint that pods that train tolerate, such as that of pre-emptible nodes or of nodes with GPUs."""

    key: str
    """The taint's key."""
    operator: Literal["Exists", "Equal"] = "Exists"
    """Whether its value counts."""
    value: str = ""
    """The taint's value, for Equal."""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = ""
    """Empty: every effect."""

    def problems(self) -> Iterator[str]:
        """What Kubernetes refuses when it makes the pod."""
        if self.operator == "Exists" and self.value:
            yield f"value is {self.value!r}, which counts only with operator Equal; write it, or leave value out"
        if self.operator == "Equal" and not self.key:
            yield "operator Equal needs a key; name the taint's"


class ClusterConfig(Settings):
    """All settings of a cluster in the compiled pipeline; none of them changes what is computed."""

    image: Annotated[str, like(r"\S+", "the name of an image, without spaces")]
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
    """What pods that train request."""
    retries: Retries = Retries()
    """Retries of every step."""
    node_selector: dict[str, str] = pydantic.Field(default={})
    """Labels of the nodes that pods that train may run on, such as a GPU's model."""
    tolerations: tuple[Toleration, ...] = ()
    """Tolerations of pods that train."""
    nodes: dict[Key, NodeResources] = pydantic.Field(default={})
    """Requests by task of the compiled file, such as transform, or by a prefix of names, such as `evaluator-`. A task
    has the requests under its own name, else those of the longest prefix. The whole name of a task is not a prefix."""
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
    examples = Examples("--cluster-set", "retries.times=5", "kubeflow/cluster.yaml")
    given = "".join(f" --cluster-set {override}" for override in overrides)
    origin = f"{path}{' with' if given else ''}{given}"
    settings = read_settings(Path(path), overrides, examples)
    return validated(ClusterConfig, settings, origin, "pipeline/kubeflow/cluster.py")
