"""ImportExampleGen as we run it: files in, the same files out. Runs the executor on real artifacts."""

import os

import pytest
import tensorflow as tf
from google.protobuf import json_format
from tfx.proto.example_gen_pb2 import Input
from tfx.types import standard_artifacts

from components.import_examples import ContentDriver, CopyFiles, ImportExamples, split_files
from experiment.errors import ThawError

pytestmark = pytest.mark.component

STRANGE = ("photos [2024] v1", "a*b", "what?", "{x,y}", "back\\slash", "50% off", "~", "日本 語")
SPLITS = Input(splits=[Input.Split(name="train", pattern="train/*"), Input.Split(name="test", pattern="*-test.gz")])


@pytest.fixture
def imported(tmp_path):
    """Two plain training files and a compressed test file, imported."""
    source = tmp_path / "source"
    for name, compression in (("train/a", ""), ("train/b", ""), ("x-test.gz", "GZIP")):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        with tf.io.TFRecordWriter(str(source / name), compression) as writer:
            writer.write(name.encode())
    examples = standard_artifacts.Examples()
    examples.uri = str(tmp_path / "examples")
    told = {"input_base": str(source), "input_config": json_format.MessageToJson(SPLITS)}
    CopyFiles().Do({}, {"examples": [examples]}, told)
    return examples, told


def test_each_split_holds_the_files_of_its_pattern_as_they_were(imported):
    examples, _ = imported
    found = {
        split: {path.rsplit("/", 1)[1] for path in tf.io.gfile.glob(f"{examples.uri}/Split-{split}/*")}
        for split in ("train", "test")
    }
    assert found == {"train": {"a", "b"}, "test": {"x-test.gz"}}
    content = tf.data.TFRecordDataset(f"{examples.uri}/Split-test/x-test.gz", compression_type="GZIP")
    assert list(content.as_numpy_iterator()) == [b"x-test.gz"]


def test_the_artifact_says_what_it_holds(imported):
    examples, _ = imported
    assert examples.splits == ["train", "test"]
    assert examples.get_string_custom_property("payload_format") == "FORMAT_TF_EXAMPLE"


def test_a_folder_s_name_is_no_pattern_and_its_sibling_s_files_stay_out(tmp_path):
    for folder, content in (("photos [2024] v1", b"asked for"), ("photos 2 v1", b"another folder's")):
        (tmp_path / folder / "train").mkdir(parents=True)
        with tf.io.TFRecordWriter(str(tmp_path / folder / "train" / "a")) as writer:
            writer.write(content)
    config = json_format.MessageToJson(Input(splits=[Input.Split(name="train", pattern="train/*")]))
    examples = standard_artifacts.Examples()
    examples.uri = str(tmp_path / "examples")
    told = {"input_base": str(tmp_path / "photos [2024] v1"), "input_config": config}
    CopyFiles().Do({}, {"examples": [examples]}, told)
    files = tf.data.TFRecordDataset(f"{examples.uri}/Split-train/a")
    assert list(files.as_numpy_iterator()) == [b"asked for"]
    resolved = ContentDriver(None).resolve_exec_properties(told, None, None)
    sibling = ContentDriver(None).resolve_exec_properties(
        {**told, "input_base": str(tmp_path / "photos 2 v1")}, None, None
    )
    assert resolved["input_base"] == told["input_base"]
    assert resolved["input_fingerprint"] != sibling["input_fingerprint"]


def test_a_pattern_without_files_is_refused(imported):
    examples, told = imported
    config = Input(splits=[Input.Split(name="train", pattern="none/*")])
    with pytest.raises(ThawError, match=r"No file matches none/\*"):
        CopyFiles().Do({}, {"examples": [examples]}, {**told, "input_config": json_format.MessageToJson(config)})


def test_a_file_in_two_splits_is_refused(imported, tmp_path):
    _, told = imported
    examples = standard_artifacts.Examples()
    examples.uri = str(tmp_path / "others")
    splits = [Input.Split(name="train", pattern="train/*"), Input.Split(name="test", pattern="*/a")]
    config = json_format.MessageToJson(Input(splits=splits))
    with pytest.raises(ThawError, match="train/a matches the patterns of the splits train and test"):
        CopyFiles().Do({}, {"examples": [examples]}, {**told, "input_config": config})


def fingerprint(node):
    """What the driver enters in the cache key."""
    told = {"input_base": node.exec_properties["input_base"], "input_config": node.exec_properties["input_config"]}
    return ContentDriver(None).resolve_exec_properties(told, None, None)["input_fingerprint"]


def test_the_cache_goes_by_what_files_hold_and_not_by_when_they_were_written(imported, tmp_path):
    node = ImportExamples(input_base=str(tmp_path / "source"), input_config=SPLITS)
    assert node.driver_class is ContentDriver and list(node.outputs) == ["examples"]
    before = fingerprint(node)
    file = tmp_path / "source" / "train" / "a"
    os.utime(file, (0, 0))
    assert fingerprint(node) == before
    content = file.read_bytes()
    file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    changed = fingerprint(node)
    assert changed != before
    file.write_bytes(content)
    file.rename(file.with_name("c"))
    assert fingerprint(node) not in (before, changed)


@pytest.mark.parametrize("name", STRANGE)
def test_a_folder_is_taken_as_it_is_written(tmp_path, name):
    """If its name were read as a pattern, files would be found in a sibling folder, or nowhere."""
    for folder in {name, "photos 2 v1", "axb", "whatx", "x"}:
        for split in ("train", "test"):
            path = tmp_path / folder / split / folder
            path.parent.mkdir(parents=True)
            path.write_text(folder)
    config = Input(splits=[Input.Split(name=split, pattern=f"{split}/*") for split in ("train", "test")])
    node = ImportExamples(input_base=str(tmp_path / name), input_config=config)
    told = {key: node.exec_properties[key] for key in ("input_base", "input_config")}
    examples = standard_artifacts.Examples()
    examples.uri = str(tmp_path / "examples")
    CopyFiles().Do({}, {"examples": [examples]}, told)
    assert [path.name for path in (tmp_path / "examples" / "Split-train").iterdir()] == [name]
    before = fingerprint(node)
    (tmp_path / name / "test" / name).write_text("changed")
    assert fingerprint(node) != before


def test_folders_within_a_pattern_may_hold_stars(tmp_path):
    for name in ("1/a-train", "2/b-train", "2/b-test"):
        (tmp_path / "[x]" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "[x]" / name).touch()
    base = str(tmp_path / "[x]")
    assert split_files(f"{base}/", "*/*-train") == [f"{base}/1/a-train", f"{base}/2/b-train"]
