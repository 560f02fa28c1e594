"""TensorFlow Lite files against the network and the SavedModel. Converts small networks; runs no pipeline."""

import json
import os
import shutil

import keras
import numpy as np
import pytest
import tensorflow as tf

from experiment import features
from experiment.errors import ThawError
from pipeline.runs.finished_run import open_run
from pipeline.serving import tflite
from tests.pipeline.metadata_recorder import Recorder, small_settings, small_summary
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import build_network
from trainer_module.sources.source import KERAS_FILE

pytestmark = pytest.mark.component

IMAGES = np.random.default_rng(5).integers(0, 256, (24, 32, 32, 3), np.uint8)
LABELS = np.arange(24) % 2


def network_of(num_classes, seed=1):
    """A `remastered` of random weights."""
    network = build_network("remastered", (32, 32, 3), num_classes)
    variables = weight_values.model_variables(network)
    weight_values.set_weights(variables, weight_values.initial_weights(network.weighted_layers, seed))
    return network.model


def probabilities(model, images):
    logits = model(images, training=False)
    if logits.shape[-1] > 1:
        return tf.nn.softmax(logits).numpy()
    return np.concatenate([1 - tf.sigmoid(logits), tf.sigmoid(logits)], axis=1)


@pytest.fixture(scope="module", params=[2, 3], ids=["two classes", "three classes"])
def converted(request):
    model = network_of(request.param)
    return probabilities(model, IMAGES), tflite.float_content(model), tflite.int8_content(model, IMAGES)


def test_the_float_file_gives_the_networks_probabilities(converted):
    expected, content, _ = converted
    np.testing.assert_allclose(tflite.probabilities_of(content, IMAGES), expected, atol=1e-4)


def test_the_int8_file_is_a_third_as_large_and_near_the_networks_probabilities(converted):
    expected, in_floats, content = converted
    assert len(content) < len(in_floats) / 3
    # Measured: 0.004 for two classes, 0.003 for three.
    np.testing.assert_allclose(tflite.probabilities_of(content, IMAGES), expected, atol=0.02)


def test_both_files_take_the_pixels_themselves(converted):
    for content in converted[1:]:
        [given] = tf.lite.Interpreter(model_content=content).get_input_details()
        assert given["dtype"] == np.uint8 and given["shape"].tolist() == [1, 32, 32, 3]
        scale, zero = given["quantization"]
        assert (scale, zero) in ((0, 0), (pytest.approx(1), 0))


def test_the_int8_file_computes_in_integers(converted):
    interpreter = tf.lite.Interpreter(model_content=converted[2])
    kernels = [tensor["dtype"] for tensor in interpreter.get_tensor_details() if len(tensor["shape"]) == 4]
    assert np.int8 in kernels and np.float32 not in kernels


def write_split(folder, copies):
    folder.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(folder / "part")) as writer:
        for place, (image, label) in enumerate(zip(IMAGES, LABELS, strict=True)):
            for copy in range(copies):
                example = tf.train.Example()
                content = example.features.feature
                content[features.IMAGE].bytes_list.value.append(image.tobytes())
                content[features.LABEL].int64_list.value.append(int(label))
                content[features.ID].bytes_list.value.append(f"{place:03}".encode())
                content[features.COPY].int64_list.value.append(copy)
                writer.write(example.SerializeToString())


def save_serving(model, folder):
    """A SavedModel with the signature that serves PNG bytes; the real one needs a run of Transform."""
    served = tf.Module()
    served.model = model

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serve_bytes(image_bytes):
        images = tf.map_fn(tf.io.decode_png, image_bytes, fn_output_signature=tf.TensorSpec([32, 32, 3], tf.uint8))
        positive = tf.sigmoid(model(images, training=False))
        return {"probabilities": tf.concat([1 - positive, positive], axis=-1)}

    tf.saved_model.save(served, str(folder), signatures={"serving_bytes": serve_bytes})


@pytest.fixture(scope="module")
def pushed_model(tmp_path_factory):
    """Only read: the folder of a pushed model."""
    model, folder = network_of(2), tmp_path_factory.mktemp("model")
    save_serving(model, folder)
    model.save(folder / KERAS_FILE)
    return folder


@pytest.fixture
def run(pushed_model, tmp_path):
    """A finished run's folder, as far as the export reads it, and what serves its model."""
    pushed = shutil.copytree(pushed_model, tmp_path / "pushed")
    write_split(tmp_path / "domain" / "Split-train", copies=3)
    write_split(tmp_path / "domain" / "Split-test", copies=1)
    recorder = Recorder(tmp_path / "metadata.sqlite")
    recorder.execution("run", "DomainExamples.target", {}, {"domain": str(tmp_path / "domain")})
    folder = tmp_path / "run"
    folder.mkdir()
    summary = small_summary(recorder, pushed={"blessed": True, "path": str(pushed), "reason": None})
    (folder / "summary.json").write_text(json.dumps(summary))
    (folder / "config.yaml").write_text(json.dumps(small_settings()) + "\n")
    return folder


def test_a_run_is_exported_with_its_agreement_as_numbers(run):
    about = tflite.export_run(run)
    assert about == json.loads((run / "tflite" / "agreement.json").read_text())
    assert (about["test_images"], about["calibration_images"]) == (24, 24)
    assert about["input_shape"] == [1, 32, 32, 3]
    model = keras.saving.load_model(run.parent / "pushed" / KERAS_FILE, compile=False)
    expected = probabilities(model, IMAGES)
    for one in about["files"]:
        content = (run / "tflite" / one["file"]).read_bytes()
        said = tflite.probabilities_of(content, IMAGES)
        assert one["size_bytes"] == len(content)
        assert one["largest_difference"] == pytest.approx(np.abs(said - expected).max(), abs=1e-5)
        assert one["equal_decisions"] == np.mean(said.argmax(1) == expected.argmax(1))
        assert one["accuracy"] == np.mean(said.argmax(1) == LABELS)
        assert one["saved_model_accuracy"] == np.mean(expected.argmax(1) == LABELS)
    in_floats, in_integers = about["files"]
    assert in_floats["largest_difference"] < 1e-5 < in_integers["largest_difference"] < 0.02


