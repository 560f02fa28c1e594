"""Runs a compiled pipeline as Kubeflow does, a process for each pod. Reads the file alone; imports nothing of ours."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import hashlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import yaml


@dataclasses.dataclass
class Task:
    """What became of a task.

    Attributes:
      state: `done`, `cached` or `failed`.
      attempts: exit status of each pod, in order; a killed one's is negative.
      outputs: artifacts by output, as Kubeflow's metadata store keeps them.
      began, ended: seconds.
    """

    state: str = "failed"
    attempts: list[int] = dataclasses.field(default_factory=list)
    outputs: dict[str, dict] = dataclasses.field(default_factory=dict)
    began: float = 0.0
    ended: float = 0.0


class LocalCluster:
    """A cluster that is a folder: its bucket, its cache, and each pod's own place for temporary files.

    Args:
      file: the compiled pipeline.
      folder: the cluster's.
      parallel: most pods at a time.
      drivers: run ExampleGen's driver first, as Vertex AI does and Kubeflow's open-source engine does not.
      start: starts a pod's process; none: as a new one. Takes command, working folder, environment and output.
    """

    def __init__(self, file: Path, folder: Path, parallel: int = 2, drivers: bool = False, start=None):
        self.spec, self.platform = yaml.safe_load_all(file.read_text())
        self.folder = folder
        self.parallel = parallel
        self.drivers = drivers
        self.start = start or _start
        self.runs = 0
        self.cache: dict[str, dict[str, dict]] = {}

    def run(self, parameters=None, kill=None, only=None) -> dict[str, Task]:
        """Runs the tasks as their dependencies allow, and stops giving out tasks when one has failed for good.

        Args:
          parameters: of the pipeline; others have their defaults.
          kill: by task, a function that says when its first pod is to be killed.
          only: names of the tasks to run; none: all.
        """
        self.runs += 1
        tasks = self.spec["root"]["dag"]["tasks"]
        definitions = self.spec["root"].get("inputDefinitions", {}).get("parameters", {})
        given = {name: (parameters or {}).get(name, told.get("defaultValue")) for name, told in definitions.items()}
        waiting = {name for name in tasks if only is None or name in only}
        results: dict[str, Task] = {}
        running: dict[concurrent.futures.Future, str] = {}
        with concurrent.futures.ThreadPoolExecutor(self.parallel) as pods:
            while True:
                healthy = all(result.state != "failed" for result in results.values())
                for name in sorted(waiting) if healthy else ():
                    if set(tasks[name].get("dependentTasks", [])) <= set(results):
                        waiting.remove(name)
                        killed_when = (kill or {}).get(name)
                        running[pods.submit(self._run_task, name, given, dict(results), killed_when)] = name
                if not running:
                    return results
                finished, _ = concurrent.futures.wait(running, return_when=concurrent.futures.FIRST_COMPLETED)
                for future in finished:
                    results[running.pop(future)] = future.result()

    def log(self, task: str) -> str:
        """What the task's pods of the last run printed."""
        logs = sorted(self.folder.glob(f"pods/{self.runs}/{task}/*/log.txt"))
        return "\n".join(path.read_text() for path in logs)

    def _run_task(self, name, given, results, killed_when) -> Task:
        task = self.spec["root"]["dag"]["tasks"][name]
        component = self.spec["components"][task["componentRef"]["name"]]
        container = self.spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
        done = Task(began=time.monotonic())
        inputs = {"parameterValues": _parameters(task, given), "artifacts": _artifacts(task, results)}
        key = hashlib.sha256(json.dumps([component, container, inputs], sort_keys=True).encode()).hexdigest()
        if task.get("cachingOptions", {}).get("enableCache") and key in self.cache:
            done.state, done.outputs = "cached", self.cache[key]
        else:
            done.outputs = self._new_outputs(name, component)
            self._try(name, task, container, inputs, done, killed_when)
            if done.state == "done":
                self.cache[key] = done.outputs
        done.ended = time.monotonic()
        return done

    def _try(self, name, task, container, inputs, done, killed_when) -> None:
        """Starts pods until one ends well or the retry policy is used up."""
        policy = task.get("retryPolicy", {})
        wait = _seconds(policy.get("backoffDuration", "0s"))
        for attempt in range(1 + int(policy.get("maxRetryCount", 0))):
            if attempt:
                time.sleep(wait)
                wait = min(wait * policy["backoffFactor"], _seconds(policy["backoffMaxDuration"]))
            pod = self.folder / "pods" / str(self.runs) / name / str(attempt)
            pod.mkdir(parents=True)
            output_file = pod / "tmp" / "output_metadata.json"
            driver = container.get("lifecycle", {}).get("preCacheCheck")
            status = 0
            if driver and self.drivers:
                status = self._run(driver, _invocation(inputs, done.outputs, output_file), pod, None)
                _merge(done.outputs, output_file)
            if status == 0:
                invocation = _invocation(inputs, done.outputs, output_file)
                status = self._run(container, invocation, pod, None if attempt else killed_when)
            done.attempts.append(status)
            if status == 0:
                done.state = "done"
                _merge(done.outputs, output_file)
                return

    def _run(self, container, invocation, pod: Path, killed_when) -> int:
        """One process: the container's command, its placeholder filled in. Kills it with all its children when told."""
        command = [sys.executable if part == "python" else part for part in container["command"]]
        command += [invocation if part == "{{$}}" else part for part in container.get("args", [])]
        with (pod / "log.txt").open("ab") as log:
            process = self.start(command, pod, dict(os.environ), log, log)
            if killed_when:
                threading.Thread(target=_kill, args=(process, killed_when), daemon=True).start()
            return process.wait()

    def _new_outputs(self, name, component) -> dict[str, dict]:
        root = self.folder / "bucket" / self.spec["pipelineInfo"]["name"] / str(self.runs) / name
        return {
            key: {"name": f"{self.runs}/{name}/{key}", "type": told["artifactType"], "uri": str(root / key),
                  "metadata": told.get("metadata", {})}
            for key, told in component.get("outputDefinitions", {}).get("artifacts", {}).items()
        }  # fmt: skip


