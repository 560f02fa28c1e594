"""What a model server finds in the served folder while and after Pusher writes. Runs the executor on a small disk."""

import json
from pathlib import Path

import pytest
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from components.pusher import UNFINISHED, PusherExecutor

pytestmark = pytest.mark.component

KIB = 1024
GRAPH, VARIABLES = "saved_model.pb", "variables/variables.data-00000-of-00001"


@pytest.fixture
def push(small_disk, tmp_path):
    """A function that pushes a model of two files to a disk of 256 KiB; gives what TFX records."""

    def push(graph_kib: int, variables_kib: int, *, blessed: bool = True) -> standard_artifacts.PushedModel:
        kinds = {
            "model": standard_artifacts.Model, "blessing": standard_artifacts.ModelBlessing,
            "pushed": standard_artifacts.PushedModel,
        }  # fmt: skip
        made = {name: kind() for name, kind in kinds.items()}
        for name, artifact in made.items():
            artifact.uri = str(tmp_path / name)
        made["blessing"].set_int_custom_property("blessed", int(blessed))
        folder = Path(path_utils.serving_model_dir(made["model"].uri))
        for name, kib in ((GRAPH, graph_kib), (VARIABLES, variables_kib)):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(bytes(kib * KIB))
        PusherExecutor().Do(
            {"model": [made["model"]], "model_blessing": [made["blessing"]]}, {"pushed_model": [made["pushed"]]},
            {"push_destination": json.dumps({"filesystem": {"baseDirectory": str(small_disk / "served")}})},
        )  # fmt: skip
        return made["pushed"]

    return push


@pytest.mark.parametrize("sizes", [(250, 10), (10, 250)], ids=["graph", "variables"])
def test_a_version_that_does_not_fit_on_the_disk_is_not_served(push, small_disk, sizes):
    with pytest.raises(Exception, match=r"No space left|ResourceExhausted|out of space"):
        push(*sizes)
    assert not list((small_disk / "served").iterdir())
    push(10, 10)
    [version] = (small_disk / "served").iterdir()
    assert version.name.isdigit()


def test_a_pushed_model_is_recorded_where_it_is_served_and_what_a_killed_push_left_is_gone(push, small_disk):
    left = small_disk / "served" / UNFINISHED / "17"
    left.mkdir(parents=True)
    recorded = push(10, 20)
    [version] = (small_disk / "served").iterdir()
    assert recorded.get_string_custom_property("pushed_destination") == str(version)
    assert recorded.get_string_custom_property("pushed_version") == version.name
    assert ((version / GRAPH).stat().st_size, (version / VARIABLES).stat().st_size) == (10 * KIB, 20 * KIB)


def test_of_a_model_that_is_not_blessed_nothing_is_served(push, small_disk):
    assert push(10, 10, blessed=False).get_int_custom_property("pushed") == 0
    assert not list(small_disk.rglob(GRAPH))
