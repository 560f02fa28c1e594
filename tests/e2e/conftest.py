"""A tiny experiment on TFRecords that the tests write themselves, and a way to run it as users do."""

import json
import os
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import numpy as np
import pytest
import yaml

from acquisition.synthetic_images.synthetic import NAME, draw_image
from acquisition.tfrecords.tfrecords import encode_png, write_examples
from experiment.config import CIFAR10_CLASSES
from experiment.random_streams import Stream, stream_generator
from tests.forked_programs import ForkedPrograms
from tests.made_once import made_once

ROOT = Path(__file__).parents[2]

SETTINGS = {
    "name": "tiny",
    "target": {"classes": ["automobile", "truck"]},
    # Trained on the target's own classes, the source has a gain beyond doubt after few steps, so that it is blessed.
    "sources": {"same_classes": {"classes": ["automobile", "truck"]}},
    "allow_overlap": True,
    "precision": "float32",  # whatever the processor
    "transfers": [{"source": "same_classes", "architecture": "remastered"}],
    "sizes": [10, 20],
    "freeze_counts": {"remastered": [5, 6]},
    "search": "grid",
    "draws": 2,
    "workers": 1,  # each process compiles every program; a run of two is test_end_to_end.py's with one more size
    "confirmation": {"draws": 5, "most_draws": 10},
    "schedule": {"epochs": 2, "max_steps": 6, "tuning": {"epochs": 2, "max_steps": 6}},
    # With half of the steps, a training of ten collapsed on one of the two stacks.
    "source_schedule": {"epochs": 20, "batch_size": 32, "max_steps": 240, "shift_px": 1},
}


UNTRAINED = {
    "source_schedule": {"epochs": 1, "batch_size": 32, "max_steps": 10}, "allow_untrained_sources": True,
    "confirmation": {"draws": 2, "most_draws": 4},
}  # fmt: skip
"""For tests of how runs end and continue, which need no gain: a quarter of the images, a source of a few steps, and
few fresh draws."""


IMAGE_SHAPE = [16, 16, 3]
"""Half as high and wide as CIFAR-10's: convolutions are most of what a run of few steps computes."""


def write_images(folder: Path, train_per_class: int, test_per_class: int) -> None:
    """Ten classes of small drawn images in `write_synthetic`'s files, but few of those that nothing is trained on."""
    for name, per_class, others in (("train", train_per_class, 8), ("test", test_per_class, 2)):
        counts = [per_class if of in SETTINGS["target"]["classes"] else others for of in CIFAR10_CLASSES]
        labels = np.repeat(np.arange(10), counts)
        examples = (
            (
                encode_png(draw_small_image(CIFAR10_CLASSES[label], name, index)),
                int(label),
                f"{NAME}_{name}_{index:05d}".encode(),
            )
            for index, label in enumerate(np.random.default_rng(0).permutation(labels))
        )
        write_examples(folder / name / f"{NAME}-{name}.tfrecord-00000-of-00001", examples)


def draw_small_image(of: str, split: str, index: int) -> np.ndarray:
    """Each pixel is the mean of four."""
    image = draw_image(of, stream_generator(0, Stream.SYNTHETIC_IMAGES, split, index))
    height, width, channels = IMAGE_SHAPE
    return image.reshape(height, 2, width, 2, channels).mean((1, 3)).astype(np.uint8)


