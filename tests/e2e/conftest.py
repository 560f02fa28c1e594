"""A tiny experiment on TFRecords that the tests write themselves, and a way to run it as users do."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
import yaml

from acquisition.synthetic_images.synthetic import write_synthetic

ROOT = Path(__file__).parents[2]

SETTINGS = {
    "name": "tiny",
    # Trained on the target's own classes, the source has a gain beyond doubt after few steps, so that it is blessed.
    "sources": {"same_classes": {"classes": ["automobile", "truck"]}},
    "allow_overlap": True,
    "transfers": [{"source": "same_classes", "architecture": "remastered"}],
    "sizes": [10, 20],
    "freeze_counts": {"remastered": [5, 6]},
    "draws": 2,
    "schedule": {"epochs": 2, "max_steps": 6},
    "source_schedule": {"epochs": 20, "batch_size": 32, "max_steps": 240},
}


UNTRAINED = {"source_schedule": {"epochs": 1, "batch_size": 32, "max_steps": 10}, "allow_untrained_sources": True}
"""For tests of how runs end and go on, which ask for no gain: a quarter of the images, and a source of a few steps."""


class Experiment:
    """The tiny experiment in a folder of its own.

    Args:
      folder: empty.
      per_class: training and test images of each class.
      changes: of SETTINGS.
    """

    def __init__(self, folder: Path, per_class: tuple[int, int] = (160, 40), **changes: object):
        self.folder = folder
        self.config = folder / "tiny.yaml"
        self.data = folder / "data"
        self.runner = ROOT / "local_runner.py"
        # Short, for sockets lie in it.
        self.temporary = Path(tempfile.mkdtemp())
        write_synthetic(self.data, *per_class)
        places = {"workspace": str(folder / "workspace"), "runs": str(folder / "runs")}
        self.config.write_text(yaml.safe_dump({**SETTINGS, **changes, **places, "data": {"path": str(self.data)}}))

    def run(self, *options: str) -> subprocess.CompletedProcess:
        """Runs local_runner.py on the experiment in a process of its own, from another folder."""
        command = [sys.executable, str(self.runner), "--config", str(self.config), *options]
        return self.call(command)

    def start(self, *options: str, **variables: str) -> subprocess.Popen:
        """The same in a process group of its own, its lines in `stdout`; does not wait for it.

        Args:
          options: of local_runner.py.
          variables: added to the environment.
        """
        command = [sys.executable, str(self.runner), "--config", str(self.config), *options]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
        environment = {**os.environ, "TMPDIR": str(self.temporary), **variables}
        return subprocess.Popen(command, cwd=self.folder, env=environment, start_new_session=True, **pipes)

    def ledgers(self, workspace: Path | None = None) -> dict[str, dict[str, dict]]:
        """Each sweep's rows without their seconds, by key; no key may come twice."""
        found = {}
        for path in (workspace or self.folder / "workspace").glob("thaw-tiny/ledgers/*.jsonl"):
            rows = [json.loads(line)["row"] for line in path.read_bytes().splitlines()[1:]]
            found[path.name] = {row["key"]: {**row, "seconds": 0} for row in rows}
            assert len(rows) == len(found[path.name])
        return found

    def call(self, command: list[str]) -> subprocess.CompletedProcess:
        """Runs a command with this interpreter's programs first on PATH and TFX's own records kept in the folder."""
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "TMPDIR": str(self.temporary),
            "LOCAL_HOME": str(self.folder / "tfx_home"),
        }
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=900)

    @property
    def latest(self) -> Path:
        return self.folder / "runs" / "latest"

    @property
    def metadata(self) -> Path:
        return self.folder / "workspace" / "thaw-tiny" / "metadata.sqlite"


@pytest.fixture(scope="session")
def experiment(tmp_path_factory):
    return Experiment(tmp_path_factory.mktemp("experiment"))


@pytest.fixture
def make_experiment(tmp_path):
    """A function that makes further ones, by name."""

    def make_experiment(name: str) -> Experiment:
        (tmp_path / name).mkdir()
        return Experiment(tmp_path / name, (40, 20), **UNTRAINED)

    return make_experiment
