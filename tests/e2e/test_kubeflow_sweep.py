"""The Jobs of manifests/sweep.yaml as pods: a chief that is restarted, a worker that is killed, one that is slow.

Pods share the network and the volume, and nothing else: each has its own file system and user (cluster/pod_view.py).
"""

import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import yaml

from tests.e2e.cluster import pod_view
from tests.e2e.cluster.pod_process import ROOT, environment, start_new

pytestmark = [pytest.mark.e2e, pytest.mark.exhaustive, pytest.mark.timeout(1500)]

MANIFEST = ROOT / "kubeflow" / "manifests" / "sweep.yaml"


class SweepPods:
    """Pods of the manifest's Jobs, with a folder as the volume.

    Args:
      experiment: whose data and settings they get.
      folder: of the pods and the volume; made here.
    """

    def __init__(self, experiment, folder: Path):
        self.folder, self.volume = folder, folder / "volume"
        shutil.copytree(experiment.data, self.volume / "data" / "cifar10")
        settings = yaml.safe_load(experiment.config.read_text())
        del settings["workspace"], settings["runs"], settings["data"]["path"]  # the pods' own; the shape stays
        (self.volume / "experiment.yaml").write_text(yaml.safe_dump({**settings, "name": "experiment"}))
        jobs = [found for found in yaml.safe_load_all(MANIFEST.read_text()) if found["kind"] == "Job"]
        self.containers = {job["metadata"]["name"]: job["spec"]["template"]["spec"]["containers"][0] for job in jobs}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = str(free.getsockname()[1])
        self.processes: list[subprocess.Popen] = []
        for path in (self.volume, *self.volume.rglob("*")):
            os.chown(path, pod_view.USER, pod_view.USER)

    @property
    def ledgers(self) -> Path:
        return self.volume / "thaw-experiment" / "ledgers"

    def rows_of(self, worker: str) -> int:
        """Trainings that a worker has written, all the times that it joined."""
        return sum(path.read_bytes().count(b"\n") - 1 for path in self.ledgers.glob(f"*/{worker}-*.jsonl"))

    def start(self, job: str, index: int = 0) -> subprocess.Popen:
        """Starts a pod of the Job, or the one with the index, as its container says."""
        container = self.containers[job]
        variables = {told["name"]: self._told(told.get("value", str(index)), index) for told in container["env"]}
        command = [self._told(part, index) for part in (*container["command"], *container["args"])]
        pod = self.folder / "pods" / f"{job}-{index}-{len(self.processes)}"
        for folder in (pod / "root", pod / "tmp"):
            folder.mkdir(parents=True)
        os.chown(pod / "tmp", pod_view.USER, pod_view.USER)
        [mount] = container["volumeMounts"]
        read = [Path(sys.base_prefix), Path(sys.prefix).resolve(), ROOT]
        view = pod_view.view_of(pod / "root", read, {"/tmp": pod / "tmp", mount["mountPath"]: self.volume})
        with (pod / "log.txt").open("wb") as log:
            process = start_new(command, pod, environment(ROOT) | variables, log, log, view)
        self.processes.append(process)
        return process

    def _told(self, value: str, index: int) -> str:
        """A value of the manifest, with what Kubernetes fills in; all pods are at one address here."""
        value = value.replace("$(JOB_COMPLETION_INDEX)", str(index))
        return {"python": sys.executable, "8000": self.port, "thaw-chief": "127.0.0.1"}.get(value, value)

    def log(self) -> str:
        """What the pods printed, in the order of their starts."""
        logs = sorted(self.folder.glob("pods/*/log.txt"), key=lambda path: int(path.parent.name.rpartition("-")[2]))
        return "\n".join(f"== {path.parent.name}\n{path.read_text()[-2000:]}" for path in logs)

    def clean_up(self) -> None:
        """Kills every pod."""
        for process in self.processes:
            kill(process)


def kill(process: subprocess.Popen) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def slow_down(process: subprocess.Popen) -> None:
    """Lets a pod run for a fifth of the time, until it has ended."""
    with contextlib.suppress(ProcessLookupError):
        for signal_number, seconds in itertools.cycle(((signal.SIGSTOP, 0.4), (signal.SIGCONT, 0.1))):
            os.killpg(process.pid, signal_number)
            time.sleep(seconds)
            if process.returncode is not None:
                return


@pytest.fixture
def pods(experiment, tmp_path):
    if not pod_view.can_enter():
        pytest.skip("needs root, and a root file system whose mounts can be made private")
    pods = SweepPods(experiment, tmp_path)
    yield pods
    pods.clean_up()


def wait_until(happened, chief: subprocess.Popen, pods: SweepPods) -> None:
    while not happened():
        assert chief.poll() is None, pods.log()
        time.sleep(0.02)


def test_nothing_is_lost_when_a_worker_is_killed_one_is_slow_and_the_chief_restarts(experiment, first_run, pods):
    chief = pods.start("thaw-chief")
    workers = [pods.start("thaw-workers", index) for index in range(3)]
    threading.Thread(target=slow_down, args=(workers[2],), daemon=True).start()
    wait_until(lambda: pods.rows_of("tuner0"), chief, pods)
    kill(workers[0])
    again = pods.start("thaw-workers", 0)
    rows = pods.rows_of("tuner1")
    wait_until(lambda: pods.rows_of("tuner1") > rows, chief, pods)
    kill(chief)
    chief = pods.start("thaw-chief")
    assert chief.wait() == 0, pods.log()
    assert [process.poll() for process in (again, *workers[1:])] == [None] * 3, pods.log()
    mine = experiment.ledgers()
    trained = {}
    for path in pods.ledgers.glob("*.jsonl"):
        rows = [json.loads(line)["row"] for line in path.read_bytes().splitlines()[1:]]
        trained |= {row["key"]: {**row, "seconds": 0} for row in rows}
        assert len({row["key"] for row in rows}) == len(rows), path.name
    every = {key: row for rows in mine.values() for key, row in rows.items()}
    assert len(trained) >= 24 and trained == {key: every[key] for key in trained}
    assert min(map(pods.rows_of, ("tuner0", "tuner1"))) >= 1
    here = json.loads((first_run.folder / "summary.json").read_text())["pushed"]
    there = json.loads((pods.volume / "runs" / "latest" / "summary.json").read_text())["pushed"]
    assert (there.get("blessed"), there.get("transfer")) == (here["blessed"], here["transfer"])
