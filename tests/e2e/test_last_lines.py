"""The last lines of a run: forecast, seconds, the pushed model. Reads the run that all end-to-end tests share."""

import json

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]


def test_the_advisors_line_is_no_advice_of_what_to_try(first_run):
    """It may come after a sweep, which need not have trained the cell that it names."""
    assert "forecast from the sources' features, n = 20: " in first_run.stdout
    assert "before training, n" not in first_run.stdout


def test_the_end_names_the_seconds_of_nodes_and_of_the_whole_run_and_the_pushed_model(first_run):
    written = json.loads((first_run.folder / "summary.json").read_text())
    nodes, total = sum(written["seconds_per_node"].values()), written["seconds_total"]
    assert f"19 nodes took {nodes:.0f} s, " in first_run.stdout
    assert f"; the whole run took {total:.0f} s." in first_run.stdout
    assert f"{written['winner']} is pushed and can be served: {written['pushed']['path']}\n" in first_run.stdout
