"""Evaluates the fresh draws of the published grid's choices, for docs/results. Reads the record; trains nothing.

`python -m benchmarks.published_answers` writes docs/results/confirmed.json from docs/results/fresh_draws.csv and the
grid's ledger. Sizes and transfers whose draws are not all in the record are left out, and claims that compare them.
`--solved` gives what transfers reach from a solved head, against the same baselines.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.cells.grid import Grid, SweepCell
from analysis.cells.paired_ledgers import BASELINE_PREFIX, Ledgers, pair_ledgers
from analysis.claims import claims_on_size, claims_on_source, claims_on_way
from analysis.claims.claim import Claim
from analysis.claims.claims import cells_of_claims
from analysis.findings.confirmed import Confirmation, confirmed
from analysis.findings.findings import confirmed_json, labels_json
from analysis.findings.labels_saved import labels_needed
from analysis.findings.recommendation import advise
from benchmarks.inputs.fresh_rows import DRAWS, MANY_DRAWS, FreshRow, Place, fresh_draws, read_rows
from benchmarks.inputs.published_search import asked, header_of, row_of, search_grid, trained
from benchmarks.prediction.published_grid import PUBLISHED
from benchmarks.published_draws import RECORD
from experiment.loading import PRESETS, load_config
from ledger.cell_selection import rounded_off

Rows = Mapping[Place, FreshRow]


def main(argv: Sequence[str]) -> int:
    """Writes the answers."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", type=Path, default=RECORD)
    parser.add_argument("--solved", action="store_true", help="transfers from a solved head")
    parser.add_argument("--out", type=Path, default=PUBLISHED / "confirmed.json")
    arguments = parser.parse_args(argv)
    rows = {place: row for place, row in read_rows(arguments.record).items() if place.precision == "float32"}
    found = answers(search_grid(PUBLISHED / "ledger.csv.gz"), rows, solved=arguments.solved)
    arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def answers(grid: Grid, rows: Rows, *, solved: bool = False) -> dict[str, Any]:
    """For the page: what to use at each n whose best transfer was trained, every transfer, claims, and the cost.

    Args:
      grid: the published search.
      rows: in float32.
      solved: whether transfers are from a solved head.

    Raises:
      ThawError: no question has all its draws.
    """
    found = confirmation(grid, rows, solved=solved)
    counted = [row for place, row in rows.items() if place.solved == (solved and not _is_baseline(place.sweep))]
    best = best_transfers(grid)
    known = [answer for answer in found.answers if answer.question.chosen[0] == best[answer.question.n]]
    of_best = dataclasses.replace(found, answers=tuple(known))
    everything = {question.chosen[0] for question in asked(grid)}
    return {
        "advice": [one.sentence for one in advise(of_best)],
        "labels": labels_json(labels_needed(of_best)) if len(known) == len(best) else [],
        "confirmed": confirmed_json(known),
        "confirmed_transfers": confirmed_json(found.answers),
        "transfers_left": sorted(everything - {answer.question.chosen[0] for answer in found.answers}),
        "collapsed": list(dict.fromkeys(sentence for answer in found.answers for sentence in answer.collapses)),
        "claims": [
            {"id": one.id, "claim": one.text, "verdict": one.verdict, "sentence": one.sentence}
            for one in claims(grid, rows, solved=solved)
        ],
        "trainings": len(counted),
        "core_hours": round(sum(row.seconds for row in counted) / 3600, 1),
    }


def confirmation(grid: Grid, rows: Rows, *, solved: bool) -> Confirmation:
    """The answers to every question whose draws are all there; arguments as in `answers`.

    Raises:
      ThawError: there is no such question.
    """
    questions = [question for question in asked(grid) if _are_there(question.cells, rows, solved=solved)]
    places = [place for question in questions for place in question.cells]
    return confirmed(questions, _ledgers(places, rows, solved=solved), (DRAWS, MANY_DRAWS))


def claims(grid: Grid, rows: Rows, *, solved: bool) -> list[Claim]:
    """The report's claims that fresh draws decide, if every transfer's draws are there."""
    places = [*(place for question in asked(grid) for place in question.cells), *cells_of_claims(grid)]
    if not _are_there(places, rows, solved=solved):
        return []
    fresh = Grid(_ledgers(places, rows, solved=solved))
    return [
        claims_on_size.largest_gain_in_the_middle(grid, fresh),
        claims_on_size.gain_shrinks_with_n(grid, fresh),
        claims_on_way.freezing_most_is_best_when_small(grid, fresh),
        claims_on_source.no_domain_beats_the_extractor(grid, fresh),
    ]


def best_transfers(grid: Grid) -> dict[int, str]:
    """The transfer that is best on the grid's val, by n."""
    return {
        n: max(grid.chosen.transfers, key=lambda name: rounded_off(grid.val((name, grid.chosen.transfers[name][n]))))
        for n in grid.sizes
    }


def _are_there(places: Iterable[SweepCell], rows: Rows, *, solved: bool) -> bool:
    return all(_place(place, draw, solved) in rows for place in places for draw in fresh_draws(place[1].n))


def _ledgers(places: Iterable[SweepCell], rows: Rows, *, solved: bool) -> Ledgers:
    """Ledgers of some cells; a baseline's fine-tuned cell has the figures of its counterpart."""
    cells: dict[str, dict[SweepCell, None]] = {}
    for place in places:
        cells.setdefault(place[0], {})[place] = None
    config = load_config(PRESETS / "report.yaml")
    images = len(next(iter(rows.values())).correct) if rows else 0
    return pair_ledgers(
        (
            header_of(name, config, images),
            [
                row_of(place[1], draw, row.val_accuracy, row.correct, row.train_accuracy, row.seconds)
                for place in group for draw in fresh_draws(place[1].n) for row in [rows[_place(place, draw, solved)]]
            ],
        )
        for name, group in cells.items()
    )  # fmt: skip


def _place(place: SweepCell, draw: int, solved: bool) -> Place:
    name, cell = trained(place)
    return Place(name, solved and not _is_baseline(name), "float32", cell, draw)


def _is_baseline(sweep: str) -> bool:
    return sweep.startswith(BASELINE_PREFIX)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
