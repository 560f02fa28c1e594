"""What a pod does around TFX's executor: paths for URIs and back. Works on plain values, runs nothing."""

import json

import pytest

from pipeline.kubeflow import task
from pipeline.kubeflow.task import local_path, with_local_paths, with_uris


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("minio://bucket/a/b", "/minio/bucket/a/b"),
        ("s3://bucket/a", "/s3/bucket/a"),
        ("gs://bucket/a", "/gcs/bucket/a"),
        ("/workspace/a", "/workspace/a"),
        ("hdfs://host/a", "hdfs://host/a"),
    ],
)
def test_an_artifact_is_looked_for_where_the_launcher_puts_it(uri, path):
    assert local_path(uri) == path


def test_outputs_get_their_folder_and_go_back_to_their_uris(tmp_path):
    invocation = {
        "inputs": {"artifacts": {"examples": {"artifacts": [{"uri": "minio://b/examples", "name": "7"}]}},
                   "parameterValues": {"uri": "minio://b/untouched"}},
        "outputs": {"artifacts": {"model": {"artifacts": [{"uri": "minio://b/model"}]}}, "outputFile": "/tmp/o.json"},
    }  # fmt: skip
    changed, uris = with_local_paths(invocation, tmp_path)
    assert changed["inputs"]["artifacts"]["examples"]["artifacts"] == [
        {"uri": f"{tmp_path}/minio/b/examples", "name": "7"}
    ]
    assert changed["inputs"]["parameterValues"] == {"uri": "minio://b/untouched"}
    assert (tmp_path / "minio" / "b" / "model").is_dir()
    assert not (tmp_path / "minio" / "b" / "examples").exists()
    written = {"artifacts": {"model": {"artifacts": [{"uri": f"{tmp_path}/minio/b/model", "metadata": {"a": 1}}]}}}
    assert with_uris(written, uris) == {
        "artifacts": {"model": {"artifacts": [{"uri": "minio://b/model", "metadata": {"a": 1}}]}}
    }


def test_the_input_itself_is_not_changed(tmp_path):
    invocation = {"inputs": {"artifacts": {"a": {"artifacts": [{"uri": "s3://b/a"}]}}}, "outputs": {}}
    before = json.dumps(invocation)
    with_local_paths(invocation, tmp_path)
    assert json.dumps(invocation) == before


@pytest.mark.parametrize("arguments", [[], ["--help"], [task.INVOCATION]])
def test_arguments_that_are_no_tasks_end_with_a_message(arguments):
    with pytest.raises(SystemExit, match="Submit the file that `make compile` writes"):
        task.main(arguments)
