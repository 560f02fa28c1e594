"""The command `thaw` as a process: its help, JSON, exit codes. Trains nothing."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from experiment.changes import changed
from experiment.loading import PRESETS, load_config
from pipeline.runs import run_folder
from thaw.options import typed_command
from thaw.results import least_of

pytestmark = pytest.mark.slow  # starts processes

ROOT = Path(__file__).parents[2]
SUMMARY = {
    "experiment": "quick", "data": "CIFAR-10", "synthetic": False, "winner": "a", "left_out": {},
    "collapsed": [], "advice": [], "diverged": [],
    "worse_on_val": [], "target": {}, "stack": {}, "pushed": {"blessed": False}, "closing_table": [],
    "target_classes": ["automobile", "truck"], "ml_metadata": {"store": "metadata.sqlite", "run_context": 1},
}  # fmt: skip


@pytest.fixture
def thaw(programs, tmp_path):
    """A function that runs the command in an empty folder."""
    entry = [sys.executable, str(ROOT / "thaw_entry.py")]
    return lambda *arguments: programs.run([*entry, *arguments], tmp_path, os.environ)


COMMANDS = ["doctor", "data", "init", "plan", "run", "status", "report", "labels", "compare", "advise", "search",
            "tflite"]  # fmt: skip


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_teaches_its_use(thaw, command):
    done = thaw(command, "--help")
    assert done.returncode == 0 and "Usage:" in done.stdout
    assert f"Examples:\n    thaw {command}" in done.stdout


def test_commands_are_listed_in_the_order_of_their_use_none_cut_short(thaw):
    listed = thaw("--help").stdout.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert [line.split()[0] for line in listed] == COMMANDS
    assert not [line for line in listed if line.endswith("...")]


@pytest.mark.parametrize(("place", "on_path", "typed"), [
    ("bin/thaw", False, "bin/thaw"),
    ("-c", False, "thaw"),
    ("{folder}/bin/thaw", True, "thaw"),
    ("{folder}/bin/thaw", False, "{folder}/bin/thaw"),
    ("{folder}/thaw_entry.py", False, "{python} {folder}/thaw_entry.py"),
])  # fmt: skip
def test_commands_that_it_prints_can_be_typed(tmp_path, monkeypatch, place, on_path, typed):
    program = tmp_path / "bin" / "thaw"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    (tmp_path / "thaw_entry.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(program.parent) if on_path else "/nowhere")
    known = {"folder": tmp_path, "python": sys.executable}
    assert typed_command(place.format(**known)) == typed.format(**known)


def test_help_loads_no_tensorflow():
    code = "import sys, thaw.main; print([name for name in ('tensorflow', 'tfx', 'keras') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["plam"], 2, "No such command"),
        (["status", "--colour"], 2, "No such option"),
        (["status", "--set", "colour=red"], 1, "unknown key"),
        (["status", "--config", "x" * 300], 1, "File name too long"),
        (["report", "x" * 300], 1, "File name too long"),
        (["init", "x" * 300], 1, "File name too long"),
        (["init", "~nosuchuser/images"], 1, "~nosuchuser/images does not exist"),
        (["status", "--config", "nowhere.yaml"], 1, "Can't read the configuration nowhere.yaml"),
        (["status", "--config", "quik"], 1, "or a preset's name: controls, quick, report, report-mini, tiny"),
        (["status", "--workers", "0"], 1, "quick.yaml with --set workers=0 is not valid"),
        (["report"], 1, "No run in runs is finished, since there is no such folder (--runs names another). `thaw run`"),
        (["tflite"], 1, "No run in runs is finished"),
        (["labels"], 1, "No run in runs is finished"),
        (["labels", "--accuracy", "95"], 2, "95"),
        (["compare", "a", "b", "--runs", "runz"], 1, "Finished in runz: none, since there is no such folder (--runs"),
        (["init", "nowhere"], 1, "nowhere does not exist"),
        (["init", "nowhere", "--name", "My Flowers"], 1, "such as my_flowers"),
        (["init"], 2, "Missing argument"),
    ],
)
def test_what_goes_wrong_has_its_exit_code_and_a_message(thaw, arguments, code, message):
    done = thaw(*arguments)
    assert (done.returncode, message in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr


def test_status_of_an_experiment_that_never_ran(thaw):
    state = json.loads(thaw("status", "--json").stdout)
    assert state["run"] is None and {one["done"] for one in state["sweeps"]} == {0}
    assert "Nothing ran yet" in thaw("status").stdout


def test_status_says_that_the_newest_run_is_of_another_experiment(thaw, tmp_path):
    config = load_config(PRESETS / "tiny.yaml", (f"runs={tmp_path}/runs", "name=photos"))
    folder = run_folder.new_run_folder(config, "photos")
    asked = ("status", "--set", f"runs={tmp_path}/runs")
    said = (
        "belongs to another experiment, photos. `thaw status --config FILE` shows it, with the file that was given to"
    )
    assert said in thaw(*asked).stdout
    (folder / "config.yaml").write_text("name: photos")
    assert f"photos. `thaw status --config {folder}/config.yaml` shows it." in thaw(*asked).stdout
    assert "another experiment" not in thaw(*asked, "--set", "name=photos").stdout


def test_the_report_of_a_stopped_run_asks_for_the_least_and_for_another_than_that_of_an_earlier_one(thaw, tmp_path):
    config, minutes = load_config(PRESETS / "tiny.yaml", (f"runs={tmp_path}/runs", "budget_minutes=5")), set()
    for folder in (run_folder.new_run_folder(config, "photos") for _ in range(2)):
        least = least_of(folder)
        assert 0 < least.budget_minutes < 0.02
        assert changed(least, budget_minutes=5) == changed(config, workspace=Path("workspace").absolute())
        minutes.add(least.budget_minutes)
    assert len(minutes) == 2
    done = thaw("report", folder.name, "--json")  # a script is told at once
    assert done.returncode == 1 and "not a finished run" in done.stderr


def test_a_report_is_found_by_name_below_runs_and_is_json_for_scripts(thaw, tmp_path):
    folder = tmp_path / "runs" / "20261124-100000-quick"
    folder.mkdir(parents=True)
    (folder / "summary.json").write_text(json.dumps(SUMMARY))
    assert json.loads(thaw("report", folder.name, "--json").stdout) == SUMMARY
    assert str(folder / "report.html") in thaw("report", str(folder)).stdout


def labels_of(*, silent=None, synthetic=False):
    """The labels of a summary, a transfer's curve and that from scratch."""
    sizes, low = [10.0, 100.0, 1000.0], [0.6, 0.7, 0.8]
    curve = {
        "points": [{"n": n, "accuracy": 0.75, "draws": 5, "fresh": True} for n in (10, 20, 50)], "collapsed": [],
        "silent": silent, "sizes": sizes, "low": low, "expected": [0.7, 0.8, 0.9], "high": [0.8, 0.9, 0.96],
        "ahead": [{"times": t, "n": 50 * t, "low": 0.7, "expected": 0.8, "high": 0.9} for t in (2, 5, 20)],
        "images": {"low": 900.0, "expected": None, "high": None},
    }  # fmt: skip
    curves = [{"name": name, **curve} for name in ("a__original", "from scratch")]
    labels = {"n": 50, "level": 0.9, "wished_accuracy": 0.95, "winner": "a__original", "met": None, "curves": curves}
    return {**SUMMARY, "synthetic": synthetic, "data": "[red]photos[/red]", "labels": labels}


