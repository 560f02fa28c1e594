"""What the fresh draws of the published grid's choices say, for docs/results. Reads the record; trains nothing.

`python -m benchmarks.published_answers` writes docs/results/confirmed.json from docs/results/fresh_draws.csv and the
grid's ledger. Sizes and transfers whose draws are not all in the record are left out. `--solved` gives what transfers
reach from a solved head, against the same baselines.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from analysis.cells.grid import SweepCell
from analysis.cells.paired_ledgers import BASELINE_PREFIX, Ledgers, pair_ledgers
from analysis.findings.confirmed import Confirmation, confirmed
from analysis.findings.findings import confirmed_json, labels_json
from analysis.findings.labels_saved import labels_needed
from analysis.findings.questions import Question
from analysis.findings.recommendation import advise
from benchmarks.inputs.fresh_rows import (
    DRAWS,
    MANY_DRAWS,
    Choice,
    FreshRow,
    Place,
    choices,
    fresh_draws,
    read_rows,
)
from benchmarks.prediction.published_grid import PUBLISHED
from benchmarks.published_draws import RECORD
from experiment.config import ExperimentConfig
from experiment.loading import PRESETS, load_config
from experiment.stack import Stack
from ledger.cell_selection import rounded_off
from ledger.rows import Header, Row

VAL_IMAGES = (1000, 1000)
"""Of automobile and truck in every training of the record."""


def main(argv: Sequence[str]) -> int:
    """Writes the answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", type=Path, default=RECORD)
    parser.add_argument("--solved", action="store_true", help="transfers from a solved head")
    parser.add_argument("--out", type=Path, default=PUBLISHED / "confirmed.json")
    arguments = parser.parse_args(argv)
    rows = {place: row for place, row in read_rows(arguments.record).items() if place.precision == "float32"}
    chosen = choices(PUBLISHED / "ledger.csv.gz")
    found = confirmation(chosen, rows, solved=arguments.solved)
    arguments.out.write_text(json.dumps(as_json(found, chosen, rows), indent=1) + "\n", encoding="utf-8")
    return 0


def as_json(
    found: Confirmation, chosen: Mapping[str, Sequence[Choice]], rows: Mapping[Place, FreshRow]
) -> dict[str, Any]:
    """For the page: what to use at each n whose best transfer was trained, every transfer, and what it cost."""
    best = best_transfers(chosen)
    answers = [answer for answer in found.answers if answer.question.chosen[0] == best[answer.question.n]]
    known = dataclasses.replace(found, answers=tuple(answers))
    return {
        "advice": [one.sentence for one in advise(known)],
        "labels": labels_json(labels_needed(known)) if len(answers) == len(best) else [],
        "confirmed": confirmed_json(answers),
        "confirmed_transfers": confirmed_json(found.answers),
        "transfers_left": sorted(
            {question.chosen[0] for question in questions_of(chosen)}
            - {answer.question.chosen[0] for answer in found.answers}
        ),
        "collapsed": [sentence for answer in found.answers for sentence in answer.collapses],
        "trainings": len(rows),
        "core_hours": round(sum(row.seconds for row in rows.values()) / 3600, 1),
    }


def confirmation(
    chosen: Mapping[str, Sequence[Choice]], rows: Mapping[Place, FreshRow], *, solved: bool
) -> Confirmation:
    """The answers at every n whose draws are all there.

    Args:
      chosen: by sweep, as choices gives them.
      rows: in float32.
      solved: of transfers, which recipe.

    Raises:
      ThawError: there is no such n.
    """
    questions = [
        question
        for question in questions_of(chosen)
        if all(_place(cell, draw, solved) in rows for cell in question.cells for draw in fresh_draws(question.n))
    ]
    return confirmed(questions, _ledgers(questions, rows, solved=solved), (DRAWS, MANY_DRAWS))


def best_transfers(chosen: Mapping[str, Sequence[Choice]]) -> dict[int, str]:
    """The transfer that is best on the grid's val, by n."""
    best: dict[int, tuple[float, str]] = {}
    for name, group in chosen.items():
        for one in group if not _is_baseline(name) else ():
            best[one.cell.n] = max(best.get(one.cell.n, (0.0, "")), (rounded_off(one.val_accuracy), name))
    return {n: name for n, (_, name) in best.items()}


def questions_of(chosen: Mapping[str, Sequence[Choice]]) -> list[Question]:
    """One for each transfer and n: against its own baseline, and the baseline that is best on the grid's val."""
    baselines = {(name, one.cell.n): one for name, group in chosen.items() for one in group if _is_baseline(name)}
    found = []
    for name, group in chosen.items():
        for one in group if not _is_baseline(name) else ():
            n, own = one.cell.n, BASELINE_PREFIX + name.split("__")[1]
            best, scratch = max(
                ((other, choice) for (other, size), choice in baselines.items() if size == n),
                key=lambda place: rounded_off(place[1].val_accuracy),
            )
            found.append(Question(
                n, (name, one.cell), (own, baselines[own, n].cell), (best, scratch.cell), one.val_accuracy,
                scratch.val_accuracy,
            ))  # fmt: skip
    return sorted(found, key=lambda question: question.n)


def _ledgers(questions: Sequence[Question], rows: Mapping[Place, FreshRow], *, solved: bool) -> Ledgers:
    asked: dict[str, dict[Place, None]] = {}
    for question in questions:
        for cell in question.cells:
            asked.setdefault(cell[0], {}).update(
                dict.fromkeys(_place(cell, draw, solved) for draw in fresh_draws(question.n))
            )
    config = load_config(PRESETS / "report.yaml")
    return pair_ledgers(
        (_header(name, config, rows), [_row(rows[place]) for place in some]) for name, some in asked.items()
    )


def _place(cell: SweepCell, draw: int, solved: bool) -> Place:
    return Place(cell[0], solved and not _is_baseline(cell[0]), "float32", cell[1], draw)


def _is_baseline(name: str) -> bool:
    return name.startswith(BASELINE_PREFIX)


def _header(name: str, config: ExperimentConfig, rows: Mapping[Place, FreshRow]) -> Header:
    """Labels are 0 throughout: the record says which images are right, and a row's probabilities follow it."""
    source, architecture = name.split("__")
    images = len(next(iter(rows.values())).correct)
    return Header(
        sweep=name, source="" if _is_baseline(name) else source, architecture=architecture, baseline=architecture,
        data="cifar10", classes=("automobile", "truck"), source_hash="", content_hash="", test_labels=(0,) * images,
        test_ids_hash="", val_images=VAL_IMAGES, max_freeze_count=config.most_frozen(architecture), family="",
        stack=Stack("", "", "", "", "", "float32", True, "CPU"), test_groups=(),
    )  # fmt: skip


def _row(row: FreshRow) -> Row:
    place, accuracy = row.place, float(row.correct.mean())
    return Row(
        key=repr(place), **dataclasses.asdict(place.cell), draw=place.draw, val_accuracy=row.val_accuracy, val_loss=0.0,
        test_accuracy=accuracy, test_loss=0.0, train_accuracy=row.train_accuracy, steps=0, seconds=row.seconds,
        curve=(), frozen_hash="", test_probabilities=np.stack([row.correct, ~row.correct], axis=1).astype(np.float32),
        outcome="trained",
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
