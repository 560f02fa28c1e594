"""`thaw advise` on a small run made by hand: images on disk, a source, a rule. SYNTHETIC squares."""

import dataclasses
import json
import re
import shutil

import numpy as np
import pytest
import tensorflow as tf
from rich.console import Console

from analysis.transfer_prediction.predicted_gains import sentence
from experiment import features
from experiment.errors import ThawError
from experiment.loading import validate_config
from pipeline.runs.finished_run import FinishedRun
from pipeline.runs.ml_metadata import NodeRun
from pipeline.source_search import advice
from tests.analysis.transfer_prediction.test_advice_rule import made_rule
from trainer_module.data.artifact_folders import SERVING_FOLDER
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import build_network
from trainer_module.sources import controls, source
from trainer_module.sources.source_card import CARD_FILE

CLASSES = ["dark", "bright", "left", "right"]


def write_images(folder):
    """As Transform writes them: 20 a class, distinguished by their brightness."""
    folder.mkdir(parents=True)
    rng = np.random.default_rng(1)
    with tf.io.TFRecordWriter(str(folder / "a.gz"), tf.io.TFRecordOptions(compression_type="GZIP")) as writer:
        for place in range(80):
            label = place % 4
            image = rng.integers(0, 60, (32, 32, 3)) + 60 * label
            example = tf.train.Example()
            content = example.features.feature
            content[features.IMAGE].bytes_list.value.append(
                tf.io.serialize_tensor(tf.constant(image, tf.uint8)).numpy()
            )
            content[features.LABEL].int64_list.value.append(label)
            content[features.ID].bytes_list.value.append(f"image{place}".encode())
            writer.write(example.SerializeToString())


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("advised")
    write_images(folder / "transformed" / "Split-train")
    network = build_network("remastered", (32, 32, 3), 2)
    controls.keep_initial_weights(network, 3)
    (folder / "model" / SERVING_FOLDER).mkdir(parents=True)
    network.model.save(folder / "model" / SERVING_FOLDER / source.KERAS_FILE)
    hash_ = weight_values.weights_hash(weight_values.read_weights(weight_values.backbone_variables(network)))
    (folder / "model" / SERVING_FOLDER / CARD_FILE).write_text(json.dumps({"backbone_hash": hash_}))
    config = validate_config(
        {
            "name": "small", "data": {"classes": CLASSES}, "target": {"classes": ["dark", "bright"]},
            "sources": {"sides": {"classes": ["left", "right"]}, "untrained": {"control": "random"}},
            "transfers": [{"source": s, "architecture": "remastered"} for s in ("sides", "untrained")],
            "sizes": [8, 16], "freeze_counts": {"remastered": [4, 6]},
        },
        "x",
    )  # fmt: skip
    nodes = {
        "Transform": NodeRun(0, False, {"transformed_examples": [str(folder / "transformed")]}),
        "Trainer.source.sides.remastered": NodeRun(0, False, {"model": [str(folder / "model")]}),
    }
    return FinishedRun(folder, {"data": "SYNTHETIC squares"}, config, folder / "none.sqlite", nodes)


def test_every_freeze_count_is_ranked_by_its_expected_gain_and_controls_are_left_out(run):
    """Whether a cell is fine-tuned is not among the predictors."""
    found = advice.advise(run, ("dark", "bright"), 16, made_rule())
    assert sorted((one.freeze_count, one.fine_tune) for one in found.predicted_gains) == [(4, False), (6, False)]
    gains = [one.gain_points for one in found.predicted_gains]
    assert gains == sorted(gains, reverse=True)
    assert all(one.low < one.gain_points < one.high for one in found.predicted_gains)
    assert found.left_out == {"untrained__remastered": "it is a control"}
    assert max(one.probe_accuracy for one in found.predicted_gains) > 0.9


def test_images_of_val_are_never_looked_at_and_the_draw_is_nested(run):
    small, large = (advice.target_images(run, ("dark", "bright"), n) for n in (8, 32))
    assert set(small.ids) < set(large.ids)
    assert np.bincount(large.labels).tolist() == [16, 16]
    with pytest.raises(ThawError, match=r"the data has 16 of 'dark'\. Give --n 32 or less"):
        advice.target_images(run, ("dark", "bright"), 40)


def test_a_source_that_has_seen_the_target_is_not_asked(run):
    with pytest.raises(ThawError, match="its source has seen left"):
        advice.advise(run, ("dark", "left"), 16, made_rule())


@pytest.mark.parametrize("target", [("dark",), ("dark", "dark"), ("dark", "grey")])
def test_a_target_that_the_data_does_not_have_is_refused(run, target):
    with pytest.raises(ThawError, match="expected two or more different classes"):
        advice.target_images(run, target, 16)


