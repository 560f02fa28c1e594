"""What a pod runs, `python -m pipeline.kubeflow.task`: TFX's executor on the pod's files. Nothing imports this."""

from __future__ import annotations

import json
import os
import re
import runpy
import sys
from pathlib import Path
from typing import Any

from pipeline.runner.process import own_temporary_folder, prepare_process

prepare_process(os.environ)

EXECUTOR = "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"
INVOCATION = "--json_serialized_invocation_args"
MOUNTS = {"gs": "gcs", "s3": "s3", "minio": "minio"}
"""Kubeflow's launcher puts a bucket's artifacts below a folder of the pod named after the URI's scheme."""


def local_path(uri: str, root: Path = Path("/")) -> str:
    """Where the launcher puts an artifact, and from where it uploads it; a plain path stays as it is.

    Thaw's executors read and write files. On Vertex AI the same folder is the bucket itself.
    """
    match = re.match(r"(\w+)://(.*)", uri)
    return str(root / MOUNTS[match[1]] / match[2]) if match and match[1] in MOUNTS else uri


def with_local_paths(invocation: dict[str, Any], root: Path = Path("/")) -> tuple[dict[str, Any], dict[str, str]]:
    """The executor's input with paths for URIs, and which path stands for which URI; makes the outputs' folders.

    Args:
      invocation: Kubeflow's ExecutorInput.
      root: of the folders that the launcher fills.
    """
    changed = json.loads(json.dumps(invocation))
    uris: dict[str, str] = {}
    for side in ("inputs", "outputs"):
        for artifacts in changed.get(side, {}).get("artifacts", {}).values():
            for artifact in artifacts["artifacts"]:
                path = local_path(artifact["uri"], root)
                uris[path] = artifact["uri"]
                artifact["uri"] = path
                if side == "outputs":
                    Path(path).mkdir(parents=True, exist_ok=True)
    return changed, uris


def with_uris(output: dict[str, Any], uris: dict[str, str]) -> dict[str, Any]:
    """The executor's output with the URIs that Kubeflow knows its artifacts by."""
    changed: dict[str, Any] = json.loads(json.dumps(output))
    for artifacts in changed.get("artifacts", {}).values():
        for artifact in artifacts["artifacts"]:
            artifact["uri"] = uris.get(artifact["uri"], artifact["uri"])
    return changed


def main(argv: list[str], root: Path = Path("/")) -> None:
    """Runs TFX's program with the arguments that TFX's compiler wrote for it, and ends with its status.

    Args:
      argv: the container's arguments.
      root: of the folders that the launcher fills.

    Raises:
      SystemExit: as TFX's program ends; with a message where the arguments are not those of a task.
    """
    arguments = list(argv)
    if INVOCATION not in arguments[:-1]:
        sys.exit(f"pipeline.kubeflow.task is what pods of a compiled pipeline run. Expected {INVOCATION} and its value "
                 f"among the arguments, got {arguments}. Submit the file that `make compile` writes.")  # fmt: skip
    place = arguments.index(INVOCATION) + 1
    invocation, uris = with_local_paths(json.loads(arguments[place]), root)
    arguments[place] = json.dumps(invocation)
    sys.argv = [EXECUTOR, *arguments]
    try:
        runpy.run_module(EXECUTOR, run_name="__main__", alter_sys=True)
    finally:
        # Kubeflow reads this file when the process has ended well; TFX's program ends in sys.exit.
        written = Path(invocation["outputs"]["outputFile"])
        if written.exists():
            written.write_text(
                json.dumps(with_uris(json.loads(written.read_text(encoding="utf-8")), uris)), encoding="utf-8"
            )


if __name__ == "__main__":
    own_temporary_folder(os.environ)
    main(sys.argv[1:])
