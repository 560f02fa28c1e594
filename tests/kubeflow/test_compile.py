"""What `make compile` writes: tasks, edges, containers, resources. Runs the command, reads the file; runs no task."""

import json
import re
from pathlib import Path

import keras
import pytest
import yaml
from google.protobuf import json_format
from kfp import components
from kfp.kubernetes import kubernetes_executor_config_pb2
from kfp.pipeline_spec import pipeline_spec_pb2

pytestmark = pytest.mark.component

ROOT = Path(__file__).parents[2]
GOLDEN = Path(__file__).parent / "golden" / "quick_pipeline.json"
TRAINS = ("confirmer", "trainer-", "tuner-")
# kfp-kubernetes 1.0, of the older stack, knows four fields alone; engines of later releases know all of them.
FIELDS = set(kubernetes_executor_config_pb2.KubernetesExecutorConfig.DESCRIPTOR.fields_by_name)


@pytest.fixture(scope="module")
def compile_quick(runner, tmp_path_factory):
    """A function that compiles the preset `quick` with further options and returns the file."""
    folder = tmp_path_factory.mktemp("compiled")

    def compile_quick(name, *options):
        path = folder / f"{name}.yaml"
        # Without the third transfer, which wants ImageNet's weights: not every machine has them.
        pairs = (
            "transfers=[{source: cats_dogs, architecture: original}, {source: ships_planes, architecture: original}]"
        )
        assert runner.main(["--set", pairs, "--output", str(path), *options]) == 0
        return path

    return compile_quick


@pytest.fixture(scope="module")
def quick(compile_quick):
    return compile_quick("quick")


@pytest.fixture(scope="module")
def documents(quick):
    """The pipeline spec and the platform spec."""
    return list(yaml.safe_load_all(quick.read_text()))


@pytest.fixture(scope="module")
def edges(documents):
    """Upstream tasks by task."""
    tasks = documents[0]["root"]["dag"]["tasks"]
    return {name: sorted(task.get("dependentTasks", [])) for name, task in tasks.items()}


@pytest.fixture(scope="module")
def containers(documents):
    """The container of each task, found as Kubeflow finds it."""
    spec = documents[0]
    labels = {
        name: spec["components"][task["componentRef"]["name"]]["executorLabel"]
        for name, task in spec["root"]["dag"]["tasks"].items()
    }
    return {name: spec["deploymentSpec"]["executors"][label]["container"] for name, label in labels.items()}


def ancestors(edges, name):
    return set(edges[name]).union(*(ancestors(edges, upstream) for upstream in edges[name]))


def critical_path(edges):
    """The longest chain of tasks that wait for each other."""

    def longest(name):
        return [*max((longest(upstream) for upstream in edges[name]), key=len, default=[]), name]

    return max((longest(name) for name in edges), key=len)


def greatest_width(edges):
    """The most tasks of which none waits for another: by Dilworth, all less the most that can be chained in pairs."""
    before = {name: ancestors(edges, name) for name in edges}
    chained = {}

    def chain(name, seen):
        for upstream in before[name] - seen:
            seen.add(upstream)
            if upstream not in chained or chain(chained[upstream], seen):
                chained[upstream] = name
                return True
        return False

    return len(edges) - sum(chain(name, set()) for name in edges)


def test_tasks_edges_and_executors_are_those_of_the_golden_file(edges, containers):
    found = {
        name: {"after": upstream, "executor": containers[name]["args"][1]} for name, upstream in sorted(edges.items())
    }
    assert found == json.loads(GOLDEN.read_text()), "if the change is meant: write it into the golden file"


def test_every_task_runs_thaws_command_in_the_clusters_image(containers):
    for name, container in containers.items():
        assert container["image"] == "registry.example.org/thaw:0.2.0", name
        assert container["command"] == ["python", "-m", "pipeline.kubeflow.task"], name
        assert container["args"][2:4] == ["--json_serialized_invocation_args", "{{$}}"], name


def test_kfps_own_loader_takes_the_file(quick):
    loaded = components.load_component_from_file(str(quick))
    assert loaded.name == "thaw-quick"
    assert loaded.platform_spec.platforms["kubernetes"].deployment_spec.executors


def test_both_documents_have_no_field_that_kfp_lacks(documents):
    json_format.ParseDict(documents[0], pipeline_spec_pb2.PipelineSpec())
    for name, executor in documents[0]["deploymentSpec"]["executors"].items():
        json_format.ParseDict(executor, pipeline_spec_pb2.PipelineDeploymentConfig.ExecutorSpec()), name
    for executor in documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"].values():
        # kfp-kubernetes learned of tolerations in 1.1; the clusters of that time read them.
        known = {key: value for key, value in executor.items() if key != "tolerations" or key in FIELDS}
        json_format.ParseDict(known, kubernetes_executor_config_pb2.KubernetesExecutorConfig())


