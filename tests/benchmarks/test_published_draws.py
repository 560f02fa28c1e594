"""Fresh draws of the published choices: what is asked, the record, the answers, the page. Trains nothing."""

import dataclasses
import gzip
from pathlib import Path

import numpy as np
import pytest

from benchmarks.inputs.fresh_rows import FreshRow, Place, append, fresh_draws, missing, read_rows
from benchmarks.inputs.published_search import asked, cells_to_train, search_grid, trained
from benchmarks.published_answers import answers, best_transfers, confirmation
from docs_build.fresh_section import ADVICE, CHANGES, CLAIMS, LABELS, TRANSFERS, with_answers
from docs_build.fresh_tables import read_earlier
from experiment.errors import ThawError
from ledger.cell_selection import Cell

PUBLISHED = Path(__file__).parents[2] / "docs" / "results" / "ledger.csv.gz"
PLACE = Place("cats_dogs__original", False, "float32", Cell(20, 3, True), 1000)
IMAGES = 400


def row(place, accuracy=0.75):
    correct = np.arange(IMAGES) < round(IMAGES * accuracy)
    return FreshRow(place, accuracy, 1.0, 2.5, np.roll(correct, place.draw % 7), "c0de")


def rows_of(grid, accuracy_of, sweeps=None, solved=False):
    """A row for every cell that is trained, on all its draws."""
    places = [
        Place(name, solved and "baseline" not in name, "float32", cell, draw)
        for name, cells in cells_to_train(grid).items() if sweeps is None or name in sweeps
        for cell in cells for draw in fresh_draws(cell.n)
    ]  # fmt: skip
    return {place: row(place, accuracy_of(place)) for place in places}


def better(place):
    return 0.7 if "baseline" in place.sweep else 0.9


@pytest.fixture(scope="module")
def grid():
    return search_grid(PUBLISHED)


def test_the_best_on_val_is_chosen_and_ties_go_to_more_frozen_layers(tmp_path):
    lines = ["transfer,n,freeze_count,fine_tune,draw,val_accuracy,test_accuracy"]
    for name, k, tuned, values in (
        ("a__original", 3, "true", (0.9, 0.8)), ("a__original", 5, "false", (0.85, 0.85)),
        ("a__original", 6, "false", (0.9, 0.7)), ("a__original", 2, "false", (0.7, 0.7)),
        ("baseline__original", 0, "false", (0.5, 0.6)), ("baseline__original", 0, "true", (0.5, 0.6)),
    ):  # fmt: skip
        lines += [f"{name},20,{k},{tuned},{draw},{value},0.5" for draw, value in enumerate(values)]
    with gzip.open(tmp_path / "ledger.csv.gz", "wt") as file:
        file.write("\n".join(lines))
    grid = search_grid(tmp_path / "ledger.csv.gz")
    [question] = asked(grid)
    assert question.chosen == ("a__original", Cell(20, 5, False)) and question.val_accuracy == pytest.approx(0.85)
    # C6 compares the best of more than half of the layers frozen, 5, with the best of fewer, 3.
    assert cells_to_train(grid) == {
        "a__original": [Cell(20, 3, True), Cell(20, 5, False)], "baseline__original": [Cell(20, 0, False)],
    }  # fmt: skip


def test_small_sizes_have_ten_draws_and_none_is_of_the_search():
    assert [len(fresh_draws(n)) for n in (10, 20, 50, 100, 2000)] == [10, 10, 10, 5, 5]
    assert min(fresh_draws(10)) == 1000


def test_a_record_gives_its_rows_back_and_only_the_others_are_missing(tmp_path):
    record, other = tmp_path / "new" / "rows.csv", dataclasses.replace(PLACE, draw=1001, precision="bfloat16")
    for one in (row(PLACE), row(other, 0.51)):
        append(record, one)
    found = read_rows(record)
    assert list(found) == [PLACE, other]
    np.testing.assert_array_equal(found[other].correct, row(other, 0.51).correct)
    kept = [(one.val_accuracy, one.train_accuracy, one.seconds, one.code) for one in found.values()]
    assert kept == [(0.75, 1.0, 2.5, "c0de"), (0.51, 1.0, 2.5, "c0de")]
    solved = dataclasses.replace(PLACE, solved=True)
    assert missing([PLACE, solved], found) == [solved]
    assert read_rows(tmp_path / "none.csv") == {}


