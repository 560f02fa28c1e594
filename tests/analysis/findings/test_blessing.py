"""Every reason against a push, and that the winner is chosen by val alone. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scipy.stats import false_discovery_control

from analysis.cells.cell_summaries import CellSummary, ClassF1, MeasuredCell
from analysis.findings.blessing import Candidate, Evaluation, decide
from analysis.findings.from_scratch import FromScratch
from analysis.statistics.paired_intervals import Interval, Verdict, difference_interval, verdict
from experiment.config import Blessing
from ledger.cell_selection import Cell

SETTINGS = Blessing(min_accuracy=0.6, min_gain_points=0.0, max_class_loss_points=5.0)
SUMMARY = CellSummary(
    sweep="cats_dogs__original",
    source="cats_dogs",
    architecture="original",
    baseline_architecture="original",
    max_freeze_count=8,
    cell=Cell(400, 4, True),
    val_accuracy=0.8,
    accuracy=Interval(0.75, 0.8, 0.85, 2),
    baseline=Interval(0.65, 0.7, 0.75, 2),
    gain_points=Interval(4.0, 10.0, 16.0, 2),
    improvement_percent=14.3,
    p_value=0.01,
    verdict="gain",
)

OTHER = MeasuredCell(
    "baseline__remastered", "", "remastered", "remastered", 6, Cell(400, 0, False), 0.79, Interval(0.7, 0.75, 0.8, 2)
)


def candidate(
    transfer: str = "cats_dogs__original",
    classes: tuple[ClassF1, ...] = (),
    evaluation: Evaluation = Evaluation(True),  # noqa: B008, frozen
    **changes: Any,
) -> Candidate:
    lead, rejected = changes.pop("lead", Interval(2.0, 5.0, 8.0, 2)), changes.pop("rejected", True)
    scratch = FromScratch(OTHER, lead, verdict(lead, rejected=rejected))
    return Candidate(transfer, dataclasses.replace(SUMMARY, **changes), classes, evaluation, scratch)


def reasons(settings: Blessing = SETTINGS, **changes: Any) -> tuple[str, ...]:
    return decide([candidate(**changes)], settings).winner.reasons


def test_a_candidate_that_meets_all_is_blessed_and_pushed() -> None:
    decision = decide([candidate()], SETTINGS)
    assert decision.winner.reasons == ()
    assert decision.winner.blessed
    assert decision.pushed


OVER = "over the same architecture from random weights"


@pytest.mark.parametrize(
    ("gain", "called", "margin", "words"),
    [
        (
            Interval(-0.4, 3.1, 6.6, 2), "undecided", 0.0,
            f"the gain of +3.1 points [-0.4, +6.6] {OVER} is undecided: its interval includes 0",
        ),
        (
            Interval(0.5, 3.1, 5.7, 2), "undecided", 0.0,
            f"the gain of +3.1 points [+0.5, +5.7] {OVER} is undecided: with this many comparisons on fresh draws, "
            "an interval like this can lie above 0 by chance (Holm)",
        ),
        (
            Interval(0.5, 3.1, 5.7, 2), "gain", 1.5,
            "the gain of +3.1 points [+0.5, +5.7] may be too small: its lower bound is not above 1.5",
        ),
        (
            Interval(-6.0, -1.0, 4.0, 2), "undecided", 0.0,
            f"the gain of -1.0 points [-6.0, +4.0] {OVER} is undecided: its interval includes 0",
        ),
        (
            Interval(-6.0, -3.0, -0.1, 2), "undecided", 0.0,
            f"the gain of -3.0 points [-6.0, -0.1] {OVER} is undecided: with this many comparisons on fresh draws, "
            "an interval like this can lie below 0 by chance (Holm)",
        ),
        (
            Interval(-9.0, -5.0, -1.0, 2), "loss", 0.0,
            "it is worse than the same architecture from random weights: -5.0 points [-9.0, -1.0]",
        ),
        (
            Interval(4.0, 5.0, 6.0, 1), "undecided", 0.0,
            "the difference of +5.0 points rests on one draw, which can't distinguish a gain from chance; set draws to "
            "2 or more",
        ),
    ],
)  # fmt: skip
def test_a_gain_that_is_none_to_push_for_is_named(gain: Interval, called: str, margin: float, words: str) -> None:
    assert reasons(Blessing(min_gain_points=margin), gain_points=gain, verdict=called) == (words,)


differences = st.integers(0, 2**32 - 1).map(
    lambda seed: np.random.default_rng(seed).choice([-1.0, 0.0, 1.0], (3, 40), p=[0.1, 0.6, 0.3])
)


@given(st.lists(differences, min_size=1, max_size=8), differences, st.floats(0, 5))
def test_what_is_blessed_has_the_verdict_gain_and_leads_every_network_from_scratch(
    values: list[np.ndarray], over_scratch: np.ndarray, margin: float
) -> None:
    judged = [difference_interval(one) for one in values]
    rejected = false_discovery_control([p_value for _, p_value in judged]) <= 0.05
    lead, _ = difference_interval(over_scratch)
    for (gain, p_value), yes in zip(judged, rejected, strict=True):
        word = verdict(gain, bool(yes))
        one = candidate(gain_points=gain, p_value=p_value, verdict=word, lead=lead)
        blessed = decide([one], Blessing(min_gain_points=margin)).winner.blessed
        assert blessed == (word == "gain" and gain.low > margin and lead.low > margin)


@pytest.mark.parametrize(
    ("lead", "words"),
    [
        (Interval(-4.0, -2.6, -1.2, 2), "a network without transfer is better"),
        (Interval(-1.0, 1.5, 4.0, 2), "a network without transfer may be as good"),
    ],
)
def test_a_network_from_scratch_of_another_architecture_that_may_be_better_is_named(lead: Interval, words: str) -> None:
    [reason] = reasons(lead=lead)
    assert reason.startswith(f"{words}: the remastered network from scratch, the best of the baselines on val, ")
    assert "reaches 75.0%; the transfer's lead is" in reason


@pytest.mark.parametrize(
    ("lead", "rejected", "begin", "end"),
    [
        (Interval(-4.0, -2.6, -1.2, 2), True, "a network without transfer is better: ", "-2.6 points [-4.0, -1.2]"),
        (Interval(-4.0, -2.6, -1.2, 2), False, "a network without transfer may be better: ", "0 by chance (Holm)"),
        (Interval(0.5, 2.6, 4.7, 2), False, "a network without transfer may be as good: ", "above 0 by chance (Holm)"),
        (Interval(-1.0, 1.5, 4.0, 2), False, "a network without transfer may be as good: ", "bound not above 1"),
        (Interval(0.5, 2.6, 4.7, 2), True, "the lead over the best network without transfer may be too small: ",
         "bound not above 1"),
    ],
)  # fmt: skip
def test_a_lead_is_given_the_word_of_its_verdict_and_no_bound_that_it_has_not(
    lead: Interval, rejected: bool, begin: str, end: str
) -> None:
    """The page calls a lead undecided that Holm's procedure does not reject, wherever its interval lies."""
    gain = Interval(3.0, 5.0, 7.0, 2)
    [reason] = reasons(Blessing(min_gain_points=1), lead=lead, rejected=rejected, gain_points=gain)
    assert reason.startswith(begin) and reason.endswith(end), reason


