"""The forecast of a run with a budget, and the division of its time. No TensorFlow."""

import dataclasses
import itertools
import math

import pytest

from experiment.errors import ThawError
from experiment.loading import PRESETS, load_config
from experiment.machine import CONFIRMATION
from pipeline.planning.budget import NO_TIME, SEARCH_PART, plan_budget
from pipeline.planning.run_costs import NODES, PER_CANDIDATE

ORDER = [
    "Transform", "Trainer.source.cats_dogs.original", "Trainer.source.ships_planes.original", "Tuner.baseline.original",
    "TransferAdvisor", "Tuner.transfer.cats_dogs__original", "Tuner.transfer.ships_planes__original", "Confirmer",
    "Evaluator.original", "TransferReport",
]  # fmt: skip


THREE_DRAWS = ("sizes=[20, 200]", "draws=3")


def budget(minutes, *settings, preset="tiny", gflops=50.0):
    config = load_config(PRESETS / f"{preset}.yaml", (f"budget_minutes={minutes}", *settings))
    return plan_budget(config, 60_000, gflops, 2)


def test_without_minutes_there_is_no_budget():
    assert plan_budget(load_config(PRESETS / "tiny.yaml"), 60_000, 50.0, 2) is None


@pytest.mark.parametrize("minutes", [0, -1, "soon"])
def test_minutes_that_are_none_are_refused(minutes):
    with pytest.raises(ThawError, match="budget_minutes"):
        budget(minutes)


def test_a_budget_of_almost_nothing_promises_the_smallest_answer_and_says_what_it_takes():
    found = budget(0.03, *THREE_DRAWS)
    assert found.cells == {"baseline__original": 4, "cats_dogs__original": 2, "ships_planes__original": 2}
    assert (found.draws, found.fresh_draws) == (1, {200: 2, 20: 0})
    first, undecided, least = found.sentences
    assert first.startswith("Within 0.03 minutes, if nothing is cached: the search trains about 8 of 20 cells")
    assert "confirms n = 200 on 2 fresh draws and continues while there is time" in first
    assert undecided == "It will not decide n = 20 unless trainings are faster than estimated."
    assert f"takes about {math.ceil(found.least_minutes)} minutes" in least
    longer = dataclasses.replace(found, minutes=2, least_minutes=2.2)
    assert "takes about 3 minutes if nothing is cached; the run takes that long, more" in longer.sentences[2]


def test_the_report_of_a_stopped_run_speaks_of_no_limit_that_the_user_did_not_set():
    found = budget(NO_TIME, *THREE_DRAWS)
    needed, undecided = found.sentences
    assert needed == (f"Only what a complete answer needs is trained: about {found.least_minutes:.0f} minutes if "
                      "nothing is cached. It confirms n = 200 on 2 fresh draws.")  # fmt: skip
    assert undecided.startswith("It will not decide n = 20")


def test_one_minute_is_one():
    assert budget(1).sentences[0].startswith("Within 1 minute, if nothing is cached")
    found = dataclasses.replace(budget(NO_TIME), least_minutes=1.2)
    assert "about 1 minute if nothing is cached. It" in found.sentences[0]


def test_a_large_budget_promises_everything():
    found = budget(600, *THREE_DRAWS)
    assert found.cells == found.planned
    assert (found.draws, found.fresh_draws) == (3, {200: 5, 20: 5})
    assert len(found.sentences) == 1
    assert "all 20 cells on 3 draws" in found.sentences[0]


def test_more_minutes_never_promise_less():
    plans = [budget(minutes, preset="quick") for minutes in (0.5, 5, 20, 60, 120, 240)]
    for less, more in itertools.pairwise(plans):
        assert sum(less.cells.values()) * less.draws <= sum(more.cells.values()) * more.draws
        assert less.least_minutes == pytest.approx(more.least_minutes)
    assert plans[0].cells != plans[-1].cells == plans[-1].planned


def test_the_time_left_is_shared_by_planned_cost_and_what_must_run_is_kept_back():
    found = budget(10)
    shares = found.shares(ORDER)
    assert set(shares) == {"baseline__original", "cats_dogs__original", "ships_planes__original", CONFIRMATION}
    assert shares[CONFIRMATION].part == 1
    assert shares[CONFIRMATION].reserved_s == NODES["Evaluator"] + 2 * PER_CANDIDATE + NODES["TransferReport"]
    assert shares["baseline__original"].reserved_s == shares[CONFIRMATION].reserved_s + NODES["TransferAdvisor"]
    left, parts = 1.0, {}
    for name in ("baseline__original", "cats_dogs__original", "ships_planes__original"):
        parts[name] = left * shares[name].part
        left -= parts[name]
    assert left == pytest.approx(1 - SEARCH_PART)
    assert parts["cats_dogs__original"] == pytest.approx(parts["ships_planes__original"])


def test_of_a_search_the_cells_are_those_that_it_asks_for_and_of_a_grid_the_most_frozen():
    def first_sentence(minutes, search):
        return budget(minutes, f"search={search}", preset="quick").sentences[0]

    assert "trains at most 48 cells, chosen one after another, on 1 draw" in first_sentence(600, "bayesian")
    assert "of at most 48 cells, chosen one after another, on 1 draw" in first_sentence(0.1, "bayesian")
    assert "trains all 48 cells on 1 draw" in first_sentence(600, "grid")
    assert "of 48 cells, the most frozen first, on 1 draw" in first_sentence(0.1, "grid")
