"""The program of a pod, `python -m pipeline.kubeflow.task`: TFX's executor on the pod's files. Nothing imports this."""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import sys
import tempfile
import traceback
from pathlib import Path
from typing import Any

from experiment.errors import ThawError
from pipeline.kubeflow import pod_checks
from pipeline.runner.process import own_temporary_folder, prepare_process

prepare_process(os.environ)

EXECUTOR = "tfx.orchestration.kubeflow.v2.container.kubeflow_v2_run_executor"
INVOCATION = "--json_serialized_invocation_args"
INPUTS = "--json_serialized_inputs_spec_args"
"""TFX's own argument: the component's inputs as the pipeline declares them."""
MOUNTS = {"gs": "gcs", "s3": "s3", "minio": "minio"}
"""Kubeflow's launcher puts a bucket's artifacts below a folder of the pod named after the URI's scheme."""


def local_path(uri: str, root: Path = Path("/")) -> str:
    """The folder to which the launcher downloads an artifact, and from which it uploads it; a plain path stays
    unchanged.

    Thaw's executors read and write files. On Vertex AI the same folder is the bucket itself.
    """
    match = re.match(r"(\w+)://(.*)", uri)
    return str(root / MOUNTS[match[1]] / match[2]) if match and match[1] in MOUNTS else uri


def with_declared_types(invocation: dict[str, Any], inputs: dict[str, Any]) -> dict[str, Any]:
    """The executor's input with the types that the pipeline declares for its inputs.

    Kubeflow's store gives inputs back without a type, or with one of its own, of which TFX makes a wrong artifact or
    none. The types of outputs come from the pipeline's file with every engine.
    """
    changed: dict[str, Any] = json.loads(json.dumps(invocation))
    for name, artifacts in changed.get("inputs", {}).get("artifacts", {}).items():
        for artifact in artifacts["artifacts"]:
            artifact["type"] = inputs["artifacts"][name]["artifactType"]
            # ML Metadata has no lists of its own: Kubeflow's driver wraps them, and gives them back wrapped.
            metadata = artifact.get("metadata", {})
            for key, value in metadata.items():
                if isinstance(value, dict) and len(value) == 1 and set(value) <= {"list", "struct"}:
                    [metadata[key]] = value.values()
    return changed


def with_local_paths(invocation: dict[str, Any], root: Path = Path("/")) -> tuple[dict[str, Any], dict[str, str]]:
    """The executor's input with paths for URIs, and which path stands for which URI; makes the folders.

    The launcher makes no folder for an input without files; an output's folder may have files of an earlier attempt.

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
                _prepare(Path(path), clear=side == "outputs")
    if "outputFile" in changed["outputs"]:
        changed["outputs"]["outputFile"] = local_path(changed["outputs"]["outputFile"], root)
    return changed, uris


def _prepare(folder: Path, clear: bool) -> None:
    """Makes an artifact's folder, which is empty for an output."""
    # A bucket's zero-byte marker of a folder is downloaded as a file (kubeflow/pipelines#13476).
    if folder.is_file() and not folder.stat().st_size:
        folder.unlink()
    if clear and folder.is_dir():
        shutil.rmtree(folder)
    if not folder.exists():
        folder.mkdir(parents=True)


def with_uris(output: dict[str, Any], uris: dict[str, str]) -> dict[str, Any]:
    """The executor's output with the URIs that Kubeflow knows its artifacts by."""
    changed: dict[str, Any] = json.loads(json.dumps(output))
    for artifacts in changed.get("artifacts", {}).values():
        for artifact in artifacts["artifacts"]:
            artifact["uri"] = uris.get(artifact["uri"], artifact["uri"])
    return changed


def main(argv: list[str], root: Path = Path("/")) -> int:
    """Runs TFX's program with the arguments that TFX's compiler wrote for it, and returns its status.

    Args:
      argv: the container's arguments.
      root: of the folders that the launcher fills.

    Raises:
      SystemExit: the arguments are not those of a task.
    """
    arguments, expected = pod_checks.without_expectations(list(argv))
    if INVOCATION not in arguments[:-1]:
        sys.exit(f"pipeline.kubeflow.task is the program of a compiled pipeline's pods. Expected {INVOCATION} and its "
                 f"value among the arguments, got {arguments}. Submit the file that `make compile` "
                 "writes.")  # fmt: skip
    folders = [root / mount for mount in MOUNTS.values()] + [Path(tempfile.gettempdir())]
    if pod_checks.VOLUME in expected:
        folders.append(Path(expected[pod_checks.VOLUME]))
    try:
        pod_checks.check_image(expected)
        check_gpus(expected)
        return _run_task(arguments, root)
    except Exception as error:
        told = pod_checks.explanation(error, folders)
        if told is None:
            traceback.print_exc()
        else:
            print(f"thaw: {told}", file=sys.stderr)
        return 1


def check_gpus(expected: dict[str, Any]) -> None:
    """Checks that TensorFlow sees a GPU if the compiled file requests one.

    Raises:
      ThawError: it sees none, so that the pod would hold a GPU and train on cores.
    """
    if not expected.get(pod_checks.GPUS):
        return
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        raise ThawError(f"The compiled file requests {expected[pod_checks.GPUS]} GPU(s) for this step, and TensorFlow "
                        "sees none. Expected at least one. Build the image with EXTRA=gpu, check that the node's "
                        "driver is new enough for its CUDA, or compile with --gpus 0 to train on cores.")  # fmt: skip


def _run_task(arguments: list[str], root: Path) -> int:
    place = arguments.index(INVOCATION) + 1
    told = json.loads(arguments[place])
    if INPUTS in arguments[:-1]:
        told = with_declared_types(told, json.loads(arguments[arguments.index(INPUTS) + 1]))
    invocation, uris = with_local_paths(told, root)
    arguments[place] = json.dumps(invocation)
    status = _run_executor(arguments)
    # Kubeflow reads this file when the process has succeeded.
    written = Path(invocation["outputs"]["outputFile"])
    if written.exists():
        output = with_uris(json.loads(written.read_text(encoding="utf-8")), uris)
        written.write_text(json.dumps(output), encoding="utf-8")
    return status


def _run_executor(arguments: list[str]) -> int:
    """TFX's program as `python -m` runs it; returns its exit status."""
    sys.argv = [EXECUTOR, *arguments]
    try:
        runpy.run_module(EXECUTOR, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if not isinstance(end.code, int | None):
            print(end.code, file=sys.stderr)
            return 1
        return end.code or 0
    return 0


def end(status: int) -> None:
    """Ends the process now: libraries' destructors can abort a process whose work is done and written."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


if __name__ == "__main__":
    try:
        own_temporary_folder(os.environ)
    except ThawError as error:
        print(f"thaw: {error}", file=sys.stderr)
        end(1)
    end(main(sys.argv[1:]))
