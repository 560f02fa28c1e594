"""Pairs of the two precisions: which places, the record, the summary. Trains nothing."""

import dataclasses

import pytest

from benchmarks.inputs.precision_pairs import COLUMNS, Pair, Place, append, read_pairs, summarise, units
from benchmarks.precision import COUNTS, blocks

PLACE = Place("transfer", "original", 20, 4, False, 700)


def pair(single, half, **changes):
    return Pair(dataclasses.replace(PLACE, **changes), single, half, 2.0, 1.0, False, False)


def test_every_architecture_size_count_and_way_comes_up_and_no_place_twice():
    places = [place for block in blocks() for place in block]
    assert len(places) == len(set(places)) >= 100
    transfers = {(one.architecture, one.k, one.n) for one in places if one.role == "transfer"}
    assert transfers == {
        (name, k, n) for name, counts in COUNTS.items() for k in counts for n in (20, 50, 100, 200, 400)
    }
    assert all(one.k or not one.fine_tune for one in places)


def test_a_record_gives_its_pairs_back_and_those_of_other_code_are_not_used(tmp_path):
    record, one = tmp_path / "new" / "pairs.csv", pair(0.75, 0.7515, fine_tune=True)
    append(record, one, "c0de")
    append(record, pair(0.5, 0.5), "older")
    assert record.read_text().splitlines()[0] == ",".join([*COLUMNS, "code"])
    assert read_pairs(record, "c0de") == {one.place: one} and read_pairs(tmp_path / "none", "c0de") == {}


def test_a_fine_tuned_cell_and_its_twin_are_one_unit():
    pairs = [pair(0.5, 0.52), pair(0.5, 0.54, fine_tune=True), pair(0.5, 0.51, draw=701)]
    assert units(pairs) == pytest.approx([3, 1])


def test_the_summary_is_bfloat16_less_float32_in_points_with_student_s_interval():
    found = summarise([pair(0.5, 0.51), pair(0.5, 0.52, draw=701), pair(0.5, 0.53, draw=702)])
    assert (found["all"]["points"], found["all"]["pairs"]) == (2.0, 3)
    assert found["all"]["high"] == pytest.approx(2 + 4.3027 / 3**0.5, abs=0.01)
    assert found["n=20"]["times_as_fast"] == 2.0
