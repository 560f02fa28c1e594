"""The Gaussian process of a search: hand-computed means, and what must hold of every posterior."""

import numpy as np
import pytest
import threadpoolctl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainer_module.oracles.gaussian_process import (
    DRAW,
    NOISE,
    USUAL_SCALES,
    Beliefs,
    SearchPoint,
    _cost,
    _mean_and_weights,
    logits,
    points,
)


def places(transfers=("near", "far"), shares=(0.0, 0.5, 1.0)):
    return [
        SearchPoint(transfer, share, tuned)
        for transfer in transfers for share in shares for tuned in (False, True)
    ]  # fmt: skip


def posterior(cells, draws, values, at=None):
    return Beliefs(at or places()).posterior(np.array(cells), np.array(draws), np.array(values, float))


def test_a_logit_is_the_logarithm_of_the_odds_and_ends_before_all_and_nothing():
    # 80%: ln(0.8 / 0.2) = ln 4; at 99% and above ln 99.
    found = logits(np.array([0.5, 0.8, 0.995, 1.0, 0.0]))
    assert found == pytest.approx([0.0, np.log(4), np.log(99), np.log(99), -np.log(99)])
    assert points(found[:3]) == pytest.approx([50.0, 80.0, 99.0])


def test_the_mean_is_that_of_generalised_least_squares():
    # Weights 1 and 1/3: (0 x 1 + 4 / 3) / (4 / 3) = 1; what is left over each variance: -1 / 1 and 3 / 3.
    mean, weights = _mean_and_weights(np.diag([1.0, 3.0]), np.array([0.0, 4.0]))
    assert mean == pytest.approx(1.0)
    assert weights == pytest.approx([-1.0, 1.0])


def test_without_trainings_of_others_a_cell_is_drawn_to_its_neighbours():
    mean, covariance = posterior([0, 6], [0, 0], [2.2, 0.4])
    near, far = mean[:6], mean[6:]
    assert near.min() > far.max()
    assert mean[0] < 2.2 and mean[6] > 0.4  # towards the common mean
    spread = np.sqrt(np.diag(covariance))
    assert spread[0] < spread[2] < spread[4]  # trained, amid the layers, their other end


def test_with_nothing_frozen_fine_tuning_changes_nothing_and_the_more_is_frozen_the_more():
    mean, covariance = posterior([0, 4], [0, 0], [1.0, 1.0])
    assert mean[1] == pytest.approx(mean[0]) and covariance[1, 1] == pytest.approx(covariance[0, 0])
    assert covariance[5, 5] > 2 * covariance[4, 4]


def test_what_fine_tuning_does_to_one_transfer_is_expected_of_another():
    """All frozen, fine-tuning raised `near` from 0.5 to 2; of `far`, 0.5 without, nobody has tried it."""
    mean, _ = posterior([4, 5, 10], [0, 0, 0], [0.5, 2.0, 0.5])
    assert mean[11] > mean[10] + 0.3


def test_a_training_more_makes_a_cell_surer():
    spreads = [posterior([0, 6] + [0] * more, [0, 0, 1, 2][: 2 + more], [1.4, 0.8] + [1.4] * more)[1][0, 0]
               for more in (0, 1, 2)]  # fmt: skip
    assert spreads[0] > spreads[1] > spreads[2]


def test_what_all_cells_of_a_draw_share_is_not_held_for_a_cells_own():
    """On draw 0 everything was 0.3 logits higher: cell 1, trained there alone, is not better than cell 0 for that."""
    cells, draws = [0, 2, 4, 0, 2, 4, 1], [0, 0, 0, 1, 1, 1, 0]
    mean, _ = posterior(cells, draws, [1.1, 1.1, 1.1, 0.8, 0.8, 0.8, 1.1])
    assert abs(mean[1] - mean[0]) < 0.05


def test_the_gradient_is_that_of_the_cost():
    beliefs = Beliefs(places())
    cells, draws = np.array([0, 3, 4, 6, 11, 0]), np.array([0, 0, 1, 1, 2, 2])
    parts, values = beliefs._of_trainings(cells, draws), np.array([1.0, 0.5, 2.0, 0.3, 1.2, 0.9])
    logs, step = np.log(USUAL_SCALES) + 0.2, 1e-5
    _, gradient = _cost(logs, parts, values)
    for place, slope in enumerate(gradient):
        moved = step * np.eye(len(logs))[place]
        rise = _cost(logs + moved, parts, values)[0] - _cost(logs - moved, parts, values)[0]
        assert slope == pytest.approx(rise / (2 * step), abs=1e-5)


def test_scales_move_with_the_evidence():
    beliefs = Beliefs(places())
    values = logits(np.array([0.6, 0.9, 0.65, 0.85, 0.61, 0.88]))
    beliefs.posterior(np.array([0, 0, 2, 2, 4, 4]), np.array([0, 1, 0, 1, 0, 1]), values)
    assert beliefs.scales[DRAW] + beliefs.scales[NOISE] > 2 * (USUAL_SCALES[DRAW] + USUAL_SCALES[NOISE])


trained = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 2), st.floats(-1, 4.6)), min_size=1, max_size=12,
                   unique_by=lambda one: one[:2])  # fmt: skip


@settings(deadline=None, max_examples=30)
@given(trained, st.floats(-2, 2))
def test_what_is_added_to_all_logits_is_added_to_all_means(trainings, more):
    cells, draws, values = zip(*trainings, strict=True)
    mean, covariance = posterior(cells, draws, values)
    moved, same = posterior(cells, draws, np.array(values) + more)
    assert moved == pytest.approx(mean + more, abs=0.005)
    assert same == pytest.approx(covariance, abs=0.05 * np.abs(covariance).max())


@settings(deadline=None, max_examples=30)
@given(trained)
@example([(1, 0, 4.2), (6, 0, 0.3), (0, 0, -0.4)])  # a step of the optimiser once left what a float can hold
def test_a_covariance_is_symmetric_and_has_no_negative_variance(trainings):
    _, covariance = posterior(*zip(*trainings, strict=True))
    assert covariance == pytest.approx(covariance.T)
    assert np.linalg.eigvalsh(covariance).min() > -1e-8


def test_beliefs_and_samples_do_not_depend_on_the_threads_of_linear_algebra():
    many = places(transfers="abcdefghij", shares=np.linspace(0, 1, 13))
    dice = np.random.default_rng(0)
    cells, on, values = dice.integers(0, len(many), 60), dice.integers(0, 3, 60), dice.normal(1.5, 0.3, 60)

    def found(threads):
        with threadpoolctl.threadpool_limits(threads):
            mean, covariance = posterior(cells, on, values, many)
            return mean, covariance, Beliefs.samples(mean, covariance, 8, np.random.default_rng(1))

    for one, two in zip(found(1), found(2), strict=True):
        np.testing.assert_array_equal(one, two)
