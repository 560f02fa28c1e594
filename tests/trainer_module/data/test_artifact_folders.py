"""Artifacts in an object store are worked on as files. The store is TensorFlow's own in memory, `ram://`."""

from pathlib import Path

import pytest
import tensorflow as tf
from tfx.types.standard_artifacts import Examples

from trainer_module.data.artifact_folders import (
    artifacts_as_folders,
    is_remote,
    matching_files,
    read_folder,
    written_folder,
)

pytestmark = pytest.mark.slow  # imports TFX


def artifact(uri):
    made = Examples()
    made.uri = str(uri)
    return made


@pytest.fixture
def stored(request):
    """A URI of a folder with two files, one of them further below."""
    uri = f"ram://{request.node.name}/stored"
    for name, text in (("a.txt", "first"), ("below/b.txt", "second")):
        tf.io.gfile.makedirs(f"{uri}/below")
        with tf.io.gfile.GFile(f"{uri}/{name}", "w") as file:
            file.write(text)
    return uri


def text(uri):
    with tf.io.gfile.GFile(uri) as file:
        return file.read()


@pytest.mark.parametrize("uri", ["gs://bucket", "s3://bucket/a b", "ram://x"])
def test_a_uri_with_a_scheme_is_remote(uri):
    assert is_remote(uri)


@pytest.mark.parametrize("path", ["/workspace/thaw/1", "relative", "/a:b//c"])
def test_a_path_is_not_remote_and_is_worked_on_where_it_lies(path):
    assert not is_remote(path)
    with read_folder(path) as read, written_folder(path) as written:
        assert read == written == Path(path)


def test_a_stored_folder_is_read_from_a_copy_that_goes_afterwards(stored):
    with read_folder(stored) as folder:
        assert (folder / "a.txt").read_text() == "first"
        assert (folder / "below" / "b.txt").read_text() == "second"
        (folder / "a.txt").write_text("changed")
    assert not folder.exists()
    assert text(f"{stored}/a.txt") == "first"


def test_what_was_written_is_stored_in_the_end(stored):
    with written_folder(f"{stored}/new") as folder:
        (folder / "below").mkdir()
        (folder / "below" / "c.txt").write_text("third")
        assert not tf.io.gfile.exists(f"{stored}/new/below/c.txt")
    assert text(f"{stored}/new/below/c.txt") == "third"
    assert not folder.exists()


def test_after_an_error_nothing_is_stored(stored):
    with pytest.raises(ValueError, match="half"), written_folder(f"{stored}/new") as folder:
        (folder / "c.txt").write_text("third")
        raise ValueError("half way")
    assert not tf.io.gfile.exists(f"{stored}/new")


def test_an_executor_sees_folders_and_its_artifacts_keep_their_uris(stored, tmp_path):
    inputs = {"examples": [artifact(stored)], "here": [artifact(tmp_path)]}
    outputs = {"result": [artifact(f"{stored}/result")]}
    with artifacts_as_folders(inputs, outputs):
        read = Path(inputs["examples"][0].uri, "a.txt").read_text()
        assert inputs["here"][0].uri == str(tmp_path)
        Path(outputs["result"][0].uri, "upper.txt").write_text(read.upper())
    assert inputs["examples"][0].uri == stored
    assert outputs["result"][0].uri == f"{stored}/result"
    assert text(f"{stored}/result/upper.txt") == "FIRST"


def test_artifacts_keep_their_uris_after_an_error_too(stored):
    inputs = {"examples": [artifact(stored)]}
    outputs = {"result": [artifact(f"{stored}/result")]}
    with pytest.raises(KeyError), artifacts_as_folders(inputs, outputs):
        raise KeyError
    assert (inputs["examples"][0].uri, outputs["result"][0].uri) == (stored, f"{stored}/result")
    assert not tf.io.gfile.exists(f"{stored}/result")


def test_a_pattern_is_of_names_alone_in_a_store_too(request):
    root = f"ram://{request.node.name}"
    for folder in ("run [2]", "run 2"):
        tf.io.gfile.makedirs(f"{root}/{folder}")
        for name in ("a-1", "a-2", "b"):
            with tf.io.gfile.GFile(f"{root}/{folder}/{name}", "w") as file:
                file.write("x")
    assert matching_files(f"{root}/run [2]/a-*") == [f"{root}/run [2]/a-1", f"{root}/run [2]/a-2"]
    assert matching_files(f"{root}/none/*") == []
