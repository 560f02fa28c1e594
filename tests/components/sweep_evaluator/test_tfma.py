"""Our figures and TFMA's own, which TFMA computes with Beam from the same predictions, key for key."""

import apache_beam as beam
import numpy as np
import pyarrow as pa
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from analysis.cells.cell_metrics import evaluate_cells
from analysis.cells.paired_ledgers import pair_ledgers
from analysis.statistics.classification_metrics import metrics_of
from components.sweep_evaluator.results import BASELINE, CANDIDATE, eval_config, folder_name, write_result
from experiment import features
from ledger.cell_selection import Cell

pytestmark = [pytest.mark.component, pytest.mark.slow]

MODELS = (CANDIDATE, BASELINE)


def run_tfma(folder, images, predictions, config):
    """One Evaluator's work: TFMA in Beam, both models known by their predictions alone."""
    columns = {
        features.LABEL: [[int(label)] for label in images.labels],
        **{name: [[str(value).encode()] for value in values] for name, values in images.features.items()},
        **{name: rows.astype(np.float32).tolist() for name, rows in predictions.items()},
    }
    types = {name: pa.list_(pa.float32()) for name in predictions}
    batch = pa.RecordBatch.from_pydict({name: pa.array(rows, types.get(name)) for name, rows in columns.items()})
    with beam.Pipeline() as pipeline:
        _ = (
            pipeline
            | beam.Create([batch])
            | tfma.ExtractEvaluateAndWriteResults(
                eval_config=config, output_path=str(folder), extractors=tfma.default_extractors(eval_config=config)
            )
        )


def figures(folder, model):
    """Every figure of a result by (slice, sub key, metric)."""
    result = tfma.load_eval_result(str(folder), model_name=model)
    return {
        (slice_key, sub_key, name): float(value.get("boundedValue", {}).get("value", value.get("doubleValue")))
        for slice_key, outputs in result.slicing_metrics
        for sub_key, metrics in outputs[""].items()
        for name, value in metrics.items()
    }


@pytest.mark.parametrize("classes", [pytest.param(2, marks=pytest.mark.exhaustive), 3])
def test_tfma_computes_the_same_figures(tmp_path, images_of, ledger_of, classes):
    images = images_of(150, classes)
    ledgers = [
        ledger_of("baseline__original", images, [Cell(20, 0, False)], 1, classes, skill=0.2),
        ledger_of("cats_dogs__original", images, [Cell(20, 6, False)], 1, classes, skill=1.0),
    ]
    config = eval_config(classes)
    [ours] = evaluate_cells(pair_ledgers(ledgers), images)
    slices = {key: int(mask.sum()) for key, mask in images.slices().items()}
    write_result(tmp_path / "ours", ours, slices, metrics_of(classes), config, "here")
    predictions = {name: rows[0].test_probabilities for name, (_, rows) in zip(reversed(MODELS), ledgers, strict=True)}
    config.metrics_specs[1].aggregate.CopyFrom(
        config_pb2.AggregationOptions(macro_average=True, class_weights=dict.fromkeys(range(classes), 1.0))
    )
    run_tfma(tmp_path / "tfmas", images, predictions, config)
    for model in MODELS:
        mine = figures(tmp_path / "ours", model)
        theirs = {with_our_name(key): value for key, value in figures(tmp_path / "tfmas", model).items()}
        del_extra(theirs)
        assert set(mine) == set(theirs)
        for key, value in theirs.items():
            if "auc" in key[2] and key[0] and key[0][0][0] == features.CLASS_NAME:
                # Images of one class have no ROC curve; TFMA says 0.
                assert value == 0 and np.isnan(mine[key]), key
            else:
                # TFMA computes the accuracy in float32.
                assert mine[key] == pytest.approx(value, rel=1e-6, abs=1e-6, nan_ok=True), key


def with_our_name(key):
    """TFMA's loader puts a proto's text before the name of a mean over classes, and loses it before a difference."""
    slice_key, sub_key, name = key
    name = name.replace("macro_average: true\n_", "macro_")
    is_mean_of_differences = not sub_key and name in ("auc_diff", "precision_diff", "recall_diff", "calibration_diff")
    return slice_key, sub_key, f"macro_{name}" if is_mean_of_differences else name


def del_extra(theirs):
    """The difference of two counts of the same images."""
    for key in [key for key in theirs if key[2] == "example_count_diff"]:
        assert theirs.pop(key) == 0


def test_the_folder_says_which_models_were_compared(tmp_path, images_of, ledger_of):
    images = images_of(40)
    ledgers = pair_ledgers([
        ledger_of("baseline__original", images, [Cell(20, 0, True)], 2),
        ledger_of("cats_dogs__original", images, [Cell(20, 6, True)], 2),
    ])  # fmt: skip
    [ours] = evaluate_cells(ledgers, images)
    slices = {key: int(mask.sum()) for key, mask in images.slices().items()}
    folder = tmp_path / folder_name(ours.sweep, ours.cell)
    write_result(folder, ours, slices, metrics_of(2), eval_config(2), "the test split")
    assert folder == tmp_path / "cats_dogs__original" / "n_20__k_6__fine_tune_true"
    both = sorted(tfma.load_eval_results(str(folder)).get_results(), key=lambda result: result.model_location)
    assert [result.model_location for result in both] == [
        "baseline__original/n_20__k_0__fine_tune_true", "cats_dogs__original/n_20__k_6__fine_tune_true",
    ]  # fmt: skip
    assert both[0].data_location == "the test split"
    assert both[0].config == eval_config(2)
