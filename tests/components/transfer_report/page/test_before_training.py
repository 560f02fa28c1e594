"""Predicted and measured gains, and the ratings of estimators: small cases by hand, then the section. No TensorFlow."""

from __future__ import annotations

import csv
import dataclasses

import numpy as np
import pytest

from analysis.cells.paired_ledgers import pair_ledgers
from analysis.statistics.paired_intervals import Interval
from analysis.transfer_prediction.estimator_agreement import agreements, judged, values_by_estimator, worths
from analysis.transfer_prediction.predicted_gains import BeforeTraining, Estimated, PredictedGain
from components.transfer_report.page.before_training import _in_words, _tau, write_before_training


def made_ledgers(header_of, row_of, accuracies, draws=1):
    """Transfers `a` and `b` with freeze counts 0 and 8 at n = 20; 100 test images, the baseline right on half."""

    def row(cell, share, draw):
        return row_of(cell, draw, np.arange(100) < 100 * share)

    ledgers = [(header_of("baseline__original", "", "original", 100, "CIFAR-10"),
                [row((20, 0, False), 0.5, draw) for draw in range(draws)])]  # fmt: skip
    for name, shares in accuracies.items():
        rows = [row((20, count, False), share, draw) for draw in range(draws)
                for count, share in zip((0, 8), shares, strict=True)]  # fmt: skip
        ledgers.append((header_of(f"{name}__original", name, "original", 100, "CIFAR-10"), rows))
    return pair_ledgers(ledgers)


def estimated(estimator, values, draw=0):
    return [Estimated(f"{name}__original", 20, count, draw, estimator, value, 0.1)
            for name, pair in values.items() for count, value in zip((0, 8), pair, strict=True)]  # fmt: skip


def predicted_gain(name, count, gain, low, high):
    return PredictedGain(f"{name}__original", "original", count, False, 0.8, gain, low, high, "transfer")


ACCURACIES = {"a": (0.9, 0.8), "b": (0.6, 0.7)}


def test_tau_and_regret_of_each_question_by_hand(header_of, row_of):
    ledgers = made_ledgers(header_of, row_of, ACCURACIES)
    found = {(one.question, one.candidates, one.tau, one.regret_points)
             for one in agreements(estimated("logme", {"a": (1.0, 2.0), "b": (3.0, 4.0)}), ledgers)
             if one.estimator == "logme"}  # fmt: skip
    rounded = {(question, count, round(tau, 6), round(points, 6)) for question, count, tau, points in found}
    assert rounded == {
        ("layers", 2, -1.0, 10.0),  # of a: 80 chosen where val chooses 90
        ("layers", 2, 1.0, 0.0),  # of b
        ("source", 2, -1.0, 30.0),  # at 0: b chosen, 60 for 90
        ("source", 2, -1.0, 10.0),  # at 8: b chosen, 70 for 80
        ("both", 4, round(-4 / 6, 6), 20.0),  # one pair of six alike; b at 8 chosen, 70 for 90
    }


def test_rules_and_leep_have_a_value_at_each_freeze_count():
    leep = [Estimated("a__original", 20, 0, 0, "leep", -0.3, 0.0)]
    values = values_by_estimator([*leep, *estimated("logme", {"a": (1.0, 2.0)})])
    places = [("a__original", 20, count, 0) for count in (0, 8)]
    assert [values["leep"][place] for place in places] == [-0.3, -0.3]
    assert [values["freeze least"][place] for place in places] == [0.0, -8.0]
    assert [values["freeze most"][place] for place in places] == [0.0, 8.0]
    assert [values["at random"][place] for place in places] == [0.0, 0.0]


def test_a_mean_is_over_draws_and_one_draw_has_no_interval(header_of, row_of):
    ledgers = made_ledgers(header_of, row_of, ACCURACIES, draws=2)
    right, wrong = {"a": (4.0, 3.0), "b": (1.0, 2.0)}, {"a": (1.0, 2.0), "b": (4.0, 3.0)}
    estimates = [*estimated("logme", right), *estimated("logme", wrong, draw=1)]

    def worth(some):
        return next(
            one for one in worths(agreements(some, ledgers)) if (one.estimator, one.question) == ("logme", "both")
        )

    both = worth(estimates)
    assert both.tau.estimate == pytest.approx(0.0) and both.tau.draws == 2
    assert both.tau.low < 0 < both.tau.high
    alone = worth(estimates[:4])
    assert (alone.tau.low, alone.tau.high, alone.regret_points.estimate) == (1.0, 1.0, 0.0)


def test_an_estimate_that_is_the_same_everywhere_has_regret_and_no_tau(header_of, row_of):
    ledgers = made_ledgers(header_of, row_of, ACCURACIES)
    found = worths(agreements(estimated("logme", {"a": (0.0, 0.0), "b": (0.0, 0.0)}), ledgers))
    both = next(one for one in found if (one.estimator, one.question) == ("at random", "both"))
    assert both.tau is None
    assert both.regret_points.estimate == pytest.approx(90 - 75)


