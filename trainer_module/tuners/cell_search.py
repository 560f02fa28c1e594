"""Searches the cells of one transfer that are worth training: a Gaussian process for each n, in rounds. Imports
search_tuner.

Every round asks each n's oracle for the same number of trials, however many workers there are, so that trainings and
choices do not depend on the machine's cores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from experiment.training_settings import SweepSettings
from ledger.cell_selection import Cell
from trainer_module.oracles.advised_oracle import AdvisedOracle, SearchCandidate
from trainer_module.oracles.gaussian_process import SearchPoint
from trainer_module.sweep.record import Plan, plan_sweep
from trainer_module.tuners.search_tuner import SearchTuner

AT_ONCE = 2
"""Trials that each n gets in a round."""
MOST_OF_GRID = 0.5
"""Share of the grid's cost that a search may take, as `relative_cost` measures it; most end sooner."""
ALWAYS_AFFORDED = 4
"""Fewest freeze counts that a search may try, whatever their cost."""
SCORED = 6
"""Times that val is scored in a training."""

Train = Callable[[Plan], bool]
"""Trains the executions of a plan that the ledger lacks; False if time ran out."""
Foresee = Callable[[Plan], None]
"""Called before each round with the executions that may be requested after it."""
ValAccuracy = Callable[[Cell, int], float]
"""Val accuracy of an execution that was trained, a fraction."""


def begun_with(settings: SweepSettings) -> Plan:
    """The first trainings of a search: at every n, as many layers frozen as possible, on all draws.

    That is the cheapest cell, and mostly the best one with few images.
    """
    most, way = max(settings.freeze_counts), min(settings.fine_tune)
    return [one for one in plan_sweep(settings) if _way(one[0]) == (most, way, 0)]


def search_cells(
    settings: SweepSettings, most_frozen: int, val_images: int, train: Train, val_accuracy: ValAccuracy, folder: Path,
    foresee: Foresee = lambda later: None,
) -> None:  # fmt: skip
    """Trains cells of a transfer until each n's oracle expects almost no further gain, or time is up.

    Cells with held layers (`tuned`) are all trained at the end: the Gaussian process does not model them.

    Args:
      settings: the transfer's sweep.
      most_frozen: layers or parts that can be frozen.
      val_images: that each training is scored on.
      train, val_accuracy: see there.
      folder: of KerasTuner's files.
      foresee: see there.
    """
    first, held = begun_with(settings), [one for one in plan_sweep(settings) if one[0].held_from]
    oracles = {n: _oracle(settings, n, most_frozen, val_images) for n in settings.sizes}
    foresee([*_affordable(oracles, settings.first_draw), *held])
    if not train(first):
        return
    tuners = []
    for n, oracle in oracles.items():
        for cell, draw in first:
            place = oracle.place_of(settings.name, cell.freeze_count, cell.fine_tune)
            if cell.n == n and place is not None:
                oracle.learn(place, draw, val_accuracy(cell, draw))
        tuners.append(SearchTuner(oracle, n, folder / f"n{n}", AT_ONCE))
    while asked := [(tuner, *trial) for tuner in tuners for trial in tuner.ask()]:
        foresee([*_affordable(oracles, settings.first_draw), *held])
        if not train(list(dict.fromkeys(execution for *_, one in asked for execution in one.executions))):
            return
        for tuner, trial, one in asked:
            tuner.tell(trial, one, [val_accuracy(*execution) for execution in one.executions])
    foresee([])
    train(held)


def _affordable(oracles: Mapping[int, AdvisedOracle], first_draw: int) -> Plan:
    """What all oracles may still ask for, with the cells that fine-tuned ones continue from."""
    found: dict[tuple[Cell, int], None] = {}
    for n, oracle in oracles.items():
        for place, draw in oracle.foreseen():
            one = oracle.candidates[place]
            ways = (False, True) if one.place.fine_tune else (False,)
            found |= {(Cell(n, one.freeze_count, tuned), first_draw + draw): None for tuned in ways}
    return list(found)


def relative_cost(settings: SweepSettings, cell: Cell, most_frozen: int, val_images: int) -> float:
    """The cost of a training, in passes of one image through the whole network; a backward pass counts as two.

    All layers count as equally expensive; this only affects how often a cell is best for its cost.
    """
    tuning, above = settings.schedule.tuning, 1 - cell.freeze_count / most_frozen
    epochs = tuning.epochs if tuning else settings.schedule.epochs
    most = tuning.max_steps if tuning else settings.schedule.max_steps
    seen = cell.n * epochs if most is None else min(cell.n * epochs, most * settings.schedule.batch_size)
    scored = SCORED * val_images
    again = (3 * seen + scored) if cell.fine_tune else 0
    return cell.n + val_images + above * (3 * seen + scored) + again


def _oracle(settings: SweepSettings, n: int, most_frozen: int, val_images: int) -> AdvisedOracle:
    cells = [Cell(n, *way) for way in settings.ways]
    candidates = [
        SearchCandidate(
            SearchPoint(settings.name, cell.freeze_count / most_frozen, cell.fine_tune), cell.freeze_count,
            relative_cost(settings, cell, most_frozen, val_images), (),
        )
        for cell in cells
        if not cell.held_from and not (cell.fine_tune and False in settings.fine_tune and is_whole(settings, cell))
    ]  # fmt: skip
    # A fine-tuned cell's cost includes its counterpart's.
    dearest = {one.freeze_count: one.seconds for one in sorted(candidates, key=lambda one: one.seconds)}
    costs = sorted(dearest.values(), reverse=True)
    budget = settings.draws * max(MOST_OF_GRID * sum(costs), sum(costs[:ALWAYS_AFFORDED]))
    return AdvisedOracle(candidates, settings.draws, budget, settings.seed)


def is_whole(settings: SweepSettings, cell: Cell) -> bool:
    """Whether phase 1 trains the whole network as long as allowed, so that fine-tuning has nothing left to do."""
    return not cell.freeze_count and (settings.schedule.tuning or settings.schedule.max_steps) is not None


def _way(cell: Cell) -> tuple[int, bool, int]:
    return cell.freeze_count, cell.fine_tune, cell.held_from
