"""What TFMA is asked to measure and require: the proto, and TFMA's answer for four known predictions."""

import pandas as pd
import pytest
import tensorflow_model_analysis as tfma
from tensorflow_model_analysis.proto import config_pb2

from experiment import features
from experiment.loading import PRESETS, load_config
from pipeline.dag.tfma_evaluation import evaluation_config
from trainer_module.export.saved_model import ServedModel

pytestmark = pytest.mark.component
QUICK = PRESETS / "quick.yaml"


@pytest.fixture(scope="module")
def config():
    settings = ("blessing.min_accuracy=0.7", "blessing.min_gain_points=2")
    return evaluation_config(load_config(QUICK, settings))


def test_tfma_accepts_it(config):
    tfma.utils.verify_eval_config(tfma.utils.update_eval_config_with_defaults(config, has_baseline=True))


def test_its_accuracy_is_the_share_of_classes_named_rightly(config):
    answers = pd.DataFrame({"label": [0, 1, 1, 0], "prediction": [0, 1, 0, 0]})
    [spec] = config.metrics_specs
    plain = config_pb2.EvalConfig(
        model_specs=[config_pb2.ModelSpec(label_key="label", prediction_key="prediction")],
        slicing_specs=[config_pb2.SlicingSpec()],
        metrics_specs=[
            config_pb2.MetricsSpec(
                metrics=[
                    config_pb2.MetricConfig(class_name=metric.class_name, config=metric.config)
                    for metric in spec.metrics
                ]
            )
        ],
    )
    [(_, metrics)] = tfma.analyze_raw_data(answers, plain).slicing_metrics
    assert metrics[""][""]["accuracy"] == {"doubleValue": 0.75}
    assert metrics[""][""]["example_count"] == {"doubleValue": 4.0}


def test_candidate_and_baseline_are_scored_by_the_signature_that_models_export(config):
    assert [(spec.name, spec.is_baseline) for spec in config.model_specs] == [("candidate", False), ("baseline", True)]
    assert {spec.signature_name for spec in config.model_specs} == {features.SCORE_SIGNATURE}
    assert callable(getattr(ServedModel, features.SCORE_SIGNATURE))


def test_floor_and_gain_are_required_overall_alone(config):
    [accuracy] = [m for m in config.metrics_specs[0].metrics if '"accuracy"' in m.config]
    [overall] = accuracy.per_slice_thresholds
    assert list(overall.slicing_specs) == [config_pb2.SlicingSpec()]
    assert overall.threshold.value_threshold.lower_bound.value == pytest.approx(0.7)
    assert overall.threshold.change_threshold.absolute.value == pytest.approx(0.02)
    assert not accuracy.HasField("threshold")


def test_every_slice_and_intervals_are_asked_for(config):
    assert [list(spec.feature_keys) for spec in config.slicing_specs] == [
        [], [features.CLASS_NAME], [features.BRIGHTNESS], [features.CONTRAST],
    ]  # fmt: skip
    assert config.options.compute_confidence_intervals.value
