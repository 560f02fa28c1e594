"""What is said of a damaged artifact, and what is not called one. Reads no run."""

import pytest

from experiment.errors import ThawError
from pipeline.runs.finished_run import reading


@pytest.mark.parametrize(
    "error", [ValueError("no file"), KeyError("weights"), OSError("cut"), EOFError(), RuntimeError()]
)
def test_what_a_library_says_of_damage_names_the_artifact(error):
    with pytest.raises(ThawError, match=f"^here is missing or damaged: {type(error).__name__}"), reading("here"):
        raise error


def test_what_is_said_already_is_left_as_it_is():
    with pytest.raises(ThawError, match=r"^said$"), reading("here"):
        raise ThawError("said")
