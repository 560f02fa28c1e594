"""Which cells of one transfer are worth training: a Gaussian process for each n, asked in rounds. Imports search_tuner.

Every round asks each n's oracle for as many trials, whatever workers there are: what is trained, and so what is chosen,
does not depend on the machine's cores.
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
"""Trials of a round that are asked of each n."""
MOST_OF_GRID = 0.5
"""Share of the grid's cost that a search may take, as `relative_cost` has it; most end sooner by themselves."""
ALWAYS_AFFORDED = 4
"""Freeze counts that a search may try whatever they cost: fewer are no grid."""
SCORED = 6
"""Times that val is scored in a training."""

Train = Callable[[Plan], bool]
"""Trains what the ledger lacks of a plan; False where there was no time for all of it."""
Foresee = Callable[[Plan], None]
"""Told before each round what may be asked for after it."""
ValAccuracy = Callable[[Cell, int], float]
"""Of an execution that was trained, a fraction."""


def begun_with(settings: SweepSettings) -> Plan:
    """What a search trains before it asks: at every n, as many layers frozen as there may be, on all draws.

    That is the cheapest cell, and the one that few images mostly choose.
    """
    most, way = max(settings.freeze_counts), min(settings.fine_tune)
    return [one for one in plan_sweep(settings) if _way(one[0]) == (most, way, 0)]


def search_cells(
    settings: SweepSettings, most_frozen: int, val_images: int, train: Train, val_accuracy: ValAccuracy, folder: Path,
    foresee: Foresee = lambda later: None,
) -> None:  # fmt: skip
    """Trains cells of a transfer until each n's oracle expects to gain next to nothing by more, or time is up.

    Cells that hold layers (`tuned`) are trained in the end, all of them: the process knows no such layers.

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
    """What all oracles may still ask for, with the twins that fine-tuned cells go on from."""
    found: dict[tuple[Cell, int], None] = {}
    for n, oracle in oracles.items():
        for place, draw in oracle.affordable():
            one = oracle.candidates[place]
            ways = (False, True) if one.place.fine_tune else (False,)
            found |= {(Cell(n, one.freeze_count, tuned), first_draw + draw): None for tuned in ways}
    return list(found)


def relative_cost(settings: SweepSettings, cell: Cell, most_frozen: int, val_images: int) -> float:
    """What a training costs, in passes of one image through the whole network; a backward pass counts as two.

    Layers are taken for as dear as each other: only how often a cell is best for its cost counts on it.
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
    # A fine-tuned cell's cost has its twin's in it.
    dearest = {one.freeze_count: one.seconds for one in sorted(candidates, key=lambda one: one.seconds)}
    costs = sorted(dearest.values(), reverse=True)
    budget = settings.draws * max(MOST_OF_GRID * sum(costs), sum(costs[:ALWAYS_AFFORDED]))
    return AdvisedOracle(candidates, settings.draws, budget, settings.seed)


def is_whole(settings: SweepSettings, cell: Cell) -> bool:
    """Whether phase 1 trains the whole network for as long as it may, which leaves fine-tuning nothing to do."""
    return not cell.freeze_count and (settings.schedule.tuning or settings.schedule.max_steps) is not None


def _way(cell: Cell) -> tuple[int, bool, int]:
    return cell.freeze_count, cell.fine_tune, cell.held_from
