"""The Evaluator node: candidates and their baseline in, TFMA's result and blessing of each out. Imports TFX.

TFX's own component takes one candidate. Most of its seconds go into Beam's graph, and it runs the same baseline again
for every candidate (docs/overhead.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow_model_analysis as tfma
from google.protobuf import json_format
from tensorflow_model_analysis.proto import config_pb2
from tfx import types
from tfx.components.evaluator import constants
from tfx.dsl.components.base import base_beam_executor, base_component
from tfx.dsl.io import fileio
from tfx.types import artifact_utils, standard_artifacts
from tfx.utils import io_utils, path_utils
from tfx_bsl.tfxio import tf_example_record

from components.evaluator.results import BASELINE, CANDIDATE, of_all_candidates, write_part
from components.named_inputs import make_component, named, of_kind
from trainer_module.data.artifact_folders import read_folder, written_folder

Artifacts = dict[str, list[types.Artifact]]
SPLIT = "test"


class EvaluatorExecutor(base_beam_executor.BaseBeamExecutor):
    """Reads the inputs by the names that `evaluator` gave them."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        config = json_format.Parse(exec_properties["eval_config"], config_pb2.EvalConfig())
        [baseline] = input_dict["baseline_model"]
        candidates = {name: made for name, [made] in of_kind("candidate", input_dict).items()}
        models = {name: _exported(made) for name, made in (*candidates.items(), (BASELINE, baseline))}
        everything = f"{self._get_tmp_dir()}/all_candidates"
        self._evaluate(models, of_all_candidates(config, list(candidates)), input_dict["examples"], everything)
        blessings = of_kind("blessing", output_dict)
        with read_folder(everything) as of_all:
            for name, [evaluation] in of_kind("evaluation", output_dict).items():
                about = {CANDIDATE: models[name], BASELINE: models[BASELINE]}
                with written_folder(evaluation.uri) as folder:
                    blessed = write_part(of_all, name, folder, config, about)
                _bless(blessings[name][0], candidates[name], baseline, blessed=blessed)

    def _evaluate(
        self, models: Mapping[str, str], config: config_pb2.EvalConfig, examples: list[types.Artifact], out: str
    ) -> None:
        """One pass of TFMA over the test images, with all models."""
        shared = [
            tfma.default_eval_shared_model(eval_saved_model_path=path, model_name=name, eval_config=config)
            for name, path in models.items()
        ]
        [uri] = artifact_utils.get_split_uris(examples, SPLIT)
        records = tf_example_record.TFExampleRecord(
            file_pattern=io_utils.all_files_pattern(uri), raw_record_column_name=tfma.ARROW_INPUT_COLUMN
        )
        with self._make_beam_pipeline() as pipeline:
            results = tfma.ExtractEvaluateAndWriteResults(
                eval_shared_model=shared, eval_config=config, output_path=out, display_only_data_location=uri
            )
            _ = pipeline | "ReadTestImages" >> records.BeamSource() | "Evaluate" >> results


def _exported(model: types.Artifact) -> str:
    return str(path_utils.serving_model_path(model.uri, path_utils.is_old_model_artifact(model)))


def _bless(blessing: types.Artifact, model: types.Artifact, baseline: types.Artifact, *, blessed: bool) -> None:
    """Says in TFX's way whether a candidate has passed."""
    blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY, model.uri)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY, model.id)
    blessing.set_string_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY, baseline.uri)
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY, baseline.id)
    value = constants.BLESSED_VALUE if blessed else constants.NOT_BLESSED_VALUE
    blessing.set_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY, value)
    fileio.makedirs(blessing.uri)
    name = constants.BLESSED_FILE_NAME if blessed else constants.NOT_BLESSED_FILE_NAME
    io_utils.write_string_file(f"{blessing.uri}/{name}", "")


def evaluator(
    *, examples: types.BaseChannel, candidates: Mapping[str, types.BaseChannel], baseline: types.BaseChannel,
    eval_config: config_pb2.EvalConfig, code: str,
) -> base_component.BaseComponent:  # fmt: skip
    """Makes the node for any number of candidates of one baseline, each under a name of its own.

    Args:
      examples: Examples of the target, with a split `test`.
      candidates: Model by transfer.
      baseline: Model.
      eval_config: of one candidate against its baseline.
      code: fingerprint of the sources; only in the cache key.

    Returns:
      A node with the outputs `evaluation_of_<transfer>` (ModelEvaluation) and `blessing_of_<transfer>` (ModelBlessing).
    """
    return make_component(
        "Evaluator",
        EvaluatorExecutor,
        inputs={"examples": examples, **named("candidate", candidates), "baseline_model": baseline},
        outputs={
            **named("evaluation", dict.fromkeys(candidates, standard_artifacts.ModelEvaluation)),
            **named("blessing", dict.fromkeys(candidates, standard_artifacts.ModelBlessing)),
        },
        parameters={
            "eval_config": json_format.MessageToJson(eval_config, preserving_proto_field_name=True, indent=None),
            "code": code,
        },
    )
