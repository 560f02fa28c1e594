"""Sweeps killed at any moment go on where they stopped, and repeated ones are equal. Kills real processes."""

import contextlib
import dataclasses
import json
import os
import pickle
import random
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from trainer_module.ledger import read_ledger

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
FORKED_SWEEPS = Path(__file__).with_name("forked_sweeps.py")
SWEEP = """
import pickle, sys
from trainer_module.sweep_tuner import SweepTuner
from trainer_module.workers import WorkerPool
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
        self.ledgers = folder / "ledgers"

    @property
    def ledger(self):
        return next(iter(self.ledgers.glob("*.jsonl")), None)

    def whole_rows(self):
        return self.ledger.read_bytes().count(b"\n") - 1 if self.ledger else -1

    def begun(self):
        """The executions that were begun, as often as they were."""
        return self.notes.read_text().splitlines() if self.notes.exists() else []

    def cut_short(self):
        """Bytes behind the ledger's last newline."""
        content = self.ledger.read_bytes() if self.ledger else b""
        return len(content) - content.rfind(b"\n") - 1

    def cut_last_row(self, dice):
        """Takes bytes from the last row, as a kill amid its writing would."""
        content = self.ledger.read_bytes()
        start = content.rfind(b"\n", 0, -1) + 1
        os.truncate(self.ledger, dice.randrange(start + 1, len(content)))

    def wait_for_rows(self, count, still_runs):
        deadline = time.monotonic() + 240
        while self.whole_rows() < count and time.monotonic() < deadline and still_runs():
            time.sleep(0.005)

    def results(self):
        """All that the ledger says but seconds and the digests over them, by key."""
        read_ledger(self.ledger)
        rows = [json.loads(line)["row"] for line in self.ledger.read_bytes().splitlines()[1:]]
        found = {row["key"]: {name: value for name, value in row.items() if name != "seconds"} for row in rows}
        assert len(rows) == len(found) == EXECUTIONS
        return found


class Forker:
    """Starts sweeps as forks of a process that has imported TensorFlow, which is most of what a start costs."""

    def __init__(self):
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "bufsize": 1}
        self.process = subprocess.Popen([sys.executable, str(FORKED_SWEEPS)], cwd=ROOT, **pipes)

    def start(self, sweep):
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
def make_sweep(baseline_job, tmp_path):
    return lambda name, **changes: Sweep(tmp_path / name, baseline_job, **changes)


@pytest.fixture(scope="module")
def never_killed(forker, baseline_job, tmp_path_factory):
    """Results of the sweep when nothing happens to it, and the seconds that it took."""
    sweep = Sweep(tmp_path_factory.mktemp("never_killed") / "sweep", baseline_job)
    began = time.monotonic()
    forker.finish(sweep)
    return sweep.results(), time.monotonic() - began


def start_afresh(sweep):
    """Starts the sweep in a process of its own that shares nothing with any other."""
    command = [sys.executable, "-c", SWEEP, str(sweep.job)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def test_the_same_sweep_in_other_processes_and_one_worker_gives_the_same_rows_bit_for_bit(
    forker, make_sweep, never_killed
):
    sweep = make_sweep("again", workers=1)
    forker.finish(sweep)
    assert sweep.results() == never_killed[0]


def test_a_sweep_whose_first_process_was_killed_repeats_nothing_that_it_had_written(make_sweep, never_killed):
    """The workers are left behind without it. Each run starts from nothing, so that every row is a repeated one."""
    sweep = make_sweep("orphans")
    process = start_afresh(sweep)
    sweep.wait_for_rows(4, lambda: process.poll() is None)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, process.communicate()[1]
    before = sweep.ledger.read_bytes()
    kept = before[: before.rfind(b"\n") + 1]

    again = start_afresh(sweep)
    _, errors = again.communicate(timeout=300)
    assert again.returncode == 0, errors
    after = sweep.ledger.read_bytes()
    assert after.startswith(kept) and len(after) > len(kept)
    assert sweep.results() == never_killed[0]


ALL = pytest.param(30, marks=[pytest.mark.exhaustive, pytest.mark.timeout(7200)], id="all")


@pytest.mark.parametrize("wanted", [pytest.param(3, id="some"), ALL])
def test_sweeps_killed_at_random_moments_with_all_their_workers_end_as_if_never_killed(
    forker, make_sweep, never_killed, wanted
):
    """Each sweep is killed three times, and the last row that a kill leaves is cut short at times."""
    results, seconds = never_killed
    kills = cuts = repeated = 0
    while kills < wanted:
        dice = random.Random(kills)
        sweep = make_sweep(f"after {kills} kills".replace(" ", "_"))
        counts = kill_three_times(forker, sweep, dice, seconds)
        forker.finish(sweep)
        assert sweep.results() == results
        begun = len(sweep.begun()) - EXECUTIONS - counts["cuts"]
        assert begun <= WORKERS * counts["kills"], sweep.begun()
        assert re.findall(r"cut short \((\d+) bytes\); dropped", sweep.log.read_text()) == counts["bytes"]
        kills, cuts, repeated = kills + counts["kills"], cuts + counts["cuts"], repeated + begun
        print(f"{kills} kills, {cuts} cuts, {repeated} executions repeated")


def kill_three_times(forker, sweep, dice, seconds):
    """Counts of what happened: a sweep may end before it is killed for the third time."""
    counts = {"kills": 0, "cuts": 0, "bytes": []}
    for rows in sorted(dice.choices(range(-1, EXECUTIONS), k=3)):
        group = forker.start(sweep)
        sweep.wait_for_rows(rows, lambda group=group: Path(f"/proc/{group}/exe").exists())
        # Reading, building and the first training take most of the time.
        time.sleep(dice.random() * seconds * (0.4 if rows < 1 else 0.03))
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        if forker.status() == 0:
            break
        counts["kills"] += 1
        if sweep.whole_rows() > 0 and not sweep.cut_short() and dice.random() < 0.5:
            sweep.cut_last_row(dice)
            counts["cuts"] += 1
        counts["bytes"] += [str(left) for left in [sweep.cut_short()] if left]
    return counts
