"""What `thaw search` says of a cell that beats its own baseline, but not another network from scratch."""

import dataclasses

import numpy as np
import pytest
from rich.console import Console

from analysis.cells.paired_ledgers import pair_ledgers
from pipeline.source_search import search_table
from pipeline.source_search.best_from_scratch import compared_with_scratch
from tests.pipeline.source_search.test_search import made_found

TRANSFER = "cats_dogs__remastered"


@pytest.fixture
def found_among(header_of, row_of):
    """A function: what the search finds of 100 test images, 80 right where transferred and 60 by its own baseline."""

    def found_among(original_right: int, original_val: float):
        def ledger(sweep, source, architecture, cell, count, val):
            rows = [row_of(cell, draw, np.arange(100) < count + draw, val=val) for draw in range(3)]
            return header_of(sweep, source, architecture, 100, "CIFAR-10"), rows

        scratch = 10, 0, False
        ledgers = [
            ledger(TRANSFER, "cats_dogs", "remastered", (10, 3, False), 80, 0.8),
            ledger("baseline__remastered", "", "remastered", scratch, 60, 0.6),
            ledger("baseline__original", "", "original", scratch, original_right, original_val),
        ]
        chosen, best = compared_with_scratch(pair_ledgers(ledgers), TRANSFER)
        assert chosen.verdict == "gain"
        return dataclasses.replace(made_found(), chosen=chosen, scratch=best)

    return found_among


def shown(found) -> str:
    console = Console(record=True, width=400)
    search_table.show(found, console)
    return console.export_text()


def test_where_another_network_from_scratch_is_better_nothing_is_to_be_taken(found_among):
    text = shown(found_among(95, 0.9))
    assert "Take" not in text and "Do not transfer: training from scratch is better than the best on val" in text
    assert "Best from scratch on val is the original network, test accuracy 96.0%: the transfer's lead" in text
    assert "over it is -15.0 points [" in text and text.count(": loss.") == 1


def test_where_it_may_be_as_good_the_gain_is_undecided(found_among):
    text = shown(found_among(78, 0.9))
    assert "Take" not in text and "though it may gain nothing" in text


def test_another_network_that_is_worse_on_val_plays_no_part(found_among):
    found = found_among(99, 0.5)
    assert found.scratch is None and "Take cats_dogs__remastered" in shown(found)
