"""The parts of a run's files that commands read, with their types. Imports only pydantic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Literal

import pydantic


def truth(text: str) -> bool:
    """The value of `true` or `false` in a column of cells.csv; KeyError for any other text."""
    return {"true": True, "false": False}[text]


def fraction(text: str) -> float:
    """A number from 0 to 1; ValueError for any other."""
    if not 0 <= (value := float(text)) <= 1:
        raise ValueError(text)
    return value


CELL_COLUMNS: dict[str, Callable[[str], object]] = {
    "transfer": str, "n": int, "freeze_count": int, "fine_tune": truth, "held_from": int, "draw": int,
    "test_accuracy": fraction,
}  # fmt: skip
"""Columns of cells.csv that commands read, with the functions that parse their texts."""

TRAINING_COLUMNS = ("transfer", "n", "freeze_count", "fine_tune", "held_from", "draw")
"""Those of CELL_COLUMNS that identify a training; no two rows have all of them equal."""


class _FromScratch(pydantic.BaseModel):
    """What commands read of the best network from scratch."""

    sweep: str
    accuracy: float
    lead_points: float
    lead_interval_points: tuple[float, float]


class _Training(pydantic.BaseModel):
    outcome: str


class _Row(pydantic.BaseModel):
    """What commands read of a row of the closing table."""

    transfer: str
    source: str
    architecture: str
    n: int
    freeze_count: int
    fine_tune: bool
    held_from: int = 0  # missing in older runs
    draws: int
    accuracy: float
    accuracy_interval: tuple[float, float]
    baseline_accuracy: float
    baseline_interval: tuple[float, float]
    gain_points: float
    gain_interval_points: tuple[float, float]
    verdict: Literal["gain", "loss", "undecided"]
    from_scratch: _FromScratch
    blessed: bool
    reasons: list[str]


class _Advice(pydantic.BaseModel):
    n: int = 0  # the first runs have only the sentence
    sweep: str = ""
    sentence: str


class _Pushed(pydantic.BaseModel):
    blessed: bool
    path: str | None = None
    reason: str | None = None


class _Record(pydantic.BaseModel):
    store: str
    run_context: Annotated[int, pydantic.Field(ge=0, lt=1 << 63)]
    run_name: str = ""  # missing in older runs


class _Confirmed(pydantic.BaseModel):
    """The cell that a run chose with n images, and how many of its fresh draws collapsed."""

    n: int
    transfer: str
    freeze_count: int
    fine_tune: bool
    held_from: int = 0
    collapsed: dict[str, int] = {}


class Origin(pydantic.BaseModel):
    """The entries of summary.json on a run's images and stack."""

    data: str
    target: dict[str, str]
    stack: dict[str, Any]
    file_digests: dict[str, str] = {}
    digest: str | None = None


class Compared(Origin):
    """What a comparison of two runs reads of summary.json."""

    confirmed: list[_Confirmed] = []  # missing in runs from before fresh draws


class _Images(pydantic.BaseModel):
    """Numbers of images; None: more than the curve has."""

    low: float | None
    expected: float | None
    high: float | None


class _Met(_Images):
    largest: float


class _Point(pydantic.BaseModel):
    n: int
    accuracy: float
    fresh: bool


class _Ahead(pydantic.BaseModel):
    """An accuracy expected with n images; nulls: beyond the curve."""

    n: int
    low: float | None
    expected: float | None
    high: float | None

    @pydantic.model_validator(mode="after")
    def _check_interval(self) -> _Ahead:
        if len({one is None for one in (self.low, self.expected, self.high)}) > 1:
            raise ValueError("low, expected or high is missing")
        return self


class _SilentCurve(pydantic.BaseModel):
    """What commands read of a learning curve without a forecast."""

    name: str
    points: list[_Point]
    collapsed: list[int]
    silent: str


class _Curve(pydantic.BaseModel):
    """What commands read of any other learning curve."""

    name: str
    points: Annotated[list[_Point], pydantic.Field(min_length=1)]
    collapsed: list[int]
    silent: None
    sizes: Annotated[list[float], pydantic.Field(min_length=1)]
    low: list[float]
    expected: list[float]
    high: list[float]
    ahead: list[_Ahead]
    images: _Images

    @pydantic.model_validator(mode="after")
    def _check_band(self) -> _Curve:
        if len({len(one) for one in (self.sizes, self.low, self.expected, self.high)}) > 1:
            raise ValueError("sizes, low, expected and high have different lengths")
        return self


class _Labels(pydantic.BaseModel):
    """What commands read of the learning curves."""

    n: int
    wished_accuracy: float
    winner: str
    curves: Annotated[list[_SilentCurve | _Curve], pydantic.Field(min_length=1)]
    met: _Met | None

    @pydantic.model_validator(mode="after")
    def _check_winner(self) -> _Labels:
        if self.winner not in {one.name for one in self.curves}:
            raise ValueError(f"no curve has the name of the winner {self.winner!r}")
        return self


class Summary(Origin):
    """What commands read of summary.json."""

    experiment: str
    synthetic: bool
    target_classes: list[str]
    winner: str
    left_out: dict[str, str]
    collapsed: list[str]
    diverged: list[_Training]
    worse_on_val: list[_Training]
    pushed: _Pushed
    closing_table: list[_Row]
    advice: list[_Advice] = []
    budget_minutes: float | None = None
    search: str = "grid"
    planned_trainings: int = 0
    not_trained: dict[str, int] = {}
    not_confirmed: list[int] = []
    labels: _Labels | None = None  # missing in runs from before learning curves
    ml_metadata: _Record

    @pydantic.model_validator(mode="after")
    def _check_planned(self) -> Summary:
        if sum(self.not_trained.values()) > self.planned_trainings:
            raise ValueError("not_trained exceeds planned_trainings")
        return self


class _Settings(pydantic.BaseModel):
    """What `comparable` reads of a run's settings."""

    backbones: dict[str, dict[str, Any]] = {}
    target: dict[str, Any] = {}


class Started(pydantic.BaseModel):
    """What commands read of started.json."""

    settings: _Settings
    data: str
