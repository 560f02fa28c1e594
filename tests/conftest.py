"""Environment variables that TensorFlow reads on import, set before any test; mutated input; an exported model."""

import contextlib
import io
import os
import random
import re
import resource
import signal
import subprocess
import time
import types
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from pipeline.runner.process import own_temporary_folder
from tests.forked_programs import ForkedPrograms, start_server
from tests.made_once import made_once

os.environ["TF_USE_LEGACY_KERAS"] = "0"  # tensorflow_transform sets it to 1 where it is unset
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
# As in every process of Thaw. A processor without AVX-512 computes without oneDNN if nobody asks, and a process that a
# test starts would compute with it as soon as another test has prepared this environment.
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "1"
# Like all code that decides a result: one thread adds in one order, so the same computation gives the same bits.
os.environ["TF_NUM_INTRAOP_THREADS"] = os.environ["TF_NUM_INTEROP_THREADS"] = os.environ["OMP_NUM_THREADS"] = "1"

# If pytest runs in the background, the shell lets it ignore Ctrl-C, and so would the processes that tests interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Everything that tests, pytest and their processes write to the temporary folder is removed at the end.
own_temporary_folder(os.environ)

# The same examples on every machine, each time, however busy it is; `--hypothesis-profile=default` tries others.
hypothesis.settings.register_profile("same", derandomize=True, deadline=None)
hypothesis.settings.load_profile("same")

