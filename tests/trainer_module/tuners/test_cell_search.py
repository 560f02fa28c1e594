"""The search over one transfer's cells, on accuracies that are known in advance; KerasTuner is the real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiment.config import Schedule
from experiment.training_settings import SweepSettings
from ledger.cell_selection import Cell
from trainer_module.sweep.record import Plan, plan_sweep
from trainer_module.tuners.cell_search import begun_with, relative_cost, search_cells

LAYERS = 18


def made_settings(**changes) -> SweepSettings:
    values = {
        "role": "transfer", "name": "imagenet__mobilenet_v2", "source": "imagenet", "architecture": "mobilenet_v2",
        "classes": ("automobile", "truck"), "image_shape": (32, 32, 3), "image_key": "image", "schedule": Schedule(),
        "seed": 1, "data_name": "SYNTHETIC", "code": "c0de", "sizes": (50, 200), "search": "bayesian",
        "freeze_counts": tuple(range(LAYERS + 1)), "fine_tune": (False, True), "draws": 2, "deployed_size": 200,
        "ledger_dir": "nowhere",
    }  # fmt: skip
    return SweepSettings(**{**values, **changes})


class Trained:
    """Knows every accuracy; notes what it was asked for, and ends after so many rounds."""

    def __init__(self, best: dict[int, int], rounds: int = 1000):
        self.best, self.rounds = best, rounds
        self.asked: list[Plan] = []

    def train(self, plan: Plan) -> bool:
        self.asked.append(plan)
        return len(self.asked) < self.rounds

    def accuracy(self, cell: Cell, draw: int) -> float:
        return 0.9 - 0.02 * abs(cell.freeze_count - self.best[cell.n]) - 0.01 * cell.fine_tune + 0.004 * draw

    @property
    def executions(self) -> Plan:
        return [one for plan in self.asked for one in plan]


def searched(settings: SweepSettings, world: Trained, folder: Path) -> Trained:
    search_cells(settings, LAYERS, 1000, world.train, world.accuracy, folder)
    return world


def chosen(settings: SweepSettings, world: Trained, n: int) -> Cell:
    """The best on val of the cells that were trained on every draw."""
    counts: dict[Cell, list[float]] = {}
    for cell, draw in set(world.executions):
        counts.setdefault(cell, []).append(world.accuracy(cell, draw))
    whole = [cell for cell, found in counts.items() if cell.n == n and len(found) == settings.draws]
    return max(whole, key=lambda cell: sum(counts[cell]))


@pytest.mark.parametrize("best", [{50: 18, 200: 9}, {50: 13, 200: 4}, {50: 6, 200: 12}])
def test_the_best_cell_of_each_n_is_found_at_less_than_half_of_the_grid(tmp_path, best):
    settings = made_settings()
    world = searched(settings, Trained(best), tmp_path)
    for n in settings.sizes:
        assert abs(chosen(settings, world, n).freeze_count - best[n]) <= 1
    assert len(set(world.executions)) < len(plan_sweep(settings)) / 2


def test_it_begins_with_as_many_layers_frozen_as_there_may_be_at_every_n_on_every_draw(tmp_path):
    settings = made_settings()
    world = searched(settings, Trained({50: 9, 200: 9}), tmp_path)
    assert world.asked[0] == begun_with(settings)
    assert set(world.asked[0]) == {(Cell(n, 18, False), draw) for n in (50, 200) for draw in (0, 1)}


def test_the_same_is_asked_for_again_so_that_a_sweep_that_stopped_finds_its_rows(tmp_path):
    first, again = (searched(made_settings(), Trained({50: 13, 200: 9}), tmp_path / name) for name in "ab")
    assert first.asked == again.asked


def test_nothing_is_asked_for_after_time_is_up(tmp_path):
    for rounds in (1, 2):
        world = searched(made_settings(), Trained({50: 9, 200: 9}, rounds), tmp_path / str(rounds))
        assert len(world.asked) == rounds


def test_a_grid_of_few_freeze_counts_is_searched_whole_where_it_does_not_get_clear(tmp_path):
    settings = made_settings(freeze_counts=(13, 18), fine_tune=(False,), draws=1)
    world = searched(settings, Trained({50: 13, 200: 18}), tmp_path)
    assert set(world.executions) == set(plan_sweep(settings))


def test_cells_that_hold_layers_are_all_trained(tmp_path):
    settings = made_settings(freeze_counts=(13, 18), fine_tune=(False,), tuned=((9, 13),))
    world = searched(settings, Trained({50: 13, 200: 18}), tmp_path)
    assert {one for one in plan_sweep(settings) if one[0].held_from} <= set(world.executions)


def test_every_execution_is_one_of_the_plan_also_where_all_cells_are_fine_tuned(tmp_path):
    settings = made_settings(fine_tune=(True,))
    world = searched(settings, Trained({50: 13, 200: 9}), tmp_path)
    assert set(world.executions) <= set(plan_sweep(settings))


def test_cost_counts_passes_through_the_layers_that_are_trained():
    settings = made_settings(schedule=Schedule(tuning={"epochs": 10, "max_steps": 100}, batch_size=32))
    cost = {k: relative_cost(settings, Cell(200, k, False), LAYERS, 500) for k in (0, 9, 18)}
    assert cost == {0: 700 + 3 * 2000 + 3000, 9: 700 + (3 * 2000 + 3000) / 2, 18: 700}
    assert relative_cost(settings, Cell(1000, 18, True), LAYERS, 500) == 1500 + 3 * 3200 + 3000


@pytest.mark.parametrize("counts", [(0,), (0, 9)])
def test_a_whole_network_is_searched_fine_tuned_where_it_has_no_plain_twin(tmp_path, counts):
    settings = made_settings(freeze_counts=counts, fine_tune=(True,), draws=1)
    world = searched(settings, Trained({50: 0, 200: 0}), tmp_path)
    assert (Cell(200, 0, True), 0) in world.executions