def test_every_producer_stands_in_the_file_and_before_its_consumer(documents, edges):
    for name, task in documents[0]["root"]["dag"]["tasks"].items():
        assert task["taskInfo"]["name"] == name
        producers = [a["taskOutputArtifact"]["producerTask"] for a in task["inputs"].get("artifacts", {}).values()]
        assert set(producers) <= set(edges[name])
        assert all(part.isalnum() and part.islower() for part in name.split("-")), name


def test_only_training_asks_for_accelerators(containers):
    for name, container in containers.items():
        if name.startswith(TRAINS):
            assert container["resources"] == {
                "cpuLimit": 4.0, "cpuRequest": 4.0, "memoryLimit": 16.0, "memoryRequest": 16.0,
                "accelerator": {"type": "nvidia.com/gpu", "count": "1"},
            }, name  # fmt: skip
        else:
            assert "resources" not in container, name


def test_only_training_is_bound_to_nodes_and_every_task_sees_the_volume(documents):
    executors = documents[1]["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    assert set(executors) == set(documents[0]["deploymentSpec"]["executors"])
    for label, executor in executors.items():
        training = label.removeprefix("exec-").startswith(TRAINS)
        assert executor["pvcMount"] == [{"constant": "thaw-workspace", "mountPath": "/workspace"}]
        assert ("nodeSelector" in executor) == training
        assert ("tolerations" in executor) == training
    toleration = {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}
    assert executors["exec-tuner-baseline-original"]["tolerations"] == [toleration]


def test_every_task_but_the_one_that_pushes_is_cached_and_all_are_tried_again(documents):
    for name, task in documents[0]["root"]["dag"]["tasks"].items():
        assert task["cachingOptions"] == {"enableCache": name != "pusher"}
        assert task["retryPolicy"] == {
            "maxRetryCount": 3, "backoffDuration": "30s", "backoffFactor": 2.0, "backoffMaxDuration": "600s"
        }  # fmt: skip


def test_sources_and_transfers_wait_for_none_of_their_kind(edges):
    for kind in ("trainer-source-", "tuner-", "trainer-transfer-"):
        members = [name for name in edges if name.startswith(kind)]
        assert len(members) >= 2
        assert not [name for name in members if ancestors(edges, name) & set(members)]


def test_the_longest_chain_goes_through_one_transfer_and_the_sweeps_run_side_by_side(edges):
    path = critical_path(edges)
    assert [name.split("-")[0] for name in path] == [
        "importexamplegen", "statisticsgen", "examplevalidator", "anomalygate", "transform", "domainexamples",
        "trainer", "tuner", "trainer", "evaluator", "transferreport", "pusher",
    ]  # fmt: skip
    # Trainers of two candidates and of the baseline, Confirmer, SweepEvaluator and advisor wait for none of each other.
    assert greatest_width(edges) == 6


def test_the_data_path_can_be_given_on_submission(documents):
    spec = documents[0]
    parameter = spec["root"]["inputDefinitions"]["parameters"]["data_path"]
    assert parameter == {"parameterType": "STRING", "defaultValue": "/workspace/data/cifar10", "isOptional": True}
    given = spec["root"]["dag"]["tasks"]["importexamplegen"]["inputs"]["parameters"]["input_base"]
    assert given == {"componentInputParameter": "data_path"}
    assert spec["defaultPipelineRoot"] == "minio://mlpipeline/v2/artifacts/thaw"


def test_no_path_of_this_machine_is_in_the_file(quick):
    text = quick.read_text()
    for place in (ROOT, Path.home(), quick.parent):
        assert str(place) + "/" not in text


def test_options_change_image_data_root_and_gpus(compile_quick):
    options = ["--image", "thaw:2", "--data", "/data #2: b", "--pipeline-root", "gs://b/r", "--gpus", "2", "--gpu-type",
               "amd.com/gpu", "--cluster-set", "retries.times=7"]  # fmt: skip
    spec, _ = yaml.safe_load_all(compile_quick("changed", *options).read_text())
    container = spec["deploymentSpec"]["executors"]["exec-tuner-baseline-original"]["container"]
    assert container["image"] == "thaw:2"
    assert container["resources"]["accelerator"] == {"type": "amd.com/gpu", "count": "2"}
    assert spec["root"]["inputDefinitions"]["parameters"]["data_path"]["defaultValue"] == "/data #2: b"
    assert spec["defaultPipelineRoot"] == "gs://b/r"
    assert spec["root"]["dag"]["tasks"]["pusher"]["retryPolicy"]["maxRetryCount"] == 7


def test_a_tuner_starts_as_many_workers_as_its_pod_has_cores(compile_quick):
    for options, workers in (([], 1), (["--gpus", "0"], 4), (["--gpus", "0", "--set", "workers=2"], 2)):
        spec, _ = yaml.safe_load_all(compile_quick("workers", *options).read_text())
        told = spec["root"]["dag"]["tasks"]["tuner-baseline-original"]["inputs"]["parameters"]["custom_config"]
        settings = json.loads(told["runtimeValue"]["constant"])["settings"]
        assert settings["workers"] == workers
        assert settings["ledger_dir"] == "/workspace/thaw-quick/ledgers"


def test_a_model_of_the_users_is_read_from_the_clusters_volume(compile_quick, tmp_path):
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(4, 3)]
    keras.Sequential([keras.Input((32, 32, 3)), *layers]).save(tmp_path / "net.keras")
    settings = (f"backbones={{net: {{model: {tmp_path / 'net.keras'}}}}}", "sources={net: {}}",
                "freeze_counts={net: [0, 1]}", "transfers=[{source: net, architecture: net}]",
                "baselines={}")  # fmt: skip
    path = compile_quick("net", *(part for one in settings for part in ("--set", one)))
    spec, _ = yaml.safe_load_all(path.read_text())
    told = spec["root"]["dag"]["tasks"]["trainer-source-net-net"]["inputs"]["parameters"]["custom_config"]
    net = json.loads(told["runtimeValue"]["constant"])["settings"]["backbone"]
    assert (net["model"], net["parts"]) == ("/workspace/weights/net.keras", 1)
    assert str(tmp_path) not in path.read_text()


