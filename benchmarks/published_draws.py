"""Fresh draws of what the published grid chose: its ledger is the search, these trainings confirm. Imports the engine.

`python -m benchmarks.published_draws --sweeps imagenet__mobilenet_v2 baseline__original`: ten draws up to n = 50, five
above, on real CIFAR-10, with one thread; so run several processes on different sweeps. Rows go to the record
(docs/results/fresh_draws.csv) as they come; a second call continues. `--solved` trains transfers from a solved head,
`--precision bfloat16` in that type. The sources of the preset `report` are trained if `--out` has none.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

from pipeline.runner.process import prepare_process

prepare_process(os.environ)

from acquisition.data_sources.base_folders import usual_places
from acquisition.data_sources.imagenet_weights import locate_weights
from analysis.cells.paired_ledgers import BASELINE_PREFIX
from benchmarks.inputs import target
from benchmarks.inputs.fresh_rows import FreshRow, Place, append, fresh_draws, missing, read_rows
from benchmarks.inputs.published_search import cells_to_train, search_grid
from benchmarks.prediction.published_grid import PUBLISHED
from experiment.config import ExperimentConfig, Schedule
from experiment.loading import PRESETS, load_config
from experiment.stack import Precision
from experiment.training_settings import ModelSettings, of_baseline
from pipeline.dag.fingerprint import SWEEP_CODE, source_fingerprint
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.networks.architectures import build_network
from trainer_module.networks.weight_values import Weights, backbone_variables, read_weights
from trainer_module.processes.fixed_threads import SOURCE_THREADS, one_thread, run_alone
from trainer_module.sources import source
from trainer_module.sweep.engine import SweepEngine

RECORD = PUBLISHED / "fresh_draws.csv"


def main(argv: Sequence[str]) -> int:
    """Trains the rows of some sweeps that the record lacks, until the time is over."""
    cells = cells_to_train(search_grid(PUBLISHED / "ledger.csv.gz"))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", nargs="+", choices=list(cells), default=list(cells), help="all by default")
    parser.add_argument("--solved", action="store_true", help="transfers alone, from a solved head")
    parser.add_argument("--precision", choices=get_args(Precision), default="float32")
    parser.add_argument("--minutes", type=float, default=600.0, help="begin no training after so long (600)")
    parser.add_argument("--record", type=Path, default=RECORD)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"), help="folder of the sources")
    arguments = parser.parse_args(argv)
    one_thread()
    until = time.monotonic() + 60 * arguments.minutes
    for sweep in arguments.sweeps:
        if arguments.solved and sweep.startswith(BASELINE_PREFIX):
            continue
        places = [
            Place(sweep, arguments.solved, arguments.precision, cell, draw)
            for cell in cells[sweep]
            for draw in fresh_draws(cell.n)
        ]
        train(missing(places, read_rows(arguments.record)), arguments.record, arguments.out, until)
    return 0


def train(places: Sequence[Place], record: Path, out: Path, until: float) -> None:
    """Trains places of one sweep, each if the time is not over, and adds their rows to the record."""
    if not places:
        return
    config = load_config(PRESETS / "report.yaml")
    engine, code = _engine(places, config, out), source_fingerprint(*SWEEP_CODE)
    for place in places:
        if time.monotonic() > until:
            return
        began = time.process_time()  # independent of other processes, and of pauses of this one
        found = engine.run(place.cell, place.draw)
        seconds = time.process_time() - began
        correct = found.test.probabilities.argmax(axis=1) == engine.data.test.labels
        append(record, FreshRow(place, found.val.accuracy, found.train_accuracy, seconds, correct, code))
        print(f"{place}: test {100 * found.test.accuracy:.1f}%, {seconds:.1f} s", flush=True)


def _engine(places: Sequence[Place], config: ExperimentConfig, out: Path) -> SweepEngine:
    """An engine for all draws of the places, which are of one sweep, recipe and precision."""
    first, draws = places[0], sorted({place.draw for place in places})
    role, architecture = first.sweep.split("__")
    network = build_network(
        architecture, target.IMAGE_SHAPE, 2, config.backbones.get(architecture), first.precision
    )  # fmt: skip
    largest = max(place.cell.n for place in places)
    data = target.target_data(target.find_dataset(), target.TARGET, largest, draws, config.data.val_fraction)
    transferred = None if first.sweep.startswith(BASELINE_PREFIX) else _source(role, architecture, config, out)
    schedule = Schedule() if first.solved else of_baseline(config.schedule)
    return SweepEngine(network, transferred, data, StepSchedule(schedule), config.seed)


def _source(name: str, architecture: str, config: ExperimentConfig, out: Path) -> Weights:
    """Backbone weights of a source of the preset, trained if there are none yet."""
    backbone = config.backbones.get(architecture)
    network = build_network(architecture, target.IMAGE_SHAPE, 2, backbone)
    if backbone is not None:
        file = locate_weights(architecture, backbone, usual_places(Path.cwd()), say=print)
        if file is None:
            raise SystemExit(f"No weights of {backbone.in_words}; expected them where docs/howto/own_source.md says.")
        source.load_pretrained(network, backbone.with_file(file))
        return read_weights(backbone_variables(network))
    place = out / f"published_source_{name}__{architecture}" / "model.keras"
    if not place.exists():
        run_alone(_train_source, name, architecture, config, place, task=f"trained {name}", threads=SOURCE_THREADS)
    return target.source_backbone(place, network)


def _train_source(name: str, architecture: str, config: ExperimentConfig, place: Path) -> None:
    """Trains a source as its node of the DAG does, and keeps it."""
    classes, dataset = config.sources[name].classes, target.find_dataset()
    train, val = target.read_domain(dataset, classes, "train", config.data.val_fraction)
    settings = ModelSettings(
        role="source", name=f"{name}__{architecture}", source=name, architecture=architecture, classes=classes,
        image_shape=target.IMAGE_SHAPE, image_key="image", schedule=config.source_schedule, seed=config.seed,
        data_name=dataset.name, code="",
    )  # fmt: skip
    network = build_network(architecture, target.IMAGE_SHAPE, len(classes))
    source.train_source(network, train, val, settings)
    place.parent.mkdir(parents=True, exist_ok=True)
    network.model.save(place)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
