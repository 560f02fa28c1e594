"""The pipeline spec as Kubeflow takes it: names, parameter, pods; and its file. Works on plain dicts, no TFX."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path

import yaml

from experiment.errors import ThawError, listed
from pipeline.kubeflow.cluster import ClusterConfig
from pipeline.kubeflow.pod_checks import ARGUMENT, GPUS, VOLUME
from pipeline.kubeflow.pod_resources import Document, add_pod_resources

DATA_PATH = "data_path"
"""The pipeline's one parameter: the folder of the raw records as the pods see it."""
NEVER_CACHED = "pusher"
"""The task whose result a server loads, which another run may have replaced since."""


def finished_spec(compiled: Document, cluster: ClusterConfig, expected: Document) -> Document:
    """The pipeline spec as Kubeflow Pipelines takes it.

    Args:
      compiled: TFX's pipeline spec, of schema 2.1.
      cluster: the requests of the pods.
      expected: of the image, which every pod checks at its start.

    Raises:
      ThawError: two nodes would get the same name.
    """
    spec = _renamed(copy.deepcopy(compiled))
    spec["defaultPipelineRoot"] = cluster.pipeline_root
    parameter = spec["root"]["inputDefinitions"]["parameters"][DATA_PATH]
    parameter |= {"defaultValue": cluster.data.path, "isOptional": True}
    for name, task in spec["root"]["dag"]["tasks"].items():
        task["cachingOptions"] = {"enableCache": name != NEVER_CACHED}
    add_pod_resources(spec, cluster)
    for executor in spec["deploymentSpec"]["executors"].values():
        container = executor["container"]
        gpus = int(container.get("resources", {}).get("accelerator", {}).get("count", 0))
        told = {**expected, GPUS: gpus, VOLUME: cluster.volume.mount}
        container["args"] = [*container["args"], ARGUMENT, json.dumps(told, sort_keys=True)]
    return spec


def write_pipeline(path: Path, spec: Document, platform: Document) -> None:
    """Writes both documents into one YAML file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump_all([spec, platform], sort_keys=True, width=120), encoding="utf-8")


def task_name(node_id: str) -> str:
    """A node's name in Kubeflow, whose engine allows only letters, digits and dashes."""
    return re.sub(r"[^a-z0-9]+", "-", node_id.lower())


def _renamed(spec: Document) -> Document:
    """The spec with the names that Kubeflow's own compiler would give tasks, components and executors."""
    tasks = spec["root"]["dag"]["tasks"]
    names = {node_id: task_name(node_id) for node_id in tasks}
    if len(set(names.values())) < len(names):
        raise ThawError("In Kubeflow, where names have only letters, digits and dashes, some of "
                        f"{listed(sorted(names))} would have the same name. Rename a source.")  # fmt: skip
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
