"""The Gaussian process of a search: hand-computed means, and what must hold of every posterior."""

import numpy as np
import pytest
import threadpoolctl
from hypothesis import example, given, settings
from hypothesis import strategies as st

from trainer_module.oracles.gaussian_process import DRAW, NOISE, USUAL_SCALES, Beliefs, SearchPoint, _mean_and_weights


def places(transfers=("near", "far"), shares=(0.0, 0.5, 1.0)):
    return [
        SearchPoint(transfer, share, tuned)
        for transfer in transfers for share in shares for tuned in (False, True)
    ]  # fmt: skip


def posterior(cells, draws, accuracies, at=None):
    return Beliefs(at or places()).posterior(np.array(cells), np.array(draws), np.array(accuracies, float))


def test_the_mean_is_that_of_generalised_least_squares():
    # Weights 1 and 1/3: (0 x 1 + 4 / 3) / (4 / 3) = 1; what is left over each variance: -1 / 1 and 3 / 3.
    mean, weights = _mean_and_weights(np.diag([1.0, 3.0]), np.array([0.0, 4.0]))
    assert mean == pytest.approx(1.0)
    assert weights == pytest.approx([-1.0, 1.0])


def test_without_trainings_of_others_a_cell_is_drawn_to_its_neighbours():
    mean, covariance = posterior([0, 6], [0, 0], [90.0, 60.0])
    near, far = mean[:6], mean[6:]
    assert near.min() > far.max()
    assert mean[0] < 90.0 and mean[6] > 60.0  # towards the common mean
    spread = np.sqrt(np.diag(covariance))
    assert spread[0] < spread[1] < spread[4]  # trained, its fine-tuned twin, the other end of the layers


def test_a_training_more_makes_a_cell_surer():
    spreads = [posterior([0, 6] + [0] * more, [0, 0, 1, 2][: 2 + more], [80.0, 70.0] + [80.0] * more)[1][0, 0]
               for more in (0, 1, 2)]  # fmt: skip
    assert spreads[0] > spreads[1] > spreads[2]


def test_what_all_cells_of_a_draw_share_is_not_held_for_a_cells_own():
    """On draw 0 everything was five points higher: cell 1, trained there alone, is not better than cell 0 for that."""
    cells, draws = [0, 2, 4, 0, 2, 4, 1], [0, 0, 0, 1, 1, 1, 0]
    mean, _ = posterior(cells, draws, [75.0, 75.0, 75.0, 70.0, 70.0, 70.0, 75.0])
    assert abs(mean[1] - mean[0]) < 1.0


def test_scales_move_with_the_evidence():
    beliefs = Beliefs(places())
    accuracies = np.array([60.0, 90.0, 65.0, 85.0, 61.0, 88.0])
    beliefs.posterior(np.array([0, 0, 2, 2, 4, 4]), np.array([0, 1, 0, 1, 0, 1]), accuracies)
    assert beliefs.scales[DRAW] + beliefs.scales[NOISE] > 2 * (USUAL_SCALES[DRAW] + USUAL_SCALES[NOISE])


accuracies = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 2), st.floats(40, 100)), min_size=1, max_size=12,
                      unique_by=lambda one: one[:2])  # fmt: skip


@settings(deadline=None, max_examples=30)
@given(accuracies, st.floats(-20, 20))
def test_points_added_to_all_accuracies_are_added_to_all_means(trainings, points):
    cells, draws, values = zip(*trainings, strict=True)
    mean, covariance = posterior(cells, draws, values)
    moved, same = posterior(cells, draws, np.array(values) + points)
    assert moved == pytest.approx(mean + points, abs=0.05)
    assert same == pytest.approx(covariance, abs=0.05 * np.abs(covariance).max())


@settings(deadline=None, max_examples=30)
@given(accuracies)
@example([(1, 0, 98.5), (6, 0, 56.5), (0, 0, 40.0)])  # a step of the optimiser once left what a float can hold
def test_a_covariance_is_symmetric_and_has_no_negative_variance(trainings):
    _, covariance = posterior(*zip(*trainings, strict=True))
    assert covariance == pytest.approx(covariance.T)
    assert np.linalg.eigvalsh(covariance).min() > -1e-8


def test_beliefs_and_samples_do_not_depend_on_the_threads_of_linear_algebra():
    many = places(transfers="abcdefghij", shares=np.linspace(0, 1, 13))
    dice = np.random.default_rng(0)
    trained, on, accuracies = dice.integers(0, len(many), 60), dice.integers(0, 3, 60), dice.normal(80, 5, 60)

    def found(threads):
        with threadpoolctl.threadpool_limits(threads):
            mean, covariance = posterior(trained, on, accuracies, many)
            return mean, covariance, Beliefs.samples(mean, covariance, 8, np.random.default_rng(1))

    for one, two in zip(found(1), found(2), strict=True):
        np.testing.assert_array_equal(one, two)
