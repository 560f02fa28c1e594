"""`thaw advise`: gains predicted for a run's sources on a target, before training on it. Imports TensorFlow, no TFX."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.console import Console

from acquisition.image_folders.labelled_files import composed
from analysis.statistics import formats
from analysis.transfer_prediction.advice_rule import AdviceRule, read_rule
from analysis.transfer_prediction.predicted_gains import PredictedGain, predicted_gains_of, ranked, sentence
from components.domain_examples import records
from components.domain_examples.records import DomainSettings
from experiment import features
from experiment.config import ExperimentConfig, Transfer
from experiment.errors import Damaged, ThawError, listed
from pipeline.runs.finished_run import FinishedRun, open_run, reading
from terminal.tables import FittingTable, empty_table, in_two_lines
from trainer_module.data import draws
from trainer_module.data.artifact_folders import matching_files
from trainer_module.data.input_pipeline import Records
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import build_network
from trainer_module.processes.fixed_threads import one_thread
from trainer_module.sources import source
from trainer_module.sources.estimates import features_at
from trainer_module.sources.source_card import check_unaltered
from trainer_module.training.activation_cache import Budget
from transferability.checks import LEAST_ROWS_PER_CLASS
from transferability.linear_probe import Probe, linear_probe

DRAW = 0


@dataclasses.dataclass(frozen=True)
class Advice:
    """Predicted gains for one target, the largest gain first.

    Attributes:
      target: its classes.
      n: number of labelled images used.
      data: name of the data.
      predicted_gains: by falling expected gain.
      left_out: transfer -> why.
      calibration: the evidence for the intervals, in words.
      seconds: duration.
    """

    target: tuple[str, ...]
    n: int
    data: str
    predicted_gains: tuple[PredictedGain, ...]
    left_out: dict[str, str]
    calibration: str
    seconds: float


def advise_on(folder: Path, target: tuple[str, ...], n: int | None) -> Advice:
    """Opens a finished run and ranks its sources, by default for its own target and size.

    A class is found however its accents are encoded. Call it before the process computes anything with TensorFlow,
    which then uses one thread.

    Raises:
      ThawError: the run or the calibration can't be read, or as in `advise`.
    """
    rule, run = read_rule(), open_run(folder)
    one_thread()
    known = {composed(name): name for name in run.config.data.classes}
    asked = tuple(known.get(name, name) for name in target)
    return advise(run, asked or run.config.target.classes, n or run.config.deployed_size, rule)


def advise(run: FinishedRun, target: tuple[str, ...], n: int, rule: AdviceRule) -> Advice:
    """Ranks every source, freeze count and way of tuning of a run for a target.

    Args:
      run: has the sources, and images of the target's classes.
      target: its classes; two or more.
      n: labelled images of it, drawn as the run would.
      rule: turns probes into gains.

    Raises:
      ThawError: the data lacks a class or has too few images of it, or no source is left.
    """
    began = time.perf_counter()
    left_out = _left_out(run.config, target)
    pairs = [pair for pair in run.config.transfers if pair.id not in left_out]
    if not pairs:
        raise ThawError(f"No source of {run.folder} can be compared on {listed(target)}: {_reasons(left_out)}. Choose "
                        "other classes, or another run.")  # fmt: skip
    images = target_images(run, target, n)
    predicted_gains: list[PredictedGain] = []
    for pair in pairs:
        try:
            predicted_gains += _predicted_gains(run, pair, images, n, rule)
        except ValueError as error:  # such as features that are the same for every image
            left_out[pair.id] = str(error).rstrip(".")
    if not predicted_gains:
        raise ThawError(f"No source of {run.folder} can estimate gains for {listed(target)} at n = {n}: "
                        f"{_reasons(left_out)}. Give another --n, or choose another run.")  # fmt: skip
    data, calibration = str(run.summary["data"]), rule.in_words_at([n], len(target))
    return Advice(target, n, data, ranked(predicted_gains), left_out, calibration, time.perf_counter() - began)


def target_images(run: FinishedRun, target: tuple[str, ...], n: int) -> Records:
    """The n images of a target that a run would draw first, without copies; none of them is of val or test.

    Raises:
      ThawError: the data lacks a class, n does not split evenly, or a class has too few images.
    """
    config = run.config
    unknown = [name for name in target if name not in config.data.classes]
    if unknown or len(set(target)) != len(target) or len(target) < 2:
        raise ThawError(f"--target names {listed(target)}; expected two or more different classes of "
                        f"{listed(config.data.classes)}.")  # fmt: skip
    settings = DomainSettings(
        classes=target, data_classes=config.data.classes, image_shape=config.data.image_shape,
        augmentation=config.augmentation, val_fraction=config.data.val_fraction, seed=config.seed, with_test=False,
        given_val=config.data.val_key is not None,
    )  # fmt: skip
    if n < LEAST_ROWS_PER_CLASS * len(target):
        raise ThawError(f"n = {n} gives fewer than {LEAST_ROWS_PER_CLASS} images of each of {listed(target)}; a linear "
                        "probe is tested by leaving one image out, which needs another of its class. Give --n "
                        f"{LEAST_ROWS_PER_CLASS * len(target)} or more.")  # fmt: skip
    folder = run.output("Transform", "transformed_examples")
    found, in_val = _originals(folder, settings)
    for label in range(0 if settings.given_val else len(target)):
        in_val |= set(records.val_ids(found.ids[found.labels == label].tolist(), settings.val_fraction, config.seed))
    offered = found.select(~np.isin(found.ids, sorted(in_val)))
    ranks = draws.class_ranks(offered.ids.tolist(), offered.labels, config.seed, DRAW)
    _check_drawable(n, dict(zip(target, np.bincount(offered.labels, minlength=len(target)).tolist(), strict=True)))
    return offered.select(draws.draw_subset(ranks, n, len(target)))


def _check_drawable(n: int, offered: Mapping[str, int]) -> None:
    """Raises a ThawError if n images, equally many of each class, are not among those offered (name -> images)."""
    classes, each = len(offered), n // len(offered)
    if n % classes:
        raise ThawError(f"n = {n} can't be split evenly over the {classes} classes {listed(offered)}. Expected a "
                        f"multiple of {classes}, such as --n {each * classes}.")  # fmt: skip
    scarce, most = min(offered.items(), key=lambda one: one[1])
    if most < each:
        raise ThawError(f"n = {n} takes {each} training images of each of the {classes} classes; the data has {most} "
                        f"of {scarce!r}. Give --n {most * classes} or less.")  # fmt: skip


def _originals(folder: str, settings: DomainSettings) -> tuple[Records, set[str]]:
    """All training images of the target as Transform wrote them, ordered by id; and the ids that are marked as val.

    Raises:
      ThawError: a file is missing or damaged; the message names it.
    """
    files = matching_files(f"{folder}/Split-train/*")
    with reading(f"{folder}/Split-train"):
        if not files:
            raise Damaged("it holds no file")
    examples, in_val = [], set()
    for file in files:
        with reading(file):
            if not tf.io.gfile.stat(file).length:  # TensorFlow reads that as a file without records
                raise Damaged("it is empty")
            held = list(records.domain_records(file, settings))
            in_val |= {records.image_id(example) for example in held if records.take_val(example)}
        examples += held
    ids = np.array([records.image_id(example) for example in examples], str)
    order = np.argsort(ids, kind="stable")
    pixels = b"".join(example.features.feature[features.IMAGE].bytes_list.value[0] for example in examples)
    images = np.frombuffer(pixels, np.uint8).reshape(-1, *settings.image_shape)
    labels = np.array([records.label(example) for example in examples], np.int64)
    return Records(images[order], labels[order], ids[order], np.zeros(len(examples), np.int64)), in_val


def _reasons(left_out: Mapping[str, str]) -> str:
    return "; ".join(f"{transfer}: {reason}" for transfer, reason in left_out.items())


def _left_out(config: ExperimentConfig, target: Sequence[str]) -> dict[str, str]:
    reasons = {}
    for pair in config.transfers:
        shared = sorted(set(config.sources[pair.source].classes) & set(target))
        if pair.id in config.controls:
            reasons[pair.id] = "it is a control"
        elif shared:
            reasons[pair.id] = f"its source has seen {', '.join(shared)}"
    return reasons


def probes_of(run: FinishedRun, pair: Transfer, images: Records) -> dict[int, Probe]:
    """Passes the images through a source once, and fits a linear probe at cut 0 and at every cut of the run."""
    cuts = sorted({0, *run.config.freeze_counts[pair.architecture]})
    return {cut: linear_probe(features, images.labels) for cut, features in features_of(run, pair, images, cuts)}


def features_of(
    run: FinishedRun, pair: Transfer, images: Records, cuts: Sequence[int]
) -> Iterator[tuple[int, np.ndarray]]:  # fmt: skip
    """A source's features of the images at each cut; see estimates.features_at."""
    config = run.config
    classes = int(images.labels.max()) + 1
    network = build_network(
        pair.architecture, config.data.image_shape, classes, config.backbones.get(pair.architecture)
    )
    folder = run.model(f"source.{pair.source}.{pair.architecture}")
    with reading(folder / source.KERAS_FILE):
        weights = source.source_weights(str(folder), network)
    check_unaltered(str(folder), weight_values.weights_hash(weights))
    weight_values.set_weights(weight_values.backbone_variables(network), weights)
    return features_at(network, images.images, cuts, Budget(int(config.activations_gib * 2**30)))


