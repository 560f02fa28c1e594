"""Trainings on twenty targets, reduced, for the calibration of `thaw advise`. Imports the sweep engine.

`python -m benchmarks.prediction.target_gains --weights FOLDER --photos FOLDER`: FOLDER has the files of MobileNetV2,
and `signs` and `ants_bees`. Networks from scratch and transfers are trained as in an experiment of `thaw init`, and
linear probes use the n images of the draw. Rows go to the record (docs/results/target_gains.csv) as they come; a second
call continues. One thread; so run several processes with different `--sources`. `--models FOLDER` has a folder for each
further source of the original network, such as the Format-Serving of a run.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.runner.process import prepare_process

prepare_process(os.environ)

from analysis.confirmation.collapse import is_collapsed
from benchmarks.inputs.csv_record import append_rows
from benchmarks.inputs.target import SEED
from benchmarks.prediction.calibrate import MOST_FROZEN, RECORD, SCRATCH
from benchmarks.prediction.targets import LARGE_PX, SMALL_PX, TARGETS, Target, data_of
from experiment.config import Backbone, Schedule
from experiment.training_settings import of_baseline
from ledger.cell_selection import Cell
from ledger.rows import TRAIN_IMAGES
from pipeline.new_experiment.own_settings import schedule_from_scratch
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.cell_training.target_data import TargetData, drawn_records
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import Network, build_network
from trainer_module.processes.fixed_threads import one_thread
from trainer_module.sources import source
from trainer_module.sources.estimates import features_at
from trainer_module.sweep.engine import SweepEngine
from trainer_module.training.activation_cache import Budget
from transferability.linear_probe import linear_probe

FROM_IMAGENET = {
    "wide": Backbone(family="MobileNetV2", alpha=1.0, image_size_px=LARGE_PX),
    "narrow": Backbone(family="MobileNetV2", alpha=0.35, image_size_px=LARGE_PX),
}
FILES = {"wide": "mobilenet_v2_1.0_224_no_top_rebuilt.h5", "narrow": "mobilenet_v2_0.35_224_no_top_rebuilt.h5"}
COUNTS = {"original": (4, 8), "mobilenet_v2": (13, 18)}
"""Freeze counts: about half of the network, and all of it."""
BUDGET = Budget(2**30)


@dataclasses.dataclass(frozen=True)
class Row:
    """One training, and squared errors of linear probes on its n images (none from scratch).

    Attributes:
      kind, classes: of the target.
      source, architecture: of the transfer; SCRATCH: from random weights.
      val, test: accuracies, fractions.
      seconds: CPU seconds of the training.
      pixels, here, top: errors of probes on pixels, on features at the cut, and on the deepest features.
    """

    target: str
    kind: str
    classes: int
    n: int
    draw: int
    source: str
    architecture: str
    freeze_count: int
    val: float
    test: float
    collapsed: bool
    seconds: float
    pixels: float | None = None
    here: float | None = None
    top: float | None = None


def main(argv: Sequence[str]) -> int:
    """Trains the rows that the record lacks, until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--models", type=Path, help="further sources, a folder each")
    parser.add_argument("--sources", nargs="+", help="names: scratch, wide, narrow, and folders of --models")
    parser.add_argument("--per-class", type=int, default=10, help="images of a class in n (10)")
    parser.add_argument("--targets", nargs="+", help="names, such as 'cifar10 deer horse'; all by default")
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=600.0, help="begin no target after so long (600)")
    parser.add_argument("--record", type=Path, default=RECORD)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"), help="folder of decoded images")
    arguments = parser.parse_args(argv)
    one_thread()
    until = time.monotonic() + 60 * arguments.minutes
    for draw in range(arguments.draws):
        for target in TARGETS:
            if arguments.targets and target.name not in arguments.targets:
                continue
            for name in _sources(arguments.models, target, arguments.sources):
                if time.monotonic() < until and not _is_there(arguments, target, draw, name):
                    rows = list(trained(arguments, target, draw, name))
                    append(arguments.record, rows)
                    print(*rows, sep="\n", flush=True)
    return 0


