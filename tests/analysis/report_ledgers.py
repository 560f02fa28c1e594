"""Ledgers for the tests of analysis and report, shaped like real ones. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import ndtri

from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import Ledgers, pair_ledgers
from analysis.findings.confirmed import Confirmation, confirmed
from analysis.findings.questions import questions_of
from analysis.transfer_prediction.advice_rule import verdict_of
from analysis.transfer_prediction.predicted_gains import BeforeTraining, Estimated, PredictedGain, ranked
from ledger.rows import Header, Row
from tests.stacks import STACK

Ledger = tuple[Header, list[Row]]
Curve = tuple[tuple[int, float], ...]

SIZES = (10, 20, 50, 100, 200, 400, 800, 1500, 2000)
QUICK_SIZES = (20, 100, 400)
# Accuracy in the limit, and the n at which most of it is reached: (transfer, ceiling, scale).
TRANSFERS = (
    ("all_but_target", "original", 0.95, 60),
    ("cats_dogs", "original", 0.88, 150),
    ("ships_planes", "original", 0.90, 120),
    ("all_but_target", "remastered", 0.94, 70),
    ("imagenet", "mobilenet_v2", 0.91, 30),
)
MOST_FROZEN = {"original": 8, "remastered": 6, "mobilenet_v2": 18, "mobilenet_v2_wide": 18}
COUNTS = {"original": range(9), "remastered": range(7), "mobilenet_v2": range(19)}


def _rng(*parts: object) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(repr(parts).encode()))


def make_header(sweep: str, source: str, architecture: str, images: int, data: str) -> Header:
    return Header(
        sweep=sweep,
        source=source,
        architecture=architecture,
        baseline=architecture,
        data=data,
        classes=("automobile", "truck"),
        source_hash="" if not source else f"{zlib.crc32(sweep.encode()):08x}" * 4,
        test_labels=tuple(i % 2 for i in range(images)),
        test_ids_hash="d" * 32,
        val_images=(500, 500),
        content_hash="c" * 32,
        max_freeze_count=MOST_FROZEN.get(architecture, 8),
        family="MobileNetV2" if architecture.startswith("mobilenet_v2") else "",
        stack=STACK,
        test_groups=(),
    )


def make_row(
    cell: tuple[int, int, bool],
    draw: int,
    correct: np.ndarray,
    val: float | None = None,
    curve: tuple[tuple[int, float], ...] | None = None,
) -> Row:
    """A row whose probabilities are right exactly where `correct` [images] says; labels alternate 0, 1."""
    n, freeze_count, fine_tune = cell
    labels = np.arange(correct.size) % 2
    predicted = np.where(correct, labels, 1 - labels)
    probabilities = np.where(np.arange(2) == predicted[:, None], 0.75, 0.25).astype(np.float32)
    accuracy = float(np.mean(correct))
    return Row(
        key=f"{n}-{freeze_count}-{fine_tune}-{draw}",
        n=n,
        freeze_count=freeze_count,
        fine_tune=fine_tune,
        draw=draw,
        val_accuracy=accuracy if val is None else val,
        val_loss=0.5,
        test_accuracy=accuracy,
        test_loss=0.5,
        train_accuracy=1.0,
        steps=100,
        seconds=1.25,
        curve=((0, 0.5), (100, accuracy)) if curve is None else curve,
        frozen_hash="f" * 32,
        test_probabilities=probabilities,
        outcome="trained",
    )


def _accuracy(architecture: str, ceiling: float, scale: float, cell: tuple[int, int, bool]) -> float:
    """Smooth in n; freezing much costs at large n and helps at small n; fine-tuning helps in the middle."""
    n, freeze_count, fine_tune = cell
    frozen = freeze_count / max(COUNTS[architecture])
    learned = 1 - np.exp(-((n / scale) ** 0.6))
    change = 0.06 * frozen * np.exp(-n / 60) - 0.16 * frozen**3 * learned
    tuned = (0.03 * frozen * learned - 0.04 * np.exp(-n / 20)) if fine_tune else 0.0
    return float(np.clip(0.52 + (ceiling - 0.52) * learned + change + tuned, 0.5, 0.99))


def _curve(cell: tuple[int, int, bool], transferred: bool, end: float, rng: np.random.Generator) -> Curve:
    """Val accuracy at 0, 1, 2, 4, 8, 16 and 30 epochs of 3 n records in steps of 32, then 10 of fine-tuning.

    A transfer learns three times as fast as a baseline.
    """
    n, _, fine_tune = cell
    epoch = 3 * n / 32
    before = end - 0.01 if fine_tune else end
    points = [(0, 0.5)]
    for count in (1, 2, 4, 8, 16):
        share = 1 - np.exp(-count / (2 if transferred else 6))
        points.append((max(1, round(count * epoch)), float(0.5 + (before - 0.5) * share + rng.normal() * 0.01)))
    points.append((int(np.ceil(30 * epoch)), before))
    if fine_tune:
        points.append((points[-1][0] + max(1, round(points[-1][0] / 3)), end))
    return tuple(dict(points).items())


def make_sweep(
    sweep: str,
    curve: tuple[float, float],
    grid: tuple[tuple[int, ...], tuple[int, ...], tuple[bool, ...]],
    draws: int,
    images: int,
    data: str,
    luck: float = 1.0,
) -> Ledger:
    """Executions whose accuracy follows a learning curve, with effects of draw, image and training.

    Effects of draw and training are multiplied by `luck`.
    """
    source, architecture = sweep.split("__")
    header = make_header(sweep, "" if source == "baseline" else source, architecture, images, data)
    difficulty = _rng("images").normal(0, (1 - 0.4 * luck**2) ** 0.5, images)
    rows = []
    for n, freeze_count, fine_tune in ((n, k, t) for n in grid[0] for k in grid[1] for t in grid[2]):
        cell = (n, freeze_count, fine_tune)
        mean = _accuracy(architecture, *curve, cell)
        for draw in range(draws):
            shift = (_rng(n, draw).normal() + _rng(sweep, cell, draw).normal()) * luck * 0.03 * (10 / n) ** 0.35
            noise = luck * _rng(sweep, cell, draw, "noise").normal(0, 0.4**0.5, images)
            threshold = ndtri(np.clip(mean + shift, 0.01, 0.99))
            val = mean + shift + _rng(sweep, cell, draw, "val").normal() * 0.006
            end = float(np.clip(val, 0, 1))
            along = _curve(cell, source != "baseline", end, _rng(sweep, cell, draw, "curve"))
            rows.append(make_row(cell, draw, threshold + difficulty + noise > 0, end, along))
    return header, rows


@pytest.fixture(scope="session")
def header_of() -> Callable[..., Header]:
    return make_header


@pytest.fixture(scope="session")
def row_of() -> Callable[..., Row]:
    return make_row


@pytest.fixture(scope="session")
def quick_ledgers() -> list[Ledger]:
    """Two transfers and their baseline as `quick` sweeps them: 3 sizes, 3 counts, 2 draws that differ by little."""
    grid = (QUICK_SIZES, (4, 6, 8), (False, True))
    data = "SYNTHETIC shapes"
    return [
        make_sweep("baseline__original", (0.83, 900), (QUICK_SIZES, (0,), (False, True)), 2, 500, data, 0.1),
        make_sweep("all_but_target__original", (0.95, 60), grid, 2, 500, data, 0.1),
        make_sweep("cats_dogs__original", (0.84, 700), grid, 2, 500, data, 0.1),
    ]


@pytest.fixture(scope="session")
def report_ledgers() -> list[Ledger]:
    """The five transfers of the report on its whole grid, 2 draws, with fewer test images."""
    return report_grid(2, 60)


def report_grid(draws: int, images: int) -> list[Ledger]:
    ledgers = []
    baselines = {"original": (0.85, 700), "remastered": (0.84, 650), "mobilenet_v2": (0.8, 2500)}
    for architecture, curve in baselines.items():
        only_cells = (SIZES, (0,), (False, True))
        ledgers.append(make_sweep(f"baseline__{architecture}", curve, only_cells, draws, images, "CIFAR-10"))
    for source, architecture, ceiling, scale in TRANSFERS:
        grid = (SIZES, tuple(COUNTS[architecture]), (False, True))
        name = f"{source}__{architecture}"
        ledgers.append(make_sweep(name, (ceiling, scale), grid, draws, images, "CIFAR-10"))
    return ledgers


@pytest.fixture(scope="session")
def before_of() -> Callable[[list[Ledger]], BeforeTraining]:
    """A function that invents estimates and predicted gains for every cell of some ledgers' transfers."""
    return made_before


