"""The image, really built by buildah, and its entry points run in it. Minutes and 10 GB: `pytest -m exhaustive`.

Skips where there is no buildah or no root. Where the registry of the base image can't be reached, the base is made of
Debian 13's own packages, its Python 3.13 among them, under the name that the recipe asks for.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pipeline.runner.supported_stacks import CURRENT

ROOT = Path(__file__).parents[2]
IMAGE = "localhost/thaw:test"
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
PACKAGES = "ca-certificates,python3,python3-pip,python3-venv"

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(not shutil.which("buildah") or os.geteuid() != 0, reason="needs buildah, and root"),
]


def called(*command, **changes):
    """Standard output; the driver and the isolation need no rights beyond root's in a container."""
    environment = {**os.environ, "STORAGE_DRIVER": "vfs", "BUILDAH_ISOLATION": "chroot"}
    done = subprocess.run([str(part) for part in command], env=environment, capture_output=True, text=True, **changes)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout.strip()


def base_of_recipe():
    release = re.search(r"^ARG PYTHON=(\S+)", (ROOT / "kubeflow" / "Dockerfile").read_text(), flags=re.MULTILINE)
    return f"docker.io/library/python:{release[1]}"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    name = base_of_recipe()
    environment = {**os.environ, "STORAGE_DRIVER": "vfs"}
    if subprocess.run(["buildah", "pull", "-q", name], env=environment, capture_output=True).returncode == 0:
        return name
    if not shutil.which("debootstrap"):
        pytest.skip("the base image can't be pulled, and there is no debootstrap to make one of Debian's packages")
    folder = tmp_path_factory.mktemp("base")
    called("debootstrap", "--variant=minbase", f"--include={PACKAGES}", "trixie", folder)
    for name_of_python in ("python", "python3", "python3.13"):
        (folder / "usr/local/bin" / name_of_python).symlink_to("/usr/bin/python3.13")
    (folder / "usr/lib/python3.13/EXTERNALLY-MANAGED").unlink()  # the official image has none
    shutil.copy(CERTIFICATES, folder / "etc/ssl/certs")  # this network's, where it has its own
    container = called("buildah", "from", "scratch")
    called("buildah", "add", "-q", container, f"{folder}/", "/")
    called("buildah", "config", "--env", "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "--env",
           f"SSL_CERT_FILE={CERTIFICATES}", "--env", "UV_SYSTEM_CERTS=1", container)  # fmt: skip
    called("buildah", "commit", "-q", "--rm", container, name)
    return name


@pytest.fixture(scope="module")
def container(base):
    """A container of the built image; image and container go when the tests have ended."""
    called("buildah", "bud", "--pull=never", "--layers=false", "--net=host", "-f", "kubeflow/Dockerfile", "-t", IMAGE,
           ".", cwd=ROOT)  # fmt: skip
    made = called("buildah", "from", "--pull-never", IMAGE)
    yield made
    called("buildah", "rm", made)
    called("buildah", "rmi", IMAGE)


def test_it_runs_as_a_user_without_rights(container):
    assert called("buildah", "run", container, "--", "id", "-u") == "10001"


def test_a_tasks_program_starts_in_it(container):
    said = called("buildah", "run", container, "--", "sh", "-c", "python -m pipeline.kubeflow.task 2>&1 || true")
    assert "Expected --json_serialized_invocation_args" in said


def test_every_executor_and_the_workers_program_can_be_imported_in_it(container):
    modules = (
        "tensorflow, tfx, keras_tuner, components.transfer_report.component, components.transfer_advisor.component, "
        "components.sweep_evaluator.component, components.domain_examples.component, trainer_module.tuner, "
        "trainer_module.trainer, pipeline.runner.sweep_worker, local_runner, thaw"
    )
    code = f"import os; os.environ['TF_USE_LEGACY_KERAS'] = '0'; import {modules}; print(tensorflow.__version__)"
    assert called("buildah", "run", container, "--", "python", "-c", code).split()[-1] == CURRENT.packages["tensorflow"]


def test_neither_tests_nor_compilers_nor_secrets_are_in_it(container):
    listed = called("buildah", "run", container, "--", "sh", "-c", "ls /opt/thaw-code /opt/thaw/bin; which gcc || true")
    assert "pytest" not in listed and "/gcc" not in listed and "tests" not in listed.split()
