"""The winner's model card: what it is, how good, where weak, how to repeat it. No TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from scipy.stats import beta

from analysis.statistics import formats
from components.sweep_evaluator.reading import SliceFigure
from components.transfer_report.page.answer import how
from components.transfer_report.page.labels_ahead import label_sentences
from components.transfer_report.page.page import is_of_the_original_report, template_of
from experiment.backbones import Backbone, from_scratch_in_words, network_in_words

CONFIGURATION_FILE = "experiment.yaml"
BY_CHANCE = "Each interval is a separate 95% interval: if no slice is weaker, about one in 40 is marked by chance."


def write_model_card(
    folder: Path, summary: Mapping[str, Any], slices: Sequence[SliceFigure], configuration: Mapping[str, Any],
    independent: Mapping[str, float] | None = None,
) -> None:  # fmt: skip
    """Writes model_card.md, model_card.html and the configuration that repeats the run.

    Args:
      folder: of the model.
      summary: the content of summary.json; the card is its winner's.
      slices: accuracies of the winner's model, of all images among them.
      configuration: of the experiment, without the paths of its files.
      independent: effective test images (effective_images) of slices, by name; a slice that is missing has no groups.
    """
    slices = [with_exact_interval(one, (independent or {}).get(one.name)) for one in slices]
    row = next(row for row in summary["closing_table"] if row["transfer"] == summary["winner"])
    settings = configuration.get("backbones", {}).get(row["architecture"])
    backbone = Backbone.model_validate(settings) if settings else None
    network = network_in_words(row["architecture"]) + (f" ({backbone.in_words})" if backbone else "")
    facts = {
        "summary": summary, "row": row, "how": how(row), "slices": slices, "weak": weak_slices(slices),
        "by_chance": BY_CHANCE,
        "draws": formats.draws([row["draws"]]), "configuration_file": CONFIGURATION_FILE,
        # Thaw looks for CIFAR-10 itself; the configuration names no folder of this machine.
        "data_option": "" if is_of_the_original_report(summary["data"]) else " --data FOLDER",
        "baseline": from_scratch_in_words(row["architecture"], row["baseline_architecture"]),
        "more": label_sentences(summary["labels"]), "size": _size(configuration["data"]),
        "backbone": backbone, "name": row["architecture"], "network": network[0].upper() + network[1:],
    }  # fmt: skip
    for name in ("model_card.md", "model_card.html"):
        template = template_of(f"{name}.j2", markdown=formats.markdown, in_words=accuracy_in_words)
        (folder / name).write_text(template.render(**facts), encoding="utf-8")
    (folder / CONFIGURATION_FILE).write_text(yaml.safe_dump(dict(configuration), sort_keys=False), encoding="utf-8")


def _size(data: Mapping[str, Any]) -> str:
    """Which sides the model takes images of."""
    height, width, _ = data["image_shape"]
    return " of any size" if data["resize"] else f" of {width} x {height} pixels"


def with_exact_interval(one: SliceFigure, independent: float | None = None) -> SliceFigure:
    """The same accuracy with Clopper and Pearson's 95% interval (Biometrika 26, 1934).

    TFMA's is that of a normal distribution: of 22 images that are all right it is 100% to 100%, and of 45 with three
    mistakes 85% to 101%. Where images of a group depend on each other, it is that of as many independent images with
    the same accuracy (Korn and Graubard, Survey Methodology 24, 1998), which need not be whole numbers.

    Args:
      one: of the slice.
      independent: so many of its images; None: all.
    """
    if not one.images:
        return one
    share = round(one.estimate * one.images) / one.images
    images = one.images if independent is None else independent
    low = beta.ppf(0.025, share * images, (1 - share) * images + 1) if share else 0.0
    high = beta.ppf(0.975, share * images + 1, (1 - share) * images) if share < 1 else 1.0
    return dataclasses.replace(one, low=float(low), high=float(high))


def accuracy_in_words(one: SliceFigure) -> str:
    """A slice's accuracy as the card shows it."""
    if one.low is None or one.high is None:
        return f"{formats.percent(one.estimate)} (no interval: the images were not counted)"
    return f"{formats.percent(one.estimate)} {formats.percent_interval((one.low, one.high))}"


def weak_slices(slices: Sequence[SliceFigure]) -> list[SliceFigure]:
    """Slices whose whole interval lies below the accuracy on all images, the weakest first."""
    whole = next((one for one in slices if not one.feature), None)
    if whole is None:
        return []
    weak = (one for one in slices if one.high is not None and one.high < whole.estimate)
    return sorted(weak, key=lambda one: one.estimate)
