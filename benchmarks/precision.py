"""Accuracy of training in bfloat16 against float32, on real CIFAR-10, by pairs. Imports the engine, not stock Keras.

`python -m benchmarks.precision`: each pair has the same images, head, source and batches. Rows go to
`precision_pairs.csv` as they come; a second call continues. Both arms start with the source that float32 trained.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import get_args

from pipeline.runner.process import prepare_process

prepare_process(os.environ)

from acquisition.data_sources.base_folders import usual_places
from acquisition.data_sources.imagenet_weights import locate_weights
from analysis.confirmation.collapse import is_collapsed
from benchmarks.inputs import target
from benchmarks.inputs.precision_pairs import Pair, Place, append, read_pairs, summarise
from experiment.backbones import Backbone
from experiment.config import Schedule
from experiment.stack import Precision
from experiment.training_settings import of_baseline
from ledger.cell_selection import Cell
from ledger.rows import TRAIN_IMAGES
from pipeline.dag.fingerprint import SWEEP_CODE, source_fingerprint
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.cell_training.target_data import TargetData
from trainer_module.networks.architectures import build_network
from trainer_module.networks.weight_values import Weights, backbone_variables, read_weights
from trainer_module.processes.fixed_threads import one_thread
from trainer_module.sources.source import load_pretrained
from trainer_module.sweep.engine import SweepEngine

COUNTS = {"original": (0, 2, 4, 6, 8), "remastered": (0, 3, 6), "mobilenet_v2": (9, 13, 18)}
SMALL, LARGE = (20, 50, 100, 200), (400,)
FIRST_DRAW, BLOCK, BLOCKS, THIRDS = 700, 6, 2, 3
"""Draws on which no setting was chosen, in blocks: an engine holds the images of one block."""
MOBILENET = Backbone(family="MobileNetV2", alpha=0.35, image_size_px=96)
ARMS: tuple[Precision, ...] = get_args(Precision)


def main(argv: Sequence[str]) -> int:
    """Trains the pairs that the record lacks until the time is over, and prints the summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="begin no pair after so long (60)")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    arguments = parser.parse_args(argv)
    one_thread()
    until = time.monotonic() + 60 * arguments.minutes
    print(json.dumps(summarise(list(compare(arguments.out, until))), indent=1))
    return 0


def blocks() -> Iterator[list[Place]]:
    """The places of each block of draws, the cheapest first; all blocks of small sizes come before any of large ones.

    Each draw has a third of all (k, n); three draws have each of them.
    """
    for sizes in (SMALL, LARGE):
        for block in range(BLOCKS):
            draws = [FIRST_DRAW + BLOCK * block + i for i in range(BLOCK)]
            places = [
                Place("transfer", name, n, k, tuned, draw)
                for name, counts in COUNTS.items()
                for place, k in sorted(enumerate(counts), reverse=True)
                for tuned in ((False, True) if k else (False,))
                for i, draw in enumerate(draws)
                for j, n in enumerate(sizes)
                if (place + i + j) % THIRDS == 0
            ]
            baselines = [
                Place("baseline", name, n, 0, False, draw)
                for name in ("original", "remastered")
                for i, draw in enumerate(draws)
                for j, n in enumerate(sizes)
                if (i + j) % THIRDS == 0
            ]
            order = list(COUNTS)
            yield sorted(places, key=lambda one: (order.index(one.architecture), -one.k, one.n, one.draw)) + baselines


def compare(out: Path, until: float) -> Iterator[Pair]:
    """Yields the pairs; those that ended before come from `out`/precision_pairs.csv, if the same code trained them.

    Args:
      out: folder of the record and the sources.
      until: of the monotonic clock; no pair begins after it.
    """
    dataset, record, code = target.find_dataset(), out / "precision_pairs.csv", source_fingerprint(*SWEEP_CODE)
    known = read_pairs(record, code)
    sources = {name: _source(name, out) for name in COUNTS}
    for places in blocks():
        missing = [place for place in places if place not in known]
        yield from (known[place] for place in places if place in known)
        if not missing or time.monotonic() > until:
            continue
        draws, largest = sorted({place.draw for place in missing}), max(place.n for place in missing)
        engines = Engines(target.target_data(dataset, target.TARGET, largest, draws), sources)
        for place in missing:
            if time.monotonic() > until:
                break
            pair = engines.pair(place)
            append(record, pair, code)
            print(pair, flush=True)
            yield pair


class Engines:
    """One engine for each role, architecture and precision, built at its first use.

    Args:
      data: of the draws.
      sources: backbone weights by architecture.
    """

    def __init__(self, data: TargetData, sources: dict[str, Weights]):
        self._data, self._sources = data, sources
        self._built: dict[tuple[str, str, Precision], SweepEngine] = {}

    def pair(self, place: Place) -> Pair:
        """Trains the place in both precisions."""
        found = {arm: self._of(place, arm).run(Cell(place.n, place.k, place.fine_tune), place.draw) for arm in ARMS}
        val, train = len(self._data.val), min(place.n, TRAIN_IMAGES)
        collapsed = [
            is_collapsed(val_correct=round(one.val.accuracy * val), val_images=val, val_chance=0.5,
                         train_correct=round(one.train_accuracy * train), train_images=train)
            for one in found.values()
        ]  # fmt: skip
        single, half = found["float32"], found["bfloat16"]
        return Pair(
            place, single.test.accuracy, half.test.accuracy, round(single.seconds, 3), round(half.seconds, 3),
            collapsed[0], collapsed[1],
        )  # fmt: skip

    def _of(self, place: Place, precision: Precision) -> SweepEngine:
        key = place.role, place.architecture, precision
        if key not in self._built:
            backbone = MOBILENET if place.architecture == "mobilenet_v2" else None
            network = build_network(place.architecture, target.IMAGE_SHAPE, 2, backbone, precision)
            is_transfer = place.role == "transfer"
            schedule = Schedule() if is_transfer else of_baseline(Schedule())
            source = self._sources[place.architecture] if is_transfer else None
            self._built[key] = SweepEngine(network, source, self._data, StepSchedule(schedule), target.SEED)
        return self._built[key]


def _source(architecture: str, out: Path) -> Weights:
    """Initial backbone weights of transfers."""
    backbone = MOBILENET if architecture == "mobilenet_v2" else None
    network = build_network(architecture, target.IMAGE_SHAPE, 2, backbone)
    if backbone:
        file = locate_weights(architecture, backbone, usual_places(Path.cwd()), say=print)
        if file is None:
            raise SystemExit(f"No weights of {backbone.in_words}; expected them where docs/howto/own_source.md says.")
        load_pretrained(network, backbone.with_file(file))
        return read_weights(backbone_variables(network))
    folder = "source" if architecture == "original" else f"source_{architecture}"
    place = target.trained_source(
        target.find_dataset(), target.SOURCE, target.SOURCE_STEPS, out / folder / "model.keras", architecture
    )
    return target.source_backbone(place, network)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
