"""A target domain small enough to train on in a second. Imports no TFX."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from experiment import features
from experiment.changes import changed
from experiment.config import Backbone, Schedule
from experiment.training_settings import SweepSettings
from tests.ledger.rows import make_row  # noqa: F401
from tests.trainer_module.keras_models import six_convolutions
from trainer_module.cell_training.target_data import TargetData
from trainer_module.data.input_pipeline import Records
from trainer_module.sweep.job import SweepJob


@pytest.fixture(scope="session")
def make_records():
    """A function that makes records of two classes, dark and bright, with two copies of every image."""

    def make_records(images, prefix, copies=2, size=32):
        generator = np.random.default_rng(sum(prefix.encode()))
        labels = np.repeat(np.arange(images) % 2, copies)
        pixels = generator.integers(0, 128, (images * copies, size, size, 3)) + 90 * labels[:, None, None, None]
        ids = np.repeat([f"{prefix}_{index:05d}" for index in range(images)], copies)
        return Records(pixels.astype(np.uint8), labels.astype(np.int64), ids, np.tile(np.arange(copies), images))

    return make_records


@pytest.fixture(scope="session")
def target_data(make_records):
    """40 training images with a copy each, 30 val and 30 test images."""
    return TargetData(
        train=make_records(40, "train"),
        val=make_records(30, "val", copies=1),
        test=make_records(30, "test", copies=1),
        num_classes=2,
        content_hash="target",
    )


@pytest.fixture(scope="session")
def baseline_job(tmp_path_factory, target_data):
    """A baseline's sweep on TFRecords as DomainExamples writes them."""
    folder = tmp_path_factory.mktemp("domain")
    for split in ("train", "val", "test"):
        (folder / f"Split-{split}").mkdir()
        write_records(folder / f"Split-{split}" / "data.tfrecord", getattr(target_data, split))
    settings = SweepSettings(
        role="baseline", name="baseline__remastered", source="", architecture="remastered",
        classes=("automobile", "truck"), image_shape=(32, 32, 3), image_key="image",
        schedule=Schedule(epochs=1, batch_size=16), seed=1, data_name="SYNTHETIC", code="c0de", sizes=(8, 16),
        freeze_counts=(0,), fine_tune=(False, True), draws=2, deployed_size=16, ledger_dir=folder,
    )  # fmt: skip
    return SweepJob(settings, (f"{folder}/Split-train/*",), (f"{folder}/Split-val/*",), "")


@pytest.fixture(scope="session")
def six_layers(tmp_path_factory):
    """A small network with six layers that can be frozen, as a user's model."""
    path = tmp_path_factory.mktemp("model") / "six.keras"
    six_convolutions().save(path)
    return Backbone(model=path)


@pytest.fixture(scope="session")
def small_job(baseline_job, six_layers):
    """The same sweep of a small network, for what does not depend on the network."""
    settings = changed(baseline_job.settings, architecture="six", backbone=six_layers)
    return dataclasses.replace(baseline_job, settings=settings)


def write_records(path, records):
    def feature(value):
        kind = {"bytes_list": tf.train.BytesList(value=[value])} if isinstance(value, bytes) else {
            "int64_list": tf.train.Int64List(value=[value])
        }  # fmt: skip
        return tf.train.Feature(**kind)

    with tf.io.TFRecordWriter(str(path)) as writer:
        for image, label, name, copy in zip(records.images, records.labels, records.ids, records.copies, strict=True):
            values = {
                features.IMAGE: image.tobytes(), features.LABEL: int(label),
                features.ID: str(name).encode(), features.COPY: int(copy),
            }  # fmt: skip
            example = tf.train.Example(features=tf.train.Features(feature={k: feature(v) for k, v in values.items()}))
            writer.write(example.SerializeToString())


@pytest.fixture
def saved(tmp_path):
    """A function that saves a model and gives its settings."""

    def saved(model, scale=None, **settings):
        path = tmp_path / f"{model.name}.keras"
        model.save(path)
        return Backbone(model=path, scale=scale, **settings)

    return saved
