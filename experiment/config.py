"""The experiment's one typed, frozen configuration. Imports pydantic, its checks and the sections beside it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import pydantic

from experiment.backbones import MAX_FREEZE_COUNT, Small
from experiment.backbones import Backbone as Backbone
from experiment.checks.between_fields import problems_between_fields
from experiment.domains import CIFAR10_CLASSES as CIFAR10_CLASSES
from experiment.domains import Architecture as Architecture
from experiment.domains import Augmentation as Augmentation
from experiment.domains import Control, Name, Settings, like
from experiment.domains import Data as Data
from experiment.domains import Source as Source
from experiment.domains import Target as Target
from experiment.domains import Transfer as Transfer
from experiment.errors import home_expanded
from experiment.schedules import Schedule as Schedule
from experiment.schedules import Search, TunedRanges, Way, ways_of
from experiment.schedules import SourceSchedule as SourceSchedule
from experiment.schedules import Tuning as Tuning
from experiment.stack import Precision

BeamArg = Annotated[str, like(r"--[a-z]\w*(=.*)?", "--name or --name=value")]
PositiveInt = pydantic.PositiveInt
Points = Annotated[float, pydantic.Field(ge=0, le=100)]


class Confirmation(Settings):
    """Fresh draws of the cells that the search chose. The search does not use them, and all advice is based on them."""

    draws: Annotated[int, pydantic.Field(ge=2, le=100)] = 5
    """Fresh draws of the chosen cell, its baseline and the best network from scratch, at each n."""
    most_draws: Annotated[int, pydantic.Field(ge=2, le=100)] = 20
    """An n that is undecided gets twice as many fresh draws, again and again, up to this number."""
    every_transfer: bool = False
    """True: the chosen cell of every transfer is confirmed at each n. False: every transfer's at the size to deploy,
    and only the best transfer's at each other n."""

    def problems(self) -> Iterator[str]:
        """What is wrong: most_draws below draws."""
        if self.most_draws < self.draws:
            yield f"most_draws is {self.most_draws}, fewer than draws ({self.draws}); raise or remove it"


class Blessing(Settings):
    """Conditions that a candidate must meet on the test split before it is pushed."""

    min_accuracy: Annotated[float, pydantic.Field(ge=0, le=1)] = 0.6
    """Lowest accuracy, as a fraction."""
    min_gain_points: Points = 0.0
    """The verdict must be gain, and two lower bounds must lie above this: that of the gain, and that of the lead over
    the best network from scratch."""
    max_class_loss_points: Points = 5.0
    """No class may lose more F1 than this (points of 100) compared with the baseline. A loss counts if its interval,
    corrected for the number of classes, is above 0."""


