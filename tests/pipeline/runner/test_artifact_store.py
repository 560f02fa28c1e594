"""Whether a pipeline root in an object store can be used is told before any node runs."""

import sys

import pytest
import tensorflow as tf

from experiment.errors import ThawError
from experiment.loading import PRESETS, load_config
from pipeline.runner.artifact_store import open_store

QUICK = PRESETS / "quick.yaml"


def test_the_root_is_made_where_the_store_can_be_written():
    open_store("ram://bucket/thaw")
    assert tf.io.gfile.isdir("ram://bucket/thaw") and not tf.io.gfile.listdir("ram://bucket/thaw")


def test_s3_without_its_packages_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_io", None)
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ThawError, match=r"pip install tensorflow-io==.* boto3"):
        open_store("s3://bucket/thaw")


def test_a_store_that_tensorflow_does_not_know_is_refused():
    with pytest.raises(ThawError, match=r"can't be written.*docs/storage\.md"):
        open_store("unknown://bucket/thaw")


@pytest.mark.parametrize("root", ["/folder", "minio://bucket/thaw", "s3://", "gs://bucket/", "s3:/bucket"])
def test_the_configuration_takes_buckets_alone(root):
    with pytest.raises(ThawError, match="pipeline_root"):
        load_config(QUICK, (f"pipeline_root={root}",))
