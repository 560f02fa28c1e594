"""The published grid as a search: the cells that its val chose, and those that claims compare. Imports no engine.

The published table has no test probabilities, so a row of this grid has no image right: only val decides anything here.
"""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import numpy as np

from analysis.cells.grid import Grid, SweepCell
from analysis.cells.paired_ledgers import BASELINE_PREFIX, pair_ledgers
from analysis.claims.claims import cells_of_claims
from analysis.findings.questions import Question, questions_of
from experiment.config import ExperimentConfig
from experiment.loading import PRESETS, load_config
from experiment.stack import Stack
from ledger.cell_selection import Cell
from ledger.rows import Header, Row
from pipeline.runs.run_formats import truth

VAL_IMAGES = (1000, 1000)
"""Val images of automobile and truck in every training on CIFAR-10."""
IMAGES = 2
"""Test images of a row that has none."""


def search_grid(ledger: Path) -> Grid:
    """The grid of a published ledger.csv.gz."""
    rows: dict[str, list[Row]] = {}
    with gzip.open(ledger, "rt", encoding="utf-8") as file:
        for values in csv.DictReader(file):
            cell = Cell(int(values["n"]), int(values["freeze_count"]), truth(values["fine_tune"]))
            row = row_of(cell, int(values["draw"]), float(values["val_accuracy"]), np.zeros(IMAGES, bool))
            rows.setdefault(values["transfer"], []).append(row)
    config = load_config(PRESETS / "report.yaml")
    return Grid(pair_ledgers((header_of(name, config, IMAGES), group) for name, group in rows.items()))


def asked(grid: Grid) -> list[Question]:
    """The questions for fresh draws: every transfer at every n."""
    return questions_of(grid, grid.sizes[-1], every_transfer=True)


def cells_to_train(grid: Grid) -> dict[str, list[Cell]]:
    """By sweep: every transfer's choice at each n, the baselines, and the further cells that claims compare."""
    places = [place for question in asked(grid) for place in question.cells]
    places += [
        (BASELINE_PREFIX + name, cell) for name, cells in grid.chosen.baselines.items() for cell in cells.values()
    ]
    found: dict[str, set[Cell]] = {}
    for name, cell in map(trained, [*places, *cells_of_claims(grid)]):
        found.setdefault(name, set()).add(cell)
    return {name: sorted(cells) for name, cells in sorted(found.items())}


def trained(place: SweepCell) -> SweepCell:
    """The place whose training has the same figures: with nothing frozen, fine-tuning adds nothing."""
    name, cell = place
    return (name, Cell(cell.n, 0, False)) if name.startswith(BASELINE_PREFIX) else place


def header_of(name: str, config: ExperimentConfig, images: int) -> Header:
    """Of a sweep; a row's probabilities say which images are right.

    Records have no labels, so these alternate: half of CIFAR-10's test images are of either class.
    """
    source, architecture = name.split("__")
    is_baseline, backbone = name.startswith(BASELINE_PREFIX), config.backbones.get(architecture)
    return Header(
        sweep=name, source="" if is_baseline else source, architecture=architecture, baseline=architecture,
        data="cifar10", classes=config.target.classes, source_hash="", content_hash="",
        test_labels=tuple(labels_of(images).tolist()), test_ids_hash="", val_images=VAL_IMAGES,
        max_freeze_count=config.most_frozen(architecture),
        family=(backbone.family or "") if backbone else "",
        stack=Stack("", "", "", "", "", "float32", True, "CPU"), test_groups=(),
    )  # fmt: skip


def row_of(
    cell: Cell, draw: int, val_accuracy: float, correct: np.ndarray, train_accuracy: float = 1.0, seconds: float = 0.0
) -> Row:
    """A row whose probabilities are right where `correct` [images] is."""
    accuracy, said = float(correct.mean()), np.where(correct, labels_of(len(correct)), 1 - labels_of(len(correct)))
    return Row(
        key=f"{cell} {draw}", n=cell.n, freeze_count=cell.freeze_count, fine_tune=cell.fine_tune, draw=draw,
        val_accuracy=val_accuracy, val_loss=0.0, test_accuracy=accuracy, test_loss=0.0, train_accuracy=train_accuracy,
        steps=0, seconds=seconds, curve=(), frozen_hash="",
        test_probabilities=np.eye(2, dtype=np.float32)[said], outcome="trained",
    )  # fmt: skip


def labels_of(images: int) -> np.ndarray:
    """int64 [images], of header_of."""
    return np.arange(images) % 2
