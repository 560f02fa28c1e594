"""Checking and pairing ledgers, and every error. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from analysis.cells.paired_ledgers import pair_ledgers
from experiment.errors import ThawError
from ledger.rows import Header, Row
from tests.stacks import STACK

Ledger = tuple[Header, list[Row]]


@pytest.fixture
def small(header_of: Callable[..., Header], row_of: Callable[..., Row]) -> dict[str, Ledger]:
    """A transfer and its baseline: n=10, one cell each, two draws, four images."""
    right = np.array([True, True, True, False])
    return {
        "baseline": (
            header_of("baseline__original", "", "original", 4, "CIFAR-10"),
            [row_of((10, 0, False), draw, right) for draw in (0, 1)],
        ),
        "transfer": (
            header_of("cats_dogs__original", "cats_dogs", "original", 4, "CIFAR-10"),
            [row_of((10, 4, False), draw, ~right) for draw in (1, 0)],
        ),
    }


def changed(ledger: Ledger, **header: Any) -> Ledger:
    return dataclasses.replace(ledger[0], **header), ledger[1]


def test_sweeps_are_sorted_into_transfers_and_baselines(small: dict[str, Ledger]) -> None:
    found = pair_ledgers([small["transfer"], small["baseline"]])
    assert list(found.transfers) == ["cats_dogs__original"]
    assert list(found.baselines) == ["original"]
    assert found.data == "CIFAR-10"


def test_sweeps_come_in_the_order_of_their_names_in_whatever_order_they_are_given(small: dict[str, Ledger]) -> None:
    others = [changed(small["transfer"], sweep=f"{source}__original", source=source) for source in "bcad"]
    given = [*others, small["baseline"]]
    for order in (given, given[::-1], given[2:] + given[:2]):
        assert list(pair_ledgers(order).transfers) == [f"{source}__original" for source in "abcd"]


def test_rows_come_in_the_order_of_their_draws(small: dict[str, Ledger]) -> None:
    sweep = pair_ledgers(small.values()).transfers["cats_dogs__original"]
    assert [row.draw for row in sweep.rows] == [0, 1]


def test_correct_is_where_the_most_probable_class_is_the_label(small: dict[str, Ledger]) -> None:
    sweep = pair_ledgers(small.values()).transfers["cats_dogs__original"]
    assert sweep.correct(sweep.rows).tolist() == [[False, False, False, True]] * 2


def test_the_baseline_row_has_the_same_size_tuning_and_draw(
    small: dict[str, Ledger], row_of: Callable[..., Row]
) -> None:
    header, rows = small["baseline"]
    others = [row_of((n, 0, tuned), d, np.ones(4, bool)) for n, tuned in ((10, True), (20, False)) for d in (0, 1)]
    found = pair_ledgers([(header, others + rows), small["transfer"]])
    sweep = found.transfers["cats_dogs__original"]
    paired = found.baseline_rows(sweep, sweep.rows)
    assert [(row.n, row.fine_tune, row.draw) for row in paired] == [(10, False, 0), (10, False, 1)]


def test_a_baseline_without_the_draw_is_refused(small: dict[str, Ledger]) -> None:
    header, rows = small["baseline"]
    found = pair_ledgers([(header, rows[:1]), small["transfer"]])
    sweep = found.transfers["cats_dogs__original"]
    with pytest.raises(ThawError, match=r"baseline__original has no execution with n=10.*draw=1"):
        found.baseline_rows(sweep, sweep.rows)


def test_no_transfer_is_refused(small: dict[str, Ledger]) -> None:
    with pytest.raises(ThawError, match="no ledger of a transfer"):
        pair_ledgers([small["baseline"]])


def test_a_sweep_given_twice_is_refused(small: dict[str, Ledger]) -> None:
    with pytest.raises(ThawError, match="Two ledgers of cats_dogs__original"):
        pair_ledgers([*small.values(), small["transfer"]])


def test_an_empty_ledger_is_refused(small: dict[str, Ledger]) -> None:
    with pytest.raises(ThawError, match="cats_dogs__original has no execution"):
        pair_ledgers([small["baseline"], (small["transfer"][0], [])])


def test_probabilities_that_dont_fit_the_header_are_refused(small: dict[str, Ledger]) -> None:
    header, rows = small["transfer"]
    short = dataclasses.replace(rows[0], test_probabilities=rows[0].test_probabilities[:3])
    with pytest.raises(ThawError, match=r"draw=1 holds test probabilities of shape \(3, 2\).*4 test images"):
        pair_ledgers([small["baseline"], (header, [short])])


def test_a_draw_that_comes_twice_is_refused(small: dict[str, Ledger]) -> None:
    header, rows = small["transfer"]
    again = dataclasses.replace(rows[0], key="another")
    with pytest.raises(ThawError, match=r"freeze_count=4.*draw=1 twice"):
        pair_ledgers([small["baseline"], (header, [*rows, again])])


def test_a_missing_baseline_is_refused(small: dict[str, Ledger]) -> None:
    with pytest.raises(ThawError, match="ledger baseline__original is missing"):
        pair_ledgers([small["transfer"]])


@pytest.mark.parametrize("change", [{"test_ids_hash": "e" * 32}, {"test_labels": (1, 0, 1, 0)}])
def test_other_test_images_are_refused(small: dict[str, Ledger], change: dict[str, Any]) -> None:
    with pytest.raises(ThawError, match="tested on different images"):
        pair_ledgers([small["baseline"], changed(small["transfer"], **change)])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"data": "SYNTHETIC shapes"}, r"CIFAR-10 c+ \(baseline__original\); SYNTHETIC shapes c+ \("),
        ({"content_hash": "e" * 32}, r"CIFAR-10 c+ \(baseline__original\); CIFAR-10 e+ \("),
    ],
    ids=["another name", "another image"],
)
def test_different_data_are_refused(small: dict[str, Ledger], change: dict[str, Any], said: str) -> None:
    with pytest.raises(ThawError, match=f"different data: {said}"):
        pair_ledgers([small["baseline"], changed(small["transfer"], **change)])


@pytest.mark.parametrize("change", [{"tensorflow": "2.21.0"}, {"onednn": False}, {"device": "GPU"}])
def test_different_stacks_are_refused(small: dict[str, Ledger], change: dict[str, Any]) -> None:
    stack = dataclasses.replace(STACK, **change)
    with pytest.raises(ThawError, match="different stacks") as refused:
        pair_ledgers([small["baseline"], changed(small["transfer"], stack=stack)])
    assert STACK.in_words in str(refused.value) and stack.in_words in str(refused.value)