def test_labels_answers_another_accuracy_from_the_summary_and_marks_synthetic_data(thaw, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "summary.json").write_text(json.dumps(labels_of(synthetic=True)))
    asked = json.loads(thaw("labels", "run", "--accuracy", "0.8", "--json").stdout)
    assert asked["wished_accuracy"] == 0.8 and asked["synthetic"]
    assert asked["curves"][0]["images"] == pytest.approx({"low": 10, "expected": 100, "high": 1000}, rel=1e-6)
    shown = thaw("labels", "run").stdout
    assert "SYNTHETIC images:" in shown and "[red]photos[/red]" in shown
    assert "For 95.0% it is expected to take more than 1,000 images, as far as the curve is known" in shown


def test_labels_says_why_it_can_say_nothing(thaw, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "summary.json").write_text(json.dumps(labels_of(silent="It was measured only at n = 50.")))
    shown = thaw("labels", "run").stdout
    assert "a__original: no forecast. It was measured only at n = 50." in shown
    assert "from scratch: no forecast." in shown and "80.0%" not in shown


def test_labels_of_a_run_by_an_earlier_thaw_are_refused_with_what_to_do(thaw, tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "summary.json").write_text(json.dumps(SUMMARY))
    done = thaw("labels", "run")
    assert done.returncode == 1 and "has no learning curves" in done.stderr and "again" in done.stderr


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        ("thaw st", "plain,status\n"),
        ("thaw plan --config rep", "plain,report\nplain,report-mini\nfile,rep\n"),
        ("thaw report 2026", "plain,20261124-100000-quick\n"),
        ("thaw compare latest 2026", "plain,20261124-100000-quick\n"),
        ("thaw report --runs elsewhere 2026", ""),
    ],
)
def test_completion_offers_commands_presets_and_finished_runs(tmp_path, words, offered):
    for name, finished in (("20261124-100000-quick", True), ("20261125-100000-quick", False)):
        (tmp_path / "runs" / name).mkdir(parents=True)
        if finished:
            (tmp_path / "runs" / name / "summary.json").write_text("{}")
    asked = {"_THAW_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from thaw.main import cli; cli(prog_name='thaw')"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **asked}, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout.splitlines() == (offered.splitlines() or [""]), done.stderr