def made_before(ledgers: list[Ledger]) -> BeforeTraining:
    """LogME and the probe know the later accuracy, on draw 0 and up to noise; LEEP knows only the source."""
    estimates, predicted_gains = [], {}
    for header, rows in ledgers:
        if not header.source:
            continue
        for row in (row for row in rows if not row.fine_tune):
            place = {"transfer": header.sweep, "n": row.n, "freeze_count": row.freeze_count, "draw": row.draw}
            noise = _rng("estimate", *place.values()).normal() * 0.05
            for estimator, value in (("logme", row.test_accuracy), ("probe", row.test_accuracy + noise)):
                estimates.append(Estimated(**place, estimator=estimator, value=value, seconds=0.1))
            if row.freeze_count == 4:
                leep = len(header.source)
                estimates.append(Estimated(**place | {"freeze_count": 0}, estimator="leep", value=leep, seconds=0.1))
        for row in (row for row in rows if row.draw == 0):
            gain = 100 * (row.test_accuracy - 0.6)
            predicted_gains.setdefault(row.n, []).append(
                PredictedGain(header.sweep, header.architecture, row.freeze_count, row.fine_tune, 0.8, gain, gain - 5,
                        gain + 5, verdict_of(gain, gain - 5, gain + 5))
            )  # fmt: skip
    return BeforeTraining(
        calibration="Calibrated on SYNTHETIC shapes.", level=0.9, estimates=tuple(estimates), seconds=1.5,
        predicted_gains={n: ranked(group) for n, group in predicted_gains.items()},
    )  # fmt: skip


def confirmation_of(ledgers: Ledgers, deployed_size: int, *, every_transfer: bool = True) -> Confirmation:
    """The answers on the cells that some ledgers choose, with their own rows in place of fresh draws."""
    grid = Grid(ledgers)
    questions = questions_of(grid, deployed_size, every_transfer=every_transfer)
    fresh = pair_ledgers((sweep.header, as_fresh(sweep.rows)) for sweep in grid.sweeps.values())
    draws = max(len(rows) for sweep in fresh.transfers.values() for rows in sweep.cells.values())
    return confirmed(questions, fresh, (draws,))


def as_fresh(rows: list[Row]) -> list[Row]:
    """Each row twice, as two draws."""
    return [dataclasses.replace(row, draw=row.draw + first) for first in (1000, 2000) for row in rows]
