"""The model card that travels with the winner: what it is, how good, where weak, how to repeat it. No TensorFlow."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import yaml

from analysis.statistics import formats
from components.transfer_report.page.page import how
from experiment.backbones import ARCHITECTURES, from_scratch_in_words

CONFIGURATION_FILE = "experiment.yaml"


@dataclasses.dataclass(frozen=True)
class SliceAccuracy:
    """How the very model that is pushed does on a part of the test images, by TFMA.

    Attributes:
      feature, value: what the slice is made by, such as `brightness` and `dark`; both empty for all images.
      images: how many.
      accuracy, low, high: fractions, with TFMA's 95% interval over images; bounds are None where images are few.
    """

    feature: str
    value: str
    images: int
    accuracy: float
    low: float | None
    high: float | None

    @property
    def name(self) -> str:
        return f"{self.feature} {self.value}" if self.feature else "all test images"

    @property
    def in_words(self) -> str:
        """The accuracy as the card shows it."""
        if self.low is None or self.high is None:
            return f"{formats.percent(self.accuracy)} (too few images for an interval)"
        return f"{formats.percent(self.accuracy)} {formats.percent_interval((self.low, self.high))}"


def write_model_card(
    folder: Path, summary: Mapping[str, Any], slices: Sequence[SliceAccuracy], configuration: Mapping[str, Any]
) -> None:
    """Writes model_card.md, model_card.html and the configuration that repeats the run.

    Args:
      folder: of the model.
      summary: the content of summary.json; the card is its winner's.
      slices: of the winner's model, all images among them.
      configuration: of the experiment, without the places where it kept things.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=jinja2.select_autoescape(("html.j2",)),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        percent=formats.percent, percent_interval=formats.percent_interval, points=formats.points,
        points_interval=formats.points_interval, markdown=formats.markdown,
    )  # fmt: skip
    row = next(row for row in summary["closing_table"] if row["transfer"] == summary["winner"])
    own = configuration.get("own") if row["architecture"] == "own" else None
    network = ARCHITECTURES[row["architecture"]] + (f", {own['model']}" if own else "")
    facts = {
        "summary": summary, "row": row, "how": how(row), "slices": slices, "weak": weak_slices(slices),
        "draws": formats.draws([row["draws"]]), "configuration_file": CONFIGURATION_FILE,
        "baseline": from_scratch_in_words(row["architecture"], row["baseline_architecture"]),
        "own": own, "network": network[0].upper() + network[1:],
    }  # fmt: skip
    for suffix in ("md", "html"):
        text = environment.get_template(f"model_card.{suffix}.j2").render(**facts)
        (folder / f"model_card.{suffix}").write_text(text, encoding="utf-8")
    (folder / CONFIGURATION_FILE).write_text(yaml.safe_dump(dict(configuration), sort_keys=False), encoding="utf-8")


def weak_slices(slices: Sequence[SliceAccuracy]) -> list[SliceAccuracy]:
    """Slices whose whole interval lies below the accuracy on all images, the weakest first."""
    whole = next((one for one in slices if not one.feature), None)
    if whole is None:
        return []
    weak = (one for one in slices if one.high is not None and one.high < whole.accuracy)
    return sorted(weak, key=lambda one: one.accuracy)