WHOLE_FILE_MARK = re.compile(r"^pytestmark = \[?\s*pytest\.mark\.(component|e2e|slow)\b", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves out files that `-m "not <mark>"` deselects as a whole: importing TFX takes longer than the quick tests."""
    if collection_path.suffix != ".py":
        return None
    mark = WHOLE_FILE_MARK.search(collection_path.read_text())
    return True if mark and f"not {mark[1]}" in config.option.markexpr else None


TOGETHER = {"end_to_end": "experiment", "narrow_terminal": "experiment", "notebooks": "experiment",
            "last_lines": "experiment", "sources": "parsed", "messages": "parsed", "markup": "parsed",
            "safety": "parsed"}  # fmt: skip
"""Files that go to one worker, one after the other: end-to-end files that read what others change, and tests that use
the same parsed files."""
LONGEST_FIRST = (
    "end_to_end", "narrow_terminal", "last_lines", "notebooks", "kubeflow", "own_images", "kubeflow_photos",
    "distributed_sweep", "keras_applications", "determinism", "joint_pool", "killed_sweep", "component",
    "library_names", "engine", "engines", "tuner", "model_server", "process_pool", "wheel", "stacks", "stock",
    "stock_layers", "test_split_apart", "sweep_tuner", "surroundings", "tfma", "thaw_command", "kubeflow_failures",
    "solved_head_recipe", "report", "left_undone", "labels_saved", "search_sweeps", "confirmed_coverage", "dag",
    "coverage", "tflite",
)  # fmt: skip
"""Test files that take ten seconds and more, so that no worker begins a long one last."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Puts the longest files first if several workers run."""
    if hasattr(config, "workerinput"):
        rank = {f"test_{name}.py": place for place, name in enumerate(LONGEST_FIRST)}
        items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


@pytest.hookimpl(optionalhook=True)  # of xdist, which `-p no:xdist` leaves out
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> object:
    """Gives a worker a whole file at a time, or files that share a run."""
    from xdist.scheduler import LoadScopeScheduling

    class FileScheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = nodeid.partition("::")[0]
            return TOGETHER.get(Path(file).stem.removeprefix("test_"), file)

    return FileScheduling(config, log)


MOST_BYTES, ROOM_BYTES = 2 << 30, 256 << 20
"""Memory that a process may take whatever its input; and more than it has, where earlier tests took as much."""
MOST_SECONDS = 30.0
"""Seconds that one input may take; far more than any needs, for busy machines."""


def mutated(samples: Sequence[bytes], number: int) -> bytes:
    """The sample number `number` % len(samples), damaged in one to four places; the same for the same number."""
    dice = random.Random(number)
    content = bytearray(samples[number % len(samples)])
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        start = dice.randrange(len(content) + 1)
        stop = min(len(content), start + dice.choice((1, 2, 4, 8, 64, 1024)))
        noise = dice.randbytes(stop - start)
        other = dice.choice(samples)
        content[start:stop] = dice.choice(
            (
                noise,
                bytes(byte ^ (1 << dice.randrange(8)) for byte in content[start:stop]),
                b"",
                content[start:stop] * 2,
                b"\xff" * (stop - start),
                bytes(stop - start),
                dice.choice((0, 1, 2**31 - 1, 2**32 - 1)).to_bytes(4, "big"),
                other[start:stop],
                noise + content[start:stop],
            )
        )
        if dice.random() < 0.05:
            del content[dice.randrange(len(content) + 1) :]
    return bytes(content)


@pytest.fixture(scope="session")
def mutations() -> Callable[..., Iterator[bytes]]:
    """A function that yields damaged samples, and fails if one takes too long or the process grows too large."""

    def mutations(samples: Sequence[bytes], numbers: range) -> Iterator[bytes]:
        before_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        limit_kib = max(MOST_BYTES // 1024, before_kib + ROOM_BYTES // 1024)
        for number in numbers:
            content = mutated(samples, number)
            began = time.monotonic()
            yield content
            assert time.monotonic() - began < MOST_SECONDS, f"mutation {number} took too long"
            taken_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            assert taken_kib <= limit_kib, f"mutation {number} took {taken_kib} KiB of memory"

    return mutations


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkedPrograms]:
    """Starts programs as forks of one process with TFX imported, which all of pytest's workers share."""
    programs = ForkedPrograms(made_once(tmp_path_factory, "programs", lambda _: start_server()))
    yield programs
    programs.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 256 KiB."""
    folder = tmp_path / "small_disk"
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", folder], capture_output=True, text=True
    )
    if mounted.returncode:
        pytest.skip(f"can't mount a tmpfs here: {mounted.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture(scope="session")
def exported_model(tmp_path_factory: pytest.TempPathFactory) -> types.SimpleNamespace:
    """A SavedModel as Thaw exports it, in `folder`; its untrained `network`; six `images`; and their `pngs`."""
    # Here, since most tests need none of it.
    import numpy as np
    from PIL import Image

    images = np.random.default_rng(5).integers(0, 256, (6, 32, 32, 3), np.uint8)
    pngs = []
    for image in images:
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG")
        pngs.append(buffer.getvalue())

    def make(folder: Path) -> Path:
        export_model(folder, pngs[:2], resize=False)
        return folder / "model"

    folder = made_once(tmp_path_factory, "serving", make)
    return types.SimpleNamespace(folder=folder, network=untrained(resize=False)[0], images=images, pngs=pngs)


def untrained(*, resize: bool) -> tuple[Any, Any]:
    """A network of 32 x 32 pixels with the same random weights each time, and its settings."""
    from experiment.config import Schedule
    from experiment.training_settings import ModelSettings
    from trainer_module.networks import weight_values
    from trainer_module.sources import source

    settings = ModelSettings(
        role="transfer", name="a__remastered", source="a", architecture="remastered", classes=("automobile", "truck"),
        image_shape=(32, 32, 3), resize=resize, image_key="image", schedule=Schedule(), seed=1,
        data_name="d", code="c",
    )  # fmt: skip
    network = source.network_of(settings)
    variables = weight_values.model_variables(network)
    weight_values.set_weights(variables, weight_values.initial_weights(network.weighted_layers, 1))
    return network, settings


def export_model(folder: Path, encoded: list[bytes], *, resize: bool) -> Any:
    """Transforms the images by Beam, and exports the untrained network to `folder`/model."""
    import apache_beam as beam
    import tensorflow as tf
    import tensorflow_transform.beam as tft_beam
    from tensorflow_transform.tf_metadata import dataset_metadata, schema_utils

    from trainer_module.export import saved_model
    from trainer_module.preprocessing import preprocessing_fn

    network, settings = untrained(resize=resize)
    raw = {"image": tf.io.FixedLenFeature([], tf.string), "label": tf.io.FixedLenFeature([], tf.int64)}
    metadata = dataset_metadata.DatasetMetadata(schema_utils.schema_from_feature_spec(raw))
    told = {
        "image_key": "image", "label_key": "label", "id_key": "id", "image_shape": [32, 32, 3], "resize": resize,
    }  # fmt: skip
    graph = str(folder / "graph")
    with beam.Pipeline(runner="FnApiRunner") as pipeline, tft_beam.Context(temp_dir=str(folder / "temporary")):
        records = pipeline | beam.Create([{"image": image, "label": 1} for image in encoded])
        transform_fn = (records, metadata) | tft_beam.AnalyzeDataset(lambda inputs: preprocessing_fn(inputs, told))
        _ = transform_fn | tft_beam.WriteTransformFn(graph)
        _ = metadata | tft_beam.WriteMetadata(f"{graph}/metadata", pipeline=pipeline)
    saved_model.export(network.model, settings, graph, folder / "model")
    return network


@pytest.fixture
def file_limit() -> Callable[[int], contextlib.AbstractContextManager[None]]:
    """A context in which no file of this process can grow beyond so many bytes: a disk without room, for any user."""

    @contextlib.contextmanager
    def file_limit(size: int) -> Iterator[None]:
        limits = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    return file_limit
