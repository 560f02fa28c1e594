"""Checks whether this machine can run Thaw, and says what to do. Imports acquisition lazily, no TFX."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import platform
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

from acquisition.data_sources.base_folders import Places, usual_places
from experiment.config import ExperimentConfig
from experiment.errors import ThawError
from experiment.machine import CGROUP, usable_cores
from pipeline.dag.beam_options import beam_options
from pipeline.runner.supported_stacks import STACKS, SupportedStack, stack_of
from pipeline.runs.metadata_file import METADATA_FILE, check_metadata
from pipeline.runs.run_lock import check_no_pattern, check_usable

State = Literal["ok", "warning", "problem"]

LEAST_MEMORY_GB = 6.0
"""`quick` takes 2.2 GB in its largest process and about 5 in all (measured on two cores)."""
LEAST_DISK_GB = 3.0


@dataclasses.dataclass(frozen=True)
class Finding:
    """The result of one check.

    Attributes:
      subject: what was checked.
      state: a `problem` keeps runs from working, a `warning` makes them slower or smaller.
      found: what was found.
      advice: what to do; empty if all is well.
    """

    subject: str
    state: State
    found: str
    advice: str = ""


def examine(config: ExperimentConfig, project_root: Path, environment: Mapping[str, str]) -> Iterator[Finding]:
    """Checks Python, packages, processor, memory, folders, engine, disk, data, weights and GPU, one after the other.

    Args:
      config: with the data, weights and workspace to check.
      project_root: `../shared/data` is looked for from here.
      environment: the process's; `CIFAR10_DIR` is read.
    """
    stack = stack_of(sys.version_info[:2])
    yield _python(stack)
    if stack is not None:
        yield from (_package(name, wanted) for name, wanted in stack.packages.items())
    yield _cores()
    yield _memory()
    yield _folder("workspace", config.pipeline_folder)
    yield _folder("runs", config.runs)
    yield _metadata(config)
    yield from check_engine(config)
    yield _disk(config)
    tensorflow = _tensorflow()
    yield tensorflow
    if tensorflow.state == "problem":
        return
    yield _data(config, project_root, environment)
    for name in config.architectures:
        if name in config.backbones:
            yield _backbone(config, name, project_root)
    yield _gpu()


def _python(stack: SupportedStack | None) -> Finding:
    found = platform.python_version()
    if stack is None:
        versions = ", ".join(f"{major}.{minor}" for one in STACKS for major, minor in one.pythons)
        return Finding(
            "Python", "problem", found, f"Thaw runs on {versions}: run `make setup`, which finds or downloads one."
        )
    if stack.advice:
        return Finding("Python", "warning", f"{found}, {stack.name}: out of support", stack.advice)
    return Finding("Python", "ok", f"{found}, {stack.name}")


def _package(name: str, wanted: str) -> Finding:
    try:
        found = version(name)
    except PackageNotFoundError:
        found = "not installed"
    if found == wanted:
        return Finding(name, "ok", found)
    return Finding(name, "problem", found, f"{wanted} is needed: run `make setup`.")


def _cores() -> Finding:
    count = usable_cores()
    if count > 1:
        return Finding("cores", "ok", str(count))
    return Finding(
        "cores", "warning", "1", "Sweeps train one model on each core; with two cores they take half as long."
    )


def _memory(cgroup: Path = CGROUP) -> Finding:
    if not Path("/proc/meminfo").exists():
        return Finding("memory", "ok", "not known on this system")
    with open("/proc/meminfo", encoding="utf-8") as file:
        sizes = {line.split(":")[0]: int(line.split()[1]) for line in file if line.split()[1].isdigit()}
    free_gb, total_gb = (sizes[name] * 1024 / 1e9 for name in ("MemAvailable", "MemTotal"))
    found = f"{free_gb:.1f} GB free of {total_gb:.1f}"
    if (limit_gb := _container_gb(cgroup)) < total_gb:
        free_gb = min(free_gb, limit_gb)
        found += f"; this container may use {limit_gb:.1f}"
    if free_gb >= LEAST_MEMORY_GB:
        return Finding("memory", "ok", found)
    advice = f"The preset quick needs {LEAST_MEMORY_GB:.0f} GB: close other programs, or run with --workers 1."
    return Finding("memory", "warning", found, advice)


def _container_gb(cgroup: Path) -> float:
    """Memory limit of the container; infinite if it has none."""
    for name in ("memory.max", "memory/memory.limit_in_bytes"):  # of versions 2 and 1
        with contextlib.suppress(OSError, ValueError):  # not there; `max`
            return int((cgroup / name).read_text(encoding="utf-8")) / 1e9
    return math.inf


def _folder(name: str, folder: Path) -> Finding:
    try:
        check_usable(folder)
    except ThawError as error:
        return Finding(name, "problem", str(folder.absolute()), str(error))
    return Finding(name, "ok", str(folder.absolute()))


def _metadata(config: ExperimentConfig) -> Finding:
    path = config.pipeline_folder / METADATA_FILE
    try:
        check_metadata(path)
    except ThawError as error:
        return Finding("ML Metadata", "problem", str(path), str(error))
    return Finding("ML Metadata", "ok", str(path) if path.exists() else "none yet")


def check_engine(config: ExperimentConfig) -> Iterator[Finding]:
    """Checks Beam's options and the root in an object store, if there are any."""
    checks: dict[str, tuple[object, Callable[[], object]]] = {
        "beam_args": (config.beam_args, lambda: beam_options(config.beam_args)),
        "pipeline_root": (config.pipeline_root, lambda: check_no_pattern(config.pipeline_root or "")),
    }
    for name, (given, check) in checks.items():
        if given:
            try:
                check()
            except ThawError as error:
                yield Finding(name, "problem", str(given), str(error))
            else:
                yield Finding(name, "ok", str(given))


