"""All claims of the original report, judged, and as JSON. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from analysis.cells.cell_summaries import Summaries
from analysis.cells.grid import Grid, SweepCell
from analysis.claims import claims_on_size, claims_on_source, claims_on_way
from analysis.claims.claim import Claim
from analysis.statistics.paired_intervals import Interval

OVER_ALL_CELLS = ("C2", "C4", "C5", "C8")
"""Claims on every cell of the grid, on the search's draws."""


def judge_claims(grid: Grid, summaries: Summaries, fresh: Grid, *, complete: bool = True) -> list[Claim]:
    """C1 to C8, each tested alone at 95%, from the ledgers only.

    The cells to compare are fixed in advance or chosen on val. Test accuracy decides: if val chose, that of fresh
    draws. A claim whose cells were not run is undecided and says what is missing.

    Args:
      grid, summaries: of the search.
      fresh: fresh draws of what it chose, `cells_of_claims` among it.
      complete: whether it trained every cell of the grid. If not, val decided what it left out, and claims on all cells
        stay undecided.
    """
    claims = [
        claims_on_size.largest_gain_in_the_middle(grid, fresh),
        claims_on_size.negative_transfer_at_very_small_n(grid, summaries),
        claims_on_size.gain_shrinks_with_n(grid, fresh),
        claims_on_way.fine_tuning_helps_in_the_middle(grid),
        claims_on_way.fine_tuning_hurts_when_small_and_frozen(grid),
        claims_on_way.freezing_most_is_best_when_small(grid, fresh),
        claims_on_source.no_domain_beats_the_extractor(grid, fresh),
        claims_on_source.near_domains_transfer_better(grid),
    ]
    return claims if complete else [_of_some_cells(claim) if claim.id in OVER_ALL_CELLS else claim for claim in claims]


def _of_some_cells(claim: Claim) -> Claim:
    if not claim.measured:
        return claim
    why = (
        "The search chose by val on these draws what to train, so they can't decide this; --set search=grid trains all."
    )
    return dataclasses.replace(claim, verdict="undecided", sentence=f"{claim.sentence} {why}")


def cells_of_claims(grid: Grid) -> list[SweepCell]:
    """Cells that C6 and C7 compare in addition to every transfer's chosen cell at each n and its baseline.

    Args:
      grid: of the search.
    """
    pairs = [*claims_on_source.extractor_leads(grid).values()]
    pairs += [pair for terms in claims_on_way.most_less_few(grid).values() for pair in terms]
    return list(dict.fromkeys(place for terms in pairs for place in terms))


def write_claims(path: Path, claims: Sequence[Claim], about: Mapping[str, Any]) -> None:
    """Writes claims.json: `about` (experiment, data and the like), then the claims, differences in points."""
    content = {**about, "claims": [_as_json(claim) for claim in claims]}
    path.write_text(json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")


def _as_json(claim: Claim) -> dict[str, Any]:
    return {
        "id": claim.id,
        "claim": claim.text,
        "verdict": claim.verdict,
        "measured": claim.measured,
        "sentence": claim.sentence,
        "compared": claim.compared,
        "difference": None if claim.difference is None else _points(claim.difference),
        "p_value": claim.p_value,
        "numbers": [{"label": number.label, **_points(number.points)} for number in claim.numbers],
    }


def _points(interval: Interval) -> dict[str, Any]:
    return {
        "points": interval.estimate,
        "interval_points": [interval.low, interval.high],
        "draws": interval.draws,
    }