def test_two_files_of_one_name_are_refused_on_a_cluster(compile_quick, runner, tmp_path, capsys):
    for folder, filters in (("a", 4), ("b", 5)):
        (tmp_path / folder).mkdir()
        layers = [keras.layers.Rescaling(1 / 255), keras.layers.Conv2D(filters, 3)]
        keras.Sequential([keras.Input((32, 32, 3)), *layers]).save(tmp_path / folder / "net.keras")
    backbones = ", ".join(f"{name}: {{model: {tmp_path}/{name}/net.keras}}" for name in "ab")
    settings = (f"backbones={{{backbones}}}", "sources={net: {}}", "freeze_counts={a: [0], b: [0]}",
                "transfers=[{source: net, architecture: a}, {source: net, architecture: b}]",
                "baselines={}")  # fmt: skip
    assert runner.main([part for one in settings for part in ("--set", one)]) == 1
    assert "have files of the name net.keras" in capsys.readouterr().err


def test_every_setting_of_a_cluster_is_in_the_file_as_in_the_golden_one(compile_quick):
    settings = {
        "image": "registry.example.org/other@sha256:0123", "pipeline_root": "s3://bucket/root", "timeout_s": 3600,
        "volume": {"claim": "other-claim", "mount": "/elsewhere"},
        "training": {"gpus": 2, "gpu_type": "amd.com/gpu", "cpus": 6, "memory_gb": 20, "shared_memory_gb": 2},
        "nodes": {"transform": {"cpus": 2, "memory_gb": 8}, "tuner-": {"cpus": 1, "memory_gb": 5}},
        "retries": {"times": 5, "first_wait_s": 7, "factor": 3, "longest_wait_s": 70},
        "node_selector": {"pool": "gpu"},
        "tolerations": [{"key": "spot", "operator": "Equal", "value": "yes", "effect": "NoExecute"}],
        "secrets": [{"name": "bucket", "variables": {"AWS_ACCESS_KEY_ID": "id"}}], "image_pull_secrets": ["registry"],
    }  # fmt: skip
    options = [part for key, value in settings.items() for part in ("--cluster-set", f"{key}={json.dumps(value)}")]
    file = compile_quick("every_setting", *options)
    assert components.load_component_from_file(str(file)).platform_spec.platforms["kubernetes"]
    spec, platform = yaml.safe_load_all(file.read_text())
    kubernetes = platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]
    found = {"root": spec["defaultPipelineRoot"]}
    for name in ("statisticsgen", "transform", "trainer-source-cats-dogs-original", "tuner-baseline-original"):
        container = spec["deploymentSpec"]["executors"][f"exec-{name}"]["container"]
        found[name] = {"image": container["image"], "resources": container.get("resources"),
                       "retryPolicy": spec["root"]["dag"]["tasks"][name]["retryPolicy"],
                       "kubernetes": kubernetes[f"exec-{name}"]}  # fmt: skip
    assert found == json.loads((GOLDEN.parent / "every_setting.json").read_text())
    for executor in kubernetes.values():
        known = {
            key: value
            for key, value in executor.items()
            if re.sub("[A-Z]", lambda capital: f"_{capital[0].lower()}", key) in FIELDS
        }
        json_format.ParseDict(known, kubernetes_executor_config_pb2.KubernetesExecutorConfig())


def test_a_node_that_is_not_in_the_file_is_refused(runner, capsys):
    assert runner.main(["--cluster-set", "nodes={trasnform: {cpus: 1, memory_gb: 1}}"]) == 1
    assert "nodes.trasnform of the cluster's settings matches no task" in capsys.readouterr().err


def test_compiling_leaves_the_clusters_workspace_alone(quick):
    assert not Path("/workspace/thaw-quick").exists()


def test_a_wrong_key_of_the_cluster_is_named(runner, capsys):
    assert runner.main(["--cluster-set", "training.gpuz=1"]) == 1
    assert "training.gpuz: unknown key" in capsys.readouterr().err
