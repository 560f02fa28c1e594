"""What TFMA measures of a candidate against its baseline, and the thresholds it must pass. Imports only config."""

from __future__ import annotations

from tensorflow_model_analysis.proto import config_pb2

from experiment import features
from experiment.config import Blessing, ExperimentConfig

SLICES = (features.CLASS_NAME, features.BRIGHTNESS, features.CONTRAST)


def evaluation_config(config: ExperimentConfig) -> config_pb2.EvalConfig:
    """Accuracy with a floor and a change threshold, slices, intervals by the jackknife.

    TFMA's thresholds apply to point estimates of one draw's model. TransferReport decides from every draw whether the
    gain is more than noise and whether a class loses by it (docs/adr/0007-classes-by-f1.md).
    """
    return config_pb2.EvalConfig(
        model_specs=[
            config_pb2.ModelSpec(name="candidate", signature_name=features.SCORE_SIGNATURE, label_key=features.LABEL),
            config_pb2.ModelSpec(
                name="baseline", signature_name=features.SCORE_SIGNATURE, label_key=features.LABEL, is_baseline=True
            ),
        ],
        slicing_specs=[config_pb2.SlicingSpec(), *(config_pb2.SlicingSpec(feature_keys=[key]) for key in SLICES)],
        metrics_specs=[
            config_pb2.MetricsSpec(
                metrics=[
                    config_pb2.MetricConfig(class_name="ExampleCount"),
                    # The share of correctly classified images. TFMA counts it in plain Python; a Keras metric would be
                    # called for each slice of each jackknife sample (docs/archive.md).
                    config_pb2.MetricConfig(
                        class_name="ExactMatch",
                        config='{"name": "accuracy"}',
                        per_slice_thresholds=[_overall_threshold(config.blessing)],
                    ),
                ]
            )
        ],
        options=config_pb2.Options(
            compute_confidence_intervals={"value": True},
            confidence_intervals=config_pb2.ConfidenceIntervalOptions(
                method=config_pb2.ConfidenceIntervalOptions.JACKKNIFE
            ),
        ),
    )


def _overall_threshold(blessing: Blessing) -> config_pb2.PerSliceMetricThreshold:
    """A plain threshold would apply to every slice, so the one for all images is also given as a slice."""
    change = config_pb2.GenericChangeThreshold(
        direction=config_pb2.MetricDirection.HIGHER_IS_BETTER, absolute={"value": blessing.min_gain_points / 100}
    )
    value = config_pb2.GenericValueThreshold(lower_bound={"value": blessing.min_accuracy})
    return config_pb2.PerSliceMetricThreshold(
        slicing_specs=[config_pb2.SlicingSpec()],
        threshold=config_pb2.MetricThreshold(value_threshold=value, change_threshold=change),
    )
