"""The TransferReport node: gathers ledgers and evaluations, writes the report, names the winner. Imports TFX."""

from __future__ import annotations

import json
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_model_analysis as tfma
from tfx import types
from tfx.dsl.components.base import base_component, base_executor
from tfx.types import standard_artifacts
from tfx.types.experimental import simple_artifacts
from tfx.utils import io_utils, path_utils

from analysis.cells.paired_ledgers import effective_images
from analysis.transfer_prediction.predicted_gains import ADVICE_FILE, read_before_training
from components.confirmer.confirmation_files import read_confirmation
from components.named_inputs import make_component, named, of_kind
from components.sweep_evaluator.examples import read_test_images
from components.sweep_evaluator.reading import SliceFigure, figures_by_slice, slice_words
from components.transfer_report.figures.mistakes import TargetImages
from components.transfer_report.page.model_card import write_model_card
from components.transfer_report.report import Evaluation, write_report
from components.transfer_report.settings import ReportSettings
from ledger.ledger import LEDGER_FILE, read_ledger
from ledger.rows import Header
from trainer_module.data.artifact_folders import artifacts_as_folders
from trainer_module.data.input_pipeline import Records, read_split

Artifacts = dict[str, list[types.Artifact]]
BLESSED_PROPERTY = "blessed"
CANDIDATE = "candidate"
"""The Evaluator's name of the model under test."""


class TransferReportExecutor(base_executor.BaseExecutor):
    """Reads the inputs by the names that `transfer_report` gave them."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        settings = ReportSettings.model_validate_json(exec_properties["settings"])
        with artifacts_as_folders(input_dict, output_dict):
            self._report(input_dict, output_dict, settings)

    def _report(self, input_dict: Artifacts, output_dict: Artifacts, settings: ReportSettings) -> None:
        inputs = {name: artifact for name, [artifact] in sorted(input_dict.items())}
        ledgers = [read_ledger(Path(made.uri) / LEDGER_FILE) for made in of_kind("ledger", inputs).values()]
        evaluations, verdicts = of_kind("evaluation", inputs), of_kind("verdict", inputs)
        outcomes = {name: _evaluation(made.uri, verdicts[name]) for name, made in evaluations.items()}
        before = read_before_training(Path(inputs["advice"].uri) / ADVICE_FILE)
        images = _shown_images(inputs["target"].uri, settings)
        out = Path(output_dict["report"][0].uri)
        confirmation = read_confirmation(Path(inputs["confirmation"].uri))
        summary = write_report(out, ledgers, confirmation, outcomes, settings, before, images)
        winner = summary["winner"]
        _hand_over_winner(summary, of_kind("candidate", inputs)[winner].uri, output_dict)
        # Pusher copies only this folder.
        model = Path(path_utils.serving_model_dir(output_dict["winner"][0].uri))
        measured = tfma.load_eval_result(evaluations[winner].uri, model_name=CANDIDATE)
        slices, header = figures_by_slice(measured, "accuracy"), confirmation.ledgers.transfers[winner].header
        independent = independent_images(slices, inputs["target"].uri, header)
        write_model_card(model, summary, slices, settings.configuration, independent)


def independent_images(slices: Sequence[SliceFigure], target_uri: str, header: Header) -> dict[str, float]:
    """Effective test images of each slice, by its name; none where no image depends on another.

    A slice need not have the groups of all images: of people who signed each digit once, a class has one image.

    Args:
      slices: by one feature, or of all images.
      target_uri: of the target's examples.
      header: of a ledger of the same test images.

    Raises:
      ThawError: they are not the same images.
    """
    if not header.test_groups:
        return {}
    images, groups = read_test_images(target_uri), np.asarray(header.test_groups)
    images.check(header)
    in_slice = {slice_words(key): mask for key, mask in images.slices().items()}
    return {one.name: effective_images(groups[in_slice[one.feature, one.value]]) for one in slices}


def _shown_images(uri: str, settings: ReportSettings) -> TargetImages:
    """The target's test images, and the near-duplicates of every split."""
    wanted = {name for ids in settings.near_duplicates for name in ids}
    others: dict[str, tuple[np.ndarray, str]] = {}
    shape = settings.configuration["data"]["image_shape"]
    for split in ("train", "val") if wanted else ():
        records = read_split([f"{uri}/Split-{split}/*"], shape)
        others |= _by_id(records.select(records.copies == 0), wanted, split)
    test = read_split([f"{uri}/Split-test/*"], shape)
    return TargetImages(test.images, test.ids.tolist(), others | _by_id(test, wanted, "test"))


