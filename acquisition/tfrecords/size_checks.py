"""Checks that a data set has the images that an experiment asks for. Imports inspection's counts; reads no record."""

from __future__ import annotations

from acquisition.tfrecords.inspection import Inspection, val_images
from experiment.config import ExperimentConfig
from experiment.errors import ThawError, counted, worded


def check_sizes(inspection: Inspection, config: ExperimentConfig) -> None:
    """Checks every class in use, and the largest n against the target's training images.

    Of a class with c training images, round(val_fraction * c), but at least one, are val; n needs n / (number of target
    classes) of the rest in each target class.

    Raises:
      ThawError: a class of the target or of a transferred source has no image to train on, to choose on or to test on;
        all test images of the target are of one group; or n is larger than the data: the message then gives sizes to
        use instead.
    """
    used = {transfer.source for transfer in config.transfers}
    domains = {f"source {name}": config.sources[name].classes for name in sorted(used)}
    for place, classes in {"target": config.target.classes, **domains}.items():
        for name in classes:
            _check_class(inspection, config, place, name)
    _check_groups(inspection, config)
    offered = min(_offered(inspection, config, name) for name in config.target.classes)
    largest = offered * len(config.target.classes)
    if max(config.sizes) > largest:
        raise ThawError(_too_large(config, offered, largest))


def _check_class(inspection: Inspection, config: ExperimentConfig, place: str, name: str) -> None:
    train, test = inspection.train_counts[name], inspection.test_counts[name]
    if not train or not test:
        lacking = " and ".join(split for split, count in (("training", train), ("test", test)) if not count)
        raise ThawError(f"The class {name!r} of the {place} has no {lacking} images. Expected some of every "
                        "class; add images, or leave the class out of the configuration.")  # fmt: skip
    if _offered(inspection, config, name) < 1:
        raise ThawError(
            f"The class {name!r} of the {place} has {counted(train, 'training image')}, and "
            f"{worded(train, 'it is', 'all are')} set apart for validation ({_val_setting(config)}). Expected at least "
            f"one to train on; add images, or {_advice(config)}"
        )
    if not val_images(inspection, config.data, name):
        raise ThawError(f"The class {name!r} of the {place} has no image that is set apart for validation "
                        f"({_val_setting(config)}). Expected some of every class, as the best is chosen on them; add "
                        f"images, or {_advice(config)}")  # fmt: skip


def _check_groups(inspection: Inspection, config: ExperimentConfig) -> None:
    groups = [number for name in config.target.classes for number in inspection.test_groups.get(name, ())]
    if len(set(groups)) == 1:
        raise ThawError(f"All {len(groups)} test images of the target are of one group (data.group_key), so the "
                        "accuracy on other images can't be estimated. Expected test images of two groups or more: add "
                        "images of other groups (`thaw init` needs four that have all classes), or leave the groups "
                        "out if the images do not depend on each other.")  # fmt: skip


def _offered(inspection: Inspection, config: ExperimentConfig, name: str) -> int:
    return inspection.train_counts[name] - val_images(inspection, config.data, name)


def _val_setting(config: ExperimentConfig) -> str:
    data = config.data
    return f"data.val_fraction {data.val_fraction}" if data.val_key is None else f"data.val_key {data.val_key}"


def _advice(config: ExperimentConfig) -> str:
    key = config.data.val_key
    if key is None:
        return "lower the fraction with --set data.val_fraction=..."
    return f"correct the feature {key!r} of the records, which is 1 for val images and 0 for others."


def _too_large(config: ExperimentConfig, offered: int, largest: int) -> str:
    sizes = [n for n in config.sizes if n < largest] + [largest]
    listed = ",".join(map(str, sizes))
    advice = f"--set 'sizes=[{listed}]'"  # quoted: some shells take brackets for a pattern
    if config.candidate_size is not None and config.candidate_size not in sizes:
        advice += f" --set candidate_size={largest}"
    return (
        f"sizes has n = {max(config.sizes)}, but only {counted(offered, 'image')} of each target class "
        f"{worded(offered, 'is', 'are')} left to train on "
        f"after val is set aside ({_val_setting(config)}). Expected n up to {largest}. Use {advice}"
    )
