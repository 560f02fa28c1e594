"""What each pod requests: retries, CPUs, memory, GPUs, volume, nodes. Works on plain dicts, no TFX."""

from __future__ import annotations

from typing import Any

from experiment.errors import ThawError, listed
from pipeline.kubeflow.cluster import ClusterConfig

Document = dict[str, Any]
TRAINS = ("confirmer", "trainer-", "tuner-")
"""Prefixes of the tasks whose pods train."""


def add_pod_resources(spec: Document, cluster: ClusterConfig) -> None:
    """Writes into a pipeline spec the retries of each task, and the cores, memory and GPUs of its pod.

    Args:
      spec: with the names that tasks have in Kubeflow; changed.
      cluster: the requests of the pods.

    Raises:
      ThawError: `nodes` of the cluster names an unknown task.
    """
    for task in spec["root"]["dag"]["tasks"].values():
        task["retryPolicy"] = _retry_policy(cluster)
    for name in _training_tasks(spec):
        executor_of(spec, name)["container"]["resources"] = _resources(cluster)
    tasks = spec["root"]["dag"]["tasks"]
    # From short to long: what is said of few tasks replaces what is said of many.
    for given, asked in sorted(cluster.nodes.items(), key=lambda one: len(one[0])):
        names = [given] if given in tasks else [name for name in tasks if name.startswith(given)]
        if not names:
            raise ThawError(f"nodes.{given} of the cluster's settings matches no task. Give the name of a task, or the "
                            f"beginning of several names: {listed(sorted(tasks))}.")  # fmt: skip
        for name in names:
            container = executor_of(spec, name)["container"]
            container["resources"] = container.get("resources", {}) | _bounds(asked.cpus, asked.memory_gb)


def platform_spec(spec: Document, cluster: ClusterConfig) -> Document:
    """What only Kubernetes understands, for the second document: volume, secrets, time, where training pods may run."""
    training = {label_of(spec, name) for name in _training_tasks(spec)}
    executors = {
        label: _of_every_pod(cluster) | (_of_training_pods(cluster) if label in training else {})
        for label in spec["deploymentSpec"]["executors"]
    }
    return {"platforms": {"kubernetes": {"deploymentSpec": {"executors": executors}}}}


def _of_every_pod(cluster: ClusterConfig) -> Document:
    told: Document = {"pvcMount": [{"constant": cluster.volume.claim, "mountPath": cluster.volume.mount}]}
    if cluster.secrets:
        told["secretAsEnv"] = [
            {"secretName": secret.name,
             "keyToEnv": [{"secretKey": key, "envVar": variable} for variable, key in secret.variables.items()]}
            for secret in cluster.secrets
        ]  # fmt: skip
    if cluster.image_pull_secrets:
        told["imagePullSecret"] = [{"secretName": name} for name in cluster.image_pull_secrets]
    if cluster.timeout_s:
        # An int64, which protobuf's JSON writes as a string.
        told["activeDeadlineSeconds"] = str(cluster.timeout_s)
    return told


def _of_training_pods(cluster: ClusterConfig) -> Document:
    told: Document = {}
    if cluster.node_selector:
        told["nodeSelector"] = {"labels": dict(cluster.node_selector)}
    if cluster.tolerations:
        given = [toleration.model_dump(exclude_defaults=True) for toleration in cluster.tolerations]
        told["tolerations"] = [{"operator": "Exists", **toleration} for toleration in given]
    if cluster.training.shared_memory_gb:
        size = f"{round(cluster.training.shared_memory_gb * 1000)}M"
        told["enabledSharedMemory"] = {"volumeName": "shared-memory", "size": size}
    return told


def label_of(spec: Document, task: str) -> str:
    """The label of a task's executor."""
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
    """Requests as high as limits: otherwise Kubernetes may evict a pod that trains."""
    training = cluster.training
    resources = _bounds(training.cpus, training.memory_gb)
    if training.gpus:
        # A count is an int64, which protobuf's JSON writes as a string.
        resources["accelerator"] = {"type": training.gpu_type, "count": str(training.gpus)}
    return resources


def _bounds(cpus: float, memory_gb: float) -> Document:
    return {"cpuLimit": cpus, "memoryLimit": memory_gb, "cpuRequest": cpus, "memoryRequest": memory_gb}
