"""Runs a compiled pipeline as an engine does, a process for each pod. Reads the file; imports no code of Thaw."""

from __future__ import annotations

import concurrent.futures
import dataclasses
import hashlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path

import yaml

from tests.e2e.cluster import pod_view
from tests.e2e.cluster.engines import ENGINES
from tests.e2e.cluster.object_store import Bucket, BucketError
from tests.e2e.cluster.pod_process import ROOT, environment, kill_when, start_new


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
    """A cluster that is a folder: its bucket, its store and cache, and each pod's own files.

    Args:
      file: the compiled pipeline.
      folder: the cluster's.
      engine: a name of ENGINES.
      read: folders of this machine that stand for what a cluster has, such as data.
      parallel: most pods at a time.
      start: starts a pod's process; none: as a new one. Takes command, working folder, environment, output and view.

    Attributes:
      code: where pods find Thaw's code; none: the image has none.
      full: folders of the pods whose disks have no room left.
    """

    def __init__(self, file: Path, folder: Path, engine: str, read=(), parallel: int = 2, start=None):
        self.spec, self.platform = yaml.safe_load_all(file.read_text())
        self.folder = folder
        self.engine = ENGINES[engine]
        self.bucket = Bucket(folder / "bucket")
        self.bucket.folder.mkdir(parents=True)
        self.read = [Path(sys.base_prefix), Path(sys.prefix).resolve(), ROOT, *read]
        self.isolated = pod_view.can_enter()
        self.parallel = parallel
        self.start = start or start_new
        self.full: list[str] = []
        self.runs = 0
        self.cache: dict[str, dict[str, dict]] = {}
        mounts = [
            mount
            for executor in self.platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values()
            for mount in executor["pvcMount"]
        ]
        self.volumes = {mount["mountPath"] for mount in mounts}
        self.claims = {mount["constant"] for mount in mounts}
        for volume in self.volumes:
            Path(volume).mkdir(parents=True, exist_ok=True)
            self._hand_over(Path(volume))

    def run(self, parameters=None, kill=None, only=None) -> dict[str, Task]:
        """Runs the tasks as their dependencies allow, and stops giving out tasks when one has failed permanently.

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
        """What the task's pods of the last run printed, and what the launcher said."""
        logs = sorted(self.folder.glob(f"pods/{self.runs}/{task}/*/log.txt"))
        return "\n".join(path.read_text() for path in logs)

    def files(self, artifact: dict) -> Path:
        """Where the bucket has an artifact."""
        return self.bucket.folder / _key(artifact["uri"])

    def _run_task(self, name, given, results, killed_when) -> Task:
        task = self.spec["root"]["dag"]["tasks"][name]
        component = self.spec["components"][task["componentRef"]["name"]]
        container = self.spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
        done = Task(began=time.monotonic())
        inputs = {"parameterValues": _parameters(task, given), "artifacts": self._inputs(task, results)}
        key = self.engine.fingerprint(component, container, inputs, self.claims)
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
            (pod / "tmp").mkdir(parents=True)
            done.attempts.append(self._launch(name, container, inputs, done, pod, None if attempt else killed_when))
            if done.attempts[-1] == 0:
                done.state = "done"
                return

    def _launch(self, name, container, inputs, done, pod: Path, killed_when) -> int:
        """What the launcher does: downloads, runs the program, uploads, and takes over what it wrote of its outputs."""
        output_file = self.engine.output_file.format(task=f"{self.runs}/{name}")
        written = self._here(output_file, pod)
        told = {key: self.engine.output_artifact(one, _number(one)) for key, one in done.outputs.items()}
        try:
            for artifact in inputs["artifacts"].values() if not self.engine.mounted else ():
                [one] = artifact["artifacts"]
                self.bucket.download(_key(one["uri"]), self._here(one["uri"], pod))
            for artifact in done.outputs.values():
                self._here(artifact["uri"], pod).parent.mkdir(parents=True, exist_ok=True)
            written.parent.mkdir(parents=True, exist_ok=True)
            self._hand_over(pod, self.bucket.folder if self.engine.mounted else pod)
            driver = container.get("lifecycle", {}).get("preCacheCheck")
            if driver and self.engine.drivers:
                # TFX's driver asks TensorFlow for gs://, which no bucket here answers: it gets this machine's path.
                place = str(self._in_pod(output_file, pod))
                status = self._run(driver, _invocation(inputs, told, place), pod, None)
                if status:
                    return status
                _merge(told, written)
            status = self._run(container, _invocation(inputs, told, self._given(output_file, pod)), pod, killed_when)
            if status == 0 and killed_when:
                return -signal.SIGKILL  # it ended before it was killed: the pod is lost before anything is taken over
            if status == 0:
                _merge(done.outputs, written, told)
                for artifact in done.outputs.values() if not self.engine.mounted else ():
                    self.bucket.upload(self._here(artifact["uri"], pod), _key(artifact["uri"]))
        except BucketError as error:
            with (pod / "log.txt").open("a") as log:
                log.write(f"{error}\n")
            return 1
        return status

    def _run(self, container, invocation, pod: Path, killed_when) -> int:
        """One process: the container's command, its placeholder filled in. Kills it with all its children when told."""
        command = [sys.executable if part == "python" else part for part in container["command"]]
        command += [invocation if part == "{{$}}" else part for part in container.get("args", [])]
        folder = self.engine.folder
        brought = self.bucket.folder if self.engine.mounted else pod / folder
        brought.mkdir(exist_ok=True)
        view = None
        if self.isolated:
            (pod / "root").mkdir(exist_ok=True)
            write = {"/tmp": pod / "tmp", f"/{folder}": brought, **{volume: Path(volume) for volume in self.volumes}}
            if self.engine.mounted and self.bucket.away:
                del write[f"/{folder}"]  # nothing is mounted
            view = pod_view.view_of(pod / "root", self.read, write, self.full)
        with (pod / "log.txt").open("ab") as log:
            process = self.start(command, pod, environment(ROOT), log, log, view)
            if killed_when:
                threading.Thread(target=kill_when, args=(process, killed_when), daemon=True).start()
            return process.wait()

    def _new_outputs(self, name, component) -> dict[str, dict]:
        root = f"thaw/{self.spec['pipelineInfo']['name']}/{self.runs}/{name}"
        root = f"{self.engine.scheme}://{root}" if self.isolated else str(self.bucket.folder / root)
        return {
            key: {"key": key, "type": told["artifactType"], "uri": f"{root}/{key}",
                  "metadata": dict(told.get("metadata", {}))}
            for key, told in component.get("outputDefinitions", {}).get("artifacts", {}).items()
        }  # fmt: skip

    def _inputs(self, task, results):
        artifacts = {}
        for name, told in task.get("inputs", {}).get("artifacts", {}).items():
            output = told["taskOutputArtifact"]
            stored = results[output["producerTask"]].outputs[output["outputArtifactKey"]]
            artifacts[name] = {"artifacts": [self.engine.input_artifact(stored, _number(stored))]}
        return artifacts

    def _here(self, place: str, pod: Path) -> Path:
        """Where this machine has what a pod calls by a URI or by a path of its own."""
        if place.startswith("/tmp/"):
            return pod / place.lstrip("/")
        if "://" not in place:
            return Path(place)
        return (self.bucket.folder if self.engine.mounted else pod / self.engine.folder) / _key(place)

    def _in_pod(self, place: str, pod: Path) -> Path:
        """The path by which a pod knows it."""
        return Path(f"/{self.engine.folder}/{_key(place)}") if self.isolated else self._here(place, pod)

    def _given(self, place: str, pod: Path) -> str:
        return place if self.isolated else str(self._here(place, pod))

    def _hand_over(self, *folders: Path) -> None:
        """Gives folders to the pods' user, as the launcher runs as that user."""
        for folder in folders if self.isolated else ():
            for path in (folder, *folder.rglob("*")):
                os.chown(path, pod_view.USER, pod_view.USER)


