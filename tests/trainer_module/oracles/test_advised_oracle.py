"""AdvisedOracle and its tuner on worlds whose best cell is known; KerasTuner is the real one."""

import dataclasses
import math

import numpy as np
import pytest

from trainer_module.oracles.advised_oracle import TOLERANCE_POINTS, AdvisedOracle, SearchCandidate, standardised
from trainer_module.oracles.gaussian_process import SearchPoint
from trainer_module.tuners.search_tuner import SearchTuner

COUNTS = range(5)


def made_candidates(transfers, tuned=(False, True), seconds=lambda count: 10.0, estimate=lambda transfer, count: 0.0):
    return [
        SearchCandidate(SearchPoint(transfer, count / 4, tune), count, seconds(count), (estimate(transfer, count),))
        for transfer in transfers for count in COUNTS for tune in tuned
    ]  # fmt: skip


class World:
    """Accuracies known in advance; notes what was trained."""

    def __init__(self, truth):
        self.truth = truth
        self.rounds = []

    def train(self, asked):
        self.rounds.append(asked)
        return [[self.truth(one.transfer, cell.freeze_count, cell.fine_tune) + 0.002 * one.draw for cell in one.cells]
                for one in asked]  # fmt: skip

    @property
    def trained(self):
        return [(one.transfer, one.cells[-1].freeze_count, one.cells[-1].fine_tune, one.draw)
                for asked in self.rounds for one in asked]  # fmt: skip


def searched(tmp_path, world, candidates, draws=3, budget=math.inf, at_once=1, seed=1):
    oracle = AdvisedOracle(candidates, draws, budget, seed)
    SearchTuner(oracle, 20, tmp_path, at_once).search(world.train)
    return oracle


def clear(transfer, count, tuned):
    """`good` is best with two frozen layers, `bad` is hopeless; fine-tuning adds nothing."""
    return (0.9 if transfer == "good" else 0.6) - 0.03 * abs(count - 2)


def test_the_best_cell_is_found_with_all_its_draws_at_a_part_of_the_grid(tmp_path):
    world, candidates = World(clear), made_candidates(["bad", "good"])
    oracle = searched(tmp_path, world, candidates)
    best = candidates[oracle.best()]
    assert (best.place.transfer, best.freeze_count) == ("good", 2)
    assert sum(place == oracle.best() for place, _ in oracle.done) == 3
    assert len(oracle.done) < len(candidates) * 3 / 2
    assert oracle.expected_loss < TOLERANCE_POINTS


def test_it_begins_with_each_transfers_most_promising_cell_not_fine_tuned(tmp_path):
    def estimate(transfer, count):
        return -abs(count - (3 if transfer == "good" else 1))

    world = World(clear)
    searched(tmp_path, world, made_candidates(["bad", "good"], estimate=estimate))
    assert world.trained[:2] == [("good", 3, False, 0), ("bad", 1, False, 0)] or world.trained[:2] == [
        ("bad", 1, False, 0), ("good", 3, False, 0),
    ]  # fmt: skip


def test_estimates_are_standardised_and_a_constant_one_says_nothing():
    values = standardised(np.array([[1.0, 5.0], [3.0, 5.0]]))
    assert values.tolist() == [[-1.0, 0.0], [1.0, 0.0]]


def test_a_hopeless_transfer_is_pruned(tmp_path):
    def far_apart(transfer, count, tuned):
        return clear(transfer, count, tuned) - 0.2 * (transfer == "bad")

    world = World(far_apart)
    searched(tmp_path, world, made_candidates(["bad", "good"]))
    assert sum(one[0] == "bad" for one in world.trained) <= 3


def test_no_cell_is_trained_twice_on_a_draw_whatever_runs_at_once(tmp_path):
    for at_once in (1, 3):
        world = World(clear)
        searched(tmp_path / str(at_once), world, made_candidates(["bad", "good"]), at_once=at_once)
        assert len(set(world.trained)) == len(world.trained)
        assert max(len(asked) for asked in world.rounds) == at_once


def test_the_budget_is_kept_and_its_end_belongs_to_the_leader(tmp_path):
    world, candidates = World(clear), made_candidates(["bad", "good"])
    oracle = searched(tmp_path, world, candidates, budget=75.0)
    assert oracle.spent_seconds == 70.0
    assert len(world.trained) == 7
    assert sum(place == oracle.best() for place, _ in oracle.done) >= 2


