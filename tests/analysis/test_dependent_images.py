"""Test images that depend on each other, through every figure of a report. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from analysis.cells.cell_metrics import SlicedImages, evaluate_cells
from analysis.cells.cell_summaries import summarise
from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import Ledgers, pair_ledgers
from analysis.findings.labels_saved import labels_needed
from analysis.statistics.paired_intervals import Interval
from experiment.errors import ThawError
from ledger.ledger import content_key
from tests.analysis.report_ledgers import QUICK_SIZES, Ledger, confirmation_of

COPIES = 3


def copied(ledger: Ledger, *, grouped: bool) -> Ledger:
    """The ledger of a test split that has every image three times."""
    header, rows = ledger
    labels = tuple(np.repeat(header.test_labels, COPIES).tolist())
    groups = tuple(np.repeat(np.arange(len(header.test_labels)), COPIES).tolist()) if grouped else ()
    ids = content_key(ids=[f"{place:06d}" for place in range(len(labels))])
    return dataclasses.replace(header, test_labels=labels, test_groups=groups, test_ids_hash=ids), [
        dataclasses.replace(row, test_probabilities=np.repeat(row.test_probabilities, COPIES, axis=0)) for row in rows
    ]


@pytest.fixture(scope="module")
def three(quick_ledgers: list[Ledger]) -> tuple[Ledgers, Ledgers, Ledgers]:
    """Single images, copies known as copies, and copies treated as different images."""
    grouped, single = ([copied(one, grouped=way) for one in quick_ledgers] for way in (True, False))
    return pair_ledgers(quick_ledgers), pair_ledgers(grouped), pair_ledgers(single)


def near(interval: Interval) -> object:
    return pytest.approx((interval.low, interval.estimate, interval.high))


def bounds(interval: Interval) -> tuple[float, float, float]:
    return interval.low, interval.estimate, interval.high


def width(interval: Interval) -> float:
    return interval.high - interval.low


def test_cells_of_copies_have_the_intervals_and_verdicts_of_single_images(
    three: tuple[Ledgers, Ledgers, Ledgers],
) -> None:
    single, grouped, wrong = (
        [cell for cells in summarise(one).transfers.values() for cell in cells] for one in three
    )  # fmt: skip
    for alone, known, taken in zip(single, grouped, wrong, strict=True):
        assert bounds(known.accuracy) == near(alone.accuracy) and bounds(known.baseline) == near(alone.baseline)
        assert bounds(known.gain_points) == near(alone.gain_points) and known.verdict == alone.verdict
        assert known.p_value == pytest.approx(alone.p_value)
        assert width(taken.accuracy) != width(known.accuracy)


def test_differences_fresh_draws_and_labels_saved_too(three: tuple[Ledgers, Ledgers, Ledgers]) -> None:
    alone, known, taken = (confirmation_of(ledgers, QUICK_SIZES[-1]) for ledgers in three)
    for one, other, wrong in zip(alone.answers, known.answers, taken.answers, strict=True):
        assert bounds(other.summary.accuracy) == near(one.summary.accuracy)
        assert bounds(other.summary.gain_points) == near(one.summary.gain_points)
        assert other.summary.verdict == one.summary.verdict
        assert width(wrong.summary.accuracy) != width(other.summary.accuracy)
    assert [(one.low, one.high) for one in labels_needed(known)] == [
        pytest.approx((one.low, one.high)) for one in labels_needed(alone)
    ]
    place = next(iter(alone.best)).question.chosen
    grids = [Grid(one) for one in three]
    (first, p), (second, q), (third, _) = (grid.difference(grid.gain(place)) for grid in grids)
    assert bounds(second) == near(first) and p == pytest.approx(q)
    assert width(third) != pytest.approx(width(second), rel=1e-3)


def test_metrics_of_every_slice_too(three: tuple[Ledgers, Ledgers, Ledgers]) -> None:
    def evaluated(ledgers: Ledgers, copies: int) -> list[np.ndarray]:
        header = next(iter(ledgers.transfers.values())).header
        labels = np.asarray(header.test_labels)
        places = np.arange(len(labels)) // copies
        ids = np.array([f"{place:06d}" for place in range(len(labels))])
        images = SlicedImages(ids, labels, {"third": (places % 3).astype(str)})
        same = {
            name: dataclasses.replace(sweep, header=dataclasses.replace(
                sweep.header, test_ids_hash=content_key(ids=ids.tolist())))
            for name, sweep in {**ledgers.transfers, **ledgers.baselines}.items()
        }  # fmt: skip
        fitted = Ledgers(
            {name: same[name] for name in ledgers.transfers}, {name: same[name] for name in ledgers.baselines}
        )
        return [np.stack([one.gain.low, one.gain.high, one.candidate.low]) for one in evaluate_cells(fitted, images)]

    alone, known, taken = (evaluated(one, copies) for one, copies in zip(three, (1, COPIES, COPIES), strict=True))
    for one, other, wrong in zip(alone, known, taken, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-9, atol=1e-12)
        assert np.nanmean(wrong[1] - wrong[0]) != pytest.approx(np.nanmean(other[1] - other[0]), rel=1e-3)


def test_so_many_images_count(three: tuple[Ledgers, Ledgers, Ledgers]) -> None:
    counts = [next(iter(one.transfers.values())).effective_images for one in three]
    assert counts == [500, 500, 1500]


def test_ledgers_with_other_groups_can_not_be_paired(quick_ledgers: list[Ledger]) -> None:
    baseline, *transfers = (copied(one, grouped=True) for one in quick_ledgers)
    header = dataclasses.replace(baseline[0], test_groups=())
    with pytest.raises(ThawError, match="were tested on different images"):
        pair_ledgers([(header, baseline[1]), *transfers])