def test_predicted_gains_are_judged_by_the_gain_of_draw_0_and_stay_where_it_was_not_trained(header_of, row_of):
    predicted_gains = (
        predicted_gain("b", 4, 60.0, 50.0, 70.0),
        predicted_gain("a", 0, 35.0, 30.0, 45.0),
        predicted_gain("control", 0, 30.0, 20.0, 40.0),  # not a transfer of these ledgers
        predicted_gain("b", 8, 5.0, 0.0, 19.0),
    )
    before = BeforeTraining(calibration="", level=0.9, predicted_gains={20: predicted_gains}, estimates=(), seconds=0.0)
    found = judged(before, made_ledgers(header_of, row_of, ACCURACIES, draws=2))
    gains = [None if one.gain_points is None else round(one.gain_points, 6) for one in found]
    counts = [one.predicted.freeze_count for one in found]
    assert list(zip(counts, gains, [one.held for one in found], strict=True)) == [
        (4, None, None), (0, 40.0, True), (8, 20.0, False),
    ]  # fmt: skip


def test_the_largest_predicted_gain_is_named_although_the_search_did_not_train_its_cell(header_of, row_of, tmp_path):
    predicted_gains = predicted_gain("b", 4, 60.0, 50.0, 70.0), predicted_gain("a", 0, 35.0, 30.0, 45.0)
    before = BeforeTraining(calibration="", level=0.9, predicted_gains={20: predicted_gains}, estimates=(), seconds=0.0)
    section = write_before_training(tmp_path, before, made_ledgers(header_of, row_of, ACCURACIES), (20,))
    about = section.as_json()
    assert (about["predicted_gains"], about["measured"], about["held"]) == (2, 1, 1)
    assert (about["first"][0]["gain_points"], about["first"][0]["measured_gain_points"]) == (60.0, None)
    with (tmp_path / "predicted_gains.csv").open() as file:
        table = [(row["freeze_count"], row["fine_tune"], row["measured_gain_points"]) for row in csv.DictReader(file)]
    assert table == [("4", "false", ""), ("0", "false", "40.0")]


@pytest.fixture
def shown(quick_ledgers, before_of, tmp_path):
    (tmp_path / "figures").mkdir()
    before = before_of(quick_ledgers)
    return write_before_training(tmp_path, before, pair_ledgers(quick_ledgers), (20, 100, 400)), before


def test_the_section_counts_what_held_and_names_the_largest_predicted_gain_of_each_size(shown, tmp_path):
    section, before = shown
    assert len(section.found) == 2 * 3 * 3 * 2
    assert [one.n for one in section.firsts] == [20, 100, 400]
    for one in section.firsts:
        assert one.predicted == before.predicted_gains[one.n][0]
    assert section.held == sum(abs(one.gain_points - one.predicted.gain_points) <= 5 for one in section.found)
    about = section.as_json()
    assert (about["predicted_gains"], about["held"], about["draws"]) == (36, section.held, 2)
    with (tmp_path / "predicted_gains.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 36 and float(rows[0]["measured_gain_points"]) == section.found[0].gain_points
    with (tmp_path / "estimates.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(before.estimates)


def test_the_picture_has_a_panel_for_each_estimator_and_the_table_a_row(shown):
    section, _ = shown
    assert section.plots.path.name == "estimates.png" and section.n == 100
    assert list(section.worth) == [
        "LEEP", "LogME", "linear probe, accuracy", "freeze least: no estimate", "freeze most", "at random",
    ]  # fmt: skip
    assert section.worth["LogME"]["both"][0].startswith("1.00") or float(section.worth["LogME"]["both"][0][:4]) > 0.5
    assert section.worth["LEEP"]["layers"] == ("-", section.worth["at random"]["layers"][1])


def test_of_a_single_estimated_cell_there_is_no_picture_and_no_table(header_of, row_of, tmp_path):
    estimates = estimated("logme", {"a": (0.3, 0.5)})[:1]
    before = BeforeTraining(calibration="", level=0.9, predicted_gains={}, estimates=estimates, seconds=0.0)
    (tmp_path / "figures").mkdir()
    section = write_before_training(tmp_path, before, made_ledgers(header_of, row_of, {"a": (0.9, 0.8)}), (20,))
    assert section.plots is None and section.worth == {}


def test_without_estimates_there_is_no_picture(quick_ledgers, before_of, tmp_path):
    (tmp_path / "figures").mkdir()
    before = before_of(quick_ledgers).model_copy(update={"estimates": ()})
    section = write_before_training(tmp_path, before, pair_ledgers(quick_ledgers), (20, 100, 400))
    assert section.plots is None and section.worth == {}
    assert dataclasses.asdict(section)["draws"] == 0


def test_figures_in_words_have_no_signed_zero_and_tau_stays_within_its_bounds():
    assert _in_words(Interval(-1.0, -0.01, 1.0, 3), 1) == "0.0 [-1.0, 1.0]"
    assert _in_words(Interval(0.5, 0.5, 0.5, 1), 1) == "0.5"
    assert _tau(Interval(-1.6, -0.5, 0.6, 3)) == "-0.50 [-1.00, 0.60]"
    assert _tau(None) == _in_words(None, 1) == "-"
