"""Which runs there are, and what `latest` means where there is no link. Imports no TensorFlow."""

from pipeline.runs.run_files import STARTED_FILE, SUMMARY_FILE, finished_runs, latest_run, unfinished_run
from thaw.options import find_run


def make_runs(folder, *names):
    for name in names:
        (folder / name).mkdir(parents=True)
        (folder / name / "summary.json").write_text("{}")


def test_finished_runs_are_ordered_by_time_and_number(tmp_path):
    names = ["20261124-110000-quick", "20261124-110000-quick-2", "20261124-110000-quick-10", "20261125-100000-a"]
    make_runs(tmp_path, *reversed(names))
    (tmp_path / "20261126-100000-quick").mkdir()  # not finished
    make_runs(tmp_path, ".20261127-110000-quick.partial")
    assert finished_runs(tmp_path) == names
    assert finished_runs(tmp_path / "nowhere") == []


def test_without_a_link_latest_is_the_newest_finished_run(tmp_path):
    make_runs(tmp_path, "20261124-110000-quick", "20261124-110000-quick-2")
    assert find_run("latest", tmp_path).name == "20261124-110000-quick-2"


def test_a_link_decides_what_latest_is_unless_it_leads_nowhere(tmp_path):
    make_runs(tmp_path, "20261124-110000-quick", "20261125-110000-quick")
    (tmp_path / "latest").symlink_to("20261124-110000-quick")
    assert find_run("latest", tmp_path).name == "20261124-110000-quick"
    (tmp_path / "latest").unlink()
    (tmp_path / "latest").symlink_to("gone")
    assert find_run("latest", tmp_path).name == "20261125-110000-quick"


def test_a_copy_named_latest_counts_only_where_it_is_alone(tmp_path):
    make_runs(tmp_path, "latest")
    assert latest_run(tmp_path) == tmp_path / "latest"
    make_runs(tmp_path, "20261125-110000-quick")
    assert latest_run(tmp_path) == tmp_path / "20261125-110000-quick"


def test_a_run_that_was_stopped_is_found_by_name_and_as_the_latest_while_it_is_the_newest(tmp_path):
    done, stopped = tmp_path / "20261124-100000-quick", tmp_path / "20261125-100000-quick"
    assert unfinished_run("latest", tmp_path / "none") is None
    for folder in (done, stopped):
        folder.mkdir()
        (folder / STARTED_FILE).write_text("{}")
    (done / SUMMARY_FILE).write_text("{}")
    assert unfinished_run("latest", tmp_path) == unfinished_run(stopped.name, tmp_path) == stopped
    assert unfinished_run(str(stopped), tmp_path) == stopped
    assert unfinished_run(done.name, tmp_path) is None
    newer = tmp_path / "20261126-100000-tiny"
    newer.mkdir()
    for name in (STARTED_FILE, SUMMARY_FILE):
        (newer / name).write_text("{}")
    assert unfinished_run("latest", tmp_path) is None
