"""Runs whose folder is taken or read-only, whose disk fills up, or whose clock goes back. The real command line."""

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

# Every five seconds the time of day jumps back by an hour, and after eight such jumps forward again.
CLOCK = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static int real(clockid_t id, struct timespec *now) {
  static int (*call)(clockid_t, struct timespec *);
  if (!call) call = dlsym(RTLD_NEXT, "clock_gettime");
  return call(id, now);
}

int clock_gettime(clockid_t id, struct timespec *now) {
  struct timespec since_start;
  int failed = real(id, now);
  if (!failed && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE)) {
    real(CLOCK_MONOTONIC, &since_start);
    now->tv_sec -= 3600 * (since_start.tv_sec / 5 % 8);
  }
  return failed;
}

int gettimeofday(struct timeval *now, void *zone) {
  struct timespec exact;
  int failed = clock_gettime(CLOCK_REALTIME, &exact);
  now->tv_sec = exact.tv_sec;
  now->tv_usec = exact.tv_nsec / 1000;
  return failed;
}

time_t time(time_t *out) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (out) *out = now.tv_sec;
  return now.tv_sec;
}
"""
AGAIN_AND_AGAIN = "now->tv_sec -= 3600 * (since_start.tv_sec / 5 % 8);"
ONCE = 'if (!access(getenv("SET_BACK"), F_OK)) now->tv_sec -= 36000;'
"""Ten hours, from when there is a file."""
SMALL = ("--set", "sizes=[10]", "--set", "freeze_counts={remastered: [6]}", "--set", "draws=1")


@pytest.fixture
def read_only_disk(small_disk):
    """A file system that nobody can write to, root included."""
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    return small_disk


@pytest.mark.parametrize("place", ["workspace", "runs"])
def test_a_folder_that_is_read_only_is_named_before_any_node(experiment, read_only_disk, place):
    finished = experiment.run("--set", f"{place}={read_only_disk / 'new'}")
    assert finished.returncode == 1 and "[1/" not in finished.stdout and "Traceback" not in finished.stderr
    assert f"Can't use the folder {read_only_disk}" in finished.stderr and "Read-only file system" in finished.stderr


def test_a_second_run_in_the_folder_of_one_that_goes_on_is_refused(make_experiment):
    experiment = make_experiment("taken")
    command = [sys.executable, str(experiment.runner), "--config", str(experiment.config), *SMALL]
    with (experiment.folder / "first.txt").open("w+") as output:
        first = experiment.programs.start(command, experiment.folder, experiment.environment, output, output)
        try:
            while "[1/" not in (printed := Path(output.name).read_text()):
                assert first.poll() is None, printed
                time.sleep(0.02)
            second = experiment.run(*SMALL)
        finally:
            os.killpg(first.pid, signal.SIGKILL)
            first.wait()
    assert second.returncode == 1 and "[1/" not in second.stdout
    assert f"Another command works in {experiment.metadata.parent}: a run, process {first.pid}" in second.stderr


def compiled(code, folder):
    """The path of a shared library."""
    (folder / "clock.c").write_text(code)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "clock.so", folder / "clock.c", "-ldl"], check=True)
    return str(folder / "clock.so")


@pytest.mark.exhaustive
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler for a clock of our own")
def test_a_clock_that_is_set_back_gives_a_run_no_time_beyond_its_limit(make_experiment, tmp_path):
    experiment, clock = make_experiment("late_clock"), compiled(CLOCK.replace(AGAIN_AND_AGAIN, ONCE), tmp_path)
    process = experiment.start("--minutes", "0.01", LD_PRELOAD=clock, SET_BACK=str(tmp_path / "set_back"))
    while not (line := process.stdout.readline()).startswith("[5/"):
        assert line, "the run ended before its fifth node"
    (tmp_path / "set_back").touch()
    output, _ = process.communicate()
    assert process.returncode == 0, output
    summary = json.loads((experiment.folder / "runs" / "latest" / "summary.json").read_text())
    # The plan has time for one draw of two; the limit leaves one cell of each size.
    assert summary["not_trained"]["same_classes__remastered"] > summary["planned_trainings"] / 3
    assert summary["seconds_total"] > 0


@pytest.mark.exhaustive
@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler for a clock of our own")
def test_a_clock_that_goes_backwards_changes_no_result_and_a_second_run_neither(make_experiment, tmp_path):
    clock = compiled(CLOCK, tmp_path)
    whole, experiment = make_experiment("whole"), make_experiment("odd_clock")
    undisturbed, process = whole.start(*SMALL), experiment.start(*SMALL, LD_PRELOAD=clock)
    while not (line := process.stdout.readline()).startswith("[5/"):
        assert line, "the run ended before its fifth node"
    second = experiment.run(*SMALL)
    assert second.returncode == 1 and "Another command works in" in second.stderr
    for running in (process, undisturbed):
        output, _ = running.communicate()
        assert running.returncode == 0, output
    assert len(whole.ledgers()) == 2 and experiment.ledgers() == whole.ledgers()
    again = experiment.run(*SMALL, "--set", "draws=2")
    assert again.returncode == 0, again.stderr
    for name, rows in experiment.ledgers().items():
        assert whole.ledgers()[name].items() <= rows.items() and len(rows) == 2 * len(whole.ledgers()[name])


@pytest.fixture
def disk(tmp_path):
    """A file system of 1 GiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1g", "tmpfs", folder], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"can't mount a tmpfs here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def fill(disk):
    """Takes every free block; returns the file that holds them."""
    with (disk / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 16))
    return disk / "filler"


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
def test_a_run_whose_disk_fills_up_ends_with_words_and_goes_on_when_there_is_room(make_experiment, disk):
    whole, experiment = make_experiment("whole"), make_experiment("full")
    there = (*SMALL, "--set", f"workspace={disk / 'workspace'}")
    undisturbed = whole.start(*SMALL)
    for node in (2, 7, 11, 15):
        process = experiment.start(*there)
        while not (line := process.stdout.readline()).startswith(f"[{node}/"):
            assert line, f"the run ended before node {node}"
        filler = fill(disk)
        output, _ = process.communicate()
        filler.unlink()
        assert process.returncode == 1 and "Traceback" not in output, output
        assert re.search(r"\nthaw: \S+: (the disk is full|.*No space left on device)", output), output
    finished = experiment.start(*there)
    output, _ = finished.communicate()
    assert finished.returncode == 0, output
    output, _ = undisturbed.communicate()
    assert undisturbed.returncode == 0, output
    assert len(whole.ledgers()) == 2
    assert experiment.ledgers(disk / "workspace") == whole.ledgers()
