"""What a model server finds in the served folder while and after Pusher writes. Runs the executor on a small disk."""

import json
import shutil
from pathlib import Path

import pytest
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from components.pusher import UNFINISHED, Pusher, PusherExecutor
from pipeline.runs import ml_metadata

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


@pytest.fixture
def run_pusher(tmp_path):
    """A function that runs the node on a blessed model in TFX's runner, with its cache; gives the served version's
    content and whether the cache answered."""
    from tfx.dsl.components.common.importer import Importer
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner
    from tfx.orchestration.metadata import sqlite_metadata_connection_config
    from tfx.orchestration.pipeline import Pipeline
    from tfx.proto.pusher_pb2 import PushDestination

    store = tmp_path / "metadata.sqlite"

    def run_pusher(content: str, *, blessed: bool = True) -> tuple[str, bool]:
        folder = tmp_path / f"model_{content}"
        (folder / "Format-Serving").mkdir(parents=True, exist_ok=True)
        (folder / "Format-Serving" / GRAPH).write_text(content)
        winner = Importer(str(folder), standard_artifacts.Model).with_id("winner")
        blessing = Importer(
            str(tmp_path / f"blessing_{blessed}"), standard_artifacts.ModelBlessing,
            custom_properties={"blessed": int(blessed)},
        ).with_id("blessing")  # fmt: skip
        pusher = Pusher(
            model=winner.outputs["result"], model_blessing=blessing.outputs["result"],
            push_destination=PushDestination(
                filesystem=PushDestination.Filesystem(base_directory=str(tmp_path / "served"))
            ),
        )  # fmt: skip
        LocalDagRunner().run(Pipeline(
            "pushes", str(tmp_path / "artifacts"), components=[winner, blessing, pusher], enable_cache=True,
            metadata_connection_config=sqlite_metadata_connection_config(str(store)),
        ))  # fmt: skip
        opened = ml_metadata.open_store(store)
        nodes = ml_metadata.nodes_of_run(opened, ml_metadata.latest_run_context(opened))
        newest = max((tmp_path / "served").iterdir(), key=lambda path: int(path.name), default=None)
        return (newest / GRAPH).read_text() if newest else "", nodes["Pusher"].cached

    return run_pusher


def test_a_server_finds_the_model_of_the_last_run_also_where_another_run_pushed_since(run_pusher, tmp_path):
    assert run_pusher("a") == ("a", False)
    assert run_pusher("a") == ("a", True)
    assert run_pusher("b") == ("b", False)  # within a second of the first, too
    assert run_pusher("a") == ("a", False)
    assert run_pusher("a") == ("a", True)
    assert run_pusher("b", blessed=False) == ("a", False)
    newest = max((tmp_path / "served").iterdir(), key=lambda path: int(path.name))
    (newest / "assets.extra").mkdir()
    (newest / "assets.extra" / "tf_serving_warmup_requests").write_text("mine")
    assert run_pusher("a") == ("a", True)
    assert len(list((tmp_path / "served").iterdir())) == 3
    shutil.rmtree(tmp_path / "served")
    assert run_pusher("a") == ("a", False)


def test_where_the_clock_was_set_back_the_pushed_model_is_the_highest_version_still(run_pusher, tmp_path):
    run_pusher("a")
    [first] = (tmp_path / "served").iterdir()
    first.rename(first.with_name("9999999999999"))
    assert run_pusher("b") == ("b", False)


def test_a_pod_which_gets_no_version_pushes_after_the_newest_or_finds_its_model_served(push, small_disk):
    versions = [push(*sizes).get_string_custom_property("pushed_version") for sizes in ((1, 2), (3, 4), (1, 2), (1, 2))]
    assert versions[0] < versions[1] < versions[2] == versions[3]
    assert {path.name for path in (small_disk / "served").iterdir()} == set(versions)
