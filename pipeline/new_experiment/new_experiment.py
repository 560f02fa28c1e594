"""`thaw init`: from images or TFRecords to an experiment that runs. Imports acquisition and plan, no TFX."""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from rich.console import Console

from acquisition.data_sources.base_folders import Places, usual_places
from acquisition.data_sources.locate_dataset import Dataset, locate_cifar10
from acquisition.image_folders.image_folder import LEAST_TEST, LEAST_TRAIN
from acquisition.image_folders.labelled_files import in_words
from acquisition.mirror_images.mirror_advice import MirrorAdvice, mirror_advice
from acquisition.tfrecords.inspection import Inspection, inspect_records, val_images
from acquisition.tfrecords.scarce_classes import scarce_classes
from acquisition.tfrecords.size_checks import check_sizes
from experiment.changes import changed
from experiment.config import Data, ExperimentConfig
from experiment.errors import ThawError, counted, home_expanded
from experiment.machine import usable_cores
from pipeline.new_experiment.output_folder import CONFIG, check_output, written_whole
from pipeline.new_experiment.own_pictures import from_images
from pipeline.new_experiment.own_records import OwnData, from_records, holds_records
from pipeline.new_experiment.own_settings import FROM_FILES, own_settings, shown_px, validated
from pipeline.new_experiment.wanted import Wanted
from pipeline.planning.plan import Plan, measure_gflops, plan_run
from pipeline.runner.backbone_files import fitted, located, missing_in_words, then_a_run
from terminal.console import progress_in
from terminal.tables import FittingTable, empty_table

MOST_NAMED = 10
"""Most classes of the target that are all named."""
FEW_TEST_IMAGES = 50
"""Test images of all target classes together: below this, intervals are some 15 points wide to each side."""


@dataclasses.dataclass(frozen=True)
class ClassCount:
    """Images of one of the user's classes by split; the pipeline takes val out of its training images."""

    name: str
    train: int
    val: int
    test: int


@dataclasses.dataclass(frozen=True)
class Made:
    """The new experiment: what was found and written.

    Attributes:
      config: the file to run.
      written: what its folder holds.
      data: folder of the TFRecords.
      classes: the user's images.
      target: the classes to tell apart.
      image_shape: height, width (pixels) and channels of every record.
      size_reason: why that size.
      mirror: whether mirror images are added to the training images.
      mirror_reason: why.
      sources: of the transfers.
      sizes: training images per experiment.
      notes: for the user: what was left out, and why.
      plan: what a run takes.
    """

    config: str
    written: list[str]
    data: str
    classes: list[ClassCount]
    target: list[str]
    image_shape: tuple[int, int, int]
    size_reason: str
    mirror: bool
    mirror_reason: str
    sources: dict[str, str]
    sizes: list[int]
    notes: list[str]
    plan: Plan


def make_experiment(
    folder: Path, out: Path, wanted: Wanted, *, force: bool, project_root: Path, environment: Mapping[str, str],
    terminal: Console,
) -> Made:  # fmt: skip
    """Writes records and configuration of an experiment on the user's images.

    Args:
      folder: of class folders of images, or of TFRecords.
      out: the folder to write.
      wanted: the user's further choices.
      force: an earlier output may be replaced.
      project_root: `../shared/data` is looked for from here.
      environment: the process's; `CIFAR10_DIR` is read.
      terminal: for the place of CIFAR-10, and progress.

    Raises:
      ThawError: something the user can correct; nothing was written then.
    """
    folder = home_expanded(folder).absolute()
    make = from_records if holds_records(folder) else from_images
    check_output(out.absolute(), folder, force=force)
    places = usual_places(project_root)

    def find_cifar() -> Dataset | None:
        return locate_cifar10(places, environment, say=lambda line: terminal.print(line))

    with written_whole(out, force=force) as draft:
        own = make(folder, draft, out, wanted, find_cifar, terminal)
        inspection = inspect_records(own.files, own.data)
        offered = _least_offered(own, inspection)
        backbones = {
            name: fitted(name, located(name, one, places, _say_nothing, allow_download=False), own.data.image_shape,
                         shown_px(own.data))
            for name, one in wanted.backbones.items()
        }  # fmt: skip
        advice = _mirror_advice(own, wanted, terminal)
        settings = own_settings(wanted.name, own.data, own.target, own.domains, offered, backbones, advice.mirror)
        config, text = validated(settings, out / CONFIG)
        check_sizes(inspection, config)
        (draft / CONFIG).write_text(text, encoding="utf-8")
        written = sorted(path.name for path in draft.iterdir())
    return Made(
        config=str(out / CONFIG),
        written=written,
        data=str(config.data.path),
        classes=[_counted(name, inspection, own.data) for name in own.own_classes],
        target=list(own.target),
        image_shape=config.data.image_shape,
        size_reason=own.size_reason,
        mirror=advice.mirror,
        mirror_reason=advice.reason,
        sources={name: _in_words(config, name) for name in config.sources},
        sizes=list(config.sizes),
        notes=[*own.notes, *_warnings(config, inspection, places)],
        plan=_plan(changed(config, backbones={**config.backbones, **backbones}), inspection),
    )


