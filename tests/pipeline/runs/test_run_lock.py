"""One run at a time in a folder, and folders that can't be written. Starts real processes, no TensorFlow."""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from experiment.errors import ThawError
from experiment.loading import PRESETS, load_config
from pipeline.runner import launch
from pipeline.runs import run_folder
from pipeline.runs.run_lock import check_no_pattern, check_writable, has_run, locked

QUICK = PRESETS / "quick.yaml"
HOLDER = """
import sys, time
from pathlib import Path
from pipeline.runs.run_lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path):
    """A process that holds the folder."""
    root = Path(__file__).parents[3]
    command = [sys.executable, "-c", HOLDER, str(tmp_path / "work")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=root)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_folder_has_run_while_a_run_works_there_and_looking_takes_nothing(holder, tmp_path):
    assert has_run(tmp_path / "work")
    holder.kill()
    holder.wait()
    assert not has_run(tmp_path / "work")
    assert not has_run(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()


def test_a_full_disk_is_named(small_disk):
    with (small_disk / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    with (
        pytest.raises(ThawError, match=r"Can't use the folder .*: No space left on device\..* make room"),
        locked(small_disk),
    ):
        pass
    (small_disk / "filler").unlink()
    with locked(small_disk, searching=True):
        assert (small_disk / "run.lock").read_text().startswith("`thaw search`, process ")


def test_a_run_that_begins_while_another_process_looks_is_not_refused(tmp_path):
    """`thaw status` may be called every second by a program."""
    with locked(tmp_path):
        pass
    code = "import sys; from pathlib import Path; from pipeline.runs.run_lock import has_run; print(flush=True)\n"
    code += "while True: has_run(Path(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3]) as looking:
        looking.stdout.readline()
        try:
            for _ in range(200):
                with locked(tmp_path):
                    pass
        finally:
            looking.kill()


def test_a_second_run_in_the_same_folder_is_refused_and_told_of_the_first(holder, tmp_path):
    message = rf"Another command works in .*work: a run, process {holder.pid} on .*workspace="
    with pytest.raises(ThawError, match=message), locked(tmp_path / "work"):
        pytest.fail("both hold it")
    with locked(tmp_path / "elsewhere"):
        pass


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_was_killed_holds_nothing_any_more(holder, tmp_path, number):
    os.kill(holder.pid, number)
    holder.wait()
    with locked(tmp_path / "work"):
        assert f"process {os.getpid()} on" in (tmp_path / "work" / "run.lock").read_text()
    with locked(tmp_path / "work"):
        pass


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/thaw")):
        with pytest.raises(ThawError, match=rf"Can't use the folder {folder}: .*permissions"):
            check_writable(folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_read_only_folder_is_named(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(ThawError, match="Permission denied"):
        check_writable(tmp_path)


def test_runs_that_begin_at_the_same_time_by_the_clock_have_folders_of_their_own(tmp_path, monkeypatch):
    """As after the clock was set back, or when two runs start within a second."""

    class Stopped(run_folder.datetime.datetime):
        @classmethod
        def now(cls, tz=None):
            return cls(2022, 1, 1)

    monkeypatch.setattr(run_folder.datetime, "datetime", Stopped)
    config = load_config(QUICK, (f"runs={tmp_path}/runs",))
    names = [run_folder.new_run_folder(config, "photos").name for _ in range(3)]
    assert names == ["20220101-000000-quick", "20220101-000000-quick-2", "20220101-000000-quick-3"]


@pytest.mark.parametrize("name", ["a [2024]", "a*", "what?", "back\\slash"])
def test_folders_that_libraries_take_for_patterns_are_refused_before_anything_is_written(tmp_path, name):
    with pytest.raises(ThawError, match=r"(?s)Can't use .*read a path .* as a pattern.*--set workspace="):
        check_writable(tmp_path / name)
    for setting in ("workspace", "runs"):
        config = load_config(QUICK, (f"{setting}='{tmp_path / name}'", "data.path=/nowhere"))
        with pytest.raises(ThawError, match="Can't use"):
            launch.launch(config, tmp_path, {}, plan_only=True)
    assert list(tmp_path.iterdir()) == []


def test_a_root_in_a_store_is_no_pattern_either(tmp_path):
    config = load_config(QUICK, ("pipeline_root='s3://bucket/thaw [2]'", "data.path=/nowhere"))
    with pytest.raises(ThawError, match=r"Can't use s3://bucket/thaw \[2\]: it contains \["):
        launch.launch(config, tmp_path, {}, plan_only=True)


@pytest.mark.parametrize("place", [Path("/a/b{x,y} 日本 50% ~ (1)]"), "gs://bucket/a b", ""])
def test_other_characters_are_taken(place):
    check_no_pattern(place)
