"""One pass over all candidates gives each what TFX's own Evaluator gives it alone; models answer by their examples."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tensorflow_model_analysis.proto import validation_result_pb2
from tfx.components.evaluator.executor import Executor
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types.standard_artifacts import Examples, Model, ModelBlessing, ModelEvaluation

from components.evaluator.component import EvaluatorExecutor
from components.evaluator.results import of_candidate
from experiment import features
from experiment.config import CIFAR10_CLASSES
from experiment.loading import PRESETS, load_config
from pipeline.dag.tfma_evaluation import evaluation_config

pytestmark = pytest.mark.component

RIGHT = {"good__original": 0.9, "bad__original": 0.55, "baseline": 0.7}
"""Accuracies of the models; required are 0.6, and no less than the baseline's."""
CONFIG = evaluation_config(load_config(PRESETS / "quick.yaml"))
IMAGES = 200


def feature(value):
    if isinstance(value, bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[int(value)]))


@pytest.fixture(scope="module")
def examples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    (folder / "Split-test").mkdir()
    random = np.random.default_rng(3)
    with tf.io.TFRecordWriter(str(folder / "Split-test" / "examples-00000-of-00001")) as writer:
        for number in range(IMAGES):
            label = number % 2
            values = {
                features.LABEL: label, features.CLASS_NAME: CIFAR10_CLASSES[label].encode(),
                features.BRIGHTNESS: b"dark" if number % 3 else b"bright", features.CONTRAST: b"low",
                **{name: label if random.random() < share else 1 - label for name, share in RIGHT.items()},
            }  # fmt: skip
            content = {name: feature(value) for name, value in values.items()}
            writer.write(tf.train.Example(features=tf.train.Features(feature=content)).SerializeToString())
    return artifact(Examples, folder, split_names='["test"]')


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """Each answers with its own feature of an example."""
    found = {}
    for number, name in enumerate(RIGHT):
        module = tf.Module()

        @tf.function(autograph=False, input_signature=[tf.TensorSpec([None], tf.string, name="examples")])
        def answer(serialized, name=name):
            return {"class_index": tf.io.parse_example(serialized, {name: tf.io.FixedLenFeature([], tf.int64)})[name]}

        module.answer = answer
        folder = tmp_path_factory.mktemp(name)
        signatures = {features.SCORE_SIGNATURE: answer}
        tf.saved_model.save(module, str(folder / "Format-Serving"), signatures=signatures)
        found[name] = artifact(Model, folder)
        found[name].id = number + 1
    return found


def artifact(kind, folder, **properties):
    made = kind()
    made.uri = str(folder)
    for name, value in properties.items():
        setattr(made, name, value)
    return made


def run(executor, folder, inputs, outputs, properties):
    context = BaseBeamExecutor.Context(
        beam_pipeline_args=["--runner=FnApiRunner"], tmp_dir=str(folder / "tmp"), unique_id="1"
    )
    executor(context).Do({k: [v] for k, v in inputs.items()}, {k: [v] for k, v in outputs.items()}, properties)
    return outputs


def results(folder, name, suffix=""):
    return {
        f"evaluation{suffix}": artifact(ModelEvaluation, folder / name / "evaluation"),
        f"blessing{suffix}": artifact(ModelBlessing, folder / name / "blessing"),
    }


@pytest.fixture(scope="module")
def together(examples, models, tmp_path_factory):
    folder = tmp_path_factory.mktemp("together")
    candidates = [name for name in RIGHT if name != "baseline"]
    return run(
        EvaluatorExecutor, folder,
        {"examples": examples, "baseline_model": models["baseline"],
         **{f"candidate_of_{name}": models[name] for name in candidates}},
        {key: made for name in candidates for key, made in results(folder, name, f"_of_{name}").items()},
        {"eval_config": json_format.MessageToJson(CONFIG), "code": ""},
    )  # fmt: skip


def figures(folder, model):
    """Values by slice and metric, and whether there is an interval: TFMA draws intervals at random."""
    result = tfma.load_eval_result(str(folder), model_name=model)
    found = {
        (slice_key, sub_key, name): value
        for slice_key, outputs in result.slicing_metrics
        for sub_key, metrics in outputs[""].items()
        for name, value in metrics.items()
    }
    return {
        key: (value["boundedValue"]["value"], True) if "boundedValue" in value else (value["doubleValue"], False)
        for key, value in found.items()
    }


@pytest.mark.parametrize("name", [pytest.param("good__original", marks=pytest.mark.exhaustive), "bad__original"])
def test_each_candidate_gets_what_tfx_own_evaluator_gives_it(name, together, examples, models, tmp_path):
    alone = run(
        Executor, tmp_path,
        {"examples": examples, "model": models[name], "baseline_model": models["baseline"]},
        results(tmp_path, name),
        {"eval_config": json_format.MessageToJson(CONFIG), "example_splits": '["test"]'},
    )  # fmt: skip
    ours, theirs = together[f"evaluation_of_{name}"].uri, alone["evaluation"].uri
    for model in ("candidate", "baseline"):
        assert figures(ours, model) == figures(theirs, model) != {}
    one, other = tfma.load_validation_result(ours), tfma.load_validation_result(theirs)
    assert one == other
    assert one.validation_ok == (name == "good__original")
    given = together[f"blessing_of_{name}"], alone["blessing"]
    assert [made.get_int_custom_property("blessed") for made in given] == [int(one.validation_ok)] * 2
    keys = ("current_model_id", "baseline_model_id")
    assert [[made.get_int_custom_property(key) for key in keys] for made in given] == [[models[name].id, 3]] * 2
    written = [sorted(path.name for path in Path(made.uri).iterdir()) for made in given]
    assert written[0] == written[1]


def test_the_result_names_the_models_that_it_is_of_and_blesses_the_good_one_alone(together, models):
    for name in ("good__original", "bad__original"):
        blessed = together[f"blessing_of_{name}"].get_int_custom_property("blessed")
        assert blessed == int(name == "good__original")
        result = tfma.load_eval_result(together[f"evaluation_of_{name}"].uri, model_name="candidate")
        assert [spec.name for spec in result.config.model_specs] == ["candidate", "baseline"]
        assert result.model_location.startswith(models[name].uri)


def test_what_is_missing_blesses_no_candidate():
    everything = validation_result_pb2.ValidationResult(validation_ok=False, missing_thresholds=True)
    assert not of_candidate(everything, "a").validation_ok


def test_a_failure_counts_for_its_own_candidate_alone():
    everything = validation_result_pb2.ValidationResult(validation_ok=False)
    everything.metric_validations_per_slice.add().failures.add().metric_key.model_name = "a"
    assert of_candidate(everything, "b").validation_ok
    failed = of_candidate(everything, "a")
    assert not failed.validation_ok
    assert failed.metric_validations_per_slice[0].failures[0].metric_key.model_name == "candidate"