@pytest.mark.parametrize("called", ["undecided", "loss"])
def test_no_setting_lets_anything_but_a_gain_be_blessed(called: Verdict) -> None:
    with pytest.raises(ValidationError, match="min_gain_points"):
        Blessing(min_gain_points=-5)
    loosest = Blessing(min_accuracy=0, min_gain_points=0, max_class_loss_points=100)
    assert reasons(loosest, gain_points=Interval(0.1, 1, 5, 2), verdict=called) != ()


def test_a_lower_bound_on_the_margin_is_not_enough() -> None:
    assert reasons(Blessing(min_gain_points=4.0), lead=Interval(5, 6, 7, 2)) != ()
    assert reasons(Blessing(min_gain_points=3.9), lead=Interval(5, 6, 7, 2)) == ()


def test_an_accuracy_below_the_floor_is_named() -> None:
    assert reasons(Blessing(min_accuracy=0.9)) == ("its accuracy of 80.0% is below the floor of 90.0%",)
    assert reasons(Blessing(min_accuracy=0.8)) == ()


def test_what_meets_a_bound_but_for_rounding_meets_it() -> None:
    """1,200 of 2,000 right are 60%; the mean of five draws' shares is 0.5999999999999999."""
    accuracy = float(np.mean([right / 400 for right in (237, 228, 236, 255, 244)]))
    assert accuracy < 0.6
    assert reasons(Blessing(min_accuracy=0.6), accuracy=Interval(0.55, accuracy, 0.65, 5)) == ()
    lost = ClassF1("truck", 50, 0.7, 0.75, 1.0)
    assert lost.loss_points > 5 and reasons(classes=(lost,)) == ()


