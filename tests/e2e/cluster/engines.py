"""How three engines start a pod of the same compiled file: docs/kubeflow-engines.md, as code. Imports nothing."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import sys


@dataclasses.dataclass(frozen=True)
class Engine:
    """One engine.

    Attributes:
      name: by which tests choose it.
      scheme: of the pipeline root's URI.
      folder: below which its pods see buckets.
      mounted: pods write into the bucket itself, and nothing is copied.
      drivers: ExampleGen's driver runs first.
      env_in_cache: the cache's key has the container's environment.
      output_file: where a pod writes what became of its outputs; `{task}` is the task's name.
    """

    name: str
    scheme: str
    folder: str
    mounted: bool
    drivers: bool
    output_file: str
    env_in_cache: bool = False

    def input_artifact(self, stored: dict, number: int) -> dict:
        """What a pod is told about an input that the store holds."""
        told = {"uri": stored["uri"], "metadata": self.metadata(stored["metadata"])}
        if self.name == "vertex":
            return {**told, "name": f"projects/1/artifacts/{number}", "type": stored["type"]}
        if self.name == "kfp_mlmd":
            return {**told, "name": str(number)}
        return {**told, "name": stored["key"], "artifactId": str(number), "type": {"schemaTitle": "Artifact"}}

    def output_artifact(self, stored: dict, number: int) -> dict:
        """What a pod is told about an output that it is to write."""
        told = {"uri": stored["uri"], "metadata": stored["metadata"], "type": stored["type"]}
        names = {"vertex": {"name": f"projects/1/artifacts/{number}"}, "kfp_next": {"name": stored["key"]}}
        return {**told, **names.get(self.name, {})}

    def fingerprint(self, component: dict, container: dict, inputs: dict, claims: set[str]) -> str:
        """What the engine's cache compares; neither URIs nor resources are in it."""
        names = {key: [one["name"] for one in told["artifacts"]] for key, told in inputs["artifacts"].items()}
        outputs = component.get("outputDefinitions", {}).get("artifacts", {})
        told = [names, inputs["parameterValues"], outputs, container["image"], container["command"], container["args"]]
        told += [sorted(claims), container.get("env", []) if self.env_in_cache else []]
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()

    def metadata(self, stored: dict) -> dict:
        """Metadata as they come back from the store: ML Metadata knows numbers, text and structures alone."""
        if self.name != "kfp_mlmd":
            return stored
        wrap = {list: "list", dict: "struct"}
        return {key: {wrap[type(v)]: v} if type(v) in wrap else v for key, v in stored.items()}


ENGINES = {
    engine.name: engine
    for engine in (
        Engine("vertex", "gs", "gcs", mounted=True, drivers=True, output_file="gs://thaw/{task}/executor_output.json"),
        Engine("kfp_mlmd", "minio", "minio", mounted=False, drivers=False,
               output_file="/tmp/kfp_outputs/output_metadata.json"),
        Engine("kfp_next", "s3", "s3", mounted=False, drivers=False,
               output_file="/tmp/kfp/{task}/output_metadata.json", env_in_cache=True),
    )
}  # fmt: skip
OF_EVERY_RUN = "kfp_mlmd" if sys.version_info < (3, 11) else "kfp_next"
"""One on each stack; tests of the others are exhaustive."""
