"""The SweepEvaluator node: real ledgers and examples in, a TFMA result a cell out. Runs its executor."""

import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow_model_analysis as tfma
from tfx.dsl.io import fileio
from tfx.types import channel, standard_artifacts
from tfx.utils import io_utils

from analysis.cells.cell_metrics import SlicedImages
from components.sweep_evaluator.component import (
    INDEX_FILE,
    SweepEvaluatorExecutor,
    sweep_evaluator,
    write_evaluations,
)
from components.sweep_evaluator.reading import figures_by_slice
from components.sweep_evaluator.results import METRICS_FILE
from experiment import features
from experiment.errors import ThawError
from ledger.cell_selection import Cell

pytestmark = pytest.mark.component

GRID = [Cell(20, k, tuned) for k in (6, 8) for tuned in (False, True)]


def artifact(kind, folder):
    made = kind()
    made.uri = str(folder)
    return made


@pytest.fixture(scope="module")
def inputs(tmp_path_factory, images_of, ledger_of, examples_at, ledgers_at):
    """The node's inputs for one transfer of four cells and two draws."""
    folder = tmp_path_factory.mktemp("node")
    images = images_of(200)
    baseline = ledger_of("baseline__original", images, [Cell(20, 0, False), Cell(20, 0, True)], 2, skill=0.2)
    transfer = ledger_of("cats_dogs__original", images, GRID, 2)
    inputs = {
        f"ledger_of_{place.name}": [artifact(standard_artifacts.TunerResults, place)]
        for place in ledgers_at(folder / "ledgers", [transfer, baseline])
    }
    inputs["examples"] = [artifact(standard_artifacts.Examples, examples_at(folder / "domain", images))]
    return inputs


@pytest.fixture(scope="module")
def evaluations(tmp_path_factory, inputs):
    output = artifact(standard_artifacts.ModelEvaluation, tmp_path_factory.mktemp("out"))
    SweepEvaluatorExecutor().Do(inputs, {"evaluations": [output]}, {"code": ""})
    return Path(output.uri)


def test_an_object_store_gets_the_same_results(inputs, evaluations):
    """TensorFlow's own store in memory, `ram://`, holds inputs and output."""
    stored = {name: [artifact(type(made), f"ram://sweep/{name}")] for name, [made] in inputs.items()}
    for name, [made] in inputs.items():
        io_utils.copy_dir(made.uri, stored[name][0].uri)
    output = artifact(standard_artifacts.ModelEvaluation, "ram://sweep/out")
    SweepEvaluatorExecutor().Do(stored, {"evaluations": [output]}, {"code": ""})
    for cell in json.loads((evaluations / INDEX_FILE).read_text())["cells"]:
        with fileio.open(f"{output.uri}/{cell['path']}/{METRICS_FILE}", "rb") as file:
            assert file.read() == (evaluations / cell["path"] / METRICS_FILE).read_bytes()


def test_every_cell_has_a_result_that_tfma_loads(evaluations):
    index = json.loads((evaluations / INDEX_FILE).read_text())
    assert {(cell["n"], cell["freeze_count"], cell["fine_tune"]) for cell in index["cells"]} == {
        (cell.n, cell.freeze_count, cell.fine_tune) for cell in GRID
    }
    paths = [str(evaluations / cell["path"]) for cell in index["cells"]]
    results = tfma.load_eval_results(paths, model_name="candidate").get_results()
    assert [result.model_location for result in results] == [cell["path"] for cell in index["cells"]]
    for result in results:
        assert len(result.slicing_metrics) == 9
        accuracy = result.get_metrics_for_slice()["sparse_categorical_accuracy"]["boundedValue"]
        assert accuracy["lowerBound"] < accuracy["value"] < accuracy["upperBound"]


def test_a_slice_has_every_metric_of_candidate_baseline_and_gain(evaluations):
    folder = str(evaluations / "cats_dogs__original" / "n_20__k_6__fine_tune_false")
    candidate, baseline = (tfma.load_eval_result(folder, model_name=name) for name in ("candidate", "baseline"))
    dark = ((features.BRIGHTNESS, "dark"),)
    truck = candidate.get_metrics_for_slice(dark, class_id=1)
    names = {"auc", "precision", "recall", "calibration"}
    assert set(truck) == names | {f"{name}_diff" for name in names}
    of_baseline = baseline.get_metrics_for_slice(dark, class_id=1)
    assert set(of_baseline) == names
    for name in names:
        gain = truck[name]["boundedValue"]["value"] - of_baseline[name]["boundedValue"]["value"]
        assert truck[f"{name}_diff"]["boundedValue"]["value"] == pytest.approx(gain)
    everything = candidate.get_metrics_for_slice(dark)
    assert {f"macro_{name}" for name in names} | {"sparse_categorical_accuracy", "example_count"} <= set(everything)


def test_what_is_undefined_has_no_interval(evaluations):
    folder = str(evaluations / "cats_dogs__original" / "n_20__k_6__fine_tune_false")
    trucks = tfma.load_eval_result(folder, model_name="candidate")
    assert trucks.get_metrics_for_slice(((features.CLASS_NAME, "truck"),), class_id=1)["auc"] == {"doubleValue": "NaN"}


def test_the_cost_of_a_cell_is_stated(evaluations):
    index = json.loads((evaluations / INDEX_FILE).read_text())
    assert 0 < index["seconds_per_cell"] == pytest.approx(index["seconds"] / 4, abs=1e-3)


@pytest.mark.parametrize("with_file", [False, True])
def test_a_target_without_test_examples_is_explained(tmp_path, with_file):
    if with_file:
        (tmp_path / "Split-test").mkdir()
        (tmp_path / "Split-test" / "examples").touch()
    with pytest.raises(ThawError, match=r"holds no test example"):
        write_evaluations(tmp_path / "out", str(tmp_path), [])


def test_the_node_has_an_input_for_each_ledger_by_name():
    examples = channel.Channel(type=standard_artifacts.Examples)
    ledgers = {name: channel.Channel(type=standard_artifacts.TunerResults) for name in ("a__original", "b__original")}
    node = sweep_evaluator(examples=examples, ledgers=ledgers, code="c")
    assert set(node.inputs) == {"examples", "ledger_of_a__original", "ledger_of_b__original"}
    assert set(node.outputs) == {"evaluations"}


def test_names_beyond_ascii_are_evaluated_in_any_folder(tmp_path, images_of, ledger_of, examples_at, ledgers_at):
    found = images_of(60)
    names = np.array(["日本 語", "gänse"])[found.labels]
    ids = np.array([f"gänseblümchen_{i:02d}.png" for i in range(60)])
    images = SlicedImages(ids, found.labels, {**found.features, features.CLASS_NAME: names})
    sweeps = {"baseline__original": Cell(20, 0, False), "a__original": Cell(20, 6, False)}
    ledgers = [ledger_of(sweep, images, [cell], 2) for sweep, cell in sweeps.items()]
    examples = examples_at(tmp_path / "run [2]", images)
    write_evaluations(tmp_path / "out", examples, ledgers_at(tmp_path / "ledgers", ledgers))
    result = tfma.load_eval_result(str(tmp_path / "out/a__original/n_20__k_6__fine_tune_false"), model_name="candidate")
    slices = {figure.value: figure.images for figure in figures_by_slice(result, "sparse_categorical_accuracy")}
    assert {name: slices[name] for name in names} == {name: (names == name).sum() for name in names}