SLOW_MODULE = """
import pathlib, time
pathlib.Path(__file__).with_name("begun").touch()
time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
@pytest.mark.parametrize(
    ("program", "module"),
    [(["thaw_entry.py", "plan"], "pydantic"), (["thaw_entry.py", "plan"], "tensorflow"),
     (["local_runner.py"], "pydantic"), (["local_runner.py", "--plan"], "tensorflow")],
)  # fmt: skip
def test_a_signal_while_modules_are_imported_ends_it_with_a_line(tmp_path, program, module, number):
    (tmp_path / f"{module}.py").write_text(SLOW_MODULE)
    command = [sys.executable, str(ROOT / program[0]), *program[1:]]
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, **pipes) as process:
        while not (tmp_path / "begun").exists() and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(number)
        said = process.communicate()[1]
    assert process.returncode == 128 + number, said
    assert said.strip() == "Stopped. Run the same command again: what was finished is not repeated."


@pytest.mark.parametrize("program", [["thaw_entry.py", "plan"], ["local_runner.py", "--plan"]])
def test_a_working_folder_that_was_removed_is_said(tmp_path, program):
    gone = tmp_path / "gone"
    gone.mkdir()
    command = [sys.executable, str(ROOT / program[0]), *program[1:]]
    # Python itself does not start where PYTHONPATH has a relative path and there is no working folder.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    pipe = subprocess.PIPE
    ended = subprocess.run(command, cwd=gone, env=environment, preexec_fn=gone.rmdir, stderr=pipe, text=True)
    assert (ended.returncode, "Traceback" in ended.stderr) == (1, False), ended.stderr
    assert "The working folder of this terminal or job no longer exists" in ended.stderr


def test_ctrl_c_before_signals_are_handled_is_no_traceback(tmp_path):
    (tmp_path / "tempfile.py").write_text(SLOW_MODULE)
    command, pipe = [sys.executable, str(ROOT / "thaw_entry.py"), "plan"], subprocess.PIPE
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stderr=pipe, text=True) as process:
        while not (tmp_path / "begun").exists() and process.poll() is None:
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1]
    assert (process.returncode, said.strip()) == (130, "Stopped before anything was done.")


@pytest.mark.parametrize("place", ["runs", "workspace"])
@pytest.mark.parametrize("command", ["plan", "doctor", "run"])
def test_a_folder_that_a_run_cannot_use_is_told_by_every_command_that_prepares_one(thaw, tmp_path, place, command):
    (tmp_path / "in_the_way").write_text("a file")
    done = thaw(command, "--set", f"{place}=in_the_way/below")
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert "in_the_way is no" in done.stdout + done.stderr


def test_data_beside_the_project_are_looked_for_by_the_command_where_the_runner_looks():
    import local_runner
    from thaw import options

    assert options.PROJECT_ROOT == local_runner.PROJECT_ROOT == ROOT.resolve()


LONG = "a" * 300


@pytest.mark.parametrize(
    "arguments",
    [
        ["report", LONG], ["compare", "a", "b", "--runs", LONG], ["init", LONG], ["status", "--config", LONG],
        ["status", "--set", f"workspace={LONG}"], ["status", "--set", f"runs={LONG}"], ["data", "--data", LONG],
    ],
)  # fmt: skip
def test_a_path_that_the_system_refuses_is_named(thaw, arguments):
    done = thaw(*arguments)
    assert done.returncode == 1 and "Traceback" not in done.stderr, done.stderr
    assert LONG in done.stderr and "File name too long" in done.stderr


@pytest.mark.parametrize("arguments", [["init", "~nobody_here/a"], ["data", "--data", "~nobody_here/a"]])
def test_a_home_folder_of_nobody_is_not_found(thaw, arguments):
    done = thaw(*arguments)
    assert done.returncode == 1 and "~nobody_here/a does not exist" in done.stderr, done.stderr
