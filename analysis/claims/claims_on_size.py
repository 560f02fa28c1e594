"""Claims C1 to C3, on how the gain changes with n. Imports no TensorFlow.

The gain at an n is that of each transfer's best cell on val, averaged over the transfers from domains of the data. Such
a cell was lucky on the draws that it was chosen on, so C1 and C3 are decided by fresh ones.
"""

from __future__ import annotations

import math

from scipy.stats import false_discovery_control

from analysis.cells.cell_summaries import FALSE_DISCOVERY_RATE, CellSummary, Summaries
from analysis.cells.grid import Grid, Terms, averaged, combined
from analysis.claims.claim import (
    FRESH,
    MID_RANGE,
    VERY_SMALL_N,
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
from experiment.errors import counted, worded
from ledger.cell_selection import rounded_off


def largest_gain_in_the_middle(grid: Grid, fresh: Grid) -> Claim:
    """C1. The n with the largest gain on val is compared on test with every n on the other side of the range.

    val is the search's, test that of fresh draws.

    Each of these differences must have an interval above 0 (an intersection-union test, Berger, Technometrics 24,
    1982, which needs no correction for their number); the least clear of them is the difference of the claim.
    """
    inside = sizes_within(grid, *MID_RANGE)
    outside = [n for n in sizes_within(grid, 0, math.inf) if n not in inside]
    if not inside or not outside:
        return not_measured("C1", "it takes sizes from 100 to 400 and others, in every transfer from a domain")
    gains = {n: _mean_gain(grid, n) for n in sorted(inside + outside)}
    if not measured_on(fresh, gains.values()):
        return not_measured("C1", FRESH)
    top = max(gains, key=lambda n: rounded_off(grid.val_of(gains[n])))
    rivals = outside if top in inside else inside
    differences = {n: fresh.difference(combined([(1.0, gains[top]), (-1.0, gains[n])])) for n in rivals}
    closest = min(differences, key=lambda n: differences[n][0].low)
    lead, p_value = differences[closest]
    at_top, _ = fresh.difference(gains[top])
    ahead = verdict_of(lead) == "supported"
    place = "within" if top in inside else "outside"
    sentence = (
        f"On val the mean gain of {counted(len(domain_transfers(grid)), 'transfer')} is largest at n = {top}, {place} "
        f"100 to 400; on test it is {shown(at_top)} there, and differs from that at n = {closest} by {shown(lead)}."
    )
    return Claim(
        "C1",
        f"gain at n = {top}, the largest on val, minus the closest at {sizes_in_words(rivals)}"
        + ("" if top in inside else "; outside the range, so a gain that is significantly larger contradicts"),
        ("supported" if top in inside else "contradicted") if ahead else "undecided",
        sentence + but_one_draw(lead),
        lead,
        p_value,
        tuple(Number(f"mean gain at n = {n}", fresh.difference(terms)[0]) for n, terms in gains.items()),
    )


def negative_transfer_at_very_small_n(grid: Grid, summaries: Summaries) -> Claim:
    """C2. Supported where Benjamini-Hochberg over all cells at these sizes finds a loss, contradicted where every
    one of them gains, each interval above 0."""
    sizes = sizes_within(grid, 0, VERY_SMALL_N)
    cells = [
        (name, summary)
        for name in domain_transfers(grid)
        for summary in summaries.transfers[name]
        if summary.cell.n in sizes
    ]
    if not cells:
        return not_measured("C2", f"it takes a size of {VERY_SMALL_N} or less")
    one_sided = [_p_of_loss(summary) for _, summary in cells]
    called = false_discovery_control(one_sided) <= FALSE_DISCOVERY_RATE / 2
    losses = int(called.sum())
    # All p-values are equal with one draw, and may be where every cell gains: then the gain itself decides.
    _, (name, worst) = min(zip(one_sided, cells, strict=True), key=lambda one: (one[0], one[1][1].gain_points.estimate))
    all_gain = all(summary.gain_points.low > 0 and summary.draws > 1 for _, summary in cells)
    mean, _ = grid.difference(averaged([grid.gain((each, one.cell)) for each, one in cells]))
    cell = worst.cell
    where = f"{name}, n = {cell.n}, k = {cell.layers}, {'fine-tuned' if cell.fine_tune else 'not fine-tuned'}"
    alone = "" if losses or worst.gain_points.high >= 0 else ", in an interval that does not allow for so many cells"
    sentence = (
        f"Of {counted(len(cells), 'cell')} at {sizes_in_words(sizes)}, {losses} {worded(losses, 'loses', 'lose')} "
        f"against training from scratch; the {'clearest loss' if losses else 'nearest to a loss'} is "
        f"{shown(worst.gain_points)} ({where}){alone}. "
        f"On average these cells differ from training from scratch by {shown(mean)}."
    )
    return Claim(
        "C2",
        f"gain of each cell at {sizes_in_words(sizes)}; supported if Benjamini-Hochberg finds a loss, "
        "contradicted if every cell gains; the difference is the loss of the cell nearest to a loss",
        "supported" if losses else "contradicted" if all_gain else "undecided",
        sentence + but_one_draw(worst.gain_points),
        -worst.gain_points,
        worst.p_value,
        (Number(f"mean gain of {counted(len(cells), 'cell')}", mean), Number(where, worst.gain_points)),
    )


def gain_shrinks_with_n(grid: Grid, fresh: Grid) -> Claim:
    """C3. The mean gain at n = 100 to 400 minus that at the largest n, both on fresh draws."""
    inside = sizes_within(grid, *MID_RANGE)
    larger = sizes_within(grid, MID_RANGE[1] + 1, math.inf)
    if not inside or not larger:
        return not_measured("C3", "it takes sizes from 100 to 400 and larger ones")
    middle, end = averaged([_mean_gain(grid, n) for n in inside]), _mean_gain(grid, larger[-1])
    if not measured_on(fresh, [middle, end]):
        return not_measured("C3", FRESH)
    drop, p_value = fresh.difference(combined([(1.0, middle), (-1.0, end)]))
    before, after = fresh.difference(middle)[0], fresh.difference(end)[0]
    verb = "shrinks" if drop.estimate > 0 else "grows"
    sentence = (
        f"The mean gain {verb} from {shown(before)} at {sizes_in_words(inside)} to {shown(after)} at n = {larger[-1]}: "
        f"a drop of {shown(drop)}."
    )
    return Claim(
        "C3",
        f"mean gain at {sizes_in_words(inside)} minus that at n = {larger[-1]}",
        verdict_of(drop),
        sentence + but_one_draw(drop),
        drop,
        p_value,
        (Number(f"mean gain at {sizes_in_words(inside)}", before), Number(f"mean gain at n = {larger[-1]}", after)),
    )


def _mean_gain(grid: Grid, n: int) -> Terms:
    return averaged([grid.gain((name, grid.chosen.transfers[name][n])) for name in domain_transfers(grid)])


def _p_of_loss(summary: CellSummary) -> float:
    """One-sided p-value against `no loss`."""
    return summary.p_value / 2 if summary.gain_points.estimate < 0 else 1 - summary.p_value / 2
