"""Comparing schedules: what is trained, what is taken from an earlier run. Trains nothing."""

import json

import pytest

from benchmarks import schedules
from benchmarks.schedules import OWN, PLAIN, TRANSFER, Pair

CELLS = [(TRANSFER, 10, 8, False), (TRANSFER, 10, 8, True)]


class Score:
    def __init__(self, accuracy):
        self.test = self
        self.accuracy = accuracy


class CountedEngines:
    """Engines whose accuracies can be told apart, and that remember what they were asked for."""

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
    return lambda draws: list(schedules.compare(None, tmp_path, CELLS, range(draws)))


def test_what_an_earlier_run_trained_is_not_trained_again(compared):
    first = compared(1)
    assert first == [Pair(*cell, 0, 0.5, 0.6) for cell in CELLS] and len(CountedEngines.asked) == 4
    assert compared(2)[:2] == first
    assert {draw for _, _, draw in CountedEngines.asked} == {1}


def test_a_training_with_other_settings_is_another_one(compared, monkeypatch):
    compared(1)
    monkeypatch.setattr(schedules, "OWN", OWN.model_copy(update={"max_steps": 7}))
    compared(1)
    assert [name for name, _, _ in CountedEngines.asked] == ["own", "own"]


def test_the_record_names_the_whole_schedule(compared, tmp_path):
    compared(1)
    lines = [json.loads(line) for line in (tmp_path / "schedules.jsonl").read_text().splitlines()]
    assert lines[0]["schedule"] == f"plain {PLAIN.model_dump_json()}"


def test_differences_are_points_of_own_less_plain_by_freeze_count_size_and_fine_tuning():
    pairs = [Pair(TRANSFER, 10, 8, tuned, draw, 0.5, 0.5 + 0.01 * draw) for tuned in (False, True) for draw in (0, 2)]
    found = schedules.summarise(pairs)
    assert found["transfer k=8"]["mean"] == found["transfer k=8 fine-tuned"]["mean"] == 1.0
    assert found["all"]["pairs"] == found["transfer n=10"]["pairs"] == 4
