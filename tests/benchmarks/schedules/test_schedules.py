"""Comparing schedules: what is trained, what is taken from an earlier run. Trains nothing."""

import json

import pytest

from benchmarks.inputs import grid
from benchmarks.schedules import schedule_choice, schedules
from benchmarks.schedules.schedules import BASELINE, GROUPS, OWN, PLAIN, TRANSFER, CellDraw, Pair
from trainer_module.cell_training.step_schedule import StepSchedule

PLACES = [CellDraw(TRANSFER, 10, 8, False, 0), CellDraw(TRANSFER, 10, 8, True, 0)]


class Score:
    def __init__(self, accuracy):
        self.test = self
        self.accuracy = accuracy


class CountedEngines:
    """Engines whose accuracies can be distinguished, and that remember what they were asked for."""

    source_hash = "one source"

    def __init__(self, *arguments):
        type(self).asked = []

    def of(self, role, name):
        engine = type("Engine", (), {})()
        engine.run = lambda cell, draw: self._run(name, cell, draw)
        return engine

    def _run(self, name, cell, draw):
        self.asked.append((name, cell.fine_tune, draw))
        return Score(0.5 + 0.1 * (name == "own") + 0.01 * draw)


@pytest.fixture
def compared(monkeypatch, tmp_path):
    monkeypatch.setattr(schedules, "Engines", CountedEngines)
    return lambda places=PLACES: list(schedules.compare(None, tmp_path, places))


def test_what_an_earlier_run_trained_is_not_trained_again(compared):
    first = compared()
    assert first == [Pair(place, 0.5, 0.6) for place in PLACES] and len(CountedEngines.asked) == 4
    assert compared([*PLACES, CellDraw(TRANSFER, 10, 8, False, 1)])[:2] == first
    assert {draw for _, _, draw in CountedEngines.asked} == {1}


def test_a_training_with_other_settings_is_another_one(compared, monkeypatch):
    compared()
    monkeypatch.setattr(schedules, "OWN", StepSchedule(OWN.settings.model_copy(update={"max_steps": 7})))
    compared()
    assert [name for name, _, _ in CountedEngines.asked] == ["own", "own"]


@pytest.mark.parametrize("changed", ["source", "code"])
def test_a_training_of_another_source_or_code_is_another_one(compared, monkeypatch, changed):
    compared()
    if changed == "source":
        monkeypatch.setattr(CountedEngines, "source_hash", "another")
    else:
        monkeypatch.setattr(schedules, "source_fingerprint", lambda *names: "another")
    compared()
    assert len(CountedEngines.asked) == 4


def test_the_record_names_the_whole_schedule(compared, tmp_path):
    compared()
    lines = [json.loads(line) for line in (tmp_path / "schedule_pairs.jsonl").read_text().splitlines()]
    assert lines[0]["key"]["schedule"] == f"plain {PLAIN.settings.model_dump_json()}"


def test_differences_are_points_of_own_less_plain_and_twins_count_once():
    pairs = [
        Pair(CellDraw(TRANSFER, 10, 8, tuned, draw), 0.5, 0.5 + 0.01 * draw + 0.02 * tuned)
        for tuned in (False, True)
        for draw in (0, 2)
    ]
    found = schedules.summarise(pairs)
    assert schedules.units(pairs) == pytest.approx([1.0, 3.0])
    assert found["transfer k=8"]["mean"] == 1.0 and found["transfer k=8 fine-tuned"]["mean"] == 3.0
    assert found["all"] == found["transfer"] == found["transfer n=10"]
    assert found["all"]["mean"] == 2.0 and (found["all"]["pairs"], found["all"]["units"]) == (4, 2)


def test_a_size_repeated_more_often_counts_no_more():
    often = [Pair(CellDraw(TRANSFER, 10, 8, False, draw), 0.5, 0.5) for draw in range(10)]
    seldom = [Pair(CellDraw(TRANSFER, 20, 8, False, draw), 0.5, 0.54) for draw in range(2)]
    assert schedules.summarise([*often, *seldom])["all"]["mean"] == 2.0


def test_small_sizes_are_repeated_as_often_as_said_on_draws_of_their_own():
    places = GROUPS["again"]
    assert len(set(places)) == len(places)
    for n, count in schedules.MORE_DRAWS.items():
        mine = [place for place in places if place.n == n and place.role == TRANSFER]
        assert len({place.draw for place in mine}) == count and len(mine) == 2 * count
    others = {place.draw for name, group in GROUPS.items() if name != "again" for place in group}
    assert not others & {place.draw for place in places}
    assert {place.k for place in places} == set(grid.FREEZE_COUNTS)


def test_the_third_holds_every_size_and_freeze_count_equally_often():
    places = [place for place in (*GROUPS["shallow"], *GROUPS["deep"]) if not place.fine_tune]
    assert len(places) == len(grid.SIZES) * len(grid.FREEZE_COUNTS) / 3
    assert all(sum(place.n == n for place in places) == 3 for n in grid.SIZES)
    assert all(sum(place.k == k for place in places) == 3 for k in grid.FREEZE_COUNTS)
    assert all(sum(place.draw == schedules.FIRST_DRAW + draw for place in places) == 9 for draw in range(3))


def test_no_draw_that_chose_the_schedule_is_compared_on():
    compared = {place.draw for group in GROUPS.values() for place in group}
    assert min(compared) > max(schedule_choice.DRAWS)
    assert {place.role for place in GROUPS["baselines"]} == {BASELINE}
