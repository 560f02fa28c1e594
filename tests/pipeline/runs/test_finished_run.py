"""The message for a damaged artifact, errors that are not damage, and the place of a result. Reads no run."""

import pytest

from experiment.errors import ThawError
from experiment.loading import PRESETS, load_config
from pipeline.runs.finished_run import FinishedRun, reading
from pipeline.runs.ml_metadata import NodeRun


@pytest.mark.parametrize(
    "error", [ValueError("no file"), KeyError("weights"), OSError("cut"), EOFError(), RuntimeError()]
)
def test_what_a_library_says_of_damage_names_the_artifact(error):
    with pytest.raises(ThawError, match=f"^here is missing or damaged: {type(error).__name__}"), reading("here"):
        raise error


def test_what_is_said_already_is_left_as_it_is():
    with pytest.raises(ThawError, match=r"^said$"), reading("here"):
        raise ThawError("said")


def test_a_transfers_evaluation_is_found_also_where_each_had_a_node_of_its_own(tmp_path):
    nodes = {
        "Evaluator.original": NodeRun(1.0, False, {"evaluation_of_a__original": ["new"]}),
        "Evaluator.b__original": NodeRun(1.0, False, {"evaluation": ["old"]}),
    }
    run = FinishedRun(tmp_path, {}, load_config(PRESETS / "tiny.yaml"), tmp_path / "metadata.sqlite", nodes)
    assert [run.evaluation(f"{name}__original") for name in "ab"] == ["new", "old"]
    with pytest.raises(ThawError, match=r"no output 'evaluation' of a node 'Evaluator\.c__original'"):
        run.evaluation("c__original")
