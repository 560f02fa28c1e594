"""No test image reaches training or tuning: one test for each way in. Trains small networks briefly.

| way | test |
|---|---|
| raw train and test share an image | tests/acquisition/tfrecords/test_inspection.py, by id and by content |
| Transform learns from all images before they are split | below |
| a domain's train or val file holds a test image | tests/e2e/test_end_to_end.py, from the files themselves |
| a source's domain has a test split | tests/pipeline/dag/test_dag.py |
| a node is told to read the test split | tests/pipeline/dag/test_dag.py |
| the engine trains on, chooses by or stops by test images | below |
| a learning curve, or the choice of a cell, reads a test figure | below, and test_selection.py |
| the candidate's Trainer reads the test split | below |
| a source is chosen on anything but its val | below: it is given nothing else |
"""

import dataclasses
import inspect
import shutil

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_transform as tft

from experiment.config import Schedule
from experiment.training_settings import ModelSettings
from ledger.cell_selection import Cell
from trainer_module import trainer
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.export import saved_model
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import build_network
from trainer_module.preprocessing import preprocessing_fn
from trainer_module.sources import source
from trainer_module.sweep.engine import SweepEngine

pytestmark = pytest.mark.slow  # trains networks

SCHEDULE = StepSchedule(Schedule(epochs=2, batch_size=8))


def test_transform_learns_nothing_from_the_images():
    spec = {
        "image": tf.TensorSpec([None], tf.string),
        "label": tf.TensorSpec([None], tf.int64),
        "id": tf.TensorSpec([None], tf.string),
    }
    config = {
        "image_key": "image",
        "label_key": "label",
        "id_key": "id",
        "image_shape": [4, 4, 3],
        "resize": False,
        "code": "",
    }
    assert tft.get_analyze_input_columns(lambda inputs: preprocessing_fn(inputs, config), spec) == []


def executions(data):
    """Val scores, learning curves and trained weights of a cell and its fine-tuned counterpart."""
    network = build_network("remastered", (32, 32, 3), 2)
    backbone = weight_values.initial_weights(network.backbone_layers, 11)
    engine = SweepEngine(network, backbone, data, SCHEDULE, seed=1)
    found = []
    for fine_tune in (False, True):
        execution = engine.run(Cell(16, 5, fine_tune), 0)
        weights = weight_values.read_weights(weight_values.model_variables(network))
        found.append((execution.val.probabilities, execution.curve, weights))
    return found


def test_with_other_test_images_an_execution_ends_with_the_same_weights_val_and_curve(target_data):
    test = target_data.test
    noise = np.random.default_rng(0).integers(0, 256, test.images.shape).astype(np.uint8)
    other = dataclasses.replace(target_data, test=dataclasses.replace(test, images=noise, labels=1 - test.labels))
    for (val, curve, weights), (other_val, other_curve, other_weights) in zip(
        executions(target_data), executions(other), strict=True
    ):
        np.testing.assert_array_equal(val, other_val)
        assert curve == other_curve
        for path, value in weights.items():
            np.testing.assert_array_equal(value, other_weights[path], err_msg=path)


def test_the_candidates_trainer_works_where_no_test_split_is(baseline_job, tmp_path, monkeypatch):
    for split in ("train", "val"):
        patterns = baseline_job.train_files if split == "train" else baseline_job.val_files
        shutil.copytree(patterns[0].removesuffix("/*"), tmp_path / f"Split-{split}")
    settings = ModelSettings(**baseline_job.settings.model_dump(include=set(ModelSettings.model_fields)))

    @dataclasses.dataclass
    class Arguments:
        custom_config: dict
        serving_model_dir: str
        hyperparameters: dict
        train_files: list
        eval_files: list
        base_model: str = ""
        transform_graph_path: str = ""

    # The signatures of the SavedModel need a Transform graph; they are no matter here.
    monkeypatch.setattr(saved_model, "export", lambda *arguments: None)
    chosen = {"values": {"n": 16, "freeze_count": 0, "fine_tune": False}}
    files = [[f"{tmp_path}/Split-{split}/*"] for split in ("train", "val")]
    trainer.run_fn(Arguments(settings.as_custom_config(""), str(tmp_path / "model"), chosen, *files))
    assert (tmp_path / "model" / source.KERAS_FILE).exists()


def test_a_source_is_given_its_train_and_val_alone():
    assert list(inspect.signature(source.train_source).parameters) == ["network", "train", "val", "settings"]
