"""The trainings and messages of `thaw search`, on a small run made by hand. SYNTHETIC squares."""

import dataclasses
import types

import pytest
from rich.console import Console

from analysis.cells.cell_summaries import CellSummary
from analysis.statistics.paired_intervals import Interval
from experiment.errors import ThawError
from experiment.loading import validate_config
from ledger.cell_selection import Cell
from pipeline.runs.finished_run import FinishedRun
from pipeline.runs.ml_metadata import NodeRun
from pipeline.source_search import search, search_space, search_table
from tests.pipeline.serving.test_tflite import write_split
from trainer_module.oracles.advised_oracle import AdvisedOracle, SearchCandidate
from trainer_module.oracles.gaussian_process import SearchPoint


@pytest.fixture
def config(tmp_path):
    return validate_config(
        {
            "name": "small", "data": {"classes": ["dark", "bright", "left", "right"]}, "workspace": str(tmp_path),
            "target": {"classes": ["dark", "bright"]}, "workers": 2,
            "sources": {"sides": {"classes": ["left", "right"]}, "untrained": {"control": "random"}},
            "transfers": [{"source": s, "architecture": "remastered"} for s in ("sides", "untrained")],
            "sizes": [8, 16], "freeze_counts": {"remastered": [4, 6]}, "candidate_size": 8,
        },
        "x",
    )  # fmt: skip


def test_every_freeze_count_of_one_size_is_searched_without_controls(config):
    found = search_space.searched_config(config, search_space.Wanted(n=12, draws=2, share=0.25))
    assert (found.sizes, found.deployed_size, found.draws) == ((12,), 12, 2)
    assert found.freeze_counts["remastered"] == (0, 1, 2, 3, 4, 5, 6)
    assert [transfer.id for transfer in found.transfers] == ["sides__remastered"]
    assert set(found.sources) == {"sides"}
    same = ("schedule", "data", "target", "seed", "augmentation", "backbones", "source_schedule", "workspace")
    assert all(getattr(found, name) == getattr(config, name) for name in same)


def test_a_size_that_the_experiment_can_not_have_is_refused(config):
    with pytest.raises(ThawError, match=r"to search at n = 13 is not valid"):
        search_space.searched_config(config, search_space.Wanted(n=13, draws=2, share=0.25))


@pytest.fixture
def run(config, tmp_path):
    """A run of which only the target's images are asked: 24 a split."""
    for split in ("train", "val", "test"):
        write_split(tmp_path / "domain" / f"Split-{split}", copies=1)
    nodes = {"DomainExamples.target": NodeRun(0, False, {"domain": [str(tmp_path / "domain")]})}
    return FinishedRun(tmp_path, {}, config, tmp_path / "metadata.sqlite", nodes)


def test_trainings_are_scored_on_val_and_test(run):
    assert search_space.scored_images(run) == 24 + 24


@pytest.mark.parametrize("split", ["train", "val", "test"])
@pytest.mark.parametrize("content", [b"", b"damaged"])
def test_damaged_images_are_named_before_a_worker_meets_them(run, tmp_path, split, content):
    next((tmp_path / "domain" / f"Split-{split}").iterdir()).write_bytes(content)
    with pytest.raises(ThawError, match=rf"domain/Split-{split} is missing or damaged"):
        search_space.scored_images(run)


def test_the_grid_costs_each_cell_once_with_its_twin():
    cells = [(0, False, 2.0), (1, False, 1.0), (1, True, 4.0)]
    candidates = [
        SearchCandidate(SearchPoint("a", share, tuned), share, seconds, ()) for share, tuned, seconds in cells
    ]
    assert search_space.grid_seconds(candidates, draws=3) == 3 * (2.0 + 4.0)


def test_a_search_takes_its_share_of_the_grid_and_the_networks_from_scratch_on_all_workers(config):
    wanted = search_space.Wanted(n=8, draws=2, share=0.25)
    took = [search_space.most_seconds(config, wanted, whole, 48, gflops=100.0) for whole in (400.0, 800.0)]
    assert took[1] - took[0] == pytest.approx(0.25 * 400 / 2 / 2)  # a core twice as fast as the usual one, two workers
    assert search_space.most_seconds(config, wanted, 400.0, 48, gflops=50.0) > took[0]


