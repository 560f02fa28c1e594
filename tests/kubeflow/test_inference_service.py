"""serving.yaml fits KServe's API, the volume and the runtime that it names. Reads YAML; imports no TensorFlow.

KServe's own classes are those of kserve_api.yaml, Kubernetes' those of its client, which kfp brings.
"""

import copy
import re
from pathlib import Path, PurePosixPath

import kubernetes.client.models
import pytest
import yaml

from experiment.loading import PRESETS, load_config

FOLDER = Path(__file__).parents[2] / "kubeflow"
API = yaml.safe_load((Path(__file__).parent / "kserve_api.yaml").read_text())
PLAIN = {"str": str, "int": int, "bool": bool}


def fields(name):
    """A class's fields as they stand in YAML, each with its type's name."""
    if name in API:
        return API[name]
    model = getattr(kubernetes.client.models, name)
    return {model.attribute_map[field]: kind for field, kind in model.openapi_types.items()}


def unfit(value, kind, place=""):
    """What does not fit the type, each with its place."""
    if kind in PLAIN:
        return [] if type(value) is PLAIN[kind] else [f"{place}: {value!r} is no {kind}"]
    if found := re.fullmatch(r"list\[(.+)\]", kind):
        return [error for i, item in enumerate(value) for error in unfit(item, found[1], f"{place}[{i}]")]
    if found := re.fullmatch(r"dict\(str, (.+)\)", kind):
        return [error for key, item in value.items() for error in unfit(item, found[1], f"{place}.{key}")]
    known = fields(kind)
    return [
        error
        for key, item in value.items()
        for error in (unfit(item, known[key], f"{place}.{key}") if key in known else [f"{place}.{key}: unknown"])
    ]


@pytest.fixture(scope="module")
def service():
    return yaml.safe_load((FOLDER / "manifests" / "serving.yaml").read_text())


@pytest.fixture(scope="module")
def model(service):
    return service["spec"]["predictor"]["model"]


def test_every_field_is_one_of_kserves_api_and_of_its_type(service):
    assert (service["apiVersion"], service["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    assert unfit(service, "V1beta1InferenceService") == []


@pytest.mark.parametrize(
    ("path", "value", "error"),
    [
        (("modelFormat", "version"), 2, ".spec.predictor.model.modelFormat.version: 2 is no str"),
        (("storageURI",), "pvc://a/b", ".spec.predictor.model.storageURI: unknown"),
        (("resources", "requests", "cpu"), 1, ".spec.predictor.model.resources.requests.cpu: 1 is no str"),
        (("resources", "cpu"), "1", ".spec.predictor.model.resources.cpu: unknown"),
        (("securityContext", "runAsUser"), True, ".spec.predictor.model.securityContext.runAsUser: True is no int"),
    ],
)
def test_a_field_that_is_wrong_is_seen(service, path, value, error):
    wrong = copy.deepcopy(service)
    part = wrong["spec"]["predictor"]["model"]
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    assert unfit(wrong, "V1beta1InferenceService") == [error]


def test_tensorflow_serving_is_asked_for_by_name_and_by_its_own_protocol(model):
    # Triton's runtime reads the format, too; it does not speak the protocol.
    assert model["modelFormat"] == {"name": "tensorflow", "version": "2"}
    assert (model["runtime"], model["protocolVersion"]) == ("kserve-tensorflow-serving", "v1")


def test_the_model_is_read_where_pusher_writes_on_the_volume(model):
    claim = yaml.safe_load((FOLDER / "manifests" / "workspace.yaml").read_text())["metadata"]["name"]
    mount = yaml.safe_load((FOLDER / "cluster.yaml").read_text())["volume"]["mount"]
    found = re.fullmatch(r"pvc://([^/]+)/(.+)", model["storageUri"])
    folder = PurePosixPath(mount, found[2])
    # As in sweep.yaml, which calls the experiment so.
    config = load_config(PRESETS / "quick.yaml", ("name=experiment", f"workspace={mount}"))
    assert found[1] == claim
    assert folder == PurePosixPath(config.pipeline_folder / "pushed")


def test_the_model_server_runs_as_the_user_who_wrote_the_files(model):
    context = model["securityContext"]
    user, group = map(int, re.search(r"^USER (\d+):(\d+)", (FOLDER / "Dockerfile").read_text(), re.MULTILINE).groups())
    assert (context["runAsUser"], context["runAsGroup"]) == (user, group)
    assert context["runAsNonRoot"] and not context["allowPrivilegeEscalation"]


def test_the_documented_request_goes_to_the_services_name(service):
    page = (FOLDER.parent / "docs" / "serving.md").read_text()
    assert f"/v1/models/{service['metadata']['name']}:predict" in page.split("## On a cluster")[1]
