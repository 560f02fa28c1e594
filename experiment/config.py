"""The experiment's one typed, frozen configuration. Imports pydantic and the sections beside it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pydantic

from experiment.backbones import MAX_FREEZE_COUNT, Small, is_backbone, unit_of
from experiment.backbones import Backbone as Backbone
from experiment.domains import CIFAR10_CLASSES as CIFAR10_CLASSES
from experiment.domains import Architecture as Architecture
from experiment.domains import Augmentation as Augmentation
from experiment.domains import Control, Name, Settings
from experiment.domains import Data as Data
from experiment.domains import Source as Source
from experiment.domains import Target as Target
from experiment.domains import Transfer as Transfer
from experiment.schedules import Schedule as Schedule
from experiment.schedules import Search, TunedRanges, Way, tuned_problems, ways_of
from experiment.schedules import SourceSchedule as SourceSchedule
from experiment.schedules import Tuning as Tuning

BeamArg = Annotated[str, pydantic.Field(pattern=r"^--[a-z]\w*(=.*)?$")]
PositiveInt = pydantic.PositiveInt
PositiveFloat = pydantic.PositiveFloat


class Confirmation(Settings):
    """What the search chose is trained again on fresh draws, which took no part in choosing: all that a user is told to
    act on comes from these."""

    draws: Annotated[int, pydantic.Field(ge=2, le=100)] = 5
    """Fresh draws of the chosen cell, its baseline and the best network from scratch, at each n."""
    most_draws: Annotated[int, pydantic.Field(ge=2, le=100)] = 20
    """An n that is undecided gets twice as many fresh draws, and twice as many again, up to this."""
    every_transfer: bool = False
    """True: the chosen cell of every transfer is confirmed at each n. False: at the size to deploy that of every
    transfer, at each other n that of the best."""

    @pydantic.model_validator(mode="after")
    def _check(self) -> Confirmation:
        if self.most_draws < self.draws:
            raise ValueError(f"most_draws is {self.most_draws}, fewer than draws ({self.draws}); raise or remove it")
        return self


class Blessing(Settings):
    """What a candidate must show on the test split before it is pushed."""

    min_accuracy: Annotated[float, pydantic.Field(ge=0, le=1)] = 0.6
    """Floor of the accuracy."""
    min_gain_points: pydantic.NonNegativeFloat = 0.0
    """The verdict must be gain, and the lower bounds of the gain's interval and of that of the lead over the best
    network from scratch must lie above this."""
    max_class_loss_points: pydantic.NonNegativeFloat = 5.0
    """No class may lose more F1 than this (points of 100) against the baseline."""


class ExperimentConfig(Settings):
    """Everything that decides what a run computes, loaded from YAML and never changed after."""

    name: Name
    """Names the pipeline (`thaw-<name>`) and the folders of its runs."""
    workspace: Path = Path("workspace")
    """TFX artifacts, metadata store, ledgers and pushed models; its path may not hold *, ?, [ or a backslash."""
    runs: Path = Path("runs")
    """One folder a run with everything the user takes away; its path may not hold those characters either."""
    seed: pydantic.NonNegativeInt = 2022
    """Fixes val, draws, initial weights, batches and noise."""
    strict: bool = False
    """True: missing weights of a backbone are an error instead of a transfer left out."""
    allow_overlap: bool = False
    """True: a source may hold classes of the target."""
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
    """Networks whose weights are read from a file, by a name of yours (docs/howto/own_source.md)."""
    baselines: dict[Architecture, Small] = pydantic.Field(default_factory=dict)
    """By architecture, the network from random weights that its transfers are held against; none: their own
    architecture, which may be too large to be trained from few images."""
    freeze_counts: dict[Architecture, tuple[pydantic.NonNegativeInt, ...]]
    """Numbers of frozen layers to try, by architecture."""
    tuned: dict[Architecture, TunedRanges] = pydantic.Field(default_factory=dict)
    """Parts to tune with the rest held, by architecture, beside freeze_counts: `[[4, 6]]` tunes layers 4 and 5, counted
    from 0, and the head; those below are frozen, those above held. Never fine-tuned."""
    fine_tune: tuple[bool, ...] = (False, True)
    """Stop after phase 1, or go on with all layers unfrozen at a low learning rate."""
    search: Search = "bayesian"
    """Which of a transfer's cells are trained: `grid`: all; `bayesian`: those that a Gaussian process of the trainings
    so far expects to gain by, at most half of them by cost (docs/adr/0022-search-in-the-tuners.md)."""
    draws: Annotated[int, pydantic.Field(ge=1, le=1000)] = 2
    """Repeats of every cell in the search, each on another subset with another head."""
    confirmation: Confirmation = Confirmation()
    """Fresh draws of what the search chose."""
    budget_minutes: PositiveFloat | None = None
    """Wall time of a run, from the command to the report: first the search, then fresh draws of what it chose, as far
    as they go; the report says what was not trained. None: all is trained."""
    workers: PositiveInt | None = None
    """Processes that run a sweep side by side, one thread each; none: one a core, or one where there is a GPU."""
    activations_gib: PositiveFloat = 4.0
    """Memory for activations of frozen layers, all workers together, in GiB; what is over is spilled to disk."""
    pipeline_root: Annotated[str, pydantic.Field(pattern=r"^(gs|s3)://[^/]+(/[^/]+)*$")] | None = None
    """Where TFX artifacts lie, such as s3://bucket/thaw (docs/storage.md); none: in the workspace."""
    beam_args: tuple[BeamArg, ...] = ()
    """Options of Beam, each as `--name=value`: where Beam nodes run (docs/engines.md); none: in their own process."""
    schedule: Schedule = Schedule()
    """Training on the target."""
    source_schedule: SourceSchedule = SourceSchedule()
    """Training of the sources."""
    blessing: Blessing = Blessing()
    """Conditions for pushing."""

    @pydantic.model_validator(mode="after")
    def _check(self) -> ExperimentConfig:
        problems = (
            *_class_problems(self), *_name_problems(self), *_transfer_problems(self), *_grid_problems(self),
            *tuned_problems(self.tuned, {name: self.most_frozen(name) for name in self.networks},
                            with_tuning=self.schedule.tuning is not None, fine_tune=self.fine_tune),
        )  # fmt: skip
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @property
    def pipeline_name(self) -> str:
        return f"thaw-{self.name.replace('_', '-')}"

    @property
    def pipeline_folder(self) -> Path:
        """The experiment's part of the workspace; one run works there at a time."""
        return self.workspace.absolute() / self.pipeline_name

    @property
    def ledger_folder(self) -> Path:
        """Where the sweeps' ledgers and what belongs to this machine lie."""
        return self.pipeline_folder / "ledgers"

    @property
    def deployed_size(self) -> int:
        """The n at which candidates are chosen, trained, evaluated and pushed."""
        return self.candidate_size or max(self.sizes)

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
        """The network from random weights that transfers with an architecture are held against."""
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


def _class_problems(config: ExperimentConfig) -> list[str]:
    known = config.data.classes
    problems = []
    if len(set(known)) != len(known):
        problems.append(f"data.classes has a name twice: {list(known)}")
    domains = {f"sources.{name}": s.classes for name, s in config.sources.items() if s.classes}
    for place, classes in {"target": config.target.classes, **domains}.items():
        unknown = [c for c in classes if c not in known]
        if unknown:
            problems.append(f"{place}.classes names {unknown}, which the data does not have; it has {list(known)}")
        if len(set(classes)) != len(classes) or len(classes) < 2:
            problems.append(f"{place}.classes needs two or more different classes, got {list(classes)}")
        overlap = sorted(set(classes) & set(config.target.classes))
        if place != "target" and overlap and not config.allow_overlap:
            problems.append(f"{place} shares {overlap} with the target; a source that has seen the target's classes "
                            "flatters the transfer. Remove them or set allow_overlap: true")  # fmt: skip
    return problems


def _name_problems(config: ExperimentConfig) -> list[str]:
    problems = [
        f"backbones.{name}: {name} is one of the report's networks; give the backbone another name"
        for name in config.backbones
        if not is_backbone(name)
    ]
    named = {
        "transfers": [transfer.architecture for transfer in config.transfers],
        "freeze_counts": list(config.freeze_counts),
        "tuned": list(config.tuned),
        "baselines": list(config.baselines),
    }
    problems += [
        f"{section} names the architecture {name!r}; there are {', '.join(config.networks)} (the report's "
        "two networks, and those of backbones)"
        for section, names in named.items()
        for name in dict.fromkeys(names)
        if name not in config.networks
    ]
    channels = config.data.image_shape[2]
    families = [name for name, one in config.backbones.items() if one.family and name in config.architectures]
    if families and channels != 3:
        problems.append(f"backbones.{families[0]} needs images of three channels, and data.image_shape has {channels}; "
                        "write the images with three, or leave its transfers out")  # fmt: skip
    return problems


def _transfer_problems(config: ExperimentConfig) -> list[str]:
    problems = []
    if not config.transfers:
        problems.append("transfers is empty: name at least one (source, architecture) pair")
    ids = [t.id for t in config.transfers]
    if len(set(ids)) != len(ids):
        problems.append(f"transfers has a pair twice: {ids}")
    named = [config.sources[t.source] for t in config.transfers if t.source in config.sources]
    if named and all(source.control for source in named):
        problems.append("transfers names controls alone, which can't be chosen; add one of a source without control")
    for transfer in config.transfers:
        if transfer.source not in config.sources:
            problems.append(f"transfers names the source {transfer.source!r}; sources has {sorted(config.sources)}")
        elif (source := config.sources[transfer.source]).control != "random" and (
            transfer.architecture in config.networks and source.is_pretrained != is_backbone(transfer.architecture)
        ):
            problems.append(
                f"transfer {transfer.id}: a source without classes is read from the file of a backbone, and a backbone "
                f"is transferred from such a source alone; backbones has {sorted(config.backbones)}"
            )
        if transfer.architecture not in config.freeze_counts:
            problems.append(f"freeze_counts has no entry for {transfer.architecture}")
    return problems


def _grid_problems(config: ExperimentConfig) -> list[str]:
    problems = []
    for architecture, counts in config.freeze_counts.items():
        if architecture not in config.networks:
            continue  # _name_problems says so
        top = config.most_frozen(architecture)
        beyond = [k for k in counts if k > top]
        if beyond:
            problems.append(
                f"freeze_counts.{architecture} asks for {beyond}; "
                f"{architecture} has {top} freezable {unit_of(architecture)}s, so 0 to {top} can be frozen"
            )
        if not counts or len(set(counts)) != len(counts):
            problems.append(f"freeze_counts.{architecture} needs different counts, got {list(counts)}")
    for name, values in (("sizes", config.sizes), ("fine_tune", config.fine_tune)):
        if not values or len(set(values)) != len(values):
            problems.append(f"{name} needs one or more different values, got {list(values)}")
    # Without target classes nothing can be split; _class_problems says so.
    uneven = [n for n in config.sizes if config.target.classes and n % len(config.target.classes)]
    if uneven:
        problems.append(
            f"sizes {uneven} can't be split evenly over the {len(config.target.classes)} target "
            "classes; use multiples of that number"
        )
    if config.candidate_size is not None and config.candidate_size not in config.sizes:
        problems.append(f"candidate_size {config.candidate_size} is not one of sizes {list(config.sizes)}")
    return problems