@pytest.mark.parametrize(
    ("cell", "words"),
    [((0, False), "nothing frozen"), ((3, True), "the first 3 frozen, then fine-tuned")],
)
def test_a_cell_in_words(cell, words):
    assert search.in_words(*cell) == words


def test_a_budget_that_is_too_little_for_one_training_says_how_much_it_takes(run, config, monkeypatch):
    """It ended in a traceback."""
    cells = [SearchCandidate(SearchPoint("a", count / 4, False), count, 10.0, (0.0,)) for count in range(5)]
    monkeypatch.setattr(search, "candidates_of", lambda *_: cells)
    with pytest.raises(
        ThawError, match=r"--budget 0\.01 of .* too little for one training\. Give --budget 0\.067 or more"
    ):
        search._search(
            run,
            config,
            search_space.Wanted(n=12, draws=3, share=0.01),
            types.SimpleNamespace(workers=2),
            Console(quiet=True),
        )


def made_found():
    interval = Interval(estimate=0.9, low=0.85, high=0.95, draws=3)
    chosen = CellSummary(
        sweep="sides__remastered", source="sides", architecture="remastered", baseline_architecture="remastered",
        max_freeze_count=6, cell=Cell(12, 3, True), val_accuracy=0.91, accuracy=interval, baseline=interval,
        gain_points=dataclasses.replace(interval, estimate=4.0, low=1.0, high=7.0), improvement_percent=5.0,
        p_value=0.01, verdict="gain",
    )  # fmt: skip
    tried = tuple(search.Tried("sides__remastered", count, True, 3, 0.91 - count / 100) for count in range(9))
    return search.Found(
        "SYNTHETIC squares", search_space.Wanted(12, 3, 0.25), chosen, None, tried, 13, 9, 0.2, 0.12, 2, 90.0
    )


def test_what_is_printed_names_the_data_the_interval_the_draws_and_the_cost():
    console = Console(record=True, width=300)
    search_table.show(made_found(), console)
    text = console.export_text()
    assert "n = 12, on SYNTHETIC squares" in text
    assert "Take sides__remastered, the first 3 frozen, then fine-tuned: test accuracy 90.0% [85.0, 95.0]" in text
    assert (
        "+4.0 points [+1.0, +7.0]: gain (3 draws, on which it was chosen; fresh draws would show slightly less)."
        in text
    )
    assert "9 of 39 trainings, 20% of the grid's expected time; 1.5 minutes." in text
    assert "may be better on val by about 0.1 points" in text
    assert "asked for 2 cells at once, one for each worker: with another number of workers it may" in text
    assert text.count("sides__remastered") == 9  # eight rows and the sentence


@pytest.mark.parametrize(
    ("verdict", "begins"),
    [("undecided", "Best on val, though it may gain nothing: sides__remastered, the first 3 frozen"),
     ("loss", "Do not transfer: training from scratch is better than the best on val, sides__remastered, the first 3")],
)  # fmt: skip
def test_a_search_that_found_no_gain_does_not_say_take(verdict, begins):
    found = made_found()
    console = Console(record=True, width=300)
    search_table.show(dataclasses.replace(found, chosen=dataclasses.replace(found.chosen, verdict=verdict)), console)
    text = console.export_text()
    assert begins in text and f": {verdict} (3 draws" in text and "Take" not in text


def test_the_chosen_cell_is_the_first_of_the_table_also_among_equals():
    """Two means of 0.85 differ by 1e-16; more frozen layers win, then a cell without fine-tuning."""
    tuned = ((14, False), (16, True), (16, False), (18, False))
    oracle = AdvisedOracle(
        [SearchCandidate(SearchPoint("a", k / 18, tune), k, 1.0, (0.0,)) for k, tune in tuned], 3, 100.0, 1
    )  # fmt: skip
    for place, accuracies in enumerate(((0.9, 0.8), (0.85, 0.85), (0.8, 0.9), (0.99,))):
        for draw, accuracy in enumerate(accuracies):
            oracle.learn(place, draw, accuracy)
    shown = [(one.freeze_count, one.fine_tune) for one in search._tried(oracle)]
    assert shown == [(16, False), (16, True), (14, False), (18, False)]
    assert oracle.best() == tuned.index(shown[0])
