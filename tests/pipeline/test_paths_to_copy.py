"""Paths that a command prints for the user to copy stand in one line. Trains nothing."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.pipeline.test_thaw_command import SUMMARY

pytestmark = pytest.mark.slow  # starts the process that imports TFX

ENTRY = Path(__file__).parents[2] / "thaw_entry.py"
ROW = {
    "transfer": "a__original", "source": "a", "architecture": "original", "baseline_architecture": "original", "n": 20,
    "freeze_count": 6, "fine_tune": False, "draws": 5, "accuracy": 0.7, "accuracy_interval": [0.6, 0.8],
    "baseline_accuracy": 0.7,
    "baseline_interval": [0.6, 0.8], "gain_points": 0.0, "gain_interval_points": [-10.0, 10.0], "verdict": "undecided",
    "blessed": False, "reasons": ["it is undecided"], "from_scratch": {
        "sweep": "baseline__original", "architecture": "original", "accuracy": 0.7, "lead_points": 0.0,
        "lead_interval_points": [-10.0, 10.0],
    },
}  # fmt: skip


def test_models_and_the_report_are_named_in_a_line_each_however_long(programs, tmp_path):
    folder = tmp_path / "runs" / ("a_long_name_" * 10)
    folder.mkdir(parents=True)
    models = {"a__original": f"/{'work/' * 30}model", "baseline__original": f"/{'work/' * 40}model"}
    content = {**SUMMARY, "closing_table": [ROW], "trained_models": models}
    (folder / "summary.json").write_text(json.dumps(content))
    done = programs.run([sys.executable, str(ENTRY), "report", str(folder)], tmp_path, os.environ)
    assert done.stdout.splitlines()[-3:] == [
        *(f"{name} is trained and can be served: {path}" for name, path in models.items()),
        f"Report: {folder / 'report.html'}",
    ]
