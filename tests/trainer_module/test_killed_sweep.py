"""Sweeps killed at any moment continue where they stopped, and repeated ones are equal. Kills real processes."""

import dataclasses
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiment.config import Schedule
from ledger.ledger import read_ledger

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
FORKED_SWEEPS = Path(__file__).with_name("forked_sweeps.py")
SWEEP = """
import pickle, sys
from trainer_module.tuners.sweep_tuner import SweepTuner
from trainer_module.worker_pools.process_pool import WorkerPool
if __name__ == "__main__":
    with open(sys.argv[1], "rb") as file:
        job = pickle.load(file)
    SweepTuner(WorkerPool(job, job.workers), job.settings).search()
"""
EXECUTIONS = 16
WORKERS = 2


class Sweep:
    """A sweep of 16 executions in a folder of its own, to be run as often as wanted."""

    def __init__(self, folder, job, workers=WORKERS):
        folder.mkdir()
        settings = job.settings.model_copy(update={"ledger_dir": folder / "ledgers", "draws": 4})
        self.job, self.log, self.notes = folder / "job.pickle", folder / "log", folder / "notes"
        with self.job.open("wb") as file:
            pickle.dump(dataclasses.replace(job, settings=settings, workers=workers), file)
        self.ledgers, self.workers = folder / "ledgers", workers

    @property
    def content(self):
        """What the ledger's file holds; empty before it is written."""
        return b"".join(path.read_bytes() for path in self.ledgers.glob("*.jsonl"))

    def whole_rows(self):
        """Rows whose line has an end; -1 before there is a header."""
        return self.content.count(b"\n") - 1

    def wait_for_rows(self, count, still_runs):
        deadline = time.monotonic() + 240
        while self.whole_rows() < count and time.monotonic() < deadline and still_runs():
            time.sleep(0.005)

    def results(self):
        """All that the ledger's rows say but seconds, by key."""
        [path] = self.ledgers.glob("*.jsonl")
        read_ledger(path)  # checks the digests
        rows = [json.loads(line)["row"] for line in self.content.splitlines()[1:]]
        found = {row["key"]: {name: value for name, value in row.items() if name != "seconds"} for row in rows}
        assert len(rows) == len(found) == EXECUTIONS
        return found

    def noted(self, kind):
        """(process, cell and draw) of each execution that was `begun` or `ended`, in order."""
        lines = self.notes.read_text().splitlines() if self.notes.exists() else []
        return [tuple(line.split(" ", 2)[1:]) for line in lines if line.startswith(kind)]


class Forker:
    """Starts sweeps as forks of a process that has imported TensorFlow, which is most of what a start costs."""

    def __init__(self):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
        self.process = subprocess.Popen([sys.executable, str(FORKED_SWEEPS)], cwd=ROOT, **pipes)

    def start(self, sweep):
        """Returns the id of the sweep's process, which is that of its group too."""
        print(sweep.job, sweep.log, sweep.notes, file=self.process.stdin)
        return int(self.process.stdout.readline())

    def status(self):
        """What the process that was started last ended with: 0, or the signal that killed it."""
        return int(self.process.stdout.readline())

    def finish(self, sweep):
        self.start(sweep)
        assert self.status() == 0, sweep.log.read_text()


@pytest.fixture(scope="module")
def forker():
    forker = Forker()
    yield forker
    forker.process.stdin.close()
    assert forker.process.wait(60) == 0


@pytest.fixture
def make_sweep(job, tmp_path):
    return lambda name, **changes: Sweep(tmp_path / name, job, **changes)


@pytest.fixture(scope="module")
def job(small_job):
    """Trainings of a small network that are long enough to be killed in."""
    settings = small_job.settings.model_copy(update={"schedule": Schedule(epochs=40, batch_size=16)})
    return dataclasses.replace(small_job, settings=settings)


@pytest.fixture(scope="module")
def never_killed(forker, job, tmp_path_factory):
    """Results of the sweep when nothing happens to it, and the seconds that it took."""
    sweep = Sweep(tmp_path_factory.mktemp("never_killed") / "sweep", job)
    began = time.monotonic()
    forker.finish(sweep)
    return sweep.results(), time.monotonic() - began


@pytest.mark.exhaustive  # test_process_pool.py compares one worker with two, test_determinism.py whole processes
def test_the_same_sweep_in_other_processes_and_one_worker_gives_the_same_rows_bit_for_bit(
    forker, make_sweep, never_killed
):
    sweep = make_sweep("again", workers=1)
    forker.finish(sweep)
    assert sweep.results() == never_killed[0]