def test_every_published_transfer_is_asked_about_at_every_size_against_the_best_from_scratch(grid):
    questions = asked(grid)
    assert len(questions) == 5 * 9 and len({(one.n, one.chosen[0]) for one in questions}) == 45
    cells = cells_to_train(grid)
    for one in questions:
        assert trained(one.baseline) == (f"baseline__{one.chosen[0].split('__')[1]}", Cell(one.n, 0, False))
        assert one.scratch[0].startswith("baseline__")
        assert all(trained(place)[1] in cells[place[0]] for place in one.cells)
    assert best_transfers(grid)[2000] == "imagenet__mobilenet_v2"


def test_answers_are_those_of_the_rows(grid):
    found = answers(grid, rows_of(grid, better))
    assert len(found["confirmed_transfers"]) == 45 and len(found["confirmed"]) == len(found["advice"]) == 9
    assert found["transfers_left"] == [] and found["labels"] and not found["collapsed"]
    assert [one["id"] for one in found["claims"]] == ["C1", "C3", "C6", "C7"]
    for one in found["confirmed_transfers"]:
        assert one["accuracy"] == pytest.approx(0.9) and one["gain_points"] == pytest.approx(20)
        assert one["draws"] == (10 if one["n"] <= 50 else 5) and one["verdict"] == "gain"
    assert all(sentence.endswith("from scratch.") for sentence in found["advice"])  # 90% is better than chance


def test_a_baseline_that_several_transfers_have_is_said_to_collapse_once(grid):
    found = answers(grid, rows_of(grid, lambda place: 0.5 if "baseline" in place.sweep else 0.9))
    said = [one for one in found["collapsed"] if one.startswith("n = 20: baseline__remastered ended")]
    assert len(said) == 1 and "in 10 of 10 draws" in said[0]


def test_what_is_not_trained_is_left_out_and_named(grid):
    sweeps = {"imagenet__mobilenet_v2", "baseline__mobilenet_v2", "baseline__original", "baseline__remastered"}
    rows = rows_of(grid, better, sweeps)
    chosen = grid.chosen.transfers["imagenet__mobilenet_v2"][100]
    del rows[Place("imagenet__mobilenet_v2", False, "float32", chosen, 1002)]
    found = answers(grid, rows)
    assert {one["transfer"] for one in found["confirmed_transfers"]} == {"imagenet__mobilenet_v2"}
    assert 100 not in {one["n"] for one in found["confirmed_transfers"]}
    assert not found["labels"] and not found["claims"]
    best = best_transfers(grid)
    assert {one["n"] for one in found["confirmed"]} == {
        n for n, name in best.items() if name == "imagenet__mobilenet_v2" and n != 100
    }
    assert len(found["transfers_left"]) == 4


def test_solved_heads_are_compared_with_the_same_baselines(grid):
    rows = rows_of(grid, better) | rows_of(grid, lambda place: 0.95, {"imagenet__mobilenet_v2"}, solved=True)
    found = confirmation(grid, rows, solved=True)
    assert {answer.question.chosen[0] for answer in found.answers} == {"imagenet__mobilenet_v2"}
    assert all(answer.summary.accuracy.estimate == pytest.approx(0.95) for answer in found.answers)
    trainings = len(rows_of(grid, better, {name for name in cells_to_train(grid) if name.startswith("baseline")}))
    solved = sum(place.solved for place in rows)
    assert answers(grid, rows, solved=True)["trainings"] == trainings + solved
    assert answers(grid, rows)["trainings"] == len(rows) - solved
    with pytest.raises(ThawError):
        confirmation(grid, {}, solved=False)


def test_the_page_takes_the_answers_and_keeps_all_else(grid):
    found = answers(grid, rows_of(grid, better))
    page = (PUBLISHED.parents[1] / "results.md").read_text()
    first = with_answers(page, found, read_earlier(PUBLISHED))
    assert with_answers(first, found, read_earlier(PUBLISHED)) == first
    for title in (ADVICE, TRANSFERS, CHANGES, CLAIMS, LABELS):
        assert first.count(f"## {title}\n") == 1
    before, after = (one[one.index("## The original report's conclusions") :] for one in (page, first))
    assert before == after
    assert first.index(f"## {TRANSFERS}") < first.index(f"## {CHANGES}") < first.index("## Figures")
    assert "90.0%" in first and "Still to be trained" not in first
