"""What each pod asks for: tries, CPUs, memory, GPUs, volume, nodes. Works on plain dicts, no TFX."""

from __future__ import annotations

from typing import Any

from pipeline.kubeflow.cluster import ClusterConfig

Document = dict[str, Any]
TRAINS = ("confirmer", "trainer-", "tuner-")
"""How the names of tasks begin whose pods train."""


def add_pod_resources(spec: Document, cluster: ClusterConfig) -> None:
    """Writes into a pipeline spec how often each task is tried, and what pods that train get.

    Args:
      spec: with the names that tasks have in Kubeflow; changed.
      cluster: what the pods ask for.
    """
    for task in spec["root"]["dag"]["tasks"].values():
        task["retryPolicy"] = _retry_policy(cluster)
    for name in _training_tasks(spec):
        executor_of(spec, name)["container"]["resources"] = _resources(cluster)


def platform_spec(spec: Document, cluster: ClusterConfig) -> Document:
    """What only Kubernetes understands, for the second document: the volume, and where training pods may run."""
    training = {label_of(spec, name) for name in _training_tasks(spec)}
    executors: dict[str, Document] = {}
    for label in spec["deploymentSpec"]["executors"]:
        executors[label] = {"pvcMount": [{"constant": cluster.volume.claim, "mountPath": cluster.volume.mount}]}
        if label in training and cluster.node_selector:
            executors[label]["nodeSelector"] = {"labels": dict(cluster.node_selector)}
        if label in training and cluster.tolerations:
            given = [toleration.model_dump(exclude_defaults=True) for toleration in cluster.tolerations]
            executors[label]["tolerations"] = [{"operator": "Exists", **toleration} for toleration in given]
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def label_of(spec: Document, task: str) -> str:
    """The label under which a task's executor stands."""
    component = spec["root"]["dag"]["tasks"][task]["componentRef"]["name"]
    return str(spec["components"][component]["executorLabel"])


def executor_of(spec: Document, task: str) -> Document:
    """A task's executor: its container, with image, command and arguments."""
    executor: Document = spec["deploymentSpec"]["executors"][label_of(spec, task)]
    return executor


def _training_tasks(spec: Document) -> list[str]:
    return [name for name in spec["root"]["dag"]["tasks"] if name.startswith(TRAINS)]


def _retry_policy(cluster: ClusterConfig) -> Document:
    retries = cluster.retries
    return {
        "maxRetryCount": retries.times,
        "backoffDuration": f"{retries.first_wait_s}s",
        "backoffFactor": retries.factor,
        "backoffMaxDuration": f"{retries.longest_wait_s}s",
    }


def _resources(cluster: ClusterConfig) -> Document:
    """Requests as high as limits: a pod that trains is not to be pushed aside for having asked for less."""
    training = cluster.training
    resources: Document = {}
    for bound in ("Limit", "Request"):
        resources |= {f"cpu{bound}": training.cpus, f"memory{bound}": training.memory_gb}
    if training.gpus:
        # A count is an int64, which protobuf's JSON writes as a string.
        resources["accelerator"] = {"type": training.gpu_type, "count": str(training.gpus)}
    return resources
