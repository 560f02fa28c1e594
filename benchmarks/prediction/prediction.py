"""How well the estimators predict a run's ledger: estimates at every cut, against its cells. Imports TensorFlow."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.runner.process import prepare_process

prepare_process(os.environ)

import pandas as pd

from pipeline.runs.finished_run import FinishedRun, open_run
from trainer_module.data.artifact_folders import SERVING_FOLDER
from trainer_module.networks.architectures import build_network
from trainer_module.processes.single_thread import one_thread
from trainer_module.sources.estimates import drawn, estimates_of_source, read_originals, some_images
from trainer_module.training.activation_cache import Budget
from transferability.agreement import kendall_tau, regret


def main(argv: Sequence[str]) -> int:
    """Writes estimates.csv and prediction.csv, and prints the latter's means."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a run's folder, such as runs/latest")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    arguments = parser.parse_args(argv)
    one_thread()
    run = open_run(arguments.run)
    arguments.out.mkdir(parents=True, exist_ok=True)
    found = pd.DataFrame(run_estimates(run))
    found.to_csv(arguments.out / "estimates.csv", index=False)
    cells = pd.read_csv(arguments.run / "cells.csv")
    agreement = pd.DataFrame(compared(found, cells))
    agreement.to_csv(arguments.out / "prediction.csv", index=False)
    print(agreement.groupby(["question", "estimator"])[["tau", "regret_points"]].agg(["mean", "count"]).round(2))
    return 0


def run_estimates(run: FinishedRun) -> Iterator[dict[str, object]]:
    """Every estimate of every transfer of the run, as a row with the transfer's id.

    The run's own nodes are asked: the workspace's latest may be of other data or sources.
    """
    config, nodes = run.config, run.nodes
    classes, shape = len(config.target.classes), config.data.image_shape
    originals = read_originals(nodes["DomainExamples.target"].outputs["domain"][0], shape)
    target, ranks = drawn(originals, classes, config.sizes, config.draws, config.seed)
    for pair in config.transfers:
        began = time.perf_counter()
        folder = Path(nodes[f"Trainer.source.{pair.source}.{pair.architecture}"].outputs["model"][0])
        network = build_network(pair.architecture, shape, classes, config.mobilenet_v2)
        own = None
        if config.sources[pair.source].is_trained:
            own = some_images(nodes[f"DomainExamples.{pair.source}"].outputs["domain"][0], shape, config.seed)
        counts = sorted(config.freeze_counts[pair.architecture])
        model = folder / SERVING_FOLDER
        for one in estimates_of_source(model, network, target, ranks, config.sizes, counts, own, Budget()):
            yield {"transfer": pair.id, **dataclasses.asdict(one)}
        print(f"{pair.id}: {time.perf_counter() - began:.0f} s", flush=True)


def compared(found: pd.DataFrame, cells: pd.DataFrame) -> Iterator[dict[str, object]]:
    """Tau and regret of every estimator, for every draw, n and way of tuning; three questions.

    `layers`: which freeze count of one transfer; `source`: which source at one freeze count of one architecture;
    `both`: which of all cells.
    """
    transfers = cells[cells["transfer"].isin(found["transfer"])]
    joined = transfers.merge(_for_every_count(found), on=["transfer", "n", "freeze_count", "draw"])
    questions = {"layers": ["transfer"], "source": ["architecture", "freeze_count"], "both": []}
    for question, fixed in questions.items():
        for key, group in joined.groupby(["estimator", "draw", "n", "fine_tune", *fixed]):
            if len(group) < 2:
                continue
            predicted = group["value"].to_numpy()
            val, test = (100 * group[name].to_numpy() for name in ("val_accuracy", "test_accuracy"))
            yield {
                "question": question, "estimator": key[0], "draw": key[1], "n": key[2], "fine_tune": key[3],
                "candidates": len(group), "tau": kendall_tau(predicted, test),
                "regret_points": regret(predicted, val, test),
            }  # fmt: skip


def _for_every_count(found: pd.DataFrame) -> pd.DataFrame:
    """LEEP, which knows no freeze count, repeated at each; and three rules that look at nothing, to be beaten."""
    places = found.loc[found["estimator"] == "logme", ["transfer", "n", "freeze_count", "draw"]]
    leep = found[found["estimator"] == "leep"].drop(columns="freeze_count").merge(places, on=["transfer", "n", "draw"])
    rules = [
        places.assign(estimator="freeze most", value=places["freeze_count"]),
        places.assign(estimator="freeze least", value=-places["freeze_count"]),
        places.assign(estimator="pick at random", value=0),
    ]
    return pd.concat([found[found["estimator"] != "leep"], leep, *rules])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
