"""Short probes of sources on targets, and the gains of real trainings beside them. Imports the sweep engine.

`python -m benchmarks.short_probes.measure SOURCES --weights FOLDER --photos FOLDER`: SOURCES has a folder for each
source of the report's original network (such as the Format-Serving of a run), FOLDER the files of MobileNetV2. For each
target, draw, n and source the probes look at the n images of the draw alone; then cells are trained as a run trains
them. Continues where it stopped: rows are appended to short_probes.jsonl.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.runner.process import prepare_process

prepare_process(os.environ)

import numpy as np

from benchmarks.inputs.target import SEED
from benchmarks.short_probes.targets import LARGE_PX, SMALL_PX, TARGETS, Target, data_of, halves, sizes_of
from experiment.config import Backbone, Schedule, Tuning
from ledger.cell_selection import Cell
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.cell_training.suffixes import Suffixes
from trainer_module.cell_training.target_data import TargetData, drawn_records
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import Network, build_network
from trainer_module.processes.fixed_threads import one_thread
from trainer_module.sources import source
from trainer_module.sources.estimates import features_at
from trainer_module.sweep.engine import SweepEngine
from trainer_module.training.activation_cache import Budget
from trainer_module.training.solved_head import solve_head
from transferability.linear_probe import linear_probe

PER_CLASS = (10, 50)
"""Images a class."""
TRAINED = StepSchedule(Schedule(max_steps=240))
"""As `thaw init` had it when the rows of docs/short_probes.jsonl were measured."""
SHORT = StepSchedule(Schedule(max_steps=30, tuning=Tuning(max_steps=30)))
SPLITS = 4
"""Random splits on which a head is solved."""
COUNTS = {"original": (4, 8), "wide": (13, 18), "narrow": (13, 18)}
"""Freeze counts: the middle of the network, and all of it."""
BACKBONES = {
    "wide": ("mobilenet_v2_1.0_224_no_top_rebuilt.h5", 1.0),
    "narrow": ("mobilenet_v2_0.35_224_no_top_rebuilt.h5", 0.35),
}
BUDGET = Budget(2**30)


def main(argv: Sequence[str]) -> int:
    """Appends a row for each source and for training from scratch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sources", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--draws", type=int, default=1)
    parser.add_argument("--networks", type=int, default=9, help="the most of SOURCES for one target")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    arguments = parser.parse_args(argv)
    one_thread()
    arguments.out.mkdir(parents=True, exist_ok=True)
    record = arguments.out / "short_probes.jsonl"
    lines = record.read_text(encoding="utf-8").splitlines() if record.exists() else []
    done = {(row["target"], row["draw"], row["source"]) for row in map(json.loads, lines)}
    for draw in range(arguments.draws):
        for target in TARGETS:
            for name, kind in _sources(arguments.sources, target, arguments.networks).items():
                if (target.name, draw, name) in done:
                    continue
                rows = list(_measured(arguments, target, draw, name, kind))
                with record.open("a", encoding="utf-8") as file:
                    file.writelines(json.dumps(row) + "\n" for row in rows)
                print(target.name, draw, name, rows[-1]["cells"], round(sum(r["seconds"] for r in rows)), flush=True)
    return 0


def _sources(folder: Path, target: Target, most: int) -> dict[str, str]:
    """Name -> kind of network; `scratch` is the baseline. A source that has seen a class of the target is left out."""
    found = {"scratch": "original", "narrow": "narrow", "wide": "wide"}
    for one in sorted(path for path in folder.iterdir() if path.is_dir()):
        card = json.loads((one / "thaw.json").read_text(encoding="utf-8"))
        if not set(card["classes"]) & set(target.classes) and list(found.values()).count("original") <= most:
            found[one.name] = "original"
    return found


