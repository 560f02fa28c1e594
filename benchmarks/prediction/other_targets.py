"""Gains of transfers to other pairs of CIFAR-10's classes, reduced: what `thaw advise` is calibrated on and tested on.

For each pair the gains that the present rule predicts are written first; then the cells are trained, one draw each, at
three sizes and without fine-tuning, and every gain is compared with its interval. Sources that have seen a class of the
pair are left out. Pairs are for the calibration or for its test, never for both (calibrate.py). Continues
where it stopped. About ten core-minutes a pair. Imports pipeline.source_search.advice and the sweep engine.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.runner.process import prepare_process

prepare_process(os.environ)

import pandas as pd

from acquisition.data_sources.locate_dataset import Dataset
from analysis.transfer_prediction.advice_rule import read_rule
from benchmarks.inputs import target
from experiment.config import Architecture
from ledger.cell_selection import Cell
from pipeline.runs.finished_run import FinishedRun, open_run
from pipeline.source_search.advice import advise, probes_of, target_images
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.cell_training.target_data import TargetData
from trainer_module.networks.architectures import build_network
from trainer_module.processes.fixed_threads import one_thread
from trainer_module.sources import source
from trainer_module.sweep.engine import SweepEngine

CALIBRATION = (
    ("automobile", "deer"), ("truck", "frog"), ("bird", "deer"), ("automobile", "horse"), ("ship", "truck"),
    ("cat", "frog"), ("frog", "horse"), ("airplane", "bird"), ("dog", "horse"), ("automobile", "bird"),
)  # fmt: skip
TEST = (
    ("deer", "horse"), ("bird", "frog"), ("automobile", "frog"), ("deer", "frog"), ("bird", "horse"), ("truck", "bird"),
)  # fmt: skip
SIZES = (20, 100, 400)
DRAW = 0
MOST_COUNTS = 3
"""Freeze counts of an architecture that are trained: the first, the middle and the last of the run's."""


def main(argv: Sequence[str]) -> int:
    """Appends to other_targets.csv and prints what the predictions were worth, pair by pair and in all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a finished run, such as runs/latest")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    parser.add_argument("--only", choices=("calibration", "test"), help="the pairs for that alone")
    arguments = parser.parse_args(argv)
    one_thread()
    arguments.out.mkdir(parents=True, exist_ok=True)
    record = arguments.out / "other_targets.csv"
    run, dataset = open_run(arguments.run), target.find_dataset()
    done = set(pd.read_csv(record)["target"]) if record.exists() else set()
    pairs = [("calibration", pair) for pair in CALIBRATION] + [("test", pair) for pair in TEST]
    for use, pair in pairs:
        if arguments.only in (None, use) and " and ".join(pair) not in done:
            rows = pd.DataFrame(measured(run, dataset, pair)).assign(use=use)
            rows.to_csv(record, mode="a", header=not record.exists(), index=False)
            print(summarised(rows).to_string(), flush=True)
    print(summarised(pd.read_csv(record)).to_string())
    return 0


def measured(run: FinishedRun, dataset: Dataset, pair: tuple[str, ...]) -> Iterator[dict[str, object]]:
    """A row for each cell: what was predicted, and the gain of one training on the same images."""
    config, rule = run.config, read_rule()
    predicted = {n: advise(run, pair, n, rule) for n in SIZES}
    data = target.target_data(dataset, pair, max(SIZES), [DRAW], config.data.val_fraction)
    baselines: dict[tuple[Architecture, int], float] = {}
    for transfer in config.transfers:
        if transfer.id in predicted[SIZES[0]].left_out:
            continue
        folder = str(run.model(f"source.{transfer.source}.{transfer.architecture}"))
        counts = sorted(config.freeze_counts[transfer.architecture])
        chosen = sorted({counts[0], counts[len(counts) // 2], counts[-1]})[:MOST_COUNTS]
        engine = engine_of(run, transfer.architecture, data, folder)
        for n in SIZES:
            probes = probes_of(run, transfer, target_images(run, pair, n))
            errors = {cut: -probe.squared_error for cut, probe in probes.items()}
            place = transfer.architecture, n
            if place not in baselines:
                scratch = engine_of(run, transfer.architecture, data, "")
                baselines[place] = scratch.run(Cell(n, 0, False), DRAW).test.accuracy
            predicted_gains = {
                (one.transfer, one.freeze_count): one for one in predicted[n].predicted_gains if not one.fine_tune
            }
            for count in chosen:
                ended, predicted_gain = engine.run(Cell(n, count, False), DRAW), predicted_gains[transfer.id, count]
                yield {
                    "target": " and ".join(pair), "transfer": transfer.id, "architecture": transfer.architecture,
                    "n": n, "freeze_count": count, "pixels": errors[0], "here": errors[count],
                    "top": errors[max(errors)], "predicted": predicted_gain.gain_points, "low": predicted_gain.low,
                    "high": predicted_gain.high, "verdict": predicted_gain.verdict,
                    "val_accuracy": ended.val.accuracy, "test_accuracy": ended.test.accuracy,
                    "gain": 100 * (ended.test.accuracy - baselines[place]),
                }  # fmt: skip


def engine_of(run: FinishedRun, architecture: Architecture, data: TargetData, folder: str) -> SweepEngine:
    """Trains on the target from a source's weights, or from random ones if no folder is given."""
    config = run.config
    backbone = config.backbones.get(architecture)
    network = build_network(architecture, config.data.image_shape, data.num_classes, backbone)
    weights = source.source_weights(folder, network) if folder else None
    return SweepEngine(network, weights, data, StepSchedule(config.schedule), config.seed)


def summarised(rows: pd.DataFrame) -> pd.DataFrame:
    """For each target and in all: share of gains held, error, tau of the predictions, regret of the first of them."""
    found = {name: _worth(group) for name, group in rows.groupby("target")}
    return pd.DataFrame({**found, "all": _worth(rows)}).T.round(2)


def _worth(rows: pd.DataFrame) -> dict[str, float]:
    held = (rows["low"] <= rows["gain"]) & (rows["gain"] <= rows["high"])
    within = [group for _, group in rows.groupby(["target", "n"])]
    best = [100 * group.loc[group["val_accuracy"].idxmax(), "test_accuracy"] for group in within]
    first = [100 * group.loc[group["predicted"].idxmax(), "test_accuracy"] for group in within]
    return {
        "cells": len(rows), "held": float(held.mean()),
        "error_points": float(((rows["gain"] - rows["predicted"]) ** 2).mean() ** 0.5),
        "mean_error": float((rows["gain"] - rows["predicted"]).mean()),
        "tau": float(pd.Series([g["predicted"].corr(g["gain"], method="kendall") for g in within]).mean()),
        "regret_points": sum(best) / len(best) - sum(first) / len(first),
        "losses": float((rows["gain"] < 0).sum()),
        "losses_refused": float(((rows["gain"] < 0) & (rows["verdict"] == "do not transfer")).sum()),
    }  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