def _disk(config: ExperimentConfig) -> Finding:
    place = config.workspace.absolute()
    existing = next(parent for parent in (place, *place.parents) if parent.is_dir())
    free_gb = shutil.disk_usage(existing).free / 1e9
    if free_gb >= LEAST_DISK_GB:
        return Finding("disk", "ok", f"{free_gb:.0f} GB free at {existing}")
    advice = "Free some, or set workspace to another disk; `thaw plan` says how much a run needs."
    return Finding("disk", "warning", f"{free_gb:.1f} GB free at {existing}", advice)


def _tensorflow() -> Finding:
    try:
        import tensorflow as tf
    except Exception as error:  # a broken installation may raise anything
        advice = "Run `make clean setup`. Data, weights and GPU can be checked only after TensorFlow imports."
        return Finding("TensorFlow import", "problem", f"{type(error).__name__}: {error}", advice)
    return Finding("TensorFlow import", "ok", tf.__version__)


def _data(config: ExperimentConfig, project_root: Path, environment: Mapping[str, str]) -> Finding:
    from acquisition.data_sources.locate_dataset import locate_dataset

    said: list[str] = []
    try:
        places, classes = usual_places(project_root), config.data.classes
        dataset = locate_dataset(config.data.path, places, environment, say=said.append, classes=classes)
    except ThawError as error:
        return Finding("data", "problem", "none", str(error))
    if dataset.synthetic:
        advice = "SYNTHETIC results say nothing about CIFAR-10: give its folder with --data, or connect to the network."
        return Finding("data", "warning", dataset.origin, advice)
    return Finding("data", "ok", dataset.origin)


def _backbone(config: ExperimentConfig, name: str, project_root: Path) -> Finding:
    from pipeline.runner.backbone_files import check_counts, located, looked_at, missing_in_words, then_a_run

    subject, places = f"backbone {name}", usual_places(project_root)
    try:
        found = located(name, config.backbones[name], places, lambda line: None, allow_download=False)
        if found.file is not None:
            found = looked_at(name, found, config.data.image_shape)
            check_counts(name, found, config)
            return Finding(subject, "ok", f"{found.file}, {found.parts} parts, {found.mflop:.0f} MFLOP per image")
    except ThawError as error:
        return Finding(subject, "problem", "unusable", str(error))
    missing = [other for other in config.backbones if _lacks_weights(config, other, places)]
    advice = (f"{missing_in_words(name, found, places, tried=False)} "
              f"Without them a run {then_a_run(config, missing)}.")  # fmt: skip
    return Finding(subject, "warning", "no ImageNet weights on this machine", advice)


def _lacks_weights(config: ExperimentConfig, name: str, places: Places) -> bool:
    """Whether a backbone's ImageNet weights are not on this machine; a file that is wrong is its own finding."""
    from pipeline.runner.backbone_files import located

    with contextlib.suppress(ThawError):
        return located(name, config.backbones[name], places, lambda line: None, allow_download=False).file is None
    return False


def _gpu() -> Finding:
    import tensorflow as tf

    devices = tf.config.list_physical_devices("GPU")
    if devices:
        return Finding("GPU", "ok", ", ".join(device.name for device in devices))
    return Finding("GPU", "ok", "none; Thaw also trains on CPUs")


def worst(findings: list[Finding]) -> State:
    """The worst state among findings."""
    order: list[State] = ["ok", "warning", "problem"]
    return max((finding.state for finding in findings), key=order.index, default="ok")