def test_large_photos_are_served_a_few_at_a_time_since_all_at_once_take_gigabytes(tmp_path):
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, name="image_bytes")])
    def serve_bytes(image_bytes):
        tf.debugging.assert_less(tf.size(image_bytes), 3)
        levels = tf.map_fn(lambda png: tf.io.decode_png(png)[0, 0], image_bytes, fn_output_signature=tf.uint8)
        return {"probabilities": tf.cast(levels, tf.float32)}

    tf.saved_model.save(tf.Module(), str(tmp_path), signatures={"serving_bytes": serve_bytes})
    images = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((1, 1000, 1000, 3), np.uint8)
    assert tflite._served_probabilities(tmp_path, images)[:, 0].tolist() == [0, 1, 2, 3, 4]


def test_an_export_for_which_there_is_no_room_leaves_the_earlier_one_whole(run, file_limit):
    tflite.export_run(run)
    places = [run / "tflite" / name for name in (tflite.FLOAT_FILE, tflite.INT8_FILE, tflite.AGREEMENT_FILE)]
    earlier = [place.read_bytes() for place in places]
    largest = max(map(len, earlier))
    others = {tflite.AGREEMENT_FILE: b"{}", tflite.FLOAT_FILE: b"x", tflite.INT8_FILE: b"x" * largest}
    with file_limit(largest - 1), pytest.raises(ThawError, match="File too large"):
        tflite._write(run / "tflite", others)
    assert [place.read_bytes() for place in places] == earlier
    assert not list(run.glob(".tflite*"))


def test_a_folder_that_cannot_be_written_is_named_with_what_this_command_can_do(run):
    run.chmod(0o555)
    if os.access(run, os.W_OK):
        pytest.skip("root writes everywhere")
    with pytest.raises(ThawError, match=r"Can't write to .*run: Permission denied.*name the copy") as refused:
        tflite.export_run(run)
    assert "--set" not in str(refused.value)


def test_a_file_that_does_not_agree_with_the_saved_model_is_refused(run):
    network_of(2, seed=2).save(run.parent / "pushed" / KERAS_FILE)
    with pytest.raises(ThawError, match="does not agree with the SavedModel"):
        tflite.export_run(run)
    assert not (run / "tflite").exists()


def test_a_run_that_pushed_nothing_is_refused_with_its_reason(run):
    summary = json.loads((run / "summary.json").read_text())
    summary["pushed"] = {"blessed": False, "path": None, "reason": "there is no gain"}
    (run / "summary.json").write_text(json.dumps(summary))
    with pytest.raises(ThawError, match=r"none can be exported: there is no gain\. .*`thaw report`"):
        tflite.export_run(run)


def test_a_model_that_is_gone_is_named(run):
    (run.parent / "pushed" / KERAS_FILE).unlink()
    with pytest.raises(ThawError, match=r"is gone: .*pushed has no model\.keras"):
        tflite.export_run(run)


@pytest.mark.parametrize(("most", "expected"), [(4, [0, 8, 15, 23]), (24, list(range(24))), (99, list(range(24)))])
def test_images_are_taken_from_all_over_the_split(run, most, expected):
    records = open_run(run).records("target", "test")
    assert [int(name) for name in tflite.spread(records, most).ids] == expected


@pytest.mark.parametrize("damage", [b"", b"\xff" * 100, None])
def test_a_damaged_model_is_named(run, damage):
    path = run.parent / "pushed" / KERAS_FILE
    path.write_bytes(path.read_bytes()[:-200] if damage is None else damage)
    with pytest.raises(ThawError, match=r"pushed/model\.keras is missing or damaged"):
        tflite.export_run(run)


SAVED_MODEL = ("saved_model.pb", "variables/variables.index", "variables/variables.data-00000-of-00001")
DAMAGES = ("cut", "gone", "a folder")


@pytest.mark.parametrize(
    ("name", "damage"),
    [pytest.param(name, damage, marks=[pytest.mark.exhaustive] * (one != other))  # each once, and all combinations
     for one, name in enumerate(SAVED_MODEL) for other, damage in enumerate(DAMAGES)],
)  # fmt: skip
def test_a_damaged_saved_model_is_named(run, name, damage):
    """By its folder: TensorFlow does not say which of its files it is."""
    path = run.parent / "pushed" / name
    content = path.read_bytes()
    path.unlink()
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "a folder":
        path.mkdir()
    with pytest.raises(ThawError, match=r"/pushed is missing or damaged.*Restore it from a copy"):
        tflite.export_run(run)


def test_damaged_images_are_named(run):
    next((run.parent / "domain" / "Split-test").iterdir()).write_bytes(b"\xff" * 100)
    with pytest.raises(ThawError, match=r"domain/Split-test is missing or damaged"):
        tflite.export_run(run)


def test_a_folder_that_cannot_be_written_is_told_before_anything_is_converted(run, monkeypatch):
    (run / "tflite").write_text("in the way")
    monkeypatch.setattr(tflite, "_export", pytest.fail)
    with pytest.raises(
        ThawError, match=r"tflite is not a folder.*copy the run's folder to a place that can be written"
    ):
        tflite.export_run(run)