def test_of_candidates_that_are_equal_but_for_rounding_the_first_wins() -> None:
    equal = [candidate("first", val_accuracy=0.85), candidate("second", val_accuracy=(0.9 + 0.8) / 2)]
    assert equal[1].summary.val_accuracy > equal[0].summary.val_accuracy
    assert decide(equal, SETTINGS).winner.candidate.transfer == "first"


def test_no_figure_is_said_to_miss_the_bound_that_it_is_rounded_to() -> None:
    assert reasons(Blessing(min_accuracy=0.8001)) == ("its accuracy of 80.00% is below the floor of 80.01%",)
    [reason] = reasons(classes=(ClassF1("truck", 50, 0.5496, 0.6, 1.0),))
    assert "loses 5.04 points of F1" in reason and "at most 5 are allowed" in reason


def test_a_class_that_loses_too_much_is_named() -> None:
    classes = (ClassF1("automobile", 50, 0.9, 0.7, 9.0), ClassF1("truck", 50, 0.6, 0.7, 9.0))
    [reason] = reasons(classes=classes)
    wanted = "the class truck loses 10.0 points of F1 against the baseline (70.0% to 60.0%); at most 5 are allowed"
    assert reason == wanted
    assert reasons(Blessing(max_class_loss_points=11), classes=classes) == ()


def test_a_loss_whose_interval_includes_0_is_no_reason() -> None:
    lost = ClassF1("truck", 4, 0.6, 0.7, 10.1)
    assert lost.loss_points == pytest.approx(10) and not lost.loses and reasons(classes=(lost,)) == ()


def test_what_the_evaluator_said_is_passed_on() -> None:
    evaluation = Evaluation(False, ("accuracy 0.5 is below 0.6", "slice truck fell"))
    assert reasons(evaluation=evaluation) == (
        "Evaluator (TFMA): accuracy 0.5 is below 0.6",
        "Evaluator (TFMA): slice truck fell",
    )


def test_an_evaluator_without_a_reason_still_blocks() -> None:
    assert reasons(evaluation=Evaluation(False)) == ("Evaluator (TFMA) did not bless it and gave no reason",)


def test_all_reasons_are_given_together() -> None:
    weak = {"gain_points": Interval(-1, 1, 3, 2), "verdict": "undecided", "evaluation": Evaluation(False, ("no",))}
    assert len(reasons(Blessing(min_accuracy=0.9), **weak)) == 3


def test_the_winner_is_the_best_on_val_even_if_another_is_better_on_test() -> None:
    on_test = candidate(transfer="a", val_accuracy=0.80, accuracy=Interval(0.9, 0.95, 1.0, 2))
    on_val = candidate(transfer="b", val_accuracy=0.81, gain_points=Interval(-1, 1, 3, 2), verdict="undecided")
    decision = decide([on_test, on_val], SETTINGS)
    assert decision.winner.candidate.transfer == "b"
    assert not decision.pushed
    assert [outcome.blessed for outcome in decision.outcomes] == [True, False]


def test_the_first_of_equals_wins() -> None:
    decision = decide([candidate(transfer="a"), candidate(transfer="b")], SETTINGS)
    assert decision.winner.candidate.transfer == "a"


def test_no_candidate_is_refused() -> None:
    with pytest.raises(ValueError, match="No candidate"):
        decide([], SETTINGS)
