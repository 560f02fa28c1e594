"""TFMA results as plain rows, for tables and plots. Imports no TFMA, which has read them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Any

ALL_IMAGES = "all test images"


@dataclasses.dataclass(frozen=True)
class SliceFigure:
    """One metric on a part of the test images.

    Attributes:
      feature, value: what the slice is made by, such as `brightness` and `dark`; both empty for all images, and joined
        by ` x ` where a slice is made by several.
      images: how many; None if the evaluation did not count them.
      estimate, low, high: in the metric's own unit; bounds are None where TFMA computed no interval.
    """

    feature: str
    value: str
    images: int | None
    estimate: float
    low: float | None
    high: float | None

    @property
    def name(self) -> str:
        """Such as `brightness dark`."""
        return f"{self.feature} {self.value}" if self.feature else ALL_IMAGES


def slice_words(key: Iterable[tuple[object, object]]) -> tuple[str, str]:
    """Feature and value of a SliceFigure, from TFMA's pairs of both; empty for all images."""
    pairs = [(str(feature).removesuffix("_xf"), str(value)) for feature, value in key]
    return " x ".join(feature for feature, _ in pairs), " x ".join(value for _, value in pairs)


def figures_by_slice(result: Any, metric: str, class_id: int | None = None) -> list[SliceFigure]:
    """One metric of every slice that has it: all images first, then in the order of feature and value.

    Args:
      result: tfma.EvalResult, as tfma.load_eval_result or tfma.analyze_raw_data gives it.
      metric: such as `sparse_categorical_accuracy`, or `auc_diff` for the gain.
      class_id: the label, for metrics of each class against the rest.
    """
    sub_key = "" if class_id is None else f"classId:{class_id}"
    found = []
    for key, outputs in result.slicing_metrics:
        metrics = outputs[""]
        value = metrics.get(sub_key, {}).get(metric)
        if value is None:
            continue
        count = metrics.get("", {}).get("example_count")
        bounds = value.get("boundedValue") or {"value": value["doubleValue"]}
        found.append(
            SliceFigure(
                *slice_words(key),
                images=None if count is None else int(_plain(count)),
                estimate=bounds["value"], low=bounds.get("lowerBound"), high=bounds.get("upperBound"),
            )
        )  # fmt: skip
    return sorted(found, key=lambda one: (one.feature, one.value))


def _plain(value: dict) -> float:
    return float(value["boundedValue"]["value"] if "boundedValue" in value else value["doubleValue"])
