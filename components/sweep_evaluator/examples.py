"""Reads what the target's test examples say of its images, without their pixels. Imports TensorFlow; no TFX."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from analysis.cells.cell_metrics import SlicedImages
from components.sweep_evaluator.results import SLICE_FEATURES
from experiment import features
from experiment.errors import ThawError
from trainer_module.data.artifact_folders import matching_files
from trainer_module.data.input_pipeline import texts
from trainer_module.data.record_counts import check_count

READ_BATCH = 1024
SPEC = {
    features.LABEL: tf.io.FixedLenFeature([], tf.int64),
    **{name: tf.io.FixedLenFeature([], tf.string) for name in (features.ID, *SLICE_FEATURES)},
}


def read_test_images(domain_uri: str) -> SlicedImages:
    """The test split of a domain, ordered by id as the sweep reads it (trainer_module/data/input_pipeline.py).

    Raises:
      ThawError: there is no test example, or more or fewer than the domain says.
    """
    folder = f"{domain_uri}/Split-test"
    files = tf.constant(matching_files(f"{folder}/*"), tf.string)
    parsed = [tf.io.parse_example(batch, SPEC) for batch in tf.data.TFRecordDataset(files).batch(READ_BATCH)]
    if not parsed:
        raise ThawError(
            f"{domain_uri} holds no test example, so no cell can be evaluated. Give the data a test split with "
            "images of the target's classes."
        )
    columns = {name: np.concatenate([part[name].numpy() for part in parsed]) for name in SPEC}
    labels = columns.pop(features.LABEL)
    check_count([folder], len(labels))
    named = {name: texts(values) for name, values in columns.items()}
    ids = named.pop(features.ID)
    order = np.argsort(ids, kind="stable")
    return SlicedImages(ids[order], labels[order], {name: values[order] for name, values in named.items()})
