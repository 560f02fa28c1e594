"""Claims C4 to C6, on fine-tuning and on how many layers are frozen. Imports no TensorFlow."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from analysis.cells.grid import Grid, SweepCell, Terms, averaged
from analysis.claims.claim import (
    FRESH,
    MID_RANGE,
    SMALL_N,
    Claim,
    Number,
    but_one_draw,
    domain_transfers,
    measured_on,
    not_measured,
    shown,
    sizes_in_words,
    sizes_within,
    verdict_of,
)
from experiment.errors import counted
from ledger.cell_selection import Cell, best_cell
from ledger.rows import Row


def fine_tuning_helps_in_the_middle(grid: Grid) -> Claim:
    """C4. Fine-tuned minus not, every pair with something frozen, at n = 100 to 400."""
    sizes = sizes_within(grid, *MID_RANGE)
    pairs = _tuned_and_not(grid, sizes, lambda place: place[1].freeze_count > 0)
    if not pairs:
        return not_measured("C4", "it takes frozen layers with and without fine-tuning at a size from 100 to 400")
    difference, p_value = grid.difference(averaged(pairs))
    helps = "adds" if difference.estimate > 0 else "changes accuracy by"
    return Claim(
        "C4",
        f"accuracy fine-tuned minus not fine-tuned, mean of {counted(len(pairs), 'pair')} with frozen layers at "
        f"{sizes_in_words(sizes)}",
        verdict_of(difference),
        f"At {sizes_in_words(sizes)} fine-tuning {helps} {shown(difference)}, averaged over "
        f"{counted(len(pairs), 'pair')}." + but_one_draw(difference),
        difference,
        p_value,
        _by_size(grid, sizes, lambda n: _tuned_and_not(grid, [n], lambda place: place[1].freeze_count > 0)),
    )


def fine_tuning_hurts_when_small_and_frozen(grid: Grid) -> Claim:
    """C5. Not fine-tuned minus fine-tuned, every pair with more than half of the layers frozen, at n up to 50."""
    sizes = sizes_within(grid, 0, SMALL_N)
    pairs = _tuned_and_not(grid, sizes, lambda place: mostly_frozen(grid, place))
    if not pairs:
        return not_measured(
            "C5", f"it takes more than half of the layers frozen, with and without fine-tuning, at n up to {SMALL_N}"
        )
    helped, p_value = grid.difference(averaged(pairs))
    by_size = _by_size(grid, sizes, lambda n: _tuned_and_not(grid, [n], lambda place: mostly_frozen(grid, place)))
    return Claim(
        "C5",
        f"accuracy not fine-tuned minus fine-tuned, mean of {counted(len(pairs), 'pair')} with more than half of the "
        f"layers frozen at {sizes_in_words(sizes)}",
        verdict_of(-helped),
        f"At {sizes_in_words(sizes)} with more than half of the layers frozen, cells that are not fine-tuned differ "
        f"from the same ones fine-tuned by {shown(-helped)}, averaged over {counted(len(pairs), 'pair')}."
        + but_one_draw(helped),
        -helped,
        p_value,
        tuple(Number(one.label, -one.points) for one in by_size),
    )


def most_less_few(grid: Grid) -> dict[int, list[Terms]]:
    """By n up to 50, for each domain transfer: the best cell on val with most layers frozen minus that with fewer."""
    names, sizes = domain_transfers(grid), sizes_within(grid, 0, SMALL_N)
    pairs = {n: [pair for name in names if (pair := _most_less_few(grid, name, n))] for n in sizes}
    return {n: terms for n, terms in pairs.items() if terms}


def freezing_most_is_best_when_small(grid: Grid, fresh: Grid) -> Claim:
    """C6. The best cell on val with more than half of the layers frozen minus the best with fewer, at n up to 50; val
    is the search's, and fresh draws decide."""
    pairs = most_less_few(grid)
    if not pairs:
        return not_measured("C6", f"it takes cells on both sides of half of the layers frozen, at n up to {SMALL_N}")
    if not measured_on(fresh, [term for terms in pairs.values() for term in terms]):
        return not_measured("C6", FRESH)
    difference, p_value = fresh.difference(averaged([term for terms in pairs.values() for term in terms]))
    better = "better" if difference.estimate > 0 else "worse"
    return Claim(
        "C6",
        "accuracy of the best cell on val with more than half of the layers frozen minus that of the best with "
        f"fewer, mean over transfers at {sizes_in_words(list(pairs))}",
        verdict_of(difference),
        f"At {sizes_in_words(list(pairs))} the best cell with more than half of the layers frozen is {better} than "
        f"the best with fewer: {shown(difference)}." + but_one_draw(difference),
        difference,
        p_value,
        _by_size(fresh, list(pairs), lambda n: pairs[n]),
    )


def mostly_frozen(grid: Grid, place: SweepCell) -> bool:
    """True where more than half of the architecture's freezable layers are frozen."""
    return place[1].freeze_count > grid.sweeps[place[0]].header.max_freeze_count / 2


def _tuned_and_not(grid: Grid, sizes: Sequence[int], wanted: Callable[[SweepCell], bool]) -> list[Terms]:
    """Fine-tuned minus not, for every cell of a domain transfer that was run both ways."""
    found: list[Terms] = []
    for name in domain_transfers(grid):
        cells = grid.sweeps[name].cells
        for cell in cells:
            tuned = Cell(cell.n, cell.freeze_count, True)
            if not (cell.fine_tune or cell.held_from) and tuned in cells and cell.n in sizes and wanted((name, cell)):
                found.append({(name, tuned): 1.0, (name, cell): -1.0})
    return found


def _most_less_few(grid: Grid, name: str, n: int) -> Terms | None:
    most: list[Row] = []
    few: list[Row] = []
    for cell, rows in grid.sweeps[name].cells.items():
        if cell.n == n and not cell.held_from:
            (most if mostly_frozen(grid, (name, cell)) else few).extend(rows)
    if not most or not few:
        return None
    return {(name, best_cell(most, n)): 1.0, (name, best_cell(few, n)): -1.0}


def _by_size(grid: Grid, sizes: Sequence[int], parts: Callable[[int], Sequence[Terms]]) -> tuple[Number, ...]:
    return tuple(Number(f"n = {n}", grid.difference(averaged(terms))[0]) for n in sizes if (terms := parts(n)))
