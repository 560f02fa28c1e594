"""The DAG's shape: nodes, edges and their parameters, compared with a golden file. Imports TFX, runs nothing."""

import importlib
import json
import os
import sys
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions, WorkerOptions
from tfx.dsl.compiler import compiler
from tfx.dsl.components.base.executor_spec import BeamExecutorSpec

from acquisition.data_sources.locate_dataset import Dataset
from acquisition.tfrecords.record_files import RecordFiles
from experiment.loading import PRESETS, load_config, validate_config
from pipeline.dag import data_nodes, training_nodes
from pipeline.dag.dag import create_pipeline, metadata_path

pytestmark = pytest.mark.component

GOLDEN = Path(__file__).parent / "quick_dag.json"


@pytest.fixture(scope="module")
def quick(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dag")
    for split in ("train", "test"):
        (folder / split).mkdir()
        (folder / split / "a.tfrecord").write_bytes(b"")
    preset = PRESETS / "quick.yaml"
    config = load_config(
        preset, (f"workspace={folder}/workspace", f"backbones.mobilenet_v2.weights={folder}/weights.h5")
    )
    files = RecordFiles(folder, "train/*.tfrecord", "test/*.tfrecord")
    dataset = Dataset(name="cifar10", origin="here", synthetic=False, files=files)
    return config, create_pipeline(config, dataset, {})


@pytest.fixture(scope="module")
def edges(quick):
    """Upstream nodes by node, as the compiler sees them."""
    compiled = compiler.Compiler().compile(quick[1])
    infos = [node.pipeline_node for node in compiled.nodes]
    return {node.node_info.id: sorted(node.upstream_nodes) for node in infos}


def test_nodes_and_edges_are_those_of_the_golden_file(edges):
    assert edges == json.loads(GOLDEN.read_text()), "if the change is meant: write the new edges into the golden file"


def test_everything_after_the_gate_waits_for_it(edges):
    assert "AnomalyGate" in edges["Transform"]

    def ancestors(name):
        return set(edges[name]).union(*(ancestors(upstream) for upstream in edges[name]))

    for name in edges:
        if name.startswith(("Trainer", "Tuner", "Evaluator", "DomainExamples", "Pusher")):
            assert "AnomalyGate" in ancestors(name), name


def test_no_trainer_and_no_tuner_is_told_to_read_the_test_split(quick):
    for node in quick[1].components:
        properties = node.exec_properties
        told = [str(properties.get(key)) for key in ("train_args", "eval_args", "example_splits")]
        assert "test" not in "".join(told), node.id


def test_candidates_with_one_baseline_share_an_evaluator(quick):
    [shared] = [node for node in quick[1].components if node.id.startswith("Evaluator")]
    assert sorted(name for name in shared.outputs if name.startswith("evaluation_of_")) == [
        "evaluation_of_cats_dogs__original", "evaluation_of_imagenet__mobilenet_v2",
        "evaluation_of_ships_planes__original",
    ]  # fmt: skip


def test_no_source_domain_holds_test_images(quick):
    told = {node.id: json.loads(node.exec_properties["settings"]) for node in quick[1].components
            if node.id.startswith("DomainExamples")}  # fmt: skip
    assert {name: settings["with_test"] for name, settings in told.items()} == {
        "DomainExamples.target": True, "DomainExamples.cats_dogs": False, "DomainExamples.ships_planes": False,
    }  # fmt: skip


@pytest.mark.parametrize("path", [training_nodes.RUN_FN, training_nodes.TUNER_FN, data_nodes.PREPROCESSING_FN])
def test_every_dotted_path_can_be_imported(path):
    module, name = path.rsplit(".", 1)
    assert callable(getattr(importlib.import_module(module), name))


def test_every_beam_node_runs_in_the_process_and_fetches_no_runner(quick):
    given = {node.id: node.executor_spec.beam_pipeline_args for node in quick[1].components
             if isinstance(node.executor_spec, BeamExecutorSpec)}  # fmt: skip
    assert {"StatisticsGen", "Transform", "DomainExamples.target", "Evaluator.original"} <= set(given)
    for name, arguments in given.items():
        options = PipelineOptions(arguments)
        assert options.view_as(StandardOptions).runner == "FnApiRunner", name
        # TFX takes seconds to build a source package for each node that has arguments and lacks this one.
        assert options.view_as(WorkerOptions).sdk_container_image, name


def test_the_metadata_store_lies_in_the_workspace(quick):
    config, _ = quick
    assert metadata_path(config) == config.workspace / "thaw-quick" / "metadata.sqlite"


def test_the_dag_loads_no_vertex_ai_client(programs, tmp_path):
    """It takes longer to import than TensorFlow (docs/adr/0008-tfx-by-its-modules.md).

    In a fork of the process that has imported the DAG and no more: tests of this one may have imported the client.
    """
    script = tmp_path / "script.py"
    script.write_text("import sys, pipeline.dag.dag; print('google.cloud.aiplatform' in sys.modules)")
    done = programs.run([sys.executable, str(script)], tmp_path, os.environ)
    assert done.stdout == "False\n", done.stderr


def test_a_control_is_swept_and_reported_but_never_a_candidate(quick):
    sources = {"imagenet": {}, "untrained": {"control": "random"}, "own": {"control": "self"}}
    pairs = [("imagenet", "mobilenet_v2"), ("untrained", "mobilenet_v2"), ("own", "original")]
    changed = quick[0].model_dump(mode="json") | {
        "sources": sources, "transfers": [{"source": s, "architecture": a} for s, a in pairs],
        "freeze_counts": {"mobilenet_v2": [18], "original": [8]},
    }  # fmt: skip
    config = validate_config(changed, "x")
    files = RecordFiles(config.workspace.parent, "train/*.tfrecord", "test/*.tfrecord")
    dataset = Dataset(name="cifar10", origin="here", synthetic=False, files=files)
    nodes = {node.id: node for node in create_pipeline(config, dataset, {}).components}
    names = set(nodes)
    assert {"Tuner.transfer.own__original", "Trainer.source.own.original", "DomainExamples.own"} <= names
    assert {"Tuner.transfer.untrained__mobilenet_v2", "Trainer.source.untrained.mobilenet_v2"} <= names
    assert not names & {"DomainExamples.untrained", "Trainer.transfer.own__original"}
    [evaluated] = (name for name in names if name.startswith("Evaluator"))
    assert set(nodes[evaluated].outputs) == {f"{kind}_of_imagenet__mobilenet_v2" for kind in ("evaluation", "blessing")}
