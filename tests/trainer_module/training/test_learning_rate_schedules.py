"""Learning rates of each step. Hand-computed values."""

import math

import numpy as np
import pytest

from trainer_module.training.learning_rate_schedules import cosine_decay, one_cycle


def test_the_rate_rises_for_a_fifth_and_falls_with_the_cosine_towards_0():
    np.testing.assert_allclose(
        one_cycle(1e-3, 10), [5e-4, 1e-3] + [5e-4 * (1 + math.cos(math.pi * i / 9)) for i in range(1, 9)], rtol=1e-6
    )  # fmt: skip


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_a_training_of_few_steps_has_a_rate_above_0_at_each(steps):
    rates = one_cycle(1e-3, steps)
    assert len(rates) == steps and rates.min() > 0 and rates.max() == pytest.approx(1e-3)


def test_the_cosine_falls_from_the_rate_towards_0():
    np.testing.assert_allclose(
        cosine_decay(2e-3, 4), [2e-3, 1e-3 + 1e-3 / math.sqrt(2), 1e-3, 1e-3 - 1e-3 / math.sqrt(2)]
    )