def _parameters(task, given):
    values = {}
    for name, told in task.get("inputs", {}).get("parameters", {}).items():
        pipeline_parameter = told.get("componentInputParameter")
        values[name] = given[pipeline_parameter] if pipeline_parameter else told["runtimeValue"]["constant"]
    return values


def _artifacts(task, results):
    artifacts = {}
    for name, told in task.get("inputs", {}).get("artifacts", {}).items():
        output = told["taskOutputArtifact"]
        artifacts[name] = {"artifacts": [results[output["producerTask"]].outputs[output["outputArtifactKey"]]]}
    return artifacts


def _invocation(inputs, outputs, output_file: Path) -> str:
    """Kubeflow's ExecutorInput, which stands for the placeholder of a container's arguments."""
    artifacts = {key: {"artifacts": [artifact]} for key, artifact in outputs.items()}
    return json.dumps({"inputs": inputs, "outputs": {"artifacts": artifacts, "outputFile": str(output_file)}})


def _merge(outputs, output_file: Path) -> None:
    """Takes over what a program wrote about its outputs, as the launcher does."""
    written = json.loads(output_file.read_text()) if output_file.exists() else {}
    for key, artifacts in written.get("artifacts", {}).items():
        [artifact] = artifacts["artifacts"]
        outputs[key]["uri"] = artifact.get("uri", outputs[key]["uri"])
        outputs[key]["metadata"] = {**outputs[key]["metadata"], **artifact.get("metadata", {})}


def _start(command, cwd, env, stdout, stderr):
    return subprocess.Popen(command, cwd=cwd, env=env, stdout=stdout, stderr=stderr, start_new_session=True)


def _kill(process, killed_when) -> None:
    while process.poll() is None:
        if killed_when():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            return
        time.sleep(0.02)


def _seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))
