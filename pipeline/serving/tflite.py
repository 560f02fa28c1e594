"""TensorFlow Lite files of a run's pushed model, each compared with the SavedModel. Imports no TFX and no DAG."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from experiment.errors import ThawError
from pipeline.runs.finished_run import FinishedRun, open_run, reading
from trainer_module.data.artifact_folders import read_folder
from trainer_module.data.input_pipeline import Records
from trainer_module.export.tflite_conversion import float_content, int8_content, probabilities_of
from trainer_module.sources.source import KERAS_FILE
from trainer_module.training.activation_cache import read_batch

FLOAT_FILE, INT8_FILE, AGREEMENT_FILE = "float.tflite", "int8.tflite", "agreement.json"
FOLDER = "tflite"
"""Folder within the run's folder."""
TEST_IMAGES = 1000
CALIBRATION_IMAGES = 200
FLOAT_TOLERANCE = 1e-3
"""Largest difference between probabilities of the float file and of the SavedModel, which only sum in different
orders."""


@dataclasses.dataclass(frozen=True)
class Agreement:
    """A TFLite file against the SavedModel, on the same test images.

    Attributes:
      file: its name.
      size_bytes: of the file.
      equal_decisions: share of the images for which both predict the same class.
      largest_difference: between their probabilities.
      accuracy, saved_model_accuracy: share of correctly classified images.
    """

    file: str
    size_bytes: int
    equal_decisions: float
    largest_difference: float
    accuracy: float
    saved_model_accuracy: float


def export_run(run: Path) -> dict[str, Any]:
    """Writes the pushed model of a finished run as FLOAT_FILE and INT8_FILE, with AGREEMENT_FILE, to `tflite/` in it.

    Both files take one image, uint8 [1, height, width, channels], and give probabilities, float32 [1, classes]. In the
    second one weights and activations are 8-bit integers, whose ranges come from training images.

    Args:
      run: the run's folder.

    Returns:
      What AGREEMENT_FILE holds: `model`, `data`, `classes`, `input_shape`, `test_images`, `calibration_images` and
      `files`, the fields of an Agreement each.

    Raises:
      ThawError: the run can't be opened, it pushed nothing, its model is gone, or the float file's probabilities differ
        from the SavedModel's (then nothing is written).
    """
    opened = open_run(run)
    summary = opened.summary
    if not summary["pushed"]["path"]:
        raise ThawError(
            f"{run} pushed no model, so none can be exported: {summary['pushed']['reason']}. Expected a run that "
            "pushed one. `thaw report` names the trained models, which can be served."
        )
    _check_writable(opened.folder)
    with read_folder(summary["pushed"]["path"]) as folder:
        return _export(opened, folder)


def _export(run: FinishedRun, folder: Path) -> dict[str, Any]:
    """export_run for a run that pushed the model of the folder."""
    if not (folder / KERAS_FILE).exists():
        raise ThawError(f"The model that {run.folder} pushed is gone: {folder} has no {KERAS_FILE}. Run the experiment "
                        "again, or restore the workspace.")  # fmt: skip
    with reading(folder / KERAS_FILE):
        model = keras.saving.load_model(folder / KERAS_FILE, compile=False, safe_mode=True)
    train, test = run.records("target", "train"), run.records("target", "test")
    calibration, test = spread(train.select(train.copies == 0), CALIBRATION_IMAGES), spread(test, TEST_IMAGES)
    contents = {FLOAT_FILE: float_content(model), INT8_FILE: int8_content(model, calibration.images)}
    with reading(folder):
        served = _served_probabilities(folder, test.images)
    found = [_compare(name, content, test, served) for name, content in contents.items()]
    if found[0].largest_difference > FLOAT_TOLERANCE:
        raise ThawError(f"The TFLite file of {folder} does not agree with the SavedModel: probabilities differ by up "
                        f"to {found[0].largest_difference:.2g}; expected at most {FLOAT_TOLERANCE:g}. This is a defect "
                        "of the conversion: serve the SavedModel, and report it.")  # fmt: skip
    about = {
        "model": run.summary["pushed"]["path"], "data": run.summary["data"], "classes": run.summary["target_classes"],
        "input_shape": [1, *test.images.shape[1:]], "test_images": len(test), "calibration_images": len(calibration),
        "files": [dataclasses.asdict(one) for one in found],
    }  # fmt: skip
    contents[AGREEMENT_FILE] = (json.dumps(about, indent=2) + "\n").encode()
    _write(run.folder / FOLDER, contents)
    return about


def _check_writable(folder: Path) -> None:
    """Raises a ThawError if `tflite/` can't be made in a run's folder, before minutes are spent on the files."""
    out = folder / FOLDER
    try:
        if os.path.lexists(out) and not out.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{out} is not a folder")
        with tempfile.TemporaryDirectory(prefix=f".{FOLDER}-", dir=folder):
            pass
    except OSError as error:
        raise ThawError(f"Can't write to {folder}: {error.strerror}. Expected a folder that can be written. Correct "
                        "its permissions, or copy the run's folder to a place that can be written, and name the copy."
                        ) from error  # fmt: skip


def _write(out: Path, contents: dict[str, bytes]) -> None:
    """Writes temporary files first, so that those of an earlier call stay complete until all new ones exist."""
    try:
        with tempfile.TemporaryDirectory(prefix=f".{out.name}-", dir=out.parent) as fresh:
            for name, content in contents.items():
                (Path(fresh) / name).write_bytes(content)
            out.mkdir(exist_ok=True)
            for name in contents:
                (Path(fresh) / name).replace(out / name)
    except OSError as error:
        raise ThawError(f"Can't write {error.filename or out}: {error.strerror}. Expected room for "
                        f"{sum(map(len, contents.values())):,} bytes in a folder that can be written. Make room or "
                        "correct its permissions, and run the same command again.") from error  # fmt: skip


def spread(records: Records, most: int) -> Records:
    """At most so many records, spread evenly over all."""
    mask = np.zeros(len(records), bool)
    mask[np.linspace(0, len(records) - 1, min(most, len(records))).round().astype(np.int64)] = True
    return records.select(mask)


def _served_probabilities(folder: Path, images: np.ndarray) -> np.ndarray:
    """The SavedModel's answers to the images as PNG, float32 [images, classes]."""
    serve = tf.saved_model.load(str(folder)).signatures["serving_bytes"]
    size = read_batch(images.shape[1:])  # all at once, 1,000 photos of 224 pixels take 15 GiB
    batches = (images[start : start + size] for start in range(0, len(images), size))
    encoded = (tf.stack([tf.io.encode_png(image) for image in batch]) for batch in batches)
    return np.concatenate([serve(image_bytes=one)["probabilities"].numpy() for one in encoded])


def _compare(name: str, content: bytes, test: Records, served: np.ndarray) -> Agreement:
    said = probabilities_of(content, test.images)
    decisions, expected = said.argmax(axis=1), served.argmax(axis=1)
    return Agreement(
        file=name,
        size_bytes=len(content),
        equal_decisions=float((decisions == expected).mean()),
        largest_difference=float(np.abs(said - served).max()),
        accuracy=float((decisions == test.labels).mean()),
        saved_model_accuracy=float((expected == test.labels).mean()),
    )
