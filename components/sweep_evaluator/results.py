"""Writes a cell's evaluation as TFMA's own result files, which tfma.load_eval_result reads. Imports TFMA; no TFX."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tensorflow_model_analysis.proto import config_pb2
from tensorflow_model_analysis.proto.metrics_for_slice_pb2 import BoundedValue

from analysis.cells.cell_metrics import CellEvaluation, SliceKey
from analysis.statistics.classification_metrics import ACCURACY, ONE_AGAINST_REST, Metric
from analysis.statistics.metric_intervals import Intervals
from experiment import features
from ledger.cell_selection import Cell

CANDIDATE = "candidate"
BASELINE = "baseline"
SLICE_FEATURES = (features.CLASS_NAME, features.BRIGHTNESS, features.CONTRAST)
METRICS_FILE = "metrics-00000-of-00001.tfrecord"
EVAL_CONFIG_FILE = "eval_config.json"
MACRO_PREFIX = "macro_"
CLASS_NAMES = {
    ACCURACY: "SparseCategoricalAccuracy",
    "auc": "AUC",
    "precision": "Precision",
    "recall": "Recall",
    "calibration": "Calibration",
}
"""Metrics as TFMA's configuration calls them."""


def eval_config(classes: int) -> config_pb2.EvalConfig:
    """The evaluation that results are of: run with it, TFMA computes the same values for one draw.

    Models are known only by their predictions: the features `candidate` and `baseline` hold the probabilities.
    """
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(name=CANDIDATE, label_key=features.LABEL, prediction_key=CANDIDATE),
            config_pb2.ModelSpec(name=BASELINE, label_key=features.LABEL, prediction_key=BASELINE, is_baseline=True),
        ],
        slicing_specs=[
            config_pb2.SlicingSpec(),
            *(config_pb2.SlicingSpec(feature_keys=[key]) for key in SLICE_FEATURES),
        ],
        metrics_specs=[
            config_pb2.MetricsSpec(
                metrics=[
                    config_pb2.MetricConfig(class_name="ExampleCount"),
                    config_pb2.MetricConfig(class_name=CLASS_NAMES[ACCURACY]),
                ]
            ),
            config_pb2.MetricsSpec(
                metrics=[config_pb2.MetricConfig(class_name=CLASS_NAMES[name]) for name in ONE_AGAINST_REST],
                binarize=config_pb2.BinarizationOptions(class_ids={"values": range(classes)}),
            ),
        ],
    )


def folder_name(sweep: str, cell: Cell) -> str:
    """A cell's place in the node's output, such as `cats_dogs__original/n_100__k_6__fine_tune_false`."""
    held = f"__held_from_{cell.held_from}" if cell.held_from else ""
    return f"{sweep}/n_{cell.n}__k_{cell.freeze_count}__fine_tune_{str(cell.fine_tune).lower()}{held}"


def write_result(
    folder: Path,
    evaluation: CellEvaluation,
    slices: dict[SliceKey, int],
    metrics: Sequence[Metric],
    config: config_pb2.EvalConfig,
    data_location: str,
) -> None:
    """Writes one cell's TFMA result.

    Read it with `tfma.load_eval_result(str(folder), model_name="candidate")`, or "baseline"; a metric's gain has the
    candidate's name and `_diff` behind the metric's own, as in every TFMA evaluation with a baseline. Values with
    an interval come as boundedValue. Per class they lie under the sub key `classId:<label>`, means over the classes
    (TFMA's macro_average) under the empty one as `macro_<metric>`.

    Args:
      folder: made here.
      evaluation: figures [slices, metrics].
      slices: number of images by slice, in the order of the figures.
      metrics: in the order of the figures.
      config: of `eval_config`.
      data_location: where the test examples lie; for display.
    """
    folder.mkdir(parents=True)
    run = config_pb2.EvalRun(
        eval_config=config,
        version=tfma.__version__,
        data_location=data_location,
        file_format="tfrecords",
        model_locations={
            CANDIDATE: folder_name(evaluation.sweep, evaluation.cell),
            BASELINE: folder_name(evaluation.baseline_sweep, evaluation.baseline_cell),
        },
    )
    (folder / EVAL_CONFIG_FILE).write_text(json_format.MessageToJson(run), encoding="utf-8")
    with tf.io.TFRecordWriter(str(folder / METRICS_FILE)) as writer:
        for place, (slice_key, images) in enumerate(slices.items()):
            found = dict(_figures(evaluation, place, images, metrics))
            writer.write(tfma.writers.convert_slice_metrics_to_proto((slice_key, found), None).SerializeToString())


def _figures(
    evaluation: CellEvaluation, place: int, images: int, metrics: Sequence[Metric]
) -> Iterator[tuple[tfma.metrics.MetricKey, float | BoundedValue]]:
    """All figures of one slice by TFMA's key."""
    for model, intervals in ((CANDIDATE, evaluation.candidate), (BASELINE, evaluation.baseline)):
        yield tfma.metrics.MetricKey("example_count", model_name=model), float(images)
        for metric, value in zip(metrics, _values(intervals, place), strict=True):
            yield _key(metric, model, is_diff=False), value
    for metric, value in zip(metrics, _values(evaluation.gain, place), strict=True):
        yield _key(metric, CANDIDATE, is_diff=True), value


def _key(metric: Metric, model: str, is_diff: bool) -> tfma.metrics.MetricKey:
    return tfma.metrics.MetricKey(
        name=MACRO_PREFIX + metric.name if metric.macro else metric.name,
        model_name=model,
        sub_key=None if metric.class_id is None else tfma.metrics.SubKey(class_id=metric.class_id),
        is_diff=is_diff,
    )


def _values(intervals: Intervals, place: int) -> Iterator[float | BoundedValue]:
    """One slice's figures; those without an interval as plain numbers."""
    rows = (array[place].tolist() for array in (intervals.low, intervals.estimate, intervals.high))
    for low, estimate, high in zip(*rows, strict=True):
        if np.isnan(low):
            yield estimate
        else:
            bounds = {"lower_bound": {"value": low}, "value": {"value": estimate}, "upper_bound": {"value": high}}
            yield BoundedValue(**bounds)