def _measured(
    arguments: argparse.Namespace, target: Target, draw: int, name: str, kind: str
) -> Iterator[dict[str, Any]]:  # fmt: skip
    side = LARGE_PX if kind != "original" and target.kind != "cifar10" else SMALL_PX
    data = data_of(target, side, max(PER_CLASS), draw, arguments.photos, arguments.out)
    network, weights = _network(arguments, side, data.num_classes, name, kind)
    whole = Suffixes(network, data, SEED, BUDGET)
    engine = SweepEngine(network, weights, data, TRAINED, SEED, suffixes=whole)
    counts = COUNTS[kind] if weights else (0,)
    start = engine.initial_weights(draw)
    for n in sizes_of(target, PER_CLASS):
        began = time.perf_counter()
        weight_values.set_weights(weight_values.model_variables(network), start)
        probes = _head_probes(network, data, n, draw, COUNTS[kind])
        heads = time.perf_counter()
        probes |= _short_trainings(network, weights, data, n, draw, counts[0], whole)
        short = time.perf_counter()
        cells = {}
        for count in sorted(counts):
            ended = engine.run(Cell(n, count, False), draw)
            cells[str(count)] = {"val": ended.val.accuracy, "test": ended.test.accuracy, "seconds": ended.seconds}
        yield {
            "target": target.name, "kind": target.kind, "classes": data.num_classes, "n": n, "draw": draw,
            "source": name, "network": kind, "weights": int(network.model.count_params()), "cells": cells, **probes,
            "seconds_heads": heads - began, "seconds_short": short - heads, "seconds": time.perf_counter() - began,
        }  # fmt: skip


def _network(
    arguments: argparse.Namespace, side: int, classes: int, name: str, kind: str
) -> tuple[Network, weight_values.Weights | None]:  # fmt: skip
    if kind == "original":
        network = build_network("original", (side, side, 3), classes)
        return network, None if name == "scratch" else source.source_weights(str(arguments.sources / name), network)
    file, alpha = BACKBONES[kind]
    backbone = Backbone(
        family="MobileNetV2", alpha=alpha, image_size_px=LARGE_PX, weights=(arguments.weights / file).resolve()
    )
    network = build_network("mobilenet_v2", (side, side, 3), classes, backbone)
    source.load_pretrained(network, backbone)
    return network, weight_values.read_weights(weight_values.backbone_variables(network))


def _head_probes(network: Network, data: TargetData, n: int, draw: int, counts: Sequence[int]) -> dict[str, Any]:
    """Of the network as it stands: ridge probes at cuts, and heads solved on a quarter and on half of the images."""
    chosen = drawn_records(data.train, n, data.num_classes, SEED, [draw])
    images = chosen.select(chosen.copies == 0)
    middle, top = min(counts), max(counts)
    features = dict(features_at(network, images.images, (0, middle, top), BUDGET))
    ridge = {cut: linear_probe(values, images.labels) for cut, values in features.items()}
    found: dict[str, Any] = {
        f"{what}_{place}": value
        for place, cut in (("pixels", 0), ("middle", middle), ("top", top))
        for what, value in (("error", ridge[cut].squared_error), ("accuracy", ridge[cut].accuracy))
    }
    each = n // data.num_classes
    for name, count in (("quarter", max(each // 4, 1)), ("half", each // 2)):
        scores = [_solved(features[top], images.labels, count, split) for split in range(SPLITS)]
        found[f"head_{name}"], found[f"loss_{name}"] = np.mean(scores, axis=0).tolist()
    return found


def _solved(features: np.ndarray, labels: np.ndarray, count: int, split: int) -> tuple[float, float]:
    """Accuracy and cross-entropy on the others of a head solved on `count` random images of each class."""
    order = np.random.default_rng(split).permutation(len(labels))
    picked = np.concatenate([order[labels[order] == label][:count] for label in np.unique(labels)])
    rest = np.setdiff1d(order, picked)
    classes = len(np.unique(labels))
    head = solve_head(features[picked], labels[picked], features[rest], labels[rest], classes)
    logits = features[rest] @ head.kernel + head.bias
    if classes == 2:
        logits = np.concatenate([np.zeros_like(logits), logits], axis=1)
    logits = logits - logits.max(axis=1, keepdims=True)
    logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
    right = logits.argmax(axis=1) == labels[rest]
    return float(right.mean()), float(-logs[np.arange(len(rest)), labels[rest]].mean())


def _short_trainings(
    network: Network, weights: weight_values.Weights | None, data: TargetData, n: int, draw: int, count: int,
    whole: Suffixes,
) -> dict[str, Any]:  # fmt: skip
    """Thirty steps above a cut on half of the images, scored on the other half, where it starts and at its best."""
    half = halves(data, n, draw)
    suffixes = Suffixes(network, half, SEED, BUDGET)
    suffixes._programs = whole._programs  # compiled once
    engine = SweepEngine(network, weights, half, SHORT, SEED, suffixes=suffixes)
    size = len(half.train) // 2 // data.num_classes * data.num_classes
    ended = engine.run(Cell(size, count, False), draw)
    return {"short_start": ended.curve[0][1], "short_end": ended.val.accuracy, "short_loss": ended.val.loss}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