def test_the_twin_of_a_fine_tuned_cell_is_learned_with_it(tmp_path):
    candidates = made_candidates(["only"], tuned=(True,))
    oracle = searched(tmp_path, World(clear), candidates, draws=1)
    assert {candidates[place].place.fine_tune for place, _ in oracle.done} == {True}
    both = made_candidates(["only"])
    oracle = searched(tmp_path / "both", World(lambda t, c, tuned: 0.7 + 0.1 * tuned), both, draws=1)
    tuned = {(both[p].freeze_count, d) for p, d in oracle.done if both[p].place.fine_tune}
    assert tuned and tuned <= {(both[p].freeze_count, d) for p, d in oracle.done if not both[p].place.fine_tune}


def test_equal_cells_go_to_the_cheaper(tmp_path):
    candidates = made_candidates(["only"])
    oracle = AdvisedOracle(candidates, 1, math.inf, 1)
    for place in range(len(candidates)):
        oracle.learn(place, 0, 0.8)
    best = candidates[oracle.best()]
    assert (best.freeze_count, best.place.fine_tune) == (4, False)


def test_the_same_seed_asks_for_the_same(tmp_path):
    asked = []
    for name in "ab":
        world = World(clear)
        searched(tmp_path / name, world, made_candidates(["bad", "good"]), at_once=2)
        asked.append(world.trained)
    assert asked[0] == asked[1]


def test_a_budget_for_nothing_is_an_error_that_says_so(tmp_path):
    oracle = searched(tmp_path, World(clear), made_candidates(["good"]), budget=5.0)
    with pytest.raises(ValueError, match="is too small for one training"):
        oracle.best()
    assert oracle.place_of("nobody", 0, False) is None


def test_a_transfer_that_the_budget_is_too_small_for_leaves_the_others_their_draws(tmp_path):
    """The search ended there, with one draw of one cell, and the answer was expected to lose infinitely many points."""
    candidates = [
        dataclasses.replace(one, seconds=1000.0) if one.place.transfer == "good" else one
        for one in made_candidates(["bad", "good"])
    ]
    oracle = searched(tmp_path, World(clear), candidates, budget=65.0)
    assert {candidates[place].place.transfer for place, _ in oracle.done} == {"bad"}
    assert sum(place == oracle.best() for place, _ in oracle.done) == 3
    assert oracle.spent_seconds <= 65 and math.isfinite(oracle.expected_loss)


def test_what_is_still_affordable_was_not_asked_for_and_fits_the_budget():
    candidates = made_candidates(["good"], tuned=(False,), seconds=lambda count: 10.0 * (count + 1))
    oracle = AdvisedOracle(candidates, 2, 75.0, 1)
    # Of 10, 20, 30, 40 and 50 seconds on two draws each.
    assert oracle.affordable() == [(0, 0), (0, 1), (1, 0), (1, 1)]
    oracle.learn(0, 0, 0.9)
    assert oracle.affordable() == [(0, 1), (1, 0), (1, 1)]
    oracle.learn(1, 1, 0.9)
    assert oracle.affordable() == [(0, 1), (1, 0), (2, 0)]


def asked_of(oracle, look):
    """The executions that an oracle asks for one by one, with what it foresees before each."""
    asked, foreseen = [], []
    while True:
        if look:
            foreseen.append(oracle.foreseen())
        values = oracle.populate_space(str(len(asked)))["values"]
        if not values:
            return asked, foreseen
        place = oracle.place_of(values["transfer"], values["freeze_count"], values["fine_tune"])
        oracle.learn(
            place, values["draw"], clear(*(values[name] for name in ("transfer", "freeze_count", "fine_tune")))
        )
        asked.append((place, values["draw"]))


def test_what_is_foreseen_ends_where_the_search_does_and_changes_no_choice():
    candidates = made_candidates(["bad", "good"])
    alone, _ = asked_of(AdvisedOracle(candidates, 3, math.inf, 1), look=False)
    asked, foreseen = asked_of(AdvisedOracle(candidates, 3, math.inf, 1), look=True)
    assert asked == alone
    assert foreseen[-1] == [] and len(foreseen[0]) == len(candidates) * 3  # nothing is known before the first training
    halfway = len(asked) // 2
    assert 0 < len(foreseen[halfway]) < len(candidates) * 3 - halfway
    assert not set(foreseen[halfway]) & set(asked[:halfway])


def test_what_is_foreseen_fits_the_budget():
    oracle = AdvisedOracle(made_candidates(["a"]), 3, 50.0, 1)
    _, foreseen = asked_of(oracle, look=True)
    assert all(len(one) + place <= 5 for place, one in enumerate(foreseen))
