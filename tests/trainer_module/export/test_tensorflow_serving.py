"""What TensorFlow Serving, and KServe above it, reads of a pushed model: folders, signatures, operations. Runs Pusher.

TensorFlow Serving itself is in neither PyPI nor Debian; its rules are those of its REST API's description
(tensorflow/serving, tensorflow_serving/g3doc/api_rest.md) and of its json_tensor.cc.
"""

import base64
import json
import re
import shutil
import types
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml
from tensorflow.core.protobuf import saved_model_pb2
from tfx.types import channel, standard_artifacts
from tfx.utils import path_utils

from components.pusher import PusherExecutor
from experiment.loading import PRESETS, load_config
from pipeline.dag import result_nodes

pytestmark = pytest.mark.component

ROOT = Path(__file__).parents[3]
DOCUMENTED = ("serving_default", "serving_bytes")


@pytest.fixture(scope="module")
def base_folder(exported_model, tmp_path_factory):
    """What Pusher wrote of a blessed model, by the DAG's own settings: `pushed` in the experiment's folder."""
    folder = tmp_path_factory.mktemp("push")
    config = load_config(PRESETS / "quick.yaml", (f"workspace={folder}",))
    kinds = {"winner": standard_artifacts.Model, "blessing": standard_artifacts.ModelBlessing}
    reported = types.SimpleNamespace(outputs={name: channel.Channel(type=kind) for name, kind in kinds.items()})
    settings = result_nodes.pusher(config, reported).exec_properties
    artifacts = {name: kind() for name, kind in (*kinds.items(), ("pushed", standard_artifacts.PushedModel))}
    for name, artifact in artifacts.items():
        artifact.uri = str(folder / name)
    shutil.copytree(exported_model.folder, path_utils.serving_model_dir(artifacts["winner"].uri))
    artifacts["blessing"].set_int_custom_property("blessed", 1)
    PusherExecutor().Do(
        {"model": [artifacts["winner"]], "model_blessing": [artifacts["blessing"]]},
        {"pushed_model": [artifacts["pushed"]]},
        {name: value for name, value in settings.items() if value is not None},
    )
    return config.pipeline_folder / "pushed"


@pytest.fixture(scope="module")
def saved(base_folder):
    """The pushed SavedModel's one graph, as TensorFlow Serving's loader reads it."""
    [version] = base_folder.iterdir()
    [graph] = saved_model_pb2.SavedModel.FromString((version / "saved_model.pb").read_bytes()).meta_graphs
    return graph


def test_a_pushed_model_is_a_numbered_folder_below_the_one_that_is_served(base_folder):
    [version] = base_folder.iterdir()
    assert re.fullmatch(r"[1-9]\d*", version.name) and int(version.name) < 2**63
    assert {"saved_model.pb", "variables"} <= {found.name for found in version.iterdir()}


def test_the_graph_has_the_tag_and_the_methods_that_are_looked_for(saved):
    assert list(saved.meta_info_def.tags) == [tf.saved_model.SERVING]
    for name in DOCUMENTED:
        assert saved.signature_def[name].method_name == tf.saved_model.PREDICT_METHOD_NAME


@pytest.mark.parametrize("name", DOCUMENTED)
def test_an_instance_can_be_base64_without_a_name(saved, name):
    """{"b64": ...} stands for an input of strings; without a name, for the only one; a batch has one dimension more."""
    [taken] = saved.signature_def[name].inputs.values()
    assert taken.dtype == tf.string.as_datatype_enum
    assert [dimension.size for dimension in taken.tensor_shape.dim] == [-1]


@pytest.mark.parametrize("name", DOCUMENTED)
def test_the_answer_has_a_row_for_each_instance_and_class_names_as_text(saved, name):
    outputs = saved.signature_def[name].outputs
    # Rows are only answered where all outputs have the batch's dimension.
    assert {key: value.tensor_shape.dim[0].size for key, value in outputs.items()} == dict.fromkeys(outputs, -1)
    # Strings whose name ends so are answered in base64, all others as text.
    assert not [key for key in outputs if key.endswith("_bytes")]


def test_every_operation_is_tensorflows_own(saved):
    """Operations of tfx_bsl, struct2tensor and the like are unknown to a server that has TensorFlow alone."""
    functions = (node for function in saved.graph_def.library.function for node in function.node_def)
    operations = {node.op for node in (*saved.graph_def.node, *functions)}
    assert "DecodePng" in operations
    assert sorted(name for name in operations if not hasattr(tf.raw_ops, name)) == []


def test_the_servers_version_is_no_older_than_the_models(saved):
    manifest = yaml.safe_load((ROOT / "kubeflow" / "manifests" / "serving.yaml").read_text())
    server = manifest["spec"]["predictor"]["model"]["runtimeVersion"]
    # Patch releases neither add operations nor change them.
    assert minor(server) >= minor(saved.meta_info_def.tensorflow_version)


def minor(version):
    return tuple(int(part) for part in version.split(".")[:2])


def documented_requests():
    """The bodies that docs/serving.md sends by curl, with a picture's base64 in the place of the command for it."""
    page = (ROOT / "docs" / "serving.md").read_text()
    return [re.sub(r"\"'\"\$\([^)]*\)\"'\"", '"PICTURE"', body) for body in re.findall(r"echo '(\{.*\})' \|", page)]


def test_the_model_cards_code_prints_the_networks_answer(base_folder, exported_model, tmp_path, monkeypatch, capsys):
    card = (ROOT / "components" / "transfer_report" / "page" / "model_card.md.j2").read_text(encoding="utf-8")
    [code] = re.findall(r"```python\n(.*?)```", card, re.DOTALL)
    [version] = base_folder.iterdir()
    shutil.copytree(version, tmp_path / "model")
    (tmp_path / "model" / "photo.jpg").write_bytes(exported_model.pngs[0])
    monkeypatch.chdir(tmp_path / "model")
    exec(code, {})
    expected = tf.sigmoid(exported_model.network.model(exported_model.images[:1], training=False)).numpy()[0, 0]
    [printed] = re.findall(r"'probabilities': .*?\[\[\S+\s+([\d.e-]+)\s*\]\]", capsys.readouterr().out, re.DOTALL)
    assert float(printed) == pytest.approx(expected, abs=1e-5)


def test_the_documented_requests_are_answered_as_documented(saved, base_folder, exported_model):
    requests = documented_requests()
    assert len(requests) == 2  # to the model server, and on a cluster
    [version] = base_folder.iterdir()
    signatures = tf.saved_model.load(str(version)).signatures
    expected = tf.sigmoid(exported_model.network.model(exported_model.images[:1], training=False)).numpy()[0, 0]
    picture = base64.b64encode(exported_model.pngs[0]).decode()
    for body in requests:
        request = json.loads(body.replace("PICTURE", picture))
        assert set(request) == {"signature_name", "instances"}
        [[(key, text)]] = [instance.items() for instance in request["instances"]]
        assert key == "b64"
        name = request["signature_name"]
        [argument] = saved.signature_def[name].inputs
        answer = signatures[name](**{argument: tf.constant([base64.b64decode(text)])})
        np.testing.assert_allclose(answer["probabilities"].numpy(), [[1 - expected, expected]], atol=1e-5)
        assert set(answer) == {"class_names", "probabilities", "logits"}
