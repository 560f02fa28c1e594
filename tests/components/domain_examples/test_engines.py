"""The DomainExamples node writes the same records in one process and in several. Starts Beam's worker processes."""

import json
from pathlib import Path

import pytest
import tensorflow as tf
from tfx.dsl.components.base.base_beam_executor import BaseBeamExecutor
from tfx.types.standard_artifacts import Examples

from components.domain_examples.component import DomainExamples
from components.domain_examples.records import DomainSettings
from components.sweep_evaluator.examples import read_test_images
from experiment import features
from experiment.config import Augmentation
from experiment.errors import ThawError
from pipeline.dag.beam_options import beam_options
from trainer_module.data.input_pipeline import read_split
from trainer_module.data.record_counts import COUNTS_FILE

pytestmark = pytest.mark.component

SHAPE = (4, 4, 3)
SETTINGS = DomainSettings(
    classes=("truck", "cat"), data_classes=("airplane", "cat", "truck"), image_shape=SHAPE,
    augmentation=Augmentation(), val_fraction=0.2, seed=3, with_test=True,
)  # fmt: skip
IN_VAL = (4, 5, 7)
"""Places in each file of the images marked as val; used only with `given_val`."""
SEVERAL_PROCESSES = ("--direct_running_mode=multi_processing", "--direct_num_workers=2")


@pytest.fixture(scope="module")
def transformed(tmp_path_factory):
    """Transform's output: three files of train and one of test, 10 images a file, of all three classes."""
    folder = tmp_path_factory.mktemp("transformed")
    for number, name in enumerate(("train/a", "train/b", "train/c", "test/a")):
        path = folder / f"Split-{name}"
        path.parent.mkdir(exist_ok=True)
        with tf.io.TFRecordWriter(f"{path}.gz", "GZIP") as writer:
            for place in range(10):
                example = tf.train.Example()
                content = example.features.feature
                image = tf.fill(SHAPE, tf.constant(number * 10 + place, tf.uint8))
                content[features.IMAGE].bytes_list.value.append(tf.io.serialize_tensor(image).numpy())
                content[features.LABEL].int64_list.value.append(place % 3)
                content[features.ID].bytes_list.value.append(f"{name}/{place}".encode())
                for band in (features.BRIGHTNESS, features.CONTRAST):
                    content[band].bytes_list.value.append(b"medium")
                content[features.VAL].int64_list.value.append(int(place in IN_VAL))
                writer.write(example.SerializeToString())
    return folder


def records_of(transformed, folder, beam_args, settings=SETTINGS):
    """Serialized records of each split, by id and copy, of the domain that the node writes with these options."""
    inputs, outputs = Examples(), Examples()
    inputs.uri, outputs.uri = str(transformed), str(folder)
    context = BaseBeamExecutor.Context(beam_pipeline_args=beam_options(beam_args), tmp_dir=str(folder / "tmp"))
    executor = DomainExamples.EXECUTOR_SPEC.executor_class(context)
    properties = {"settings": settings.model_dump_json(), "code": ""}
    executor.Do({"examples": [inputs]}, {"domain": [outputs]}, properties)
    found = {}
    for split in outputs.splits:
        for serialized in tf.data.TFRecordDataset(tf.io.gfile.glob(f"{folder}/Split-{split}/*")).as_numpy_iterator():
            content = tf.train.Example.FromString(serialized).features.feature
            key = split, content[features.ID].bytes_list.value[0], content[features.COPY].int64_list.value[0]
            assert key not in found
            found[key] = serialized
    return found


def test_several_processes_write_the_records_of_one(transformed, tmp_path):
    alone = records_of(transformed, tmp_path / "alone", ())
    # Two of three classes: 18 of 30 images, 4 of them val and 14 with two copies; 6 of 10 test images.
    assert len(alone) == 4 + 3 * 14 + 6
    assert records_of(transformed, tmp_path / "several", SEVERAL_PROCESSES) == alone
    for folder in ("alone", "several"):
        noted = json.loads((tmp_path / folder / COUNTS_FILE).read_text())
        assert noted == {"train": 3 * 14, "val": 4, "test": 6}


def cut_between_records(folder: Path) -> None:
    """Takes the last record of a split's first file that holds any; what is left is a valid file."""
    path = next(path for path in sorted(folder.iterdir()) if path.stat().st_size)
    whole = list(tf.data.TFRecordDataset(str(path)).as_numpy_iterator())
    with tf.io.TFRecordWriter(str(path)) as writer:
        for record in whole[:-1]:
            writer.write(record)


def test_a_shard_that_was_cut_between_two_records_is_refused_by_name(transformed, tmp_path):
    records_of(transformed, tmp_path, ())
    for split, count in (("train", 3 * 14), ("val", 4), ("test", 6)):
        assert len(read_split([f"{tmp_path}/Split-{split}/*"], SHAPE)) == count
    for split, count in (("train", 3 * 14), ("val", 4), ("test", 6)):
        cut_between_records(tmp_path / f"Split-{split}")
        words = rf"Split-{split} is damaged: it holds {count - 1} records\. Expected {count}, .*Restore it from a copy"
        with pytest.raises(ThawError, match=words):
            read_split([f"{tmp_path}/Split-{split}/*"], SHAPE)


def test_the_sweep_evaluator_refuses_test_images_that_were_cut_too(transformed, tmp_path):
    records_of(transformed, tmp_path, ())
    assert len(read_test_images(str(tmp_path)).ids) == 6
    cut_between_records(tmp_path / "Split-test")
    with pytest.raises(ThawError, match=r"Split-test is damaged: it holds 5 records\. Expected 6"):
        read_test_images(str(tmp_path))


def test_val_is_what_the_records_say_where_they_do(transformed, tmp_path):
    given = records_of(transformed, tmp_path / "given", (), SETTINGS.model_copy(update={"given_val": True}))
    ids = {split: {key[1].decode() for key in given if key[0] == split} for split in ("train", "val")}
    assert ids["val"] == {f"train/{name}/{place}" for name in "abc" for place in (4, 5, 7)}
    assert ids["train"] == {f"train/{name}/{place}" for name in "abc" for place in (1, 2, 8)}
    assert not any(features.VAL in tf.train.Example.FromString(one).features.feature for one in given.values())
