"""tuner_fn and run_fn refuse sources that were altered, broken or never learned. Starts a real worker."""

import dataclasses
import hashlib
import json

import keras
import numpy as np
import pytest
from tfx.utils import io_utils

from experiment.config import Backbone, SourceSchedule
from experiment.errors import ThawError
from experiment.machine import Machine, Share
from experiment.training_settings import CHIEF_KEY, ModelSettings
from trainer_module import trainer
from trainer_module.data.artifact_folders import read_folder
from trainer_module.networks import weight_values
from trainer_module.sources import source
from trainer_module.sources.source_card import CARD_FILE
from trainer_module.tuner import tuner_fn

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@dataclasses.dataclass
class Arguments:
    """What TFX hands over."""

    custom_config: dict
    train_files: list
    eval_files: list
    serving_model_dir: str = ""
    base_model: str = ""
    hyperparameters: dict = dataclasses.field(default_factory=dict)
    transform_graph_path: str = ""


@pytest.fixture
def settings(baseline_job, tmp_path):
    changes = {"role": "transfer", "name": "a__remastered", "source": "a", "freeze_counts": (6,), "workers": 1}
    return baseline_job.settings.model_copy(update={**changes, "ledger_dir": tmp_path / "ledgers"})


@pytest.fixture
def trained(baseline_job, settings, tmp_path):
    train_source(baseline_job, settings, str(tmp_path / "source"))
    return tmp_path / "source"


def train_source(baseline_job, settings, uri, control=None):
    """A source as run_fn writes it, briefly trained on dark and bright images."""
    schedule = SourceSchedule(epochs=12, batch_size=8)
    shared = settings.model_dump(include=set(ModelSettings.model_fields))
    told = ModelSettings(**{**shared, "role": "source", "schedule": schedule, "control": control})
    trainer.run_fn(Arguments(told.as_custom_config(""), list(baseline_job.train_files), list(baseline_job.val_files),
                             uri))  # fmt: skip


def tune(job, settings, folder):
    config = settings.as_custom_config("")
    return tuner_fn(Arguments(config, list(job.train_files), list(job.val_files), base_model=str(folder)))


def rewrite_card(folder, **changes):
    card = json.loads((folder / CARD_FILE).read_text())
    (folder / CARD_FILE).write_text(json.dumps({**card, **changes}))


def alter_weights(folder):
    """Adds a millionth to one weight, and saves the model as Keras would."""
    model = keras.saving.load_model(folder / source.KERAS_FILE, compile=False)
    first = model.weights[0]
    first.assign(np.asarray(first) + 1e-6 * np.eye(1, np.size(first)).reshape(first.shape))
    model.save(folder / source.KERAS_FILE)


def test_a_source_that_was_trained_is_swept_and_one_that_was_altered_is_refused(baseline_job, settings, trained):
    card = json.loads((trained / CARD_FILE).read_text())
    assert (card["val_images"], card["val_largest_class"]) == (30, 0.5)
    tuner = tune(baseline_job, settings, trained).tuner
    tuner.runner.close()
    assert tuner.record.header.source_hash == card["backbone_hash"]

    alter_weights(trained)
    with pytest.raises(ThawError, match="altered after it was trained"):
        tune(baseline_job, settings, trained)
    chosen = {"values": {"n": 16, "freeze_count": 6, "fine_tune": False}}
    told = ModelSettings(**settings.model_dump(include=set(ModelSettings.model_fields)))
    candidate = Arguments(told.as_custom_config(""), list(baseline_job.train_files), list(baseline_job.val_files),
                          str(trained / "candidate"), str(trained), chosen)  # fmt: skip
    with pytest.raises(ThawError, match="altered after it was trained"):
        trainer.run_fn(candidate)


def test_a_chief_with_a_budget_is_refused_before_anything_starts(baseline_job, settings):
    Machine(ends_at=1.0, shares={settings.name: Share(part=1, reserved_s=0)}).write(settings.ledger_dir)
    config = {**settings.as_custom_config(""), CHIEF_KEY: "127.0.0.1:8000"}
    with pytest.raises(ThawError, match="can't keep to budget_minutes"):
        tuner_fn(Arguments(config, list(baseline_job.train_files), list(baseline_job.val_files)))


