"""The manifests agree with each other, with the code and with cluster.yaml. Reads YAML; tests/e2e runs the commands."""

import re
from pathlib import Path

import pytest
import yaml

from components.transfer_report.executions_table import COLUMNS
from pipeline.runner.sweep_worker import parse_arguments
from trainer_module.distributed.addresses import chief_address, worker_address

FOLDER = Path(__file__).parents[2] / "kubeflow"


@pytest.fixture(scope="module")
def sweep():
    """The objects of sweep.yaml by kind and name."""
    objects = yaml.safe_load_all((FOLDER / "manifests" / "sweep.yaml").read_text())
    return {(found["kind"], found["metadata"]["name"]): found for found in objects}


@pytest.fixture(scope="module")
def pods(sweep):
    return {role: sweep["Job", f"thaw-{name}"]["spec"]["template"] for role, name in
            (("chief", "chief"), ("worker", "workers"))}  # fmt: skip


def environment(pod, index=0):
    """The container's variables as Kubernetes would set them: a value may use those above it."""
    variables = {}
    for variable in pod["spec"]["containers"][0]["env"]:
        value = variable.get("value", str(index))
        for name, known in variables.items():
            value = value.replace(f"$({name})", known)
        variables[variable["name"]] = value
    return variables


def test_the_chief_serves_where_the_workers_look_for_it(sweep, pods):
    assert chief_address(environment(pods["chief"])) == "0.0.0.0:8000"
    assert worker_address(environment(pods["worker"], index=3)) == ("tuner3", "thaw-chief:8000")
    [port] = sweep["Service", "thaw-chief"]["spec"]["ports"]
    assert port["port"] == port["targetPort"] == pods["chief"]["spec"]["containers"][0]["ports"][0]["containerPort"]


def test_service_and_network_policy_select_the_chief_and_let_workers_in(sweep, pods):
    labels = {role: pod["metadata"]["labels"] for role, pod in pods.items()}
    assert sweep["Service", "thaw-chief"]["spec"]["selector"] == labels["chief"]
    policy = sweep["NetworkPolicy", "thaw-chief"]["spec"]
    assert policy["podSelector"]["matchLabels"] == labels["chief"]
    [rule] = policy["ingress"]
    assert rule["from"][0]["podSelector"]["matchLabels"] == labels["worker"] != labels["chief"]
    assert rule["ports"][0]["port"] == 8000


def test_every_worker_has_an_index_of_its_own_and_is_started_again(sweep):
    workers = sweep["Job", "thaw-workers"]["spec"]
    assert workers["completionMode"] == "Indexed" and workers["completions"] == workers["parallelism"]
    assert workers["template"]["spec"]["restartPolicy"] == "OnFailure"


def test_workers_are_told_the_ledgers_of_the_chiefs_workspace(pods):
    told = parse_arguments(pods["worker"]["spec"]["containers"][0]["args"])
    assert str(told.ledgers) == "/workspace/thaw-experiment/ledgers"
    assert "--set=workspace=/workspace" in pods["chief"]["spec"]["containers"][0]["args"]


def test_all_see_the_same_volume_at_the_same_place_as_the_compiled_pipeline(pods):
    claim = yaml.safe_load((FOLDER / "manifests" / "workspace.yaml").read_text())
    cluster = yaml.safe_load((FOLDER / "cluster.yaml").read_text())
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert cluster["volume"] == {"claim": claim["metadata"]["name"], "mount": "/workspace"}
    for pod in pods.values():
        [container] = pod["spec"]["containers"]
        assert container["image"] == cluster["image"]
        assert container["volumeMounts"] == [{"name": "workspace", "mountPath": "/workspace"}]
        [volume] = pod["spec"]["volumes"]
        assert volume["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]


def test_no_pod_runs_as_root(pods):
    user = (FOLDER / "Dockerfile").read_text().split("USER ")[1].split(":")[0]
    for pod in pods.values():
        assert pod["spec"]["securityContext"]["runAsNonRoot"]
        assert pod["spec"]["securityContext"]["runAsUser"] == int(user)
        assert not pod["spec"]["containers"][0]["securityContext"]["allowPrivilegeEscalation"]


def test_the_readme_s_sum_of_seconds_reads_the_column_seconds():
    command = next(line for line in (FOLDER / "README.md").read_text().splitlines() if line.startswith("awk "))
    assert [COLUMNS[int(place) - 1] for place in re.findall(r"\$(\d+)", command)] == ["seconds"]
