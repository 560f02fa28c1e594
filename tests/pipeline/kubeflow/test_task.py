"""What a pod does around TFX's executor: paths for URIs and back. Works on plain values, runs nothing."""

import json
import subprocess
import sys

import pytest

from pipeline.kubeflow import task
from pipeline.kubeflow.task import local_path, with_declared_types, with_local_paths, with_uris


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
    assert (tmp_path / "minio" / "b" / "examples").is_dir()
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


def with_output(uri):
    return {"inputs": {}, "outputs": {"artifacts": {"model": {"artifacts": [{"uri": uri}]}}}}


def test_what_an_earlier_attempt_left_of_an_output_is_cleared_and_inputs_are_kept(tmp_path):
    for name in ("model", "examples"):
        (tmp_path / "gcs" / "b" / name).mkdir(parents=True)
        (tmp_path / "gcs" / "b" / name / "half").write_text("half")
    invocation = with_output("gs://b/model")
    invocation["inputs"] = {"artifacts": {"examples": {"artifacts": [{"uri": "gs://b/examples"}]}}}
    with_local_paths(invocation, tmp_path)
    assert list((tmp_path / "gcs" / "b" / "model").iterdir()) == []
    assert (tmp_path / "gcs" / "b" / "examples" / "half").read_text() == "half"


def test_a_marker_in_place_of_an_artifact_becomes_a_folder_and_a_file_with_content_stays(tmp_path):
    (tmp_path / "s3" / "b").mkdir(parents=True)
    (tmp_path / "s3" / "b" / "model").touch()
    (tmp_path / "s3" / "b" / "one_file").write_text("content")
    invocation = with_output("s3://b/model")
    invocation["inputs"] = {"artifacts": {"one": {"artifacts": [{"uri": "s3://b/one_file"}]}}}
    with_local_paths(invocation, tmp_path)
    assert (tmp_path / "s3" / "b" / "model").is_dir()
    assert (tmp_path / "s3" / "b" / "one_file").read_text() == "content"


def test_a_file_in_which_a_blessing_lies_is_no_marker_although_it_is_empty(tmp_path):
    (tmp_path / "s3" / "b" / "blessing").mkdir(parents=True)
    (tmp_path / "s3" / "b" / "blessing" / "BLESSED").touch()
    with_local_paths(
        {"inputs": {"artifacts": {"b": {"artifacts": [{"uri": "s3://b/blessing"}]}}}, "outputs": {}}, tmp_path
    )
    assert (tmp_path / "s3" / "b" / "blessing" / "BLESSED").exists()


def test_the_output_file_may_lie_in_the_bucket(tmp_path):
    changed, _ = with_local_paths({"outputs": {"outputFile": "gs://b/task/executor_output.json"}}, tmp_path)
    assert changed["outputs"]["outputFile"] == f"{tmp_path}/gcs/b/task/executor_output.json"


@pytest.mark.parametrize("told", [{}, {"type": {}}, {"type": {"schemaTitle": "system.Dataset"}}])
def test_inputs_have_the_type_that_the_file_declares_whatever_the_store_says(told):
    declared = {"instanceSchema": "title: tfx.Examples"}
    artifact = {"uri": "s3://b/a", "metadata": {"names": {"list": ["a"]}, "span": 3, "kept": {"x": 1}}, **told}
    invocation = {"inputs": {"artifacts": {"examples": {"artifacts": [artifact]}}}}
    changed = with_declared_types(invocation, {"artifacts": {"examples": {"artifactType": declared}}})
    [found] = changed["inputs"]["artifacts"]["examples"]["artifacts"]
    assert found["type"] == declared
    assert found["metadata"] == {"names": ["a"], "span": 3, "kept": {"x": 1}}


@pytest.mark.parametrize("status", [0, 3])
def test_the_process_ends_with_its_own_status_though_what_ends_after_it_would_abort(status):
    program = f"""
import atexit, os
from pipeline.kubeflow import task
atexit.register(os.abort)
print("done")
task.end({status})
"""
    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (finished.returncode, finished.stdout) == (status, "done\n")


@pytest.mark.parametrize(
    ("ended", "status"),
    [("pass", 0), ("raise SystemExit", 0), ("raise SystemExit(4)", 4), ("raise SystemExit('why')", 1), ("1 / 0", 1)],
)
def test_the_status_is_that_of_tfxs_program(ended, status, tmp_path, monkeypatch, capsys):
    (tmp_path / "ends_so.py").write_text(ended)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(task, "EXECUTOR", "ends_so")
    monkeypatch.setattr(sys, "argv", [])
    invocation = {"outputs": {"outputFile": str(tmp_path / "output.json")}}
    assert task.main([task.INVOCATION, json.dumps(invocation)]) == status
    said = capsys.readouterr().err
    assert ("why" in said, "ZeroDivisionError" in said) == ("why" in ended, ended == "1 / 0")
