"""Invalid input ends a run at once, before any node, with a message and status 1. Runs the real command line."""

import json
import shutil
import sys

import pytest

from tests.e2e.conftest import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "nowhere"], "nowhere"),
        (["--set", "drawz=1"], "drawz: unknown key"),
        (["--set", "sizes=[400]"], "400"),
        (["--set", "freeze_counts={remastered: [7]}"], "remastered has 6 freezable layers"),
        (["--set", "target={classes: [automobile, lorry]}"], "names lorry, which the data does not have"),
        (["--set", "allow_overlap=false"], "shares automobile, truck with the target"),
    ],
)
def test_a_wrong_setting_or_place_is_explained(experiment, options, message):
    finished = experiment.run(*options)
    assert finished.returncode == 1
    assert message in finished.stderr and "Traceback" not in finished.stderr
    assert "[1/" not in finished.stdout


def test_a_truncated_file_is_named_with_its_record(experiment, tmp_path):
    data = tmp_path / "data"
    shutil.copytree(experiment.data, data)
    victim = sorted((data / "train").iterdir())[-1]
    victim.write_bytes(victim.read_bytes()[:-100])
    finished = experiment.run("--data", str(data))
    assert finished.returncode == 1
    assert victim.name in finished.stderr and "record" in finished.stderr


def test_a_disk_that_is_too_small_is_refused_before_any_node(experiment, small_disk):
    finished = experiment.run("--set", f"workspace={small_disk / 'workspace'}")
    assert finished.returncode == 1 and "[1/" not in finished.stdout
    assert "has 0.0 GB free; the run needs about" in finished.stderr


def test_a_plan_for_scripts_ends_as_the_run_would_where_the_disk_is_too_small(experiment, small_disk):
    command = [sys.executable, str(ROOT / "thaw_entry.py"), "plan", "--json", "--config", str(experiment.config)]
    finished = experiment.call([*command, "--set", f"workspace={small_disk / 'workspace'}"])
    assert json.loads(finished.stdout)["disk_mb"] > 0.256
    assert finished.returncode == 1 and "has 0.0 GB free; the run needs about" in finished.stderr
