"""Names that Kubeflow takes, and node ids that would become the same. Works on plain dicts."""

import pytest

from experiment.errors import ThawError
from pipeline.kubeflow.cluster import load_cluster
from pipeline.kubeflow.compiled_spec import finished_spec, task_name


@pytest.fixture
def cluster(tmp_path):
    path = tmp_path / "cluster.yaml"
    path.write_text("image: a\npipeline_root: gs://b/r\ndata: {path: /data}\nvolume: {claim: c}\n")
    return load_cluster(path)


def compiled(*nodes):
    """As TFX's compiler writes it, as far as names go; each node waits for the one before."""
    tasks = {
        node: {"componentRef": {"name": node}, "taskInfo": {"name": node}, "dependentTasks": list(nodes[:place][-1:])}
        for place, node in enumerate(nodes)
    }
    return {
        "root": {"dag": {"tasks": tasks}, "inputDefinitions": {"parameters": {"data_path": {}}}},
        "components": {node: {"executorLabel": f"{node}_executor"} for node in nodes},
        "deploymentSpec": {
            "executors": {f"{node}_executor": {"container": {"args": ["--runner=x"]}} for node in nodes}
        },
    }


def test_a_name_has_letters_digits_and_dashes_alone():
    assert task_name("Trainer.transfer.cats_dogs__original") == "trainer-transfer-cats-dogs-original"


def test_names_change_everywhere_together(cluster):
    spec = finished_spec(compiled("Transform", "Trainer.source.a_b.original"), cluster, {"python": "3.10"})
    task = spec["root"]["dag"]["tasks"]["trainer-source-a-b-original"]
    assert task["dependentTasks"] == ["transform"]
    assert task["taskInfo"]["name"] == "trainer-source-a-b-original"
    label = spec["components"][task["componentRef"]["name"]]["executorLabel"]
    assert "resources" in spec["deploymentSpec"]["executors"][label]["container"]


def test_what_tfx_compiled_is_not_changed(cluster):
    before = compiled("Transform")
    finished_spec(before, cluster, {"python": "3.10"})
    assert before == compiled("Transform")


def test_node_ids_that_would_become_the_same_are_refused(cluster):
    with pytest.raises(ThawError, match=r"would have the same name\. Rename a source"):
        finished_spec(compiled("Trainer.a_b.c", "Trainer.a.b_c"), cluster, {"python": "3.10"})