def test_the_answer_says_what_to_try_or_not_to_transfer(run):
    found = advice.advise(run, ("dark", "bright"), 16, made_rule()).predicted_gains[0]
    losing = advice.advise(run, ("dark", "bright"), 16, made_rule(intercept=-50.0)).predicted_gains[0]
    assert sentence(found, ("dark", "bright"), 16).startswith("Try sides__remastered")
    assert (
        sentence(losing, ("dark", "bright"), 16)
        == "Do not transfer: no source is expected to gain for dark and bright at n = 16."
    )


def test_what_is_printed_names_data_calibration_and_what_was_left_out(run):
    console = Console(record=True, width=200)
    advice.show(advice.advise(run, ("dark", "bright"), 16, made_rule()), console)
    text = console.export_text()
    assert "SYNTHETIC squares" in text
    assert "On targets left out, the intervals included 91% of the gains" in text
    assert "untrained__remastered was left out: it is a control." in text


def test_a_predicted_gain_can_be_written_as_json_values(run):
    found = dataclasses.asdict(advice.advise(run, ("dark", "bright"), 8, made_rule()))
    assert found["n"] == 8
    assert set(found["predicted_gains"][0]) >= {"transfer", "gain_points", "low", "high", "verdict"}


def test_a_source_that_was_altered_since_the_run_is_not_asked(run):
    card = run.model("source.sides.remastered") / CARD_FILE
    content = card.read_text()
    card.write_text(json.dumps({"backbone_hash": "another"}))
    try:
        with pytest.raises(ThawError, match="was altered after it was trained"):
            advice.advise(run, ("dark", "bright"), 8, made_rule())
    finally:
        card.write_text(content)


def test_one_image_a_class_is_refused_with_what_a_probe_needs(run):
    with pytest.raises(ThawError, match=r"n = 2 gives fewer than 2 images of each of .*Give --n 4 or more"):
        advice.advise(run, ("dark", "bright"), 2, made_rule())


@pytest.mark.parametrize(
    ("n", "message"),
    [
        (15, "n = 15 can't be split evenly over the 2 classes .*, such as --n 14"),
        (10**6, r"takes 500000 training images of each .*; the data has (\d+) of '\w+'\. Give --n \d+ or"),
    ],
)
def test_more_images_than_there_are_is_refused_with_the_most_that_can_be_drawn(run, n, message):
    with pytest.raises(ThawError, match=message) as refused:
        advice.target_images(run, ("dark", "bright"), n)
    if n == 10**6:
        most = int(re.search(r"--n (\d+)", str(refused.value))[1])
        assert len(advice.target_images(run, ("dark", "bright"), most)) == most
        with pytest.raises(ThawError, match="Give --n"):
            advice.target_images(run, ("dark", "bright"), most + 2)


def test_features_that_say_nothing_leave_a_source_out_with_the_reason(run, monkeypatch):
    def alike(*_):
        raise ValueError("features are the same in all 16 rows")

    monkeypatch.setattr(advice, "linear_probe", alike)
    with pytest.raises(ThawError, match=r"can estimate .*; sides__remastered: features are the same in all 16 rows"):
        advice.advise(run, ("dark", "bright"), 16, made_rule())


@pytest.fixture
def copy(run, tmp_path):
    """The run with images and a source of its own, in `tmp_path`/copy."""
    shutil.copytree(run.folder, tmp_path / "copy")
    nodes = {
        "Transform": NodeRun(0, False, {"transformed_examples": [str(tmp_path / "copy" / "transformed")]}),
        "Trainer.source.sides.remastered": NodeRun(0, False, {"model": [str(tmp_path / "copy" / "model")]}),
    }
    return dataclasses.replace(run, nodes=nodes)


def test_a_damaged_source_is_named(copy, tmp_path):
    (tmp_path / "copy" / "model" / SERVING_FOLDER / source.KERAS_FILE).write_bytes(b"PK damaged")
    with pytest.raises(ThawError, match=r"copy/model/Format-Serving/model\.keras is missing or damaged"):
        advice.advise(copy, ("dark", "bright"), 16, made_rule())


@pytest.mark.parametrize("content", [b"damaged", b""])
def test_a_damaged_or_empty_file_of_images_is_named(copy, tmp_path, content):
    (tmp_path / "copy" / "transformed" / "Split-train" / "a.gz").write_bytes(content)
    with pytest.raises(ThawError, match=r"copy/transformed/Split-train/a\.gz is missing or damaged.*`artifacts`"):
        advice.advise(copy, ("dark", "bright"), 16, made_rule())


def test_images_that_are_gone_are_named(copy, tmp_path):
    (tmp_path / "copy" / "transformed" / "Split-train" / "a.gz").unlink()
    with pytest.raises(ThawError, match=r"copy/transformed/Split-train is missing or damaged"):
        advice.advise(copy, ("dark", "bright"), 16, made_rule())
