"""Claims C7 and C8, on which source transfers better. Imports no TensorFlow."""

from __future__ import annotations

from scipy.stats import false_discovery_control

from analysis.cells.cell_summaries import FALSE_DISCOVERY_RATE
from analysis.cells.grid import Grid, SweepCell, Terms, averaged
from analysis.claims.claim import (
    FRESH,
    IMAGENET,
    Claim,
    Number,
    but_one_draw,
    domain_transfers,
    measured_on,
    not_measured,
    shown,
    sizes_in_words,
    verdict_of,
)
from experiment.backbones import MOBILENET_V2
from experiment.errors import counted
from ledger.cell_selection import Cell, rounded_off

NEAR, FAR = "ships_planes", "cats_dogs"
NEAR_TO = {"automobile", "truck"}
"""The target's classes that the claim is about: ships and planes are no nearer to cats, say."""


def no_domain_beats_the_extractor(grid: Grid, fresh: Grid) -> Claim:
    """C7. MobileNetV2 with all layers frozen minus each domain transfer's best cell on val, at every n, on fresh draws.

    Supported where every one of these differences lies above 0, contradicted where Benjamini-Hochberg calls one below.
    """
    leads = extractor_leads(grid)
    if not leads:
        return not_measured("C7", "it takes MobileNetV2 from ImageNet with all parts frozen, and another transfer")
    if not all(measured_on(fresh, [terms]) for terms in leads.values()):
        return not_measured("C7", FRESH)
    found = {place: fresh.difference(terms) for place, terms in leads.items()}
    p_below = [p / 2 if lead.estimate < 0 else 1 - p / 2 for lead, p in found.values()]
    beaten = int((false_discovery_control(p_below) <= FALSE_DISCOVERY_RATE / 2).sum())
    never = all(verdict_of(lead) == "supported" for lead, _ in found.values())
    worst = min(found, key=lambda place: rounded_off(found[place][0].estimate))
    (place, extractor), (lead, p_value) = worst, found[worst]
    network = "MobileNetV2" if len({extractor for _, extractor in found}) == 1 else extractor
    word = "leads by" if lead.estimate >= 0 else "is behind by"
    sentence = (
        f"A transfer from the data's own domains beats feature extraction with MobileNetV2 in {beaten} of "
        f"{counted(len(found), 'comparison')}. In the comparison that is worst for MobileNetV2 ({place[0]}, "
        f"n = {place[1].n}), {network} {word} {shown(lead) if lead.estimate >= 0 else shown(-lead)}."
    )
    return Claim(
        "C7",
        "accuracy of MobileNetV2 with all parts frozen minus that of each transfer's best cell on val, at "
        "every n; supported if all are above 0, contradicted if Benjamini-Hochberg finds one below; the difference is "
        "the smallest",
        "contradicted" if beaten else "supported" if never else "undecided",
        sentence + but_one_draw(lead),
        lead,
        p_value,
        tuple(
            Number(f"{name}, n = {cell.n}" + (f", against {one}" if network != "MobileNetV2" else ""), ahead)
            for ((name, cell), one), (ahead, _) in found.items()
        ),
    )


def near_domains_transfer_better(grid: Grid) -> Claim:
    """C8. Ships and planes minus cats and dogs, mean over every cell that both have, onto cars and trucks."""
    if any(set(sweep.header.classes) != NEAR_TO for sweep in grid.sweeps.values()):
        return not_measured("C8", f"it takes the target {' and '.join(sorted(NEAR_TO))}")
    sweeps = {(s.header.source, s.header.architecture): name for name, s in grid.ledgers.transfers.items()}
    pairs = [
        (name, sweeps[FAR, architecture])
        for (source, architecture), name in sweeps.items()
        if source == NEAR and (FAR, architecture) in sweeps
    ]
    terms: dict[SweepCell, Terms] = {
        (near, cell): {(near, cell): 1.0, (far, cell): -1.0}
        for near, far in pairs
        for cell in grid.sweeps[near].cells
        if cell in grid.sweeps[far].cells
    }
    if not terms:
        return not_measured("C8", f"it takes the sources {NEAR} and {FAR} with the same architecture")
    difference, p_value = grid.difference(averaged(list(terms.values())))
    sizes = sorted({cell.n for _, cell in terms})
    word = "more" if difference.estimate > 0 else "less"
    return Claim(
        "C8",
        f"accuracy after {NEAR} minus that after {FAR}, mean of "
        f"{counted(len(terms), 'cell')} that both have, "
        f"at {sizes_in_words(sizes)}",
        verdict_of(difference),
        f"Ships and planes give {word} than cats and dogs: {shown(difference)}, averaged over "
        f"{counted(len(terms), 'cell')}." + but_one_draw(difference),
        difference,
        p_value,
        tuple(Number(f"n = {n}", grid.difference(averaged(_of_size(terms, n)))[0]) for n in sizes),
    )


def _of_size(terms: dict[SweepCell, Terms], n: int) -> list[Terms]:
    return [one for (_, cell), one in terms.items() if cell.n == n]


def extractor_leads(grid: Grid) -> dict[tuple[SweepCell, str], Terms]:
    """Every MobileNetV2 with all parts frozen minus each domain transfer's chosen cell, by the two."""
    extractors = [
        name
        for name, sweep in grid.ledgers.transfers.items()
        if (sweep.header.source, sweep.header.family) == (IMAGENET, MOBILENET_V2)
    ]
    found: dict[tuple[SweepCell, str], Terms] = {}
    for name in domain_transfers(grid):
        for n, cell in grid.chosen.transfers[name].items():
            for extractor in extractors:
                top = Cell(n, grid.sweeps[extractor].header.max_freeze_count, False)
                if top in grid.sweeps[extractor].cells:
                    found[(name, cell), extractor] = {(extractor, top): 1.0, (name, cell): -1.0}
    return found