def _key(uri: str) -> str:
    return uri.split("://", 1)[-1]


def _number(artifact: dict) -> int:
    return int(hashlib.sha256(artifact["uri"].encode()).hexdigest()[:8], 16)


def _parameters(task, given):
    values = {}
    for name, told in task.get("inputs", {}).get("parameters", {}).items():
        pipeline_parameter = told.get("componentInputParameter")
        values[name] = given[pipeline_parameter] if pipeline_parameter else told["runtimeValue"]["constant"]
    return values


def _invocation(inputs, outputs, output_file: str) -> str:
    """Kubeflow's ExecutorInput, which stands for the placeholder of a container's arguments."""
    artifacts = {key: {"artifacts": [artifact]} for key, artifact in outputs.items()}
    return json.dumps({"inputs": inputs, "outputs": {"artifacts": artifacts, "outputFile": output_file}})


def _merge(outputs, output_file: Path, told=None) -> None:
    """Takes over what a program wrote about its outputs, as the launcher does."""
    for key, artifact in (told or {}).items():  # what a driver had said before
        outputs[key]["metadata"] |= artifact["metadata"]
    written = json.loads(output_file.read_text()) if output_file.exists() else {}
    for key, artifacts in written.get("artifacts", {}).items():
        [artifact] = artifacts["artifacts"]
        outputs[key]["uri"] = artifact.get("uri", outputs[key]["uri"])
        outputs[key]["metadata"] = {**outputs[key]["metadata"], **artifact.get("metadata", {})}


def _seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))
