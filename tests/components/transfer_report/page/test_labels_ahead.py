"""Sentences on further images: every kind of answer, and none. Imports no TensorFlow."""

from __future__ import annotations

import pytest

from components.transfer_report.page.labels_ahead import (
    images_in_words,
    label_rows,
    label_sentences,
    silent_sentences,
    wished_in_words,
)


def images(low, expected, high):
    return {"low": low, "expected": expected, "high": high}


def curve(name="a__original", silent=None, fresh=True, collapsed=(), takes=(130.0, 212.0, 456.0)):
    points = [
        {"n": 20, "accuracy": 0.7, "draws": 5, "fresh": fresh},
        {"n": 100, "accuracy": 0.9, "draws": 5, "fresh": True},
    ]
    found = {"name": name, "points": points, "collapsed": list(collapsed), "silent": silent}
    if silent:
        return found
    ahead = [{"times": times, "n": 100 * times, "low": 0.91, "expected": 0.931, "high": 0.96} for times in (2, 5, 20)]
    return found | {"sizes": [20.0, 2000.0], "ahead": ahead, "images": images(*takes)}


def labels(*curves, met=None, winner="a__original"):
    met = None if met is None else met | {"largest": 2000.0}
    return {"n": 100, "level": 0.9, "wished_accuracy": 0.95, "winner": winner, "curves": list(curves), "met": met}


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (images(130.0, 212.0, 456.0), "210 [130, 460]"),
        (images(130.0, 212.0, None), "210 [130, >2,000]"),
        (images(130.0, None, None), ">2,000 [130, >2,000]"),
        (images(None, None, None), "more than 2,000"),
        (images(20.0, 20.0, 20.0), "at most 20"),
        (images(20.0, 31.0, 44.0), "31 [≤20, 44]"),
        (images(20.0, 90.0, None), "unknown [≤20, >2,000]"),
    ],
)
def test_images_are_open_where_the_curve_ends(found, words):
    assert images_in_words(found, 20, 2000) == words


def test_the_winner_is_told_with_its_accuracies_and_its_images():
    expected, takes, met = label_sentences(labels(curve(), curve("from scratch"), met=images(None, None, None)))
    assert expected == ("a__original is expected to reach 93.1% [91.0, 96.0] with 200, 93.1% [91.0, 96.0] with 500, "
                        "93.1% [91.0, 96.0] with 2,000 images.")  # fmt: skip
    assert takes == "For 95.0% it takes 210 [130, 460] images."
    assert met == "Training from scratch stays more than a point behind up to 2,000 images."


def test_a_curve_that_ends_before_twice_the_users_images_says_so():
    short = curve()
    short["ahead"] = [place | {"low": None, "expected": None, "high": None} for place in short["ahead"]]
    expected, *_ = label_sentences(labels(short, curve("from scratch")))
    assert expected == "a__original: no forecast beyond 2,000 images, where its curve ends."


@pytest.mark.parametrize(
    ("takes", "said"),
    [
        ((None, None, None), "takes more than 2,000 images, as far as the curve is known."),
        (
            (640.0, None, None),
            "is expected to take more than 2,000 images, as far as the curve is known, but may take only 640.",
        ),
    ],
)
def test_an_accuracy_out_of_reach_is_told_as_an_open_interval(takes, said):
    assert label_sentences(labels(curve(takes=takes), curve("from scratch")))[1] == f"For 95.0% it {said}"


def test_an_interval_over_all_sizes_gives_no_number():
    """On ants and bees 95% took "90 [≤10, >4,000]" images where 94.9% had been measured with 200."""
    takes = label_sentences(labels(curve(takes=(20.0, 90.0, None)), curve("from scratch")))[1]
    assert takes == ("How many images 95.0% needs is unknown: every number from 20 or fewer to more than 2,000 is "
                     "consistent with the measurements.")  # fmt: skip


@pytest.mark.parametrize(
    ("met", "said"),
    [
        (None, "no estimate of when"),
        (images(300.0, None, None), "may catch up at 300."),
        (images(100.0, 100.0, 400.0), "with 100 images already"),
        (
            images(100.0, 800.0, None),
            "It is unknown how many images training from scratch needs to be less than a point behind: "
            "perhaps 100, perhaps more than 2,000.",
        ),
        (images(300.0, 800.0, None), "From 800 [300, >2,000] images on, training from scratch"),
    ],
)
def test_what_transferring_is_worth_then(met, said):
    assert said in label_sentences(labels(curve(), curve("from scratch"), met=met))[2]


def test_what_curves_use_other_than_fresh_draws_is_told_once_for_equal_sizes():
    scratch = curve("from scratch", fresh=False, collapsed=(10, 15))
    assert label_sentences(labels(curve(fresh=False), scratch, curve("b__original")))[3:] == [
        "a__original, from scratch: no fresh draws at n = 20. The curve uses the search's draws there, which "
        "overestimate a little: val chose the cell on them.",
        "from scratch: every training at n = 10, n = 15 collapsed, so the curve says nothing there.",
    ]


def test_a_silent_winner_has_its_reason_and_no_number():
    silent = labels(curve(silent="It was measured only at n = 20."), curve("from scratch", silent="No."))
    assert label_sentences(silent) == ["a__original: no forecast. It was measured only at n = 20."]
    assert silent_sentences(silent) == ["from scratch: no forecast. No."]
    assert [(row["ahead"], row["images"]) for row in label_rows(silent)] == [([], "")] * 2


def test_rows_name_the_winner_and_what_was_measured_last():
    first, second = label_rows(labels(curve(), curve("from scratch")))
    assert (first["is_winner"], second["is_winner"]) == (True, False)
    assert first["measured"] == "90.0% at n = 100" and first["ahead"] == ["93.1% [91.0, 96.0]"] * 3


@pytest.mark.parametrize(
    ("accuracy", "words"),
    [(0.95, "95.0%"), (0.999, "99.9%"), (0.9999, "99.99%"), (0.999999, "99.9999%"), (1e-9, "0.0000001%")],
)
def test_a_wished_accuracy_is_not_rounded_up_to_100_percent(accuracy, words):
    assert wished_in_words(accuracy) == words