class ExperimentConfig(Settings):
    """Everything that decides what a run computes, loaded from YAML and never changed afterwards."""

    name: Name
    """Names the pipeline (`thaw-<name>`) and the folders of its runs."""
    workspace: Path = Path("workspace")
    """TFX artifacts, metadata store, ledgers and pushed models. Its path may not contain *, ?, [ or a backslash."""
    runs: Path = Path("runs")
    """One folder per run with all its results. Its path may not contain those characters either."""
    seed: pydantic.NonNegativeInt = 2022
    """Fixes val, draws, initial weights, batches and noise."""
    strict: bool = False
    """True: missing weights of a backbone are an error instead of a transfer left out."""
    allow_overlap: bool = False
    """True: a source may have classes of the target."""
    allow_untrained_sources: bool = False
    """True: a source that is no better than guessing on its own val images may be transferred."""
    data: Data = Data()
    """The images."""
    target: Target = Target()
    """The task that models are transferred to."""
    augmentation: Augmentation = Augmentation()
    """Copies of training images."""
    sources: dict[Name, Source]
    """What can be transferred, by name."""
    transfers: tuple[Transfer, ...]
    """The pairs to try."""
    sizes: tuple[PositiveInt, ...]
    """Target training images per experiment (n), drawn class-balanced and nested."""
    candidate_size: PositiveInt | None = None
    """The n at which each transfer's candidate is chosen on val and trained; none: the largest."""
    backbones: dict[Name, Backbone] = pydantic.Field(default_factory=dict)
    """Networks whose weights are read from a file, by names that you choose (docs/howto/own_source.md)."""
    baselines: dict[Architecture, Small] = pydantic.Field(default_factory=dict)
    """By architecture, the network from random weights that its transfers are compared with. None: their own
    architecture, which may be too large to be trained from few images."""
    freeze_counts: dict[Architecture, tuple[pydantic.NonNegativeInt, ...]]
    """Numbers of frozen layers to try, by architecture."""
    tuned: dict[Architecture, TunedRanges] = pydantic.Field(default_factory=dict)
    """Parts to tune with the rest held, by architecture, in addition to freeze_counts: `[[4, 6]]` tunes layers 4 and 5,
    counted from 0, and the head; earlier layers are frozen, later ones held. Never fine-tuned."""
    fine_tune: tuple[bool, ...] = (False, True)
    """False: stop after phase 1. True: continue with all layers unfrozen at a low learning rate."""
    search: Search = "bayesian"
    """Which of a transfer's cells are trained: `grid`: all; `bayesian`: those for which a Gaussian process, fitted to
    the trainings so far, expects an improvement, for at most half of the grid's cost
    (docs/adr/0022-search-in-the-tuners.md)."""
    draws: Annotated[int, pydantic.Field(ge=1, le=1000)] = 2
    """Repeats of every cell in the search, each with different images and a different head."""
    confirmation: Confirmation = Confirmation()
    """Fresh draws of what the search chose."""
    budget_minutes: Annotated[float, pydantic.Field(gt=0, le=525_600)] | None = None
    """Time limit of a run in minutes, from the command to the report: first the search, then as many fresh draws as
    there is time for. The report says what was not trained. None: everything is trained."""
    precision: Literal["auto", Precision] = "float32"
    """Precision of training steps; weights, features of frozen layers and scores are float32. `auto`: bfloat16 if
    training steps are at least 1.3 times as fast with it on this machine, else float32; on a cluster float32
    (docs/precision.md)."""
    workers: Annotated[int, pydantic.Field(ge=1, le=1024)] | None = None
    """Processes that run a sweep in parallel, one thread each, 1,024 at most; none: one per core, or one if there
    is a GPU."""
    activations_gib: Annotated[float, pydantic.Field(ge=0.001, le=1_000_000)] = 4.0
    """Memory for activations of frozen layers, all workers together, in GiB; the rest goes to disk."""
    pipeline_root: Annotated[str, like("(gs|s3)://[^/]+(/[^/]+)*", "such as s3://bucket/thaw")] | None = None
    """Where TFX artifacts are stored, such as s3://bucket/thaw (docs/storage.md); none: in the workspace."""
    beam_args: tuple[BeamArg, ...] = ()
    """Options of Beam, each as `--name=value`: where Beam nodes run (docs/engines.md); none: in their own process."""
    schedule: Schedule = Schedule()
    """Training on the target."""
    source_schedule: SourceSchedule = SourceSchedule()
    """Training of the sources."""
    blessing: Blessing = Blessing()
    """Conditions for pushing."""

    @pydantic.field_validator("workspace", "runs")
    @classmethod
    def _find_home(cls, path: Path) -> Path:
        """The shell does not expand `~` in YAML or behind `workspace=`: a folder of that name would be made."""
        return home_expanded(path)

    def problems(self) -> Iterator[str]:
        """Problems between fields; see experiment/checks/between_fields.py."""
        return problems_between_fields(self)

    @property
    def pipeline_name(self) -> str:
        return f"thaw-{self.name.replace('_', '-')}"

    @property
    def pipeline_folder(self) -> Path:
        """The experiment's part of the workspace; one run works there at a time."""
        return self.workspace.absolute() / self.pipeline_name

    @property
    def ledger_folder(self) -> Path:
        """The folder of the sweeps' ledgers and of this machine's settings."""
        return self.pipeline_folder / "ledgers"

    @property
    def deployed_size(self) -> int:
        """The n at which candidates are chosen, trained, evaluated and pushed."""
        return self.candidate_size or max(self.sizes)

    @property
    def trained_precision(self) -> Precision:
        """Precision of all trainings; an `auto` that is not resolved yet (pipeline/planning/precision.py) is
        float32."""
        return "float32" if self.precision == "auto" else self.precision

    @property
    def controls(self) -> dict[str, Control]:
        """Transfers by id that show what causes a gain and can't be chosen, with the kind of their source."""
        kinds = {t.id: self.sources[t.source].control for t in self.transfers}
        return {name: kind for name, kind in kinds.items() if kind is not None}

    def domain_classes(self, source: str) -> tuple[str, ...]:
        """Classes that a source's head tells apart: the target's for `self` and `random`; empty for ImageNet."""
        one = self.sources[source]
        return self.target.classes if one.control in ("self", "random") else one.classes

    @property
    def architectures(self) -> tuple[Architecture, ...]:
        """Architectures of the transfers, in their order."""
        return tuple(dict.fromkeys(t.architecture for t in self.transfers))

    def baseline_of(self, architecture: Architecture) -> Architecture:
        """The network from random weights that transfers with an architecture are compared with."""
        return self.baselines.get(architecture, architecture)

    def most_frozen(self, architecture: Architecture) -> int:
        """Layers or parts of an architecture that can be frozen."""
        backbone = self.backbones.get(architecture)
        return backbone.most_frozen if backbone else MAX_FREEZE_COUNT[architecture]

    def ways(self, architecture: Architecture) -> list[Way]:
        """What a transfer with an architecture tries at each n."""
        return ways_of(self.freeze_counts[architecture], self.fine_tune, self.tuned.get(architecture, ()))

    @property
    def networks(self) -> tuple[Architecture, ...]:
        """What a transfer can name as its architecture."""
        return (*MAX_FREEZE_COUNT, *self.backbones)

    @property
    def baseline_architectures(self) -> tuple[Architecture, ...]:
        """Networks trained from random weights, in the order of the transfers."""
        return tuple(dict.fromkeys(map(self.baseline_of, self.architectures)))
