"""Problems between fields that are valid one by one. Imports the sections; no pydantic.

Each check is a generator that reads as few fields as possible: a check that reads a field without a valid value ends
there (`judged`), and all others still report.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from experiment.backbones import is_backbone, unit_of
from experiment.domains import Transfer, judged
from experiment.errors import listed
from experiment.schedules import range_problems

if TYPE_CHECKING:
    from experiment.config import ExperimentConfig

OF_THE_PIPELINE = {"baseline": "sweeps from random weights", "target": "the domain transferred to"}
"""Names that Thaw uses in place of a source's name for sweeps and nodes, and what for; no source may have them."""


def problems_between_fields(config: ExperimentConfig) -> Iterator[str]:
    """Yields one sentence per problem, beginning with its key."""
    checks = (
        _data_classes, _target_classes, _source_classes,
        _source_names, _backbone_names, _architectures, _channels, _shift,
        _pairs, _controls_alone, _transfers,
        _freeze_counts, _different_values, _even_sizes, _candidate_size,
        _tuned_ranges, _tuned_without_tuning, _tuned_without_plain,
    )  # fmt: skip
    for check in checks:
        yield from judged(check, config)


def _data_classes(config: ExperimentConfig) -> Iterator[str]:
    known = config.data.classes
    if len(set(known)) != len(known):
        yield f"data.classes has a name twice: {listed(known)}"


def _target_classes(config: ExperimentConfig) -> Iterator[str]:
    yield from judged(_unknown_classes, config, "target", config.target.classes)
    yield from _too_few_classes("target", config.target.classes)


def _source_classes(config: ExperimentConfig) -> Iterator[str]:
    for name in config.sources:
        yield from judged(_classes_of_source, config, name)


def _classes_of_source(config: ExperimentConfig, name: str) -> Iterator[str]:
    classes, place = config.sources[name].classes, f"sources.{name}"
    if not classes:
        return
    yield from judged(_unknown_classes, config, place, classes)
    yield from _too_few_classes(place, classes)
    overlap = sorted(set(classes) & set(config.target.classes))
    if overlap and not config.allow_overlap:
        yield (f"{place} shares {listed(overlap)} with the target; a source that has seen the target's classes makes "
               "the gain look larger. Remove them or set allow_overlap: true")  # fmt: skip


def _unknown_classes(config: ExperimentConfig, place: str, classes: tuple[str, ...]) -> Iterator[str]:
    known = config.data.classes
    if unknown := [name for name in classes if name not in known]:
        yield f"{place}.classes names {listed(unknown)}, which the data does not have; it has {listed(known)}"


def _too_few_classes(place: str, classes: tuple[str, ...]) -> Iterator[str]:
    if len(set(classes)) != len(classes) or len(classes) < 2:
        yield f"{place}.classes needs two or more different classes, got {listed(classes)}"


def _source_names(config: ExperimentConfig) -> Iterator[str]:
    for name in set(OF_THE_PIPELINE) & set(config.sources):
        yield (f"sources.{name}: Thaw uses this name for {OF_THE_PIPELINE[name]}; give the source another name, such "
               f"as {name}_domain")  # fmt: skip


def _backbone_names(config: ExperimentConfig) -> Iterator[str]:
    for name in config.backbones:
        if not is_backbone(name):
            yield f"backbones.{name}: {name} is one of the report's networks; give the backbone another name"


def _architectures(config: ExperimentConfig) -> Iterator[str]:
    for section in ("transfers", "freeze_counts", "tuned", "baselines"):
        yield from judged(_architectures_of, config, section)


def _architectures_of(config: ExperimentConfig, section: str) -> Iterator[str]:
    named = config.architectures if section == "transfers" else getattr(config, section)
    for name in named:
        if name not in config.networks:
            yield (f"{section} names the unknown architecture {name!r}; there are {', '.join(config.networks)} (the "
                   "report's two networks, and those of backbones)")  # fmt: skip


def _channels(config: ExperimentConfig) -> Iterator[str]:
    channels = config.data.image_shape[2]
    families = [name for name, one in config.backbones.items() if one.family and name in config.architectures]
    if families and channels != 3:
        yield (f"backbones.{families[0]} needs images of three channels, and data.image_shape has {channels}; write "
               "the images with three, or leave its transfers out")  # fmt: skip


def _shift(config: ExperimentConfig) -> Iterator[str]:
    shift, sides = config.source_schedule.shift_px, config.data.image_shape[:2]
    if shift >= min(sides):
        yield (f"source_schedule.shift_px is {shift}, and the shorter side of data.image_shape is {min(sides)} pixels; "
               f"expected 0 to {min(sides) - 1}")  # fmt: skip


