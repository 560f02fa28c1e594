"""Cached against uncached training with everything on: the same accuracies. Imports the engine, not stock Keras."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.runner.process import prepare_process

prepare_process(os.environ)

import tensorflow as tf

from benchmarks.inputs import grid, target
from experiment.config import Schedule
from ledger.cell_selection import Cell
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.cell_training.suffixes import Suffixes
from trainer_module.cell_training.target_data import Cut, TargetData
from trainer_module.networks.architectures import Network
from trainer_module.networks.weight_values import Weights
from trainer_module.processes.fixed_threads import one_thread
from trainer_module.sweep.engine import SweepEngine
from trainer_module.training.activation_cache import Budget

CELLS = tuple((n, k) for k in (2, 4, 6, 8) for n in (20, 100))


class Uncached:
    """The whole network with its first layers in inference mode, run again for every image of every step.

    It replaces a keras.Model in training.Program.
    """

    def __init__(self, network: Network, freeze_count: int):
        self._prefix = network.segment(0, freeze_count)
        self._suffix = network.segment(freeze_count)
        self.inputs, self.layers = network.model.inputs, self._suffix.layers

    def __call__(self, images: tf.Tensor, training: bool) -> tf.Tensor:
        return self._suffix(self._prefix(images, training=False), training=training)  # [batch, units]


class UncachedSuffixes(Suffixes):
    """The engine's training without its cache; everything else, including the random numbers, is the same."""

    def cut(self, freeze_count: int) -> Cut:
        return self.cuts.at(0)

    def model(self, freeze_count: int) -> Uncached:
        return Uncached(self.network, freeze_count)


def engines(source: Weights, data: TargetData) -> tuple[SweepEngine, SweepEngine]:
    """The engine with and without its cache."""
    schedule = StepSchedule(Schedule(tuning=None))
    network = target.original_network()
    suffixes = UncachedSuffixes(network, data, target.SEED, Budget())
    return (
        SweepEngine(target.original_network(), source, data, schedule, target.SEED),
        SweepEngine(network, source, data, schedule, target.SEED, suffixes=suffixes),
    )


def main(argv: Sequence[str]) -> int:
    """Trains CELLS both ways on each draw; prints the pairs and the interval, and keeps them in equality.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    arguments = parser.parse_args(argv)
    one_thread()
    dataset = target.find_dataset()
    place = target.trained_source(dataset, target.SOURCE, target.SOURCE_STEPS, arguments.out / "source" / "model.keras")
    data = target.target_data(dataset, target.TARGET, max(n for n, _ in CELLS), range(arguments.draws))
    weights = target.source_backbone(place, target.original_network())
    cached, uncached = engines(weights, data)
    differences = []
    for n, k in CELLS:
        for draw in range(arguments.draws):
            both = [engine.run(Cell(n, k, False), draw).test.accuracy for engine in (cached, uncached)]
            differences.append(100 * (both[0] - both[1]))
            print(f"n={n} k={k} draw={draw}: cached {both[0]:.2%}, uncached {both[1]:.2%}", flush=True)
    mean, low, high = grid.paired_difference(differences)
    found = {"data": dataset.name, "pairs": len(differences), "mean_points": mean, "low": low, "high": high}
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "equality.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(json.dumps(found, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
