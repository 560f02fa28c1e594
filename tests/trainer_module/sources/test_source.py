"""Training a source, loading ImageNet's weights, and handing either on. Trains briefly for real."""

import dataclasses
import itertools

import keras
import numpy as np
import pytest

from experiment.config import SourceSchedule
from experiment.errors import ThawError
from experiment.training_settings import ModelSettings
from tests.trainer_module.keras_models import MOBILENET, built
from trainer_module import trainer
from trainer_module.networks import weight_values
from trainer_module.sources import source

pytestmark = pytest.mark.slow  # trains real networks

SETTINGS = ModelSettings(
    role="source", name="cats_dogs__remastered", source="cats_dogs", architecture="remastered", classes=("cat", "dog"),
    image_shape=(32, 32, 3), image_key="image",
    schedule=SourceSchedule(epochs=4, batch_size=16, shift_px=2), seed=1, data_name="SYNTHETIC", code="c0de",
)  # fmt: skip


def test_the_weights_kept_are_those_of_the_best_moment_on_val(make_records):
    network = source.network_of(SETTINGS)
    train, val = make_records(40, "train"), make_records(30, "val", copies=1)
    history = source.train_source(network, train, val, SETTINGS)
    assert [step for step, _ in history] == [4, 8, 12, 16, 20]
    logits = network.model(val.images, training=False).numpy()[:, 0]
    accuracy = float(((logits > 0) == val.labels).mean())
    assert accuracy == pytest.approx(max(seen for _, seen in history))


def test_the_time_left_is_that_of_the_parts_that_ended(make_records, monkeypatch, capfd):
    """Each part between checks takes a hundred seconds of this clock."""
    clock = itertools.count(step=100)
    monkeypatch.setattr(source.time, "monotonic", lambda: float(next(clock)))
    source.train_source(source.network_of(SETTINGS), make_records(40, "train"), make_records(30, "val"), SETTINGS)
    lines = [line for line in capfd.readouterr().out.splitlines() if "train cats_dogs__remastered" in line]
    expected = [
        f" {done} of 5 parts, about 0:{left} left " for done, left in ((1, "06:40"), (2, "05:00"), (4, "01:40"))
    ]
    assert len(lines) == 5 and "left" not in lines[-1]
    assert all(any(said in line for line in lines) for said in expected)


def test_imagenet_weights_reach_every_layer_below_the_head(tmp_path):
    alike = keras.applications.MobileNetV2(input_shape=(32, 32, 3), alpha=0.35, include_top=False, weights=None)
    path = tmp_path / "weights.weights.h5"
    alike.save_weights(path)
    network = built("mobilenet_v2")
    source.load_pretrained(network, MOBILENET.with_file(path))
    expected = weight_values.read_weights(alike.weights)
    found = weight_values.read_weights(weight_values.backbone_variables(network))
    assert found.keys() == expected.keys()
    assert all(np.array_equal(found[name], expected[name]) for name in found)


def test_a_saved_source_is_read_back_for_another_number_of_classes(tmp_path):
    network = source.network_of(SETTINGS)
    network.model.save(tmp_path / source.KERAS_FILE)
    other = source.network_of(SETTINGS.model_copy(update={"classes": ("a", "b", "c")}))
    weights = source.source_weights(str(tmp_path), other)
    expected = weight_values.read_weights(weight_values.backbone_variables(network))
    assert weight_values.weights_hash(weights) == weight_values.weights_hash(expected)


def test_a_source_of_another_architecture_is_refused(tmp_path):
    source.network_of(SETTINGS).model.save(tmp_path / source.KERAS_FILE)
    original = source.network_of(SETTINGS.model_copy(update={"architecture": "original"}))
    with pytest.raises(ThawError, match=r"lacks dense_1/kernel of shape \(2048, 256\)"):
        source.source_weights(str(tmp_path), original)


def test_a_source_without_its_weights_file_is_refused(tmp_path):
    settings = SETTINGS.model_copy(update={"architecture": "mobilenet_v2", "backbone": MOBILENET, "classes": ()})

    @dataclasses.dataclass
    class Arguments:
        custom_config: dict
        serving_model_dir: str

    arguments = Arguments(settings.as_custom_config(""), str(tmp_path / "model"))
    with pytest.raises(ThawError, match=r"give their path as backbones\.mobilenet_v2\.weights"):
        trainer.run_fn(arguments)