def _pairs(config: ExperimentConfig) -> Iterator[str]:
    if not config.transfers:
        yield "transfers is empty: name at least one (source, architecture) pair"
    ids = [transfer.id for transfer in config.transfers]
    if len(set(ids)) != len(ids):
        yield f"transfers has a pair twice: {listed(ids)}"


def _controls_alone(config: ExperimentConfig) -> Iterator[str]:
    named = [config.sources[t.source] for t in config.transfers if t.source in config.sources]
    if named and all(source.control for source in named):
        yield "transfers names only controls, which can't be chosen; add one of a source without control"


def _transfers(config: ExperimentConfig) -> Iterator[str]:
    for transfer in config.transfers:
        yield from judged(_source_of_transfer, config, transfer)
        yield from judged(_freeze_counts_of_transfer, config, transfer)


def _source_of_transfer(config: ExperimentConfig, transfer: Transfer) -> Iterator[str]:
    if transfer.source not in config.sources:
        yield f"transfers names the unknown source {transfer.source!r}; sources has {listed(sorted(config.sources))}"
    elif (source := config.sources[transfer.source]).control != "random" and (
        transfer.architecture in config.networks and source.is_pretrained != is_backbone(transfer.architecture)
    ):
        yield (f"transfer {transfer.id}: a source without classes is read from the file of a backbone, and a backbone "
               f"is transferred only from such a source; backbones has {listed(sorted(config.backbones))}")  # fmt: skip


def _freeze_counts_of_transfer(config: ExperimentConfig, transfer: Transfer) -> Iterator[str]:
    if transfer.architecture not in config.freeze_counts:
        yield f"freeze_counts has no entry for {transfer.architecture}"


def _freeze_counts(config: ExperimentConfig) -> Iterator[str]:
    for architecture, counts in config.freeze_counts.items():
        if architecture not in config.networks:
            continue  # _architectures says so
        yield from judged(_beyond_top, config, architecture)
        if not counts or len(set(counts)) != len(counts):
            yield f"freeze_counts.{architecture} needs different counts, got {listed(counts)}"


def _beyond_top(config: ExperimentConfig, architecture: str) -> Iterator[str]:
    top = config.most_frozen(architecture)
    if beyond := [count for count in config.freeze_counts[architecture] if count > top]:
        yield (f"freeze_counts.{architecture} asks for {listed(beyond)}; {architecture} has {top} freezable "
               f"{unit_of(architecture)}s, so 0 to {top} can be frozen")  # fmt: skip


def _different_values(config: ExperimentConfig) -> Iterator[str]:
    for name in ("sizes", "fine_tune"):
        yield from judged(_different_values_of, config, name)


def _different_values_of(config: ExperimentConfig, name: str) -> Iterator[str]:
    values = getattr(config, name)
    if not values or len(set(values)) != len(values):
        yield f"{name} needs one or more different values, got {listed(values)}"


def _even_sizes(config: ExperimentConfig) -> Iterator[str]:
    # Without target classes nothing can be split; _target_classes says so.
    classes = len(config.target.classes)
    if uneven := [n for n in config.sizes if classes and n % classes]:
        yield (f"sizes {listed(uneven)} can't be split evenly over the {classes} target classes; use multiples of "
               f"{classes}")  # fmt: skip


def _candidate_size(config: ExperimentConfig) -> Iterator[str]:
    if config.candidate_size is not None and config.candidate_size not in config.sizes:
        yield f"candidate_size {config.candidate_size} is not one of the sizes {listed(config.sizes)}"


def _tuned_ranges(config: ExperimentConfig) -> Iterator[str]:
    for architecture in config.tuned:
        if architecture in config.networks:  # else _architectures says so
            yield from judged(_ranges_of, config, architecture)


def _ranges_of(config: ExperimentConfig, architecture: str) -> Iterator[str]:
    yield from range_problems(architecture, config.tuned[architecture], config.most_frozen(architecture))


def _tuned_without_tuning(config: ExperimentConfig) -> Iterator[str]:
    if config.tuned and config.schedule.tuning is None:
        yield ("tuned needs schedule.tuning, which is null: layers can be held only if others are tuned from a "
               "solved head. Remove tuned, or give the schedule a tuning")  # fmt: skip


def _tuned_without_plain(config: ExperimentConfig) -> Iterator[str]:
    if config.tuned and False not in config.fine_tune:
        yield ("tuned needs false in fine_tune: its cells are not fine-tuned, nor is the baseline that they are "
               "compared with. Add it, or remove tuned")  # fmt: skip
