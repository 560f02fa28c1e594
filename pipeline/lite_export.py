"""A finished run's pushed model as TFLite files in the run's folder. Imports no TFX component."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.errors import ThawError
from pipeline.finished_run import open_run
from trainer_module import tflite
from trainer_module.input_pipeline import Records

FOLDER, AGREEMENT_FILE = "tflite", "agreement.json"
TEST_IMAGES, CALIBRATION_IMAGES = 1000, 200


def export_run(folder: Path) -> dict[str, Any]:
    """Writes tflite/ with the float and the int8 file and AGREEMENT_FILE, which says how far they agree.

    int8 is calibrated on training images; the comparison is on test images. Both are spread evenly over their split.

    Args:
      folder: of a finished run.

    Returns:
      What AGREEMENT_FILE holds.

    Raises:
      ThawError: the run can't be opened or pushed no model, or the float file does not agree.
    """
    run = open_run(folder)
    pushed = run.summary["pushed"]
    if not pushed["blessed"]:
        raise ThawError(f"{run.folder} pushed no model: {pushed['reason']}. Only a blessed model is exported.")
    train, test = run.records("target", "train"), run.records("target", "test")
    calibration = _spread(train.select(train.copies == 0), CALIBRATION_IMAGES)
    compared = _spread(test, TEST_IMAGES)
    out = run.folder / FOLDER
    found = tflite.export(Path(pushed["path"]), out, calibration.images, compared.images, compared.labels)
    agreement = {
        "transfer": pushed["transfer"],
        "saved_model": pushed["path"],
        "data": run.summary["data"],
        "test_images": len(compared),
        "calibration_images": len(calibration),
        "files": {tflite.FILES[kind]: dataclasses.asdict(one) for kind, one in found.items()},
    }
    (out / AGREEMENT_FILE).write_text(json.dumps(agreement, indent=2) + "\n")
    return agreement


def _spread(records: Records, count: int) -> Records:
    """So many records, or all where there are fewer, spread evenly over their order."""
    return records.select(np.linspace(0, len(records) - 1, min(count, len(records))).round().astype(np.int64))
