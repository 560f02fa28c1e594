"""Draws: nesting, balance, independence of reading order, full batches. Pure numpy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer_module.data import draws

images = st.integers(2, 60).flatmap(
    lambda count: st.tuples(
        st.just([f"train_{index:05d}" for index in range(count)]),
        st.lists(st.integers(0, 1), min_size=count, max_size=count).map(np.array),
    )
)


@given(images, st.integers(0, 5), st.integers(0, 3))
def test_ranks_number_each_class_from_zero(data, seed, draw):
    ids, labels = data
    ranks = draws.class_ranks(ids, labels, seed, draw)
    for label in np.unique(labels):
        members = ranks[labels == label]
        assert sorted(members) == list(range(len(members)))


@given(images, st.randoms())
def test_ranks_follow_the_image_whatever_the_order_of_reading(data, random):
    ids, labels = data
    order = list(range(len(ids)))
    random.shuffle(order)
    ranks = draws.class_ranks(ids, labels, 1, 0)
    shuffled = draws.class_ranks([ids[index] for index in order], labels[order], 1, 0)
    np.testing.assert_array_equal(shuffled, ranks[order])


@given(st.integers(1, 10), st.integers(1, 10))
def test_a_smaller_subset_lies_inside_a_larger_one_and_both_are_balanced(small, more):
    labels = np.repeat([0, 1], 25)
    ranks = draws.class_ranks([f"i{index}" for index in range(50)], labels, 7, 2)
    inner = draws.draw_subset(ranks, 2 * small, 2)
    outer = draws.draw_subset(ranks, 2 * (small + more), 2)
    assert not np.any(inner & ~outer)
    assert inner[labels == 0].sum() == inner[labels == 1].sum() == small


def test_two_draws_differ():
    labels = np.zeros(50, int)
    ids = [f"i{index}" for index in range(50)]
    assert not np.array_equal(draws.class_ranks(ids, labels, 1, 0), draws.class_ranks(ids, labels, 1, 1))


def test_a_size_that_does_not_split_evenly_is_refused():
    with pytest.raises(ValueError, match="n=5 can't be split evenly over 2"):
        draws.draw_subset(np.arange(10), 5, 2)


def test_a_size_beyond_the_data_is_refused():
    with pytest.raises(ValueError, match="only 6 of 8 exist"):
        draws.draw_subset(np.array([0, 1, 2, 0, 1, 2]), 8, 2)


@settings(max_examples=50)
@given(st.integers(1, 40), st.integers(0, 12), st.integers(1, 16))
def test_batches_are_full_and_use_every_record_equally_often(records, steps, batch_size):
    order = draws.batch_order(records, steps, batch_size, np.random.default_rng(12))
    assert order.shape == (steps, batch_size) and order.dtype == np.int32
    counts = np.bincount(order.ravel(), minlength=records)
    assert counts.max() - counts.min() <= 1


def test_the_order_of_batches_is_fixed_by_the_seed():
    first, again, other = (draws.batch_order(30, 4, 8, np.random.default_rng(seed)) for seed in (2, 2, 3))
    assert np.array_equal(first, again) and not np.array_equal(first, other)


@pytest.mark.parametrize(
    ("records", "epochs", "max_steps", "steps"), [(30, 30, None, 29), (1200, 30, None, 1125), (1200, 30, 60, 60)]
)
def test_steps_cover_the_epochs_up_to_the_bound(records, epochs, max_steps, steps):
    assert draws.training_steps(records, epochs, 32, max_steps) == steps


@pytest.mark.parametrize(("records", "steps"), [(32, 10), (1200, 375), (1, 1)])
@pytest.mark.parametrize("share", [0.0, 1.0])
def test_unbounded_fine_tuning_takes_a_third_of_the_steps_at_the_rate_given(records, steps, share):
    assert draws.fine_tuning_steps(records, 30, 32, None, share) == (steps, 1.0)


@pytest.mark.parametrize(
    ("records", "share", "steps", "factor"),
    [
        (6000, 0.0, 400, 1875 / 400),  # all was frozen: half of 800 steps, the rate raised by as much as they are fewer
        (6000, 1.0, 1, 1 / 50),  # nothing was: a single step, which a sweep leaves out
        (6000, 0.5, 200, 1 + 0.5 * (1875 / 400 - 1)),
        (1200, 0.0, 375, 1.0),  # the bound cuts nothing
        (60, 0.5, 19, 19 / 50),  # the bound cuts nothing, but the steps are few
        (1200, 0.5, 200, 1.0),  # 375 steps are cut, but fewer than half of 800 were wanted: the rate stays
    ],
)
def test_bounded_fine_tuning_takes_more_steps_and_a_higher_rate_the_more_was_frozen(records, share, steps, factor):
    assert draws.fine_tuning_steps(records, 30, 32, 800, share) == (steps, pytest.approx(factor))


@given(st.integers(1, 6000), st.integers(1, 800), st.floats(0, 1))
def test_a_short_fine_tuning_never_gets_a_high_rate(records, max_steps, share):
    steps, factor = draws.fine_tuning_steps(records, 10, 32, max_steps, share)
    assert 0 < factor <= steps / draws.FULL_RATE_STEPS


def test_the_steps_that_quick_leaves_get_a_third_of_the_rate():
    # 200 images with their copies, 10 epochs, at most 30 steps, all frozen: the raise would be 4.2.
    assert draws.fine_tuning_steps(600, 10, 32, 30, 0.0) == (15, pytest.approx(0.3))


def test_fine_tuning_takes_a_step_however_low_the_bound():
    assert draws.fine_tuning_steps(6000, 30, 32, 1, 1.0)[0] == 1


@pytest.mark.parametrize(("share", "steps"), [(1.0, 600), (0.05, 600), (0.049, 5625), (0.0, 5625)])
def test_the_bound_holds_where_steps_cost_anything(share, steps):
    assert draws.training_steps(6000, 30, 32, 600, share) == steps
