"""The SweepEvaluator node: ledgers and test examples in, TFMA results of every cell out. Imports TFX."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tfx import types
from tfx.dsl.components.base import base_component, base_executor
from tfx.types import standard_artifacts

from analysis.cells.cell_metrics import evaluate_cells
from analysis.cells.paired_ledgers import pair_ledgers
from analysis.statistics.classification_metrics import metrics_of
from components.named_inputs import make_component, named, of_kind
from components.sweep_evaluator.examples import read_test_images
from components.sweep_evaluator.results import eval_config, folder_name, write_result
from experiment.errors import counted
from ledger.ledger import LEDGER_FILE, read_ledger
from terminal import progress
from trainer_module.data.artifact_folders import artifacts_as_folders

Artifacts = dict[str, list[types.Artifact]]
INDEX_FILE = "sweep_evaluation.json"


class SweepEvaluatorExecutor(base_executor.BaseExecutor):
    """Reads the inputs by the names that `sweep_evaluator` gave them."""

    def Do(self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]) -> None:
        with artifacts_as_folders(input_dict, output_dict):
            ledgers = (Path(made.uri) for [made] in of_kind("ledger", input_dict).values())
            write_evaluations(Path(output_dict["evaluations"][0].uri), input_dict["examples"][0].uri, ledgers)


def write_evaluations(folder: Path, domain_uri: str, ledger_folders: Iterable[Path]) -> dict[str, Any]:
    """Evaluates every cell of a run in one pass, from the stored predictions: no model is loaded.

    Args:
      folder: for the results; each cell's lie in `folder_name` below it.
      domain_uri: the target's examples.
      ledger_folders: with a LEDGER_FILE each, of all transfers and baselines.

    Returns:
      What INDEX_FILE holds: `cells` (transfer, n, freeze_count, fine_tune, held_from, draws, path), `seconds` of wall
      time for all of them and `seconds_per_cell`.

    Raises:
      ThawError: the ledgers don't fit each other or the test examples.
    """
    started = time.perf_counter()
    images = read_test_images(domain_uri)
    ledgers = pair_ledgers(read_ledger(path / LEDGER_FILE) for path in ledger_folders)
    classes = len(next(iter(ledgers.transfers.values())).header.classes)
    slices = {key: int(mask.sum()) for key, mask in images.slices().items()}
    config, metrics = eval_config(classes), metrics_of(classes)
    cells = []
    for found in evaluate_cells(ledgers, images):
        path = folder_name(found.sweep, found.cell)
        write_result(folder / path, found, slices, metrics, config, domain_uri)
        cells.append({"transfer": found.sweep, **vars(found.cell), "draws": found.draws, "path": path})
    seconds = time.perf_counter() - started
    index = {"seconds": round(seconds, 3), "seconds_per_cell": round(seconds / len(cells), 4), "cells": cells}
    (folder / INDEX_FILE).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    each = seconds / len(cells)
    progress.console().print(f"  evaluated {counted(len(cells), 'cell')} in {seconds:.1f} s ({each:.3f} s a cell)")
    return index


def sweep_evaluator(
    *, examples: types.BaseChannel, ledgers: Mapping[str, types.BaseChannel], code: str
) -> base_component.BaseComponent:
    """Makes the node for any number of sweeps, each ledger under a name of its own.

    Args:
      examples: Examples of the target, with a split `test`.
      ledgers: TunerResults with LEDGER_FILE, by transfer and by baseline.
      code: fingerprint of the sources; only in the cache key.

    Returns:
      A node with the output `evaluations` (ModelEvaluation: a folder a cell, and INDEX_FILE).
    """
    return make_component(
        "SweepEvaluator",
        SweepEvaluatorExecutor,
        inputs={"examples": examples, **named("ledger", ledgers)},
        outputs={"evaluations": standard_artifacts.ModelEvaluation},
        parameters={"code": code},
    )
