"""A sweep that is searched: what it asks for, keeps and finds again. Trains one cell, which stands for all."""

import collections
import dataclasses
import re

import numpy as np
import pytest

from ledger.cell_selection import Cell
from tests.trainer_module.tuners.test_sweep_tuner import (  # noqa: F401
    Clock,
    InThisProcess,
    engine,
    settings,
    sweep_until,
)
from trainer_module.sweep.record import plan_sweep
from trainer_module.tuners.sweep_tuner import SweepTuner

pytestmark = pytest.mark.slow  # builds a real engine


class Noisy(InThisProcess):
    """Trains nothing: val is noise, so that a search gives some cells one draw alone."""

    def __init__(self, engine, seed):
        super().__init__(engine)
        self.template = engine.run(Cell(10, 6, False), 0)
        self.random = np.random.default_rng(seed)

    def run(self, executions):
        for cell, draw in executions:
            accuracy = 0.6 + 0.02 * cell.freeze_count + self.random.normal(0, 0.06)
            score = dataclasses.replace(self.template.val, accuracy=accuracy)
            yield cell, draw, dataclasses.replace(self.template, val=score)


def noisy_sweep(engine, settings, seed=1):
    tuner = SweepTuner(Noisy(engine, seed), settings)
    tuner.search()
    return tuner


def test_a_searched_sweep_keeps_what_was_asked_for_and_finds_it_again(engine, settings):
    searched = settings.model_copy(update={"freeze_counts": tuple(range(7)), "search": "bayesian", "draws": 1})
    tuner = noisy_sweep(engine, searched)
    rows = tuner.planned_rows()
    assert {(n, 6, False) for n in (10, 20)} <= {(row.n, row.freeze_count, row.fine_tune) for row in rows}
    assert 2 < len(rows) < len(plan_sweep(searched))
    trials = [tuner.oracle.trials[name] for name in sorted(tuner.oracle.trials)]
    assert [trial.score for trial in trials] == [row.val_accuracy for row in rows]
    assert tuner.get_best_hyperparameters()[0].values["n"] == 20
    assert tuner.get_best_hyperparameters()[0].values["row"] in {row.key for row in rows if row.n == 20}

    class Idle(InThisProcess):
        def run(self, executions):
            assert not executions
            yield from ()

    again = SweepTuner(Idle(engine), searched)
    again.search()
    assert [row.key for row in again.planned_rows()] == [row.key for row in rows]


def test_a_search_counts_no_training_twice(engine, settings, capfd):
    searched = settings.model_copy(update={"freeze_counts": tuple(range(7)), "search": "bayesian", "draws": 1})
    tuner = noisy_sweep(engine, searched)
    shown = capfd.readouterr().out
    counted = [int(done) for done in re.findall(r": (\d+) of 28", shown)]
    assert counted and max(counted) <= 28
    # Cells that are tuned whole are no candidates of a search, so it never trains all.
    assert shown.splitlines()[-1] == (
        f"  sweep cats_dogs__remastered: ended early, at {len(tuner.ledger.rows)} of 28: "
        "the search expects too little of the others for their cost"
    )


def test_rows_of_an_earlier_grid_do_not_change_what_a_search_chooses(engine, settings):
    wide = settings.model_copy(update={"freeze_counts": tuple(range(7)), "draws": 1})
    searched = noisy_sweep(engine, wide.model_copy(update={"search": "bayesian"})).planned_rows()
    assert len(noisy_sweep(engine, wide, 2).planned_rows()) == len(plan_sweep(wide))
    again = noisy_sweep(engine, wide.model_copy(update={"search": "bayesian"}), 3)
    assert [row.key for row in again.planned_rows()] == [row.key for row in searched]


def test_a_sweep_that_trains_everything_says_nothing_of_an_early_end(engine, settings, capfd):
    noisy_sweep(engine, settings)
    assert capfd.readouterr().out.splitlines()[-1].startswith("  sweep cats_dogs__remastered: 8 of 8 trainings  ")


def test_a_searched_sweep_ends_at_its_deadline_with_one_cell_at_every_n(engine, settings, monkeypatch, capfd):
    searched = settings.model_copy(update={"freeze_counts": (2, 4, 6), "search": "bayesian"})
    tuner = sweep_until(engine, searched, Clock(engine, monkeypatch), deadline=-1.0)
    assert {(row.n, row.freeze_count, row.fine_tune, row.draw) for row in tuner.planned_rows()} == {
        (n, 6, False, draw) for n in (10, 20) for draw in (0, 1)
    }
    assert "ended early, at 4 of 24: its time is over" in capfd.readouterr().out


@pytest.mark.parametrize("draws", [2, 3])
def test_a_search_keeps_no_cell_that_lacks_a_draw(engine, settings, draws, tmp_path):
    lacking = 0
    for seed in range(4):
        changes = {"freeze_counts": tuple(range(7)), "search": "bayesian", "draws": draws}
        searched = settings.model_copy(update={**changes, "ledger_dir": tmp_path / str(seed)})
        tuner = noisy_sweep(engine, searched, seed)
        counts = collections.Counter(Cell.of_row(row) for row in tuner.planned_rows())
        assert set(counts.values()) == {draws}
        lacking += len({Cell.of_row(row) for row in tuner.ledger.rows.values()} - set(counts))
    assert lacking  # the ledgers hold such cells


def test_after_its_deadline_a_search_still_keeps_what_is_there(engine, settings, monkeypatch):
    searched = settings.model_copy(update={"freeze_counts": (2, 4, 6), "search": "bayesian"})
    whole = noisy_sweep(engine, searched).planned_rows()
    again = sweep_until(engine, searched, Clock(engine, monkeypatch), deadline=-1.0)
    assert [row.key for row in again.planned_rows()] == [row.key for row in whole]