def _predicted_gains(
    run: FinishedRun, pair: Transfer, images: Records, n: int, rule: AdviceRule
) -> Iterator[PredictedGain]:
    probes = {cut: (one.accuracy, one.squared_error) for cut, one in probes_of(run, pair, images).items()}
    counts = run.config.freeze_counts[pair.architecture]
    most = run.config.most_frozen(pair.architecture)
    chance = float(np.bincount(images.labels).max() / len(images.labels))
    return predicted_gains_of(
        pair.id, pair.architecture, n, counts, sorted(run.config.fine_tune)[:1], probes, rule,
        most_frozen=most, classes=len(np.unique(images.labels)), chance=chance,
    )  # fmt: skip


def show(advice: Advice, console: Console, most: int = 12) -> None:
    """Prints the answer, the largest predicted gains, and what their intervals mean."""
    shown = advice.predicted_gains[:most]
    rows = [
        (in_two_lines(one.transfer), str(one.freeze_count), f"{100 * one.probe_accuracy:.1f}",
         formats.points(one.gain_points), ", ".join(map(formats.points, (one.low, one.high))), one.verdict)
        for one in shown
    ]  # fmt: skip
    title = f"{' and '.join(advice.target)}, n = {advice.n:,}, on {advice.data}"
    columns = ("transfer", "k", "probe %", "gain", "interval", "verdict")
    console.print(FittingTable(empty_table(*columns, title=title), rows, [one.transfer for one in shown]))
    console.print(sentence(advice.predicted_gains[0], advice.target, advice.n))
    console.print("Gain: points over the baseline from random weights, of one training. " + advice.calibration)
    for transfer, reason in advice.left_out.items():
        console.print(f"{transfer} was left out: {reason}.")
    console.print(f"{advice.seconds:.0f} s; only linear probes were trained.")