class Experiment:
    """The tiny experiment in a folder of its own.

    Args:
      folder: empty, or one where it was made before.
      programs: what commands are run by; new processes, where none.
      per_class: training and test images of each class that is trained on.
      changes: of SETTINGS.
    """

    def __init__(
        self,
        folder: Path,
        programs: ForkedPrograms | None = None,
        per_class: tuple[int, int] = (160, 40),
        **changes: object,
    ):
        self.folder = folder
        self.programs = programs
        self.config = folder / "tiny.yaml"
        self.data = folder / "data"
        self.runner = ROOT / "local_runner.py"
        # Short, for sockets lie in it.
        self.temporary = Path(tempfile.mkdtemp())
        if self.config.exists():
            return
        write_images(self.data, *per_class)
        places = {"workspace": str(folder / "workspace"), "runs": str(folder / "runs")}
        data = {"path": str(self.data), "image_shape": IMAGE_SHAPE}
        self.config.write_text(yaml.safe_dump({**SETTINGS, **changes, **places, "data": data}))

    def run(self, *options: str) -> subprocess.CompletedProcess:
        """Runs local_runner.py on the experiment in a process of its own, from another folder."""
        return self.call([sys.executable, str(self.runner), "--config", str(self.config), *options])

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

    def ledgers(self, workspace: Path | None = None, *, seconds: bool = False) -> dict[str, dict[str, dict]]:
        """Each sweep's rows by key, without their seconds unless asked for; no key may come twice."""
        found = {}
        for path in (workspace or self.folder / "workspace").glob("thaw-tiny/ledgers/*.jsonl"):
            rows = [json.loads(line)["row"] for line in path.read_bytes().splitlines()[1:]]
            found[path.name] = {row["key"]: row if seconds else {**row, "seconds": 0} for row in rows}
            assert len(rows) == len(found[path.name])
        return found

    def call(self, command: list[str], *, new: bool = False) -> subprocess.CompletedProcess:
        """Runs a Python program with TFX's own records kept in the folder.

        Args:
          command: Python's.
          new: in a new process, which imports everything by itself.
        """
        environment = self.environment
        if self.programs and not new:
            return self.programs.run(command, self.folder, environment)
        return subprocess.run(command, cwd=self.folder, env=environment, capture_output=True, text=True)

    @property
    def environment(self) -> dict[str, str]:
        """What programs run in: this interpreter's own come first."""
        return {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "TMPDIR": str(self.temporary),
            "LOCAL_HOME": str(self.folder / "tfx_home"),
        }

    @property
    def latest(self) -> Path:
        return self.folder / "runs" / "latest"

    @property
    def metadata(self) -> Path:
        return self.folder / "workspace" / "thaw-tiny" / "metadata.sqlite"


@pytest.fixture(scope="session")
def experiment(tmp_path_factory, programs):
    """The same for all files: what runs in its workspace adds to it, and takes nothing away."""

    def make(folder):
        Experiment(folder)
        return folder

    return Experiment(made_once(tmp_path_factory, "experiment", make), programs)


@pytest.fixture(scope="session")
def first_run(tmp_path_factory, experiment):
    """The experiment's first run, in a new process, for all files: what it printed, its folder, and what it left in the
    temporary folder."""

    def make(_):
        before = set(experiment.temporary.iterdir())
        command = [sys.executable, str(experiment.runner), "--config", str(experiment.config)]
        finished = experiment.call(command, new=True)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return {
            "stdout": finished.stdout, "stderr": finished.stderr, "folder": experiment.latest.resolve(),
            "left": set(experiment.temporary.iterdir()) - before,
        }  # fmt: skip

    return types.SimpleNamespace(**made_once(tmp_path_factory, "first_run", make))


@pytest.fixture(scope="session")
def compile_tiny(experiment):
    """A function that compiles the experiment for a cluster whose volume is a folder of that name."""

    def compile_tiny(volume: str) -> Path:
        file = experiment.folder / f"{volume}.yaml"
        command = [
            sys.executable, str(ROOT / "kubeflow" / "kubeflow_runner.py"),
            "--config", str(experiment.config), "--output", str(file), "--gpus", "0", "--data", "/nowhere",
            "--cluster-set", "data={path: /nowhere, name: SYNTHETIC, train: train/*, test: test/*}",
            "--cluster-set", f"volume.mount={experiment.folder}/{volume}", "--cluster-set", "retries.first_wait_s=1",
            "--cluster-set", "training.cpus=1",
        ]  # fmt: skip
        finished = experiment.call(command)
        assert finished.returncode == 0, finished.stdout + finished.stderr
        return file

    return compile_tiny


@pytest.fixture
def make_experiment(tmp_path, programs):
    """A function that makes further ones, by name."""

    def make_experiment(name: str) -> Experiment:
        (tmp_path / name).mkdir()
        return Experiment(tmp_path / name, programs, (40, 20), **UNTRAINED)

    return make_experiment
