"""The bounds on cells of fresh draws, against what the search chooses on random val accuracies. No TensorFlow."""

import numpy as np
import pytest

from analysis.cells.grid import Grid
from analysis.cells.paired_ledgers import pair_ledgers
from analysis.claims.claims import cells_of_claims
from analysis.findings.questions import questions_of
from experiment.changes import changed
from experiment.loading import PRESETS, load_config
from pipeline.planning.fresh_cells import fresh_cells, fresh_executions
from tests.analysis.report_ledgers import make_header, make_row

QUICK = changed(load_config(PRESETS / "quick.yaml"), baselines={})
OWN = changed(QUICK, transfers=QUICK.transfers[:2], freeze_counts={"original": [2, 8]})
EVERY = {"draws": 3, "most_draws": 6, "every_transfer": True}
CASES = {
    "quick": QUICK,
    "one network": OWN,
    "one way": changed(OWN, fine_tune=[False]),
    "every transfer": changed(QUICK, confirmation=EVERY, freeze_counts={"original": [2, 8], "mobilenet_v2": [9, 18]}),
}


def random_grid(config, seed):
    """All cells of a configuration, of one draw, with val accuracies at random."""
    rng, ledgers = np.random.default_rng(seed), []
    sweeps = {f"baseline__{name}": ("", name, (0,)) for name in config.baseline_architectures}
    sweeps |= {one.id: (one.source, one.architecture, config.freeze_counts[one.architecture])
               for one in config.transfers}  # fmt: skip
    for name, (source, architecture, counts) in sweeps.items():
        cells = [(n, count, tuned) for n in config.sizes for count in counts for tuned in config.fine_tune]
        rows = [make_row(cell, 0, np.array([True, False]), rng.random()) for cell in cells]
        ledgers.append((make_header(name, source, architecture, 2, "cifar10"), rows))
    return Grid(pair_ledgers(ledgers))


@pytest.mark.parametrize("config", CASES.values(), ids=list(CASES))
def test_what_a_search_chooses_lies_within_the_bounds_and_reaches_them(config):
    seen = {n: set() for n in config.sizes}
    claims = {n: set() for n in config.sizes}
    for seed in range(150):
        grid = random_grid(config, seed)
        every = config.confirmation.every_transfer
        questions = questions_of(grid, config.deployed_size, every_transfer=every)
        chosen = {(name, cell) for question in questions for name, cell in question.cells}
        more = set(cells_of_claims(grid)) - chosen if every else set()
        for n in config.sizes:
            seen[n].add(sum(cell.n == n for _, cell in chosen))
            claims[n].add(sum(cell.n == n for _, cell in more))
    bounds = {n: fresh_cells(config, n) for n in config.sizes}
    assert {n: (min(found), max(found)) for n, found in seen.items()} == {
        n: (bound.fewest, bound.most) for n, bound in bounds.items()
    }
    assert {n: max(found) for n, found in claims.items()} == {n: bound.of_claims for n, bound in bounds.items()}


def test_trainings_are_those_of_the_first_look_at_fewest_and_of_the_last_at_most():
    assert fresh_executions(changed(OWN, fine_tune=[False])) == (5 * (2 + 2 + 3), 5 * (2 + 2 + 3))
    assert fresh_executions(changed(OWN, confirmation={"draws": 5, "most_draws": 20})) == (5 * 7, 20 * (3 + 3 + 4))
    assert fresh_executions(changed(OWN, budget_minutes=10)) == (0, 5 * (3 + 3 + 4))