def _sources(folder: Path | None, target: Target, chosen: Sequence[str] | None) -> list[str]:
    """The requested sources; one that has seen a class of the target is left out."""
    found = [SCRATCH, *FROM_IMAGENET]
    for one in sorted(path for path in folder.iterdir() if path.is_dir()) if folder else ():
        card = json.loads((one / "thaw.json").read_text(encoding="utf-8"))
        if not set(card["classes"]) & set(target.classes):
            found.append(one.name)
    return [name for name in found if chosen is None or name in chosen]


def _is_there(arguments: argparse.Namespace, target: Target, draw: int, name: str) -> bool:
    place = target.name, str(arguments.per_class * len(target.classes)), str(draw), name
    if not arguments.record.exists():
        return False
    with arguments.record.open(newline="", encoding="utf-8") as file:
        return any((row["target"], row["n"], row["draw"], row["source"]) == place for row in csv.DictReader(file))


def append(record: Path, rows: Sequence[Row]) -> None:
    """Adds rows to the record."""
    append_rows(record, [field.name for field in dataclasses.fields(Row)], map(dataclasses.asdict, rows))


def trained(arguments: argparse.Namespace, target: Target, draw: int, name: str) -> Iterator[Row]:
    """A row for each freeze count of a source, or one from scratch."""
    is_large = name in FROM_IMAGENET and target.kind != "cifar10"
    n = arguments.per_class * len(target.classes)
    side = LARGE_PX if is_large else SMALL_PX
    data = data_of(target, side, arguments.per_class, draw, arguments.photos, arguments.out)
    architecture = "mobilenet_v2" if name in FROM_IMAGENET else "original"
    network, weights = _network(arguments, side, data.num_classes, name)
    counts = COUNTS[architecture] if weights else (0,)
    schedule = Schedule(**schedule_from_scratch(n, data.num_classes))
    engine = SweepEngine(
        network, weights, data, StepSchedule(schedule if weights else of_baseline(schedule)), SEED, BUDGET
    )
    if weights:
        weight_values.set_weights(weight_values.model_variables(network), engine.initial_weights(draw))
        errors = _probe_errors(network, data, n, draw, (0, *counts, MOST_FROZEN[architecture]))
    for count in counts:
        began = time.process_time()
        ended = engine.run(Cell(n, count, False), draw)
        seconds, probes = round(time.process_time() - began, 3), {}
        if weights:
            probes = {"pixels": errors[0], "here": errors[count], "top": errors[max(errors)]}
        yield Row(
            target.name, target.kind, data.num_classes, n, draw, name, architecture, count, ended.val.accuracy,
            ended.test.accuracy, _collapsed(data, n, ended.val.accuracy, ended.train_accuracy), seconds, **probes,
        )  # fmt: skip


def _collapsed(data: TargetData, n: int, val: float, train: float) -> bool:
    images, shown, chance = len(data.val), min(n, TRAIN_IMAGES), 1 / data.num_classes
    return is_collapsed(
        val_correct=round(val * images), val_images=images, val_chance=chance,
        train_correct=round(train * shown), train_images=shown,
    )  # fmt: skip


def _network(
    arguments: argparse.Namespace, side: int, classes: int, name: str
) -> tuple[Network, weight_values.Weights | None]:  # fmt: skip
    shape = (side, side, 3)
    if name not in FROM_IMAGENET:
        network = build_network("original", shape, classes)
        return network, None if name == SCRATCH else source.source_weights(str(arguments.models / name), network)
    backbone = FROM_IMAGENET[name]
    backbone = backbone.model_copy(update={"weights": (arguments.weights / FILES[name]).resolve()})
    network = build_network("mobilenet_v2", shape, classes, backbone)
    source.load_pretrained(network, backbone)
    return network, weight_values.read_weights(weight_values.backbone_variables(network))


def _probe_errors(
    network: Network, data: TargetData, n: int, draw: int, cuts: Sequence[int]
) -> dict[int, float]:  # fmt: skip
    """Minus the squared error of a linear probe by cut (`probe_error`), of the network in its current state."""
    chosen = drawn_records(data.train, n, data.num_classes, SEED, [draw])
    images = chosen.select(chosen.copies == 0)
    features = features_at(network, images.images, sorted(set(cuts)), BUDGET)
    return {cut: -linear_probe(values, images.labels).squared_error for cut, values in features}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