def _by_id(records: Records, wanted: Container[str], split: str) -> dict[str, tuple[np.ndarray, str]]:
    pairs = zip(records.ids.tolist(), records.images, strict=True)
    return {name: (pixels.copy(), split) for name, pixels in pairs if name in wanted}


def _hand_over_winner(summary: dict[str, Any], winner_uri: str, output_dict: Artifacts) -> None:
    """Copies the winner's model, and says in TFX's way whether Pusher may push it."""
    winner, blessing = output_dict["winner"][0], output_dict["blessing"][0]
    blessed = bool(summary["pushed"]["blessed"])
    io_utils.copy_dir(winner_uri, winner.uri)
    blessing.set_int_custom_property(BLESSED_PROPERTY, int(blessed))
    marker = Path(blessing.uri) / ("BLESSED" if blessed else "NOT_BLESSED")
    marker.write_text(json.dumps(summary["pushed"]), encoding="utf-8")


def _evaluation(uri: str, verdict: types.Artifact) -> Evaluation:
    """TFMA's own blessing of a candidate, and what it found insufficient."""
    blessed = verdict.get_int_custom_property(BLESSED_PROPERTY) == 1
    return Evaluation(tfma_blessed=blessed, tfma_reasons=() if blessed else failed_thresholds(uri))


def failed_thresholds(evaluation_uri: str) -> tuple[str, ...]:
    """One sentence per metric threshold that TFMA's validation found not met."""
    result = tfma.load_validation_result(evaluation_uri)
    reasons = []
    for group in result.metric_validations_per_slice:
        keys = group.slice_key.single_slice_keys
        where = ", ".join(f"{key.column} {key.bytes_value.decode()}" for key in keys) or "all test images"
        for failure in group.failures:
            metric = failure.metric_key.name.replace("_", " ")
            value = failure.metric_value.double_value.value
            found = f"change of {metric} on {where} is {value:+.6g}"
            if not failure.metric_key.is_diff:
                found = f"{metric} on {where} is {value:.6g}"
            reasons.append(f"the {found}, which its threshold does not allow")
    return tuple(dict.fromkeys(reasons))


def transfer_report(
    *, candidates: Mapping[str, types.BaseChannel], evaluations: Mapping[str, types.BaseChannel],
    verdicts: Mapping[str, types.BaseChannel], ledgers: Mapping[str, types.BaseChannel],
    confirmation: types.BaseChannel, advice: types.BaseChannel, target: types.BaseChannel, settings: ReportSettings,
    code: str,
) -> base_component.BaseComponent:  # fmt: skip
    """Makes the node for any number of transfers, each input under a name of its own.

    Args:
      candidates: Model by transfer.
      evaluations: ModelEvaluation by transfer.
      verdicts: ModelBlessing (TFMA's) by transfer.
      ledgers: TunerResults with LEDGER_FILE, by transfer and by baseline.
      confirmation: File, the Confirmer's.
      advice: File with ADVICE_FILE, the TransferAdvisor's.
      target: Examples of the target, of which test is shown.
      settings: see there.
      code: fingerprint of the sources; only in the cache key.

    Returns:
      A node with the outputs `report` (File: report.html, cells.csv, summary.json and what belongs to them),
      `winner` (Model) and `blessing` (ModelBlessing).
    """
    return make_component(
        "TransferReport",
        TransferReportExecutor,
        inputs={
            **named("candidate", candidates),
            **named("evaluation", evaluations),
            **named("verdict", verdicts),
            **named("ledger", ledgers),
            "confirmation": confirmation,
            "advice": advice,
            "target": target,
        },
        outputs={
            "report": simple_artifacts.File,
            "winner": standard_artifacts.Model,
            "blessing": standard_artifacts.ModelBlessing,
        },
        parameters={"settings": settings.model_dump_json(), "code": code},
    )