def show_made(made: Made, terminal: Console, command: str = "thaw") -> None:
    """Prints what was found, what was written and what to do next.

    Args:
      made: what make_experiment returned.
      terminal: where to print.
      command: the command `thaw` as the user types it.
    """
    rows = [(one.name, f"{one.train:,}", f"{one.val:,}", f"{one.test:,}") for one in made.classes]
    terminal.print(FittingTable(empty_table("class", "train", "val", "test", title="Your images"), rows))
    for line in _lines(made, command):
        terminal.print(line, soft_wrap=True)


def _lines(made: Made, command: str) -> Iterator[str]:
    height, width, channels = made.image_shape
    yield f"Image size: {height} x {width} pixels, {counted(channels, 'channel')} ({made.size_reason})."
    yield f"Mirror images: {'' if made.mirror else 'not '}added to the training images ({made.mirror_reason})."
    yield f"Target: {_against(made.target)}, with n = {', '.join(f'{n:,}' for n in made.sizes)} training images."
    for name, words in made.sources.items():
        yield f"Source {name}: {words}"
    for note in made.notes:
        yield f"!! {note}"
    folder = Path(made.config).parent
    elsewhere = "" if Path(made.data).parent == folder.absolute() else f" The records stay in {made.data}."
    yield f"Written to {folder}: {', '.join(made.written)}.{elsewhere}"
    trainings = f"{'at most ' if made.plan.at_most else ''}{made.plan.executions:,} trainings"
    yield f"A run takes about {counted(made.plan.in_minutes, 'minute')} ({trainings}) on this machine. Next:"
    config = shlex.quote(str(made.config))
    yield f"  {command} plan --config {config}"
    yield f"  {command} run --config {config}"


def _mirror_advice(own: OwnData, wanted: Wanted, terminal: Console) -> MirrorAdvice:
    with progress_in(terminal, transient=True) as bar:
        task = bar.add_task("comparing mirror images", total=None)
        return mirror_advice(own.files, own.data, own.target, wanted.mirror,
                             lambda done: bar.update(task, completed=done))  # fmt: skip


def _against(names: Sequence[str]) -> str:
    """Names of the classes to tell apart; of many, only the first ones."""
    if len(names) <= MOST_NAMED:
        return " against ".join(names)
    return f"{len(names)} classes, {in_words(names)}"


def _in_words(config: ExperimentConfig, source: str) -> str:
    """A source in words: its classes, or the backbones that are transferred from it."""
    backbones = [config.backbones[pair.architecture] for pair in config.transfers
                 if pair.source == source and pair.architecture in config.backbones]  # fmt: skip
    files = "your model " if source == FROM_FILES else "ImageNet's weights of "
    return ", ".join(config.sources[source].classes) or files + "; ".join(one.in_words for one in backbones)


def _least_offered(own: OwnData, inspection: Inspection) -> int:
    """Training images of the smallest target class, without val.

    Raises:
      ThawError: they, or its test images, are too few.
    """
    counts = [_counted(name, inspection, own.data) for name in own.target]
    for one in counts:
        if one.train < LEAST_TRAIN or one.test < LEAST_TEST:
            raise ThawError(
                f"The class {one.name!r} has {one.train + one.val} training and {counted(one.test, 'test image')}. "
                f"Expected at least {LEAST_TRAIN + 1} and {LEAST_TEST}. Add some, or leave the class out with --target."
            )
    return min(one.train for one in counts)


def _counted(name: str, inspection: Inspection, data: Data) -> ClassCount:
    train, val = inspection.train_counts[name], val_images(inspection, data, name)
    return ClassCount(name, train - val, val, inspection.test_counts[name])


def _warnings(config: ExperimentConfig, inspection: Inspection, places: Places) -> Iterator[str]:
    tested = sum(inspection.test_counts[name] for name in config.target.classes)
    if tested < FEW_TEST_IMAGES:
        yield f"{counted(tested, 'test image')} in all: only large gains can be distinguished from chance."
    yield from scarce_classes(inspection, config)
    used = {name for source in config.sources.values() for name in source.classes} | set(config.target.classes)
    unused = [name for name in config.data.classes if name not in used]
    if empty := [name for name in unused if not inspection.train_counts[name] + inspection.test_counts[name]]:
        yield f"No image is of {in_words(empty)}. Correct the classes' names, or leave these out."
    if unused := [name for name in unused if name not in empty]:
        yield f"Neither in the target nor in a source: {in_words(unused)}."
    missing = {
        name: backbone
        for name, backbone in config.backbones.items()
        if located(name, backbone, places, _say_nothing, allow_download=False).file is None
    }
    for name, backbone in missing.items():
        then = then_a_run(config, missing)
        yield f"{missing_in_words(name, backbone, places, tried=False)} Without them a run {then}."


def _say_nothing(line: str) -> None:
    """init reports weights in its notes."""


def _plan(config: ExperimentConfig, inspection: Inspection) -> Plan:
    images = sum(inspection.train_counts.values()) + sum(inspection.test_counts.values())
    workers = config.workers or usable_cores()
    return plan_run(config, images, inspection.size_bytes, measure_gflops(), workers)
