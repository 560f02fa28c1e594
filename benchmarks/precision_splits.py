"""Accuracy from scratch in bfloat16 against float32, on random splits of photos. Imports the sweep engine.

`python -m benchmarks.precision_splits KIND --photos FOLDER`: KIND is a folder of FOLDER with a folder for each class.
Every split has different photos for training and test, so that the interval (Student's t over splits) also covers the
choice of test photos; draws of one split share their test photos. Each pair has the same images, initial weights and
batches. Rows go to precision_splits.csv as they come; a second call continues. One thread.
"""

from __future__ import annotations

import argparse
import csv
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import get_args

from pipeline.runner.process import prepare_process

prepare_process(os.environ)

import numpy as np

from benchmarks.inputs import grid
from benchmarks.inputs.csv_record import append_rows
from benchmarks.inputs.target import SEED
from benchmarks.prediction.targets import SMALL_PX, Images, images_of, records
from experiment.config import Schedule
from experiment.stack import Precision
from experiment.training_settings import of_baseline
from ledger.cell_selection import Cell
from pipeline.new_experiment.own_settings import schedule_from_scratch
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.cell_training.target_data import TargetData, drawn_records
from trainer_module.networks.architectures import build_network
from trainer_module.processes.fixed_threads import one_thread
from trainer_module.sweep.engine import SweepEngine

ARMS: tuple[Precision, ...] = get_args(Precision)
COLUMNS = ("kind", "n", "split", "draw", "precision", "test", "test_images", "seconds")
FIRST_SEED, TIMES = 1000, 4


def main(argv: Sequence[str]) -> int:
    """Trains the pairs that the record lacks and prints the difference."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind")
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--per-class", type=int, default=5, help="training images of each class (5)")
    parser.add_argument("--splits", type=int, default=16)
    parser.add_argument("--draws", type=int, default=8, help="of each split")
    parser.add_argument("--record", type=Path, default=Path("docs/precision_splits.csv"))
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"), help="folder of decoded images")
    arguments = parser.parse_args(argv)
    one_thread()
    images = images_of(arguments.kind, SMALL_PX, arguments.photos, arguments.out)
    n = arguments.per_class * len(np.unique(images.classes))
    for split in range(arguments.splits):
        of_split = arguments.kind, str(n), str(split)
        done = [row for row in read_rows(arguments.record) if (row["kind"], row["n"], row["split"]) == of_split]
        if len(done) < len(ARMS) * arguments.draws:
            data = split_of(images, n, split, range(arguments.draws))
            rows = [
                dict(zip(COLUMNS, (*of_split, *one), strict=True)) for one in trained(data, n, range(arguments.draws))
            ]
            append_rows(arguments.record, COLUMNS, rows)
    print(summary([row for row in read_rows(arguments.record) if (row["kind"], row["n"]) == (arguments.kind, str(n))]))
    return 0


def split_of(images: Images, n: int, split: int, draws: Sequence[int]) -> TargetData:
    """The photos of a split to draw from, for val and for test.

    Args:
      images: all photos.
      n: images of a draw; TIMES as many are drawn from, and as many are val.
      split: number of the split.
      draws: numbers of the draws.
    """
    classes = np.unique(images.classes)
    random = np.random.default_rng(FIRST_SEED + split)
    parts: dict[str, list[np.ndarray]] = {"train": [], "val": [], "test": []}
    for name in classes:
        order = random.permutation(np.flatnonzero(images.classes == name))
        pool = TIMES * n // len(classes)
        for part, places in zip(parts, np.split(order, [pool, 2 * pool]), strict=True):
            parts[part].append(places)
    made = {}
    for part, by_class in parts.items():
        labels = np.repeat(np.arange(len(classes)), [len(places) for places in by_class])
        made[part] = records(images.images, np.concatenate(by_class), labels, mirrored=part == "train")
    train = drawn_records(made["train"], n, len(classes), SEED, list(draws))
    return TargetData(train, made["val"], made["test"], len(classes), content_hash="")


def trained(data: TargetData, n: int, draws: Sequence[int]) -> Iterator[tuple[int, str, float, int, float]]:
    """Draw, precision, accuracy on test (a fraction), test images and CPU seconds of networks from scratch."""
    classes = data.num_classes
    schedule = StepSchedule(of_baseline(Schedule(**schedule_from_scratch(n, classes))))
    for precision in ARMS:
        network = build_network("original", (SMALL_PX, SMALL_PX, 3), classes, None, precision)
        engine = SweepEngine(network, None, data, schedule, SEED)
        for draw in draws:
            began = time.process_time()
            ended = engine.run(Cell(n, 0, False), draw)
            yield draw, precision, ended.test.accuracy, len(data.test), round(time.process_time() - began, 2)


def read_rows(record: Path) -> list[dict[str, str]]:
    """The record's rows; none, if there is no record."""
    if not record.exists():
        return []
    with record.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def summary(rows: Sequence[Mapping[str, str]]) -> str:
    """Both means, and the mean difference over splits with its 95% interval, in points."""
    accuracies = {(row["split"], row["draw"], row["precision"]): 100 * float(row["test"]) for row in rows}
    pairs = {(split, draw) for split, draw, _ in accuracies}
    apart = [(split, accuracies[split, draw, "bfloat16"] - accuracies[split, draw, "float32"]) for split, draw in pairs]
    splits = grid.means_by_group(apart)
    difference = f"{np.mean(splits):+.1f} points, of one split, so there is no interval"
    if len(splits) > 1:
        mean, low, high = grid.paired_difference(splits)
        difference = f"{mean:+.1f} [{low:+.1f}, {high:+.1f}] points"
    means = (np.mean([value for (*_, arm), value in accuracies.items() if arm == name]) for name in ARMS)
    shown = ", ".join(f"{name} {value:.1f}%" for name, value in zip(ARMS, means, strict=True))
    return f"{len(pairs)} pairs: {shown}, difference {difference}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
