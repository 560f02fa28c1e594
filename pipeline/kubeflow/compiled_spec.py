"""What TFX's compiler leaves out for Kubeflow: names, retries, GPUs, volumes. Works on plain dicts, no TFX."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import yaml

from experiment.errors import ThawError
from pipeline.kubeflow.cluster import ClusterConfig

Document = dict[str, Any]
DATA_PATH = "data_path"
"""The pipeline's one parameter: the folder of the raw records as the pods see it."""
TRAINS = ("confirmer", "trainer-", "tuner-")
"""How the names of tasks begin whose pods train."""


def finished_spec(compiled: Document, cluster: ClusterConfig) -> Document:
    """The pipeline spec as Kubeflow Pipelines takes it.

    Args:
      compiled: TFX's pipeline spec, of schema 2.1.
      cluster: what the pods ask for.

    Raises:
      ThawError: two nodes would get the same name.
    """
    spec = _renamed(copy.deepcopy(compiled))
    spec["defaultPipelineRoot"] = cluster.pipeline_root
    parameter = spec["root"]["inputDefinitions"]["parameters"][DATA_PATH]
    parameter |= {"defaultValue": cluster.data.path, "isOptional": True}
    for task in spec["root"]["dag"]["tasks"].values():
        task["retryPolicy"] = _retry_policy(cluster)
    for name in _training_tasks(spec):
        executor_of(spec, name)["container"]["resources"] = _resources(cluster)
    return spec


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


def write_pipeline(path: Path, spec: Document, platform: Document) -> None:
    """Writes both documents into one YAML file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump_all([spec, platform], sort_keys=True, width=120), encoding="utf-8")


def label_of(spec: Document, task: str) -> str:
    """The label under which a task's executor stands."""
    component = spec["root"]["dag"]["tasks"][task]["componentRef"]["name"]
    return str(spec["components"][component]["executorLabel"])


def executor_of(spec: Document, task: str) -> Document:
    """A task's executor: its container, with image, command and arguments."""
    executor: Document = spec["deploymentSpec"]["executors"][label_of(spec, task)]
    return executor


def task_name(node_id: str) -> str:
    """A node's name in Kubeflow, whose engine allows letters, digits and dashes alone."""
    return re.sub(r"[^a-z0-9]+", "-", node_id.lower())


def _training_tasks(spec: Document) -> list[str]:
    return [name for name in spec["root"]["dag"]["tasks"] if name.startswith(TRAINS)]


def _renamed(spec: Document) -> Document:
    """The spec with the names that Kubeflow's own compiler would give tasks, components and executors."""
    tasks = spec["root"]["dag"]["tasks"]
    names = {node_id: task_name(node_id) for node_id in tasks}
    if len(set(names.values())) < len(names):
        raise ThawError(f"Kubeflow's names have only letters, digits and dashes, so some of {sorted(names)} would be "
                        "the same. Rename a source.")  # fmt: skip
    executors = spec["deploymentSpec"]["executors"]
    spec["deploymentSpec"]["executors"] = {
        f"exec-{names[node_id]}": executors[spec["components"][node_id]["executorLabel"]] for node_id in tasks
    }
    for node_id, task in tasks.items():
        spec["components"][node_id]["executorLabel"] = f"exec-{names[node_id]}"
        task["componentRef"]["name"] = f"comp-{names[node_id]}"
        # Kubeflow looks a producer up by this name, not by the key.
        task["taskInfo"]["name"] = names[node_id]
        if "dependentTasks" in task:
            task["dependentTasks"] = [names[upstream] for upstream in task["dependentTasks"]]
        for artifact in task.get("inputs", {}).get("artifacts", {}).values():
            output = artifact["taskOutputArtifact"]
            output["producerTask"] = names[output["producerTask"]]
    spec["components"] = {f"comp-{names[node_id]}": component for node_id, component in spec["components"].items()}
    spec["root"]["dag"]["tasks"] = {names[node_id]: task for node_id, task in tasks.items()}
    return spec


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
