"""Cached against uncached training with everything on: the same accuracies. Imports the sweep engine, no stock way."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

os.environ["TF_USE_LEGACY_KERAS"] = "0"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import tensorflow as tf

from benchmarks.inputs import grid, target
from experiment.config import Schedule
from ledger.cell_selection import Cell
from trainer_module.networks.architectures import Network
from trainer_module.processes.single_thread import one_thread
from trainer_module.sweep.engine import SweepEngine
from trainer_module.sweep.target_data import Cut
from trainer_module.training.training_loop import Program

CELLS = tuple((n, k) for k in (2, 4, 6, 8) for n in (20, 100))


class Uncached:
    """The whole network with its first layers in inference mode, run anew for every image of every step.

    It stands for a keras.Model in training.Program.
    """

    def __init__(self, network: Network, freeze_count: int):
        self._prefix = network.segment(0, freeze_count)
        self._suffix = network.segment(freeze_count)
        self.inputs, self.layers = network.model.inputs, self._suffix.layers

    def __call__(self, images: tf.Tensor, training: bool) -> tf.Tensor:
        return self._suffix(self._prefix(images, training=False), training=training)  # [batch, units]


class UncachedEngine(SweepEngine):
    """SweepEngine without its cache; everything else, the random numbers too, is the same."""

    def __init__(self, *args: Any, **kwargs: Any):
        super().__init__(*args, **kwargs)
        images: Cut = self._cut_data.at(0)
        # Replaced for this one engine, on purpose: no subclass of the data is made for a comparison.
        self._cut_data.at = lambda freeze_count: images  # type: ignore[method-assign]

    def _program(self, freeze_count: int) -> Program:
        if freeze_count not in self._programs:
            model, variables = Uncached(self.network, freeze_count), self._trained(freeze_count)
            self._programs[freeze_count] = Program(model, variables, statistics_held=False)
        return self._programs[freeze_count]


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
    cached, uncached = (
        way(target.original_network(), weights, data, Schedule(), target.SEED) for way in (SweepEngine, UncachedEngine)
    )
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