def test_a_source_in_an_object_store_is_written_and_read_like_a_folder(baseline_job, settings, tmp_path):
    """The store is TensorFlow's own in memory."""
    train_source(baseline_job, settings, "ram://models/source")
    with read_folder("ram://models/source") as copied:
        assert sorted(path.name for path in copied.iterdir()) == sorted([CARD_FILE, source.KERAS_FILE])
        assert json.loads((copied / CARD_FILE).read_text())["val_images"] == 30
        alter_weights(copied)
        io_utils.copy_dir(str(copied), "ram://models/altered")
    chosen = {"values": {"n": 16, "freeze_count": 6, "fine_tune": False}}
    told = ModelSettings(**settings.model_dump(include=set(ModelSettings.model_fields)))
    candidate = Arguments(told.as_custom_config(""), list(baseline_job.train_files), list(baseline_job.val_files),
                          str(tmp_path / "candidate"), "ram://models/altered", chosen)  # fmt: skip
    with pytest.raises(ThawError, match="altered after it was trained"):
        trainer.run_fn(candidate)


def test_a_source_at_chance_is_refused_before_any_worker_starts_unless_allowed(baseline_job, settings, tmp_path):
    network = source.network_of(settings)
    network.model.save(tmp_path / source.KERAS_FILE)
    hash_ = weight_values.weights_hash(weight_values.read_weights(weight_values.backbone_variables(network)))
    card = {"name": "a", "classes": ["x", "y"], "backbone_hash": hash_, "val_accuracy_by_step": [[1, 0.55]],
            "val_images": 100, "val_largest_class": 0.5}  # fmt: skip
    (tmp_path / CARD_FILE).write_text(json.dumps(card))
    with pytest.raises(ThawError, match="learned nothing worth transferring"):
        tune(baseline_job, settings, tmp_path)
    tune(baseline_job, settings.model_copy(update={"allow_untrained_sources": True}), tmp_path).tuner.runner.close()


@pytest.mark.parametrize("control", ["random", "shuffled_labels"])
def test_a_control_that_knows_no_class_is_swept_though_an_ordinary_source_like_it_is_not(
    baseline_job, settings, tmp_path, control
):
    train_source(baseline_job, settings, str(tmp_path), control=control)
    card = json.loads((tmp_path / CARD_FILE).read_text())
    assert card["control"] == control
    assert "val_accuracy_by_step" not in card
    assert ("permuted_labels_recalled_by_step" in card) == (control == "shuffled_labels")
    tuner = tune(baseline_job, settings, tmp_path).tuner
    tuner.runner.close()
    assert tuner.record.header.source_hash == card["backbone_hash"]


def imagenet(path, sha256):
    """The settings of an ImageNet source with the given weights file."""
    return ModelSettings(
        role="source", name="imagenet__mobilenet_v2", source="imagenet", architecture="mobilenet_v2", classes=(),
        image_shape=(32, 32, 3), image_key="image",
        backbone=Backbone(family="MobileNetV2", alpha=0.35, image_size_px=32, weights=path, sha256=sha256),
        schedule=SourceSchedule(), seed=1, data_name="d", code="c",
    )  # fmt: skip


def test_weights_that_are_no_numbers_never_become_a_source(tmp_path):
    path = tmp_path / "weights.weights.h5"
    alike = keras.applications.MobileNetV2(input_shape=(32, 32, 3), alpha=0.35, include_top=False, weights=None)
    alike.weights[0].assign(np.full(alike.weights[0].shape, np.nan, np.float32))
    alike.save_weights(path)
    told = imagenet(path, hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(ThawError, match="imagenet__mobilenet_v2 has weights that are not finite"):
        trainer.run_fn(Arguments(told.as_custom_config(""), [], [], str(tmp_path / "model")))
    assert not (tmp_path / "model" / source.KERAS_FILE).exists()


def test_a_weights_file_that_changed_since_the_run_began_is_refused(tmp_path):
    path = tmp_path / "weights.h5"
    path.write_bytes(b"others")
    told = imagenet(path, "0" * 64)
    with pytest.raises(ThawError, match=r"weights\.h5 changed during the run: its SHA-256 was 0000"):
        trainer.run_fn(Arguments(told.as_custom_config(""), [], [], str(tmp_path / "model")))
