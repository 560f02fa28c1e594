"""Runs sweeps in processes forked from this one, which has imported TensorFlow and never used it. A script for tests.

Each line of standard input is a pickled job's path, a file for what the sweep prints, and one for notes of what it
trains; the answers are the process's id when it starts and its exit status when it has ended. It leads a process
group of its own, in which its workers are.
"""

import dataclasses
import multiprocessing
import os
import pickle
import sys

from trainer_module.processes import fork_server
from trainer_module.sweep.job import SweepJob
from trainer_module.tuners.sweep_tuner import SweepTuner
from trainer_module.worker_pools.process_pool import WorkerPool

# Forked from here, workers cost no second import of TensorFlow and belong to the sweep's group.
fork_server.CONTEXT = multiprocessing.get_context("fork")
fork_server.start = lambda: None


@dataclasses.dataclass(frozen=True)
class NotedJob(SweepJob):
    """A job whose workers note when an execution begins and ends."""

    notes: str = ""

    def build(self):
        engine = super().build()
        run, file = engine.run, os.open(self.notes, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

        def noted(cell, draw):
            os.write(file, f"begun {os.getpid()} {cell} {draw}\n".encode())
            execution = run(cell, draw)
            os.write(file, f"ended {os.getpid()} {cell} {draw}\n".encode())
            return execution

        engine.run = noted
        return engine


def sweep(job_path, log_path, notes_path):
    os.setsid()
    log = os.open(log_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(log, 1)
    os.dup2(log, 2)
    with open(job_path, "rb") as file:
        job = pickle.load(file)
    values = {field.name: getattr(job, field.name) for field in dataclasses.fields(job)}
    SweepTuner(WorkerPool(NotedJob(**values, notes=notes_path), job.workers), job.settings).search()


if __name__ == "__main__":
    for line in iter(sys.stdin.readline, ""):
        if not (pid := os.fork()):
            sweep(*line.split())
            sys.stdout.flush()
            os._exit(0)
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)
