"""Settings of the report's node, in addition to the ledgers. Imports only the configuration's sections."""

from __future__ import annotations

from typing import Any

import pydantic

from experiment.config import Blessing
from experiment.domains import Control
from experiment.schedules import Search


class ReportSettings(pydantic.BaseModel):
    """What the ledgers don't say; the node's JSON parameter."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    experiment: str
    """The configuration's name."""
    deployed_size: int
    """The n at which candidates are chosen."""
    blessing: Blessing
    transfers_left_out: dict[str, str]
    """Transfer id -> why it was not swept."""
    versions: dict[str, str]
    seed: int
    records_per_image: int
    """A training image and its copies; with `batch_size` the length of an epoch in steps."""
    batch_size: int
    configuration: dict[str, Any] = {}
    """The experiment's configuration without the paths of its files; for the model card."""
    near_duplicates: tuple[tuple[str, ...], ...] = ()
    """Ids of pictures that `thaw init` kept in one split, the first sets of all."""
    near_duplicate_sets: int = 0
    """All of them."""
    controls: dict[str, Control] = {}
    """They are shown and never chosen."""
    budget_minutes: float | None = None
    search: Search = "grid"
    """Whether the sweeps of transfers train all that is planned."""
    precision_why: str = ""
    """Why the networks were trained in their precision."""
    fresh_draws: int = 0
    """Of each n, unless the time ends before."""
    planned: dict[str, int] = {}
    """The grid's trainings, by sweep."""
