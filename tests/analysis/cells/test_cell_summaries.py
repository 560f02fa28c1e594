"""Cell summaries against hand-computed values. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score

from analysis.cells.cell_summaries import balanced_accuracy, class_f1s, summarise
from analysis.cells.paired_ledgers import Sweep, pair_ledgers
from analysis.statistics.paired_intervals import mean_interval
from ledger.cell_selection import Cell
from ledger.rows import Header, Row

Ledger = tuple[Header, list[Row]]


def right(count: int, images: int = 100) -> np.ndarray:
    """bool [images] with `count` right, spread evenly over both classes (labels alternate)."""
    return np.arange(images) < count


@pytest.fixture
def two_draws(header_of: Callable[..., Header], row_of: Callable[..., Row]) -> list[Ledger]:
    """Cell n=10, k=4: 80 and 84 of 100 right; baseline 60 and 62."""
    cell, baseline = (10, 4, False), (10, 0, False)
    return [
        (
            header_of("baseline__original", "", "original", 100, "CIFAR-10"),
            [row_of(baseline, draw, right(count)) for draw, count in enumerate((60, 62))],
        ),
        (
            header_of("cats_dogs__original", "cats_dogs", "original", 100, "CIFAR-10"),
            [row_of(cell, d, right(c), val=v) for d, (c, v) in enumerate(((80, 0.7), (84, 0.8)))],
        ),
    ]


def test_a_cell_holds_means_over_its_draws(two_draws: list[Ledger]) -> None:
    [summary] = summarise(pair_ledgers(two_draws)).transfers["cats_dogs__original"]
    assert summary.cell == Cell(10, 4, False)
    assert summary.draws == 2
    assert summary.val_accuracy == pytest.approx(0.75)
    assert summary.accuracy.estimate == pytest.approx(0.82)
    assert summary.baseline.estimate == pytest.approx(0.61)
    assert summary.gain_points.estimate == pytest.approx(21)
    assert summary.improvement_percent == pytest.approx(100 * (0.82 / 0.61 - 1))


def test_baselines_are_summarised_by_architecture(two_draws: list[Ledger]) -> None:
    [baseline] = summarise(pair_ledgers(two_draws)).baselines["original"]
    assert baseline.sweep == "baseline__original"
    assert baseline.accuracy.estimate == pytest.approx(0.61)


def test_one_draw_is_never_called(two_draws: list[Ledger]) -> None:
    one = [(header, rows[:1]) for header, rows in two_draws]
    [summary] = summarise(pair_ledgers(one)).transfers["cats_dogs__original"]
    assert summary.gain_points.low > 0
    assert (summary.draws, summary.p_value, summary.verdict) == (1, 1.0, "undecided")


def test_improvement_over_a_baseline_of_zero_is_not_defined(
    two_draws: list[Ledger], row_of: Callable[..., Row]
) -> None:
    nothing = [row_of((10, 0, False), draw, right(0)) for draw in (0, 1)]
    [summary] = summarise(pair_ledgers([(two_draws[0][0], nothing), two_draws[1]])).transfers["cats_dogs__original"]
    assert summary.improvement_percent is None


def test_other_cells_of_the_size_change_no_interval(two_draws: list[Ledger], row_of: Callable[..., Row]) -> None:
    header, rows = two_draws[1]
    extra = [row_of((10, k, False), d, right(c)) for k in (5, 6) for d, c in enumerate((70, 78))]
    ledgers = [two_draws[0], (header, rows + extra)]
    summary = summarise(pair_ledgers(ledgers)).transfers["cats_dogs__original"][0]
    expected = mean_interval(np.stack([right(80), right(84)]))
    assert (summary.accuracy.low, summary.accuracy.high) == pytest.approx((expected.low, expected.high))


def test_verdicts_call_the_clear_cells_of_the_quick_grid(quick_ledgers: list[Ledger]) -> None:
    summaries = summarise(pair_ledgers(quick_ledgers))
    strong = {s.cell: s.verdict for s in summaries.transfers["all_but_target__original"]}
    assert strong[Cell(400, 4, False)] == "gain"
    assert "loss" not in strong.values()
    # cats_dogs is made to differ from its baseline by little.
    weak = [s.verdict for s in summaries.transfers["cats_dogs__original"]]
    assert weak.count("undecided") > len(weak) / 2


def test_a_called_cell_has_an_interval_without_zero_on_its_side(quick_ledgers: list[Ledger]) -> None:
    for group in summarise(pair_ledgers(quick_ledgers)).transfers.values():
        for summary in group:
            if summary.verdict == "gain":
                assert summary.gain_points.low > 0
            if summary.verdict == "loss":
                assert summary.gain_points.high < 0


def test_classes_are_compared_over_the_same_draws(two_draws: list[Ledger], row_of: Callable[..., Row]) -> None:
    # Labels alternate: even images are automobiles. All automobiles right, 10 of 50 trucks.
    half = np.arange(100) % 2 == 0
    half[1:20:2] = True
    rows = [row_of((10, 4, False), draw, half) for draw in (0, 1)]
    ledgers = pair_ledgers([two_draws[0], (two_draws[1][0], rows)])
    car, truck = class_f1s(ledgers, "cats_dogs__original", Cell(10, 4, False))
    # 40 trucks are called automobiles: F1 = 2 x 50 / (90 called + 50 true), and 2 x 10 / (10 + 50).
    assert (car.name, car.images, car.candidate) == ("automobile", 50, pytest.approx(100 / 140))
    assert (truck.name, truck.candidate) == ("truck", pytest.approx(20 / 60))
    # The baselines have 30 of 50 and 31 of 50 right in either class, so each calls 50 of 100: F1 is their accuracy.
    assert car.baseline == pytest.approx((0.60 + 0.62) / 2)
    assert truck.loss_points == pytest.approx(100 * (0.61 - 1 / 3))
    car, _ = class_f1s(ledgers, "cats_dogs__original", Cell(10, 4, False), draws={1})
    assert (car.candidate, car.baseline) == (pytest.approx(100 / 140), pytest.approx(0.62))


def test_a_baseline_that_calls_all_images_one_class_is_no_bar_for_that_class(
    two_draws: list[Ledger], row_of: Callable[..., Row]
) -> None:
    # The baseline calls everything `truck`; the candidate has 80 of 100 right, in both classes alike.
    only_trucks = np.arange(100) % 2 == 1
    reference = [row_of((10, 0, False), draw, only_trucks) for draw in (0, 1)]
    ledgers = pair_ledgers([(two_draws[0][0], reference), two_draws[1]])
    car, truck = class_f1s(ledgers, "cats_dogs__original", Cell(10, 4, False))
    assert (car.baseline, truck.baseline) == (0.0, pytest.approx(2 * 50 / 150))
    assert truck.loss_points < 0


def test_few_test_images_in_many_classes_show_no_class_to_lose(
    header_of: Callable[..., Header], row_of: Callable[..., Row]
) -> None:
    """Forty classes of four images, both networks right on 80% of them: some class always loses 5 points by chance."""
    classes, generator = tuple(f"class {number}" for number in range(40)), np.random.default_rng(3)
    labels = np.repeat(np.arange(40), 4)
    lost, over = 0, 0
    for _ in range(20):
        ledgers = []
        for sweep, k in (("baseline__original", 0), ("cats_dogs__original", 4)):
            header = header_of(sweep, "cats_dogs" if k else "", "original", len(labels), "CIFAR-10")
            header = dataclasses.replace(header, classes=classes, test_labels=tuple(labels))
            # An image is easy or hard for a network: draws differ in a fifth of them.
            easy = generator.random(len(labels)) < 0.8
            rows = []
            for draw in range(5):
                is_right = np.where(generator.random(len(labels)) < 0.2, generator.random(len(labels)) < 0.8, easy)
                called = np.where(is_right, labels, (labels + generator.integers(1, 40, len(labels))) % 40)
                row = row_of((10, k, False), draw, right(1, len(labels)))
                rows.append(dataclasses.replace(row, test_probabilities=np.eye(40, dtype=np.float32)[called]))
            ledgers.append((header, rows))
        found = class_f1s(pair_ledgers(ledgers), "cats_dogs__original", Cell(10, 4, False))
        lost += any(one.loses for one in found)
        over += any(one.loss_points > 5 for one in found)
    assert over == 20 and lost <= 4  # of 5% of reports, more than 4 of 20 are seen in 0.3%


@pytest.mark.parametrize("draws", [(0,), (0, 1)])
def test_a_class_without_test_images_is_left_out_and_disturbs_no_other(
    header_of: Callable[..., Header], row_of: Callable[..., Row], draws: tuple[int, ...]
) -> None:
    labels = np.arange(100) % 2
    ledgers = []
    for sweep, k, correct in (("baseline__original", 0, 60), ("cats_dogs__original", 4, 90)):
        header = header_of(sweep, "cats_dogs" if k else "", "original", 100, "CIFAR-10")
        header = dataclasses.replace(header, classes=("a", "b", "never seen"), test_labels=tuple(labels))
        called = np.where(np.arange(100) < correct, labels, 1 - labels)
        probabilities = np.eye(3, dtype=np.float32)[called]
        rows = [dataclasses.replace(row_of((10, k, False), draw, called == labels), test_probabilities=probabilities)
                for draw in draws]  # fmt: skip
        ledgers.append((header, rows))
    found = class_f1s(pair_ledgers(ledgers), "cats_dogs__original", Cell(10, 4, False))
    assert [one.name for one in found] == ["a", "b"] and not any(one.loses for one in found)
    assert [one.candidate for one in found] == pytest.approx([0.9, 0.9])
    assert all(one.half_width_points > 0 for one in found)


def test_a_class_that_is_never_recognised_any_more_loses(
    two_draws: list[Ledger], row_of: Callable[..., Row]
) -> None:  # fmt: skip
    only_cars = np.arange(100) % 2 == 0
    rows = [row_of((10, 4, False), draw, only_cars) for draw in (0, 1)]
    car, truck = class_f1s(
        pair_ledgers([two_draws[0], (two_draws[1][0], rows)]), "cats_dogs__original", Cell(10, 4, False)
    )
    assert truck.candidate == 0 and truck.loses and not car.loses


def test_balanced_accuracy_counts_each_class_alike(
    header_of: Callable[..., Header], row_of: Callable[..., Row]
) -> None:
    """Labels alternate; with 90 of 100 of class 0, half of those right and all of class 1: (0.5 + 1) / 2."""
    header = dataclasses.replace(
        header_of("cats_dogs__original", "cats_dogs", "original", 100, "CIFAR-10"), test_labels=(0,) * 90 + (1,) * 10
    )
    probabilities = np.zeros((100, 2), np.float32)
    probabilities[:45, 0] = probabilities[45:, 1] = 1
    cell = (10, 4, False)
    rows = [dataclasses.replace(row_of(cell, draw, right(1)), test_probabilities=probabilities) for draw in (0, 1)]
    assert balanced_accuracy(Sweep(header, {Cell(*cell): rows}), Cell(*cell)) == pytest.approx(0.75)
    rows.append(row_of(cell, 2, right(100)))  # labels that alternate: half of either class right
    assert balanced_accuracy(Sweep(header, {Cell(*cell): rows}), Cell(*cell)) == pytest.approx((0.75 * 2 + 0.5) / 3)
    assert balanced_accuracy(Sweep(header, {Cell(*cell): rows}), Cell(*cell), draws={0, 1}) == pytest.approx(0.75)


@given(labels=st.lists(st.integers(0, 3), min_size=4, max_size=30), seed=st.integers(0, 99))
@settings(max_examples=40, deadline=None)
def test_balanced_accuracy_is_scikit_learns(
    header_of: Callable[..., Header], row_of: Callable[..., Row], labels: list[int], seed: int
) -> None:
    probabilities = np.random.default_rng(seed).random((len(labels), 4)).astype(np.float32)
    header = dataclasses.replace(
        header_of("cats_dogs__original", "cats_dogs", "original", len(labels), "CIFAR-10"),
        test_labels=tuple(labels), classes=tuple("abcd"),
    )  # fmt: skip
    cell = (10, 4, False)
    row = dataclasses.replace(row_of(cell, 0, right(1, len(labels))), test_probabilities=probabilities)
    expected = balanced_accuracy_score(labels, probabilities.argmax(axis=1))
    assert balanced_accuracy(Sweep(header, {Cell(*cell): [row]}), Cell(*cell)) == pytest.approx(expected)