def test_a_sweep_whose_first_process_alone_is_killed_keeps_what_it_had_written(
    programs, make_sweep, never_killed, tmp_path
):
    """Each run has a fork server of its own, as a user's has; what workers do whose parent is gone is lost."""
    (tmp_path / "sweep.py").write_text(SWEEP)

    def start():
        command = [sys.executable, str(tmp_path / "sweep.py"), str(sweep.job)]
        with sweep.log.open("wb") as log:
            return programs.start(command, ROOT, os.environ, log, log)

    sweep = make_sweep("orphans")
    process = start()
    sweep.wait_for_rows(4, lambda: process.poll() is None)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, sweep.log.read_text()
    kept = sweep.content[: sweep.content.rfind(b"\n") + 1]

    again = start()
    assert again.wait() == 0, sweep.log.read_text()
    assert sweep.content.startswith(kept) and len(sweep.content) > len(kept)
    assert sweep.results() == never_killed[0]


@dataclasses.dataclass
class Lost:
    """What kills cost: executions in flight, results on their way to the ledger, and rows cut short."""

    kills: int = 0
    in_flight: int = 0
    on_the_way: int = 0
    cut_short: int = 0


def kill_at_a_random_moment(forker, sweep, dice, seconds):
    """Runs the sweep and kills its whole process group, at most four rows on and before the last row but one.

    Returns whether the kill came before the sweep's end.
    """
    before = sweep.whole_rows()
    target = dice.randrange(before, min(before + 4, EXECUTIONS - 1))
    group = forker.start(sweep)
    sweep.wait_for_rows(target, lambda: Path(f"/proc/{group}").exists())
    # Half of the time goes before the first row.
    time.sleep(dice.random() * seconds * (0.5 if target == before else 0.5 / EXECUTIONS))
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        assert forker.status() == 0
        return False
    return forker.status() == signal.SIGKILL


def killed(forker, sweep, dice, seconds, lost):
    """One kill more, and a look at what it left."""
    kept, rows = sweep.content, max(0, sweep.whole_rows())
    begun, ended = len(sweep.noted("begun")), len(sweep.noted("ended"))
    if not kill_at_a_random_moment(forker, sweep, dice, seconds):
        return
    assert sweep.content.startswith(kept[: kept.rfind(b"\n") + 1])
    begun, ended = sweep.noted("begun")[begun:], sweep.noted("ended")[ended:]
    in_flight = set(begun) - set(ended)
    on_the_way = len(ended) - (max(0, sweep.whole_rows()) - rows)
    assert on_the_way >= 0 and len(in_flight) + on_the_way <= sweep.workers  # at most one a worker
    lost.kills += 1
    lost.in_flight += len(in_flight)
    lost.on_the_way += on_the_way


def cut_last_row(sweep, dice):
    """Leaves of the last row what a kill amid its writing would; returns how many bytes that is."""
    [path] = sweep.ledgers.glob("*.jsonl")
    whole = sweep.content[: sweep.content.rfind(b"\n") + 1]
    start = whole.rfind(b"\n", 0, -1) + 1
    left = dice.randrange(1, len(whole) - start)
    os.truncate(path, start + left)
    return left


def kill_and_finish(forker, sweep, dice, kills, never_killed):
    """Kills the sweep again and again until it is all but done, lets it end, and compares it; returns what was lost."""
    expected, seconds = never_killed
    lost, left = Lost(), 0
    while lost.kills < kills and sweep.whole_rows() < EXECUTIONS - 1:
        killed(forker, sweep, dice, seconds, lost)
    if sweep.whole_rows() > 0:
        left, lost.cut_short = cut_last_row(sweep, dice), 1
    forker.finish(sweep)
    assert sweep.results() == expected
    repeated = len(sweep.noted("begun")) - EXECUTIONS
    assert repeated == lost.in_flight + lost.on_the_way + lost.cut_short
    assert (f"the last row is incomplete ({left} bytes)" in sweep.log.read_text()) == bool(left)
    print(f"{sweep.workers} workers: {lost}, repeated {repeated}")
    return lost


ALL = [pytest.mark.exhaustive, pytest.mark.timeout(7200)]


@pytest.mark.parametrize(
    ("number", "kills", "workers"),
    [(100, 2, WORKERS), pytest.param(0, 15, 1, marks=ALL), pytest.param(1, 15, WORKERS, marks=ALL)],
    ids=["two", "fifteen, one worker", "fifteen"],
)
def test_sweeps_killed_at_random_moments_end_with_the_ledger_of_one_never_killed(
    forker, make_sweep, never_killed, number, kills, workers
):
    """SIGKILL to the whole process group, kill upon kill; then the same command is left alone."""
    dice, total = random.Random(number), 0
    for sweeps in range(kills):
        sweep = make_sweep(f"killed{sweeps}", workers=workers)
        total += kill_and_finish(forker, sweep, dice, min(6, kills - total), never_killed).kills
        if total == kills:
            break
    assert total == kills
