"""The setting `tuned`: valid values, the cells that it adds, and their names. No TensorFlow."""

import pytest

from experiment.errors import ThawError
from experiment.loading import validate_config
from experiment.schedules import layers_in_table, tuned_in_words, ways_of


def settings(tuned):
    return {
        "name": "small", "sources": {"cats_dogs": {"classes": ["cat", "dog"]}}, "sizes": [10, 20],
        "transfers": [{"source": "cats_dogs", "architecture": "original"}], "freeze_counts": {"original": [0, 8]},
        "tuned": tuned,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("ranges", "words"),
    [
        ([[3, 3]], "tuned.original asks for [[3, 3]]; of the 8 layers of original, counted from 0"),
        ([[5, 3], [0, 1]], "asks for [[5, 3]]"),
        ([[4, 9]], "expected 0 <= from < to < 8"),
        ([[4, 8]], "[4, 8], which holds no layer: that is 4 in freeze_counts.original; leave it out of tuned"),
        ([[0, 2], [0, 2]], "tuned.original needs different pairs [from, to], got [[0, 2], [0, 2]]"),
        ([], "tuned.original needs different pairs [from, to], got []"),
        ([[-1, 2]], "expected at least 0"),
        ([[0, 0]], "expected more than 0"),
        ([[1]], "tuned.original"),
        ([[1, 2, 3]], "tuned.original"),
        ([["a", 2]], "expected a whole number"),
        ([[True, 2]], "expected a number, got True"),
    ],
)
def test_a_range_that_is_none_is_refused(ranges, words):
    with pytest.raises(ThawError) as caught:
        validate_config(settings({"original": ranges}), "x.yaml")
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schedule": {"tuning": None}}, "tuned needs schedule.tuning, which is null"),
        ({"fine_tune": [True]}, "tuned needs false in fine_tune"),
        ({"tuned": {"resnet": [[0, 1]]}}, "tuned names the unknown architecture 'resnet'"),
    ],
)
def test_what_it_needs_is_said(changes, words):
    with pytest.raises(ThawError) as caught:
        validate_config({**settings({"original": [[2, 4]]}), **changes}, "x.yaml")
    assert words in str(caught.value)


def test_ranges_are_ways_beside_the_freeze_counts_and_never_fine_tuned():
    config = validate_config(settings({"original": [[2, 4], [0, 1]]}), "x.yaml")
    plain = [(0, False, 0), (0, True, 0), (8, False, 0), (8, True, 0)]
    assert config.ways("original") == [*plain, (0, False, 1), (2, False, 4)]
    assert ways_of((0,), (False, True), ()) == plain[:2]


def test_layers_are_counted_from_one_in_words_and_as_configured_in_tables():
    assert tuned_in_words("original", 3, 6) == "layers 4 to 6"
    assert tuned_in_words("mobilenet_v2", 0, 1) == "part 1"
    assert (layers_in_table(4, 0), layers_in_table(3, 6)) == ("4", "[3, 6]")
