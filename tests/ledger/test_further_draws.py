"""Which cells get another draw: hand-computed gains on val. Imports no TensorFlow."""

import pytest

from ledger.cell_selection import Cell, may_be_nothing, undecided_cells


def rows(make_row, freeze_count, accuracies, *, n=20, fine_tune=False, test=0.5):
    return [
        make_row(f"{freeze_count}-{fine_tune}-{draw}", n=n, freeze_count=freeze_count, fine_tune=fine_tune, draw=draw,
                 val_accuracy=accuracy, test_accuracy=test)
        for draw, accuracy in enumerate(accuracies)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("gains", "undecided"),
    [
        ([0.1], True),  # one draw decides nothing
        ([0.0, 0.0, 0.0], True),
        ([0.1, 0.1, 0.1], False),
        # Mean 0.10, deviation 0.04; Student's t of 2 degrees is 4.303: half an interval 4.303 * 0.04 / sqrt(3) = 0.0994
        ([0.06, 0.10, 0.14], False),
        ([0.055, 0.10, 0.145], True),  # half an interval 0.1118
        ([-0.06, -0.10, -0.14], False),  # a loss is decided too
    ],
)
def test_a_gain_is_undecided_while_its_interval_holds_0(gains, undecided):
    assert may_be_nothing(gains) is undecided


def test_gains_are_paired_with_the_baseline_of_the_same_draw(make_row):
    baseline = rows(make_row, 0, [0.5, 0.9])
    always_better = rows(make_row, 6, [0.6, 1.0])  # by 0.1 in both draws, though the draws differ by 0.4
    as_good = rows(make_row, 8, [0.9, 0.5])
    assert undecided_cells([*always_better, *as_good], baseline, 2) == [Cell(20, 8, False)]


def test_a_cells_twin_is_repeated_with_it_for_its_phase_1_is_run_anyway(make_row):
    baseline = [*rows(make_row, 0, [0.5, 0.5]), *rows(make_row, 0, [0.5, 0.5], fine_tune=True)]
    transfer = [*rows(make_row, 6, [0.7, 0.7]), *rows(make_row, 6, [0.4, 0.6], fine_tune=True)]
    assert undecided_cells(transfer, baseline, 2) == [Cell(20, 6, False), Cell(20, 6, True)]


def test_a_cell_that_was_decided_with_fewer_draws_is_left_alone(make_row):
    baseline = rows(make_row, 0, [0.5, 0.5, 0.5])
    decided, repeated = rows(make_row, 6, [0.5, 0.5]), rows(make_row, 8, [0.5, 0.5, 0.5])
    assert undecided_cells([*decided, *repeated], baseline, 3) == [Cell(20, 8, False)]


def test_test_accuracies_play_no_part(make_row):
    baseline = rows(make_row, 0, [0.5, 0.5])
    for test in (0.0, 1.0):
        assert undecided_cells(rows(make_row, 6, [0.4, 0.6], test=test), baseline, 2) == [Cell(20, 6, False)]
        assert undecided_cells(rows(make_row, 6, [0.7, 0.7], test=test), baseline, 2) == []


def test_a_baseline_that_lacks_a_draw_is_an_error(make_row):
    with pytest.raises(KeyError):
        undecided_cells(rows(make_row, 6, [0.7, 0.7]), rows(make_row, 0, [0.5]), 2)
