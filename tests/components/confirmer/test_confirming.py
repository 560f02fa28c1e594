"""The cells that are trained on fresh draws, how often, and how they are chosen. Imports no TFX."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable

import numpy as np
import pytest

from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import pair_ledgers
from analysis.findings.recommendation import advise
from components.confirmer.confirmation_files import read_confirmation, write_confirmation
from components.confirmer.confirming import ConfirmerSettings, confirm
from experiment.config import Confirmation
from experiment.errors import ThawError
from experiment.training_settings import FIRST_FRESH_DRAW
from ledger.cell_selection import Cell
from tests.analysis.conftest import IMAGES
from tests.analysis.report_ledgers import make_row

SWEEPS = ("baseline__original", "cats_dogs__original", "imagenet__original")
SEARCHED = {"baseline__original": 0.7, "cats_dogs__original": 0.8, "imagenet__original": 0.9}


def settings_of(**changes: object) -> ConfirmerSettings:
    asked = Confirmation(**{"draws": 5, "most_draws": 20, **changes})
    return ConfirmerSettings(confirmation=asked, deployed_size=200, sweeps=(), stack="")


class FreshTrainings:
    """Trains by drawing: each sweep's accuracy is given, its draws differ by `spread`.

    Args:
      grid: whose headers the rows belong to.
      accuracies: by sweep; for all sizes.
      spread: standard deviation of a draw's accuracy.
    """

    def __init__(self, grid: Grid, accuracies: dict[str, float], spread: float = 0.005):
        self.grid, self.accuracies, self.spread = grid, accuracies, spread
        self.asked: list[tuple[str, Cell, int]] = []

    def __call__(self, asked):
        found = {}
        for name, executions in asked.items():
            self.asked += [(name, cell, draw) for cell, draw in executions]
            rows = [self._row(name, cell, draw) for cell, draw in executions]
            found[name] = self.grid.sweeps[name].header, rows
        return found

    def _row(self, name: str, cell: Cell, draw: int):
        random = np.random.default_rng([draw, cell.n, len(name)])
        right = random.random(IMAGES) < self.accuracies[name] + self.spread * random.normal()
        row = make_row((cell.n, cell.freeze_count, cell.fine_tune), draw, right)
        return dataclasses.replace(row, held_from=cell.held_from)


@pytest.fixture
def grid(grid_of: Callable[..., Grid]) -> Grid:
    """k = 8 without fine-tuning is the best cell of each transfer, and imagenet the best transfer."""
    return grid_of(lambda sweep, n, k, tuned: SEARCHED[sweep] - 0.05 * tuned - 0.05 * (k == 2), SWEEPS, (10, 200))


def test_what_is_clear_gets_five_draws_of_the_chosen_cell_and_of_the_network_from_scratch(grid: Grid) -> None:
    train = FreshTrainings(grid, {**SEARCHED, "imagenet__original": 0.95})
    questions, rows = confirm(grid.ledgers, settings_of(), train)
    assert [(one.n, one.chosen) for one in questions] == [
        (10, ("imagenet__original", Cell(10, 8, False))),
        (200, ("cats_dogs__original", Cell(200, 8, False))),
        (200, ("imagenet__original", Cell(200, 8, False))),
    ]
    draws = range(FIRST_FRESH_DRAW, FIRST_FRESH_DRAW + 5)
    assert {draw for _, _, draw in train.asked} == set(draws)
    assert len(train.asked) == len(set(train.asked)) == 5 * (3 + 2)  # three chosen cells, a baseline at each n
    assert {row.draw for row in rows["imagenet__original"][1]} == set(draws)


def test_a_chosen_cell_that_holds_layers_is_trained_and_handed_on_as_one(grid: Grid, tmp_path) -> None:
    rows_of = {name: sweep.rows for name, sweep in grid.sweeps.items()}
    better = [dataclasses.replace(row, freeze_count=2, held_from=4, val_accuracy=0.99, key=f"{row.key} held")
              for row in rows_of["imagenet__original"] if row.freeze_count == 8 and not row.fine_tune]  # fmt: skip
    rows_of["imagenet__original"] = [*rows_of["imagenet__original"], *better]
    ledgers = pair_ledgers((grid.sweeps[name].header, rows) for name, rows in rows_of.items())
    train = FreshTrainings(Grid(ledgers), {**SEARCHED, "imagenet__original": 0.95})
    questions, rows = confirm(ledgers, settings_of(), train)
    assert questions[0].chosen == ("imagenet__original", Cell(10, 2, False, 4))
    assert questions[0].baseline == ("baseline__original", Cell(10, 0, False))
    assert {row.held_from for row in rows["imagenet__original"][1]} == {4}
    write_confirmation(tmp_path, questions, rows, settings_of().confirmation)
    found = read_confirmation(tmp_path)
    assert [answer.question for answer in found.answers] == questions
    assert "layers 3 to 4 of 8 tuned, the rest held" in advise(found)[0].sentence


def test_a_size_that_is_undecided_gets_twice_as_many_draws_and_again_and_no_more(grid: Grid) -> None:
    train = FreshTrainings(grid, dict.fromkeys(SWEEPS, 0.8))
    _, rows = confirm(grid.ledgers, settings_of(), train)
    assert len({draw for _, _, draw in train.asked}) == 20
    assert len(train.asked) == len(set(train.asked))
    assert len(rows["imagenet__original"][1]) == 2 * 20


def test_no_more_draws_than_asked_for(grid: Grid) -> None:
    train = FreshTrainings(grid, dict.fromkeys(SWEEPS, 0.8))
    confirm(grid.ledgers, settings_of(most_draws=7), train)
    assert len({draw for _, _, draw in train.asked}) == 7


def test_every_transfer_is_confirmed_at_each_n_where_that_is_asked_for(grid: Grid) -> None:
    train = FreshTrainings(grid, {**SEARCHED, "imagenet__original": 0.95})
    questions, _ = confirm(grid.ledgers, settings_of(every_transfer=True), train)
    assert [(one.n, one.chosen[0]) for one in questions] == [
        (n, name) for n in (10, 200) for name in ("cats_dogs__original", "imagenet__original")
    ]


def test_cells_that_claims_compare_get_the_first_look_where_every_transfer_is_confirmed(grid: Grid) -> None:
    """C6 compares the best cell with two layers frozen, which nothing else requires, with that with eight."""
    train = FreshTrainings(grid, dict.fromkeys(SWEEPS, 0.8))
    confirm(grid.ledgers, settings_of(every_transfer=True), train)
    assert len(train.asked) == len(set(train.asked))
    for name in ("cats_dogs__original", "imagenet__original"):
        assert [draw for one, cell, draw in train.asked if (one, cell) == (name, Cell(10, 2, False))] == [
            FIRST_FRESH_DRAW + draw for draw in range(5)
        ]
    plain = FreshTrainings(grid, dict.fromkeys(SWEEPS, 0.8))
    confirm(grid.ledgers, settings_of(), plain)
    assert not any(cell.freeze_count == 2 for _, cell, _ in plain.asked)


def test_a_collapsed_baseline_gets_ten_draws_though_all_is_decided(grid: Grid) -> None:
    train = FreshTrainings(grid, {"baseline__original": 0.5, "cats_dogs__original": 0.8, "imagenet__original": 0.95})
    _, rows = confirm(grid.ledgers, settings_of(), train)
    assert len({row.draw for row in rows["baseline__original"][1]}) >= 10


def test_what_is_handed_on_is_read_with_the_same_answers(grid: Grid, tmp_path) -> None:
    settings = settings_of()
    questions, rows = confirm(grid.ledgers, settings, FreshTrainings(grid, {**SEARCHED, "imagenet__original": 0.95}))
    write_confirmation(tmp_path, questions, rows, settings.confirmation)
    found = read_confirmation(tmp_path)
    assert [answer.question for answer in found.answers] == questions
    assert found.looks == (5, 10, 20)
    best = found.best[-1]
    assert (best.summary.sweep, best.summary.verdict, best.draws) == ("imagenet__original", "gain", 5)
    assert best.summary.val_accuracy == pytest.approx(0.9)  # the search's, by which it was chosen
    assert best.summary.accuracy.estimate == pytest.approx(0.95, abs=0.02)
    assert not any(best.collapsed.values())


ALTERED = {
    "empty": lambda text: "",
    "another file": lambda text: "{}",
    "a list": lambda text: "[]",
    "another order of the choice": lambda text: text.replace('"val_accuracy": 0.', '"val_accuracy": 0.9', 1),
    "other looks": lambda text: text.replace("10,", "11,", 1),
    "a sweep less": lambda text: text.replace('"imagenet__original"\n ]', '"cats_dogs__original"\n ]'),
    "no digest": lambda text: re.sub(r',\s+"digest": "\w+"', "", text),
}


@pytest.mark.parametrize("alter", ALTERED.values(), ids=ALTERED)
def test_questions_that_were_damaged_or_altered_are_named_with_the_repair(grid: Grid, tmp_path, alter) -> None:
    settings = settings_of()
    found = confirm(grid.ledgers, settings, FreshTrainings(grid, SEARCHED))
    write_confirmation(tmp_path, *found, settings.confirmation)
    written = (tmp_path / "questions.json").read_text()
    (tmp_path / "questions.json").write_text(alter(written))
    assert (tmp_path / "questions.json").read_text() != written
    with pytest.raises(ThawError, match=r"questions\.json is damaged or altered .*metadata\.sqlite"):
        read_confirmation(tmp_path)


def test_a_ledger_that_is_gone_is_named_with_the_repair(grid: Grid, tmp_path) -> None:
    settings = settings_of()
    write_confirmation(
        tmp_path, *confirm(grid.ledgers, settings, FreshTrainings(grid, SEARCHED)), settings.confirmation
    )
    (tmp_path / "imagenet__original.jsonl").unlink()
    with pytest.raises(ThawError, match=r"imagenet__original\.jsonl: No such file.*metadata\.sqlite"):
        read_confirmation(tmp_path)


def test_a_question_whose_cells_share_no_draw_is_refused(grid: Grid, tmp_path) -> None:
    settings = settings_of()
    questions, rows = confirm(grid.ledgers, settings, FreshTrainings(grid, SEARCHED))
    header, of_baseline = rows["baseline__original"]
    rows["baseline__original"] = header, [dataclasses.replace(row, draw=row.draw + 50) for row in of_baseline]
    write_confirmation(tmp_path, questions, rows, settings.confirmation)
    with pytest.raises(ThawError, match=r"no execution with n=10|is complete for all of these cells"):
        read_confirmation(tmp_path)
