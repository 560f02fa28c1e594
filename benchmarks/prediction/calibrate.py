"""Makes calibration.yaml, by which `thaw advise` turns probes into gains, from gains on twenty targets.

It lies in analysis/transfer_prediction/. `python -m benchmarks.prediction.calibrate`: the record is written by
target_gains.py. Prints the rule's errors on targets left out, one at a time, and on kinds of targets left out
(CIFAR-10, signs, ants and bees). Imports analysis, no TensorFlow.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from analysis.transfer_prediction.advice_rule import (
    CALIBRATION_FILE,
    PREDICTORS,
    AdviceRule,
    predictors_of,
)
from benchmarks.prediction.published_grid import PUBLISHED
from benchmarks.prediction.ridge_intervals import Calibrated, calibrate
from experiment.backbones import MAX_FREEZE_COUNT, MOBILENET_V2_BLOCKS

RECORD = PUBLISHED / "target_gains.csv"
LEVEL = 0.9
MOST_FROZEN = {**MAX_FREEZE_COUNT, "mobilenet_v2": MOBILENET_V2_BLOCKS}
"""Of the networks in the record."""
SCRATCH = "scratch"
"""The source of a network from random weights."""
FEW_CLASSES = 3
MOST_STRATUM = 50
"""Images of a class: with more there are too few gains for an interval of their own, and it would be narrower."""


def main(argv: Sequence[str]) -> int:
    """Writes the calibration and prints its errors."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", type=Path, default=RECORD)
    parser.add_argument("--out", type=Path, default=CALIBRATION_FILE)
    arguments = parser.parse_args(argv)
    gains = gains_of(pd.read_csv(arguments.record))
    x, y = np.array(gains["x"].tolist()), gains["gain_points"].to_numpy()
    strata = gains["per_class"].clip(upper=MOST_STRATUM).to_numpy()
    print(f"{len(gains)} gains on {gains['target'].nunique()} targets, spread {y.std():.1f} points")
    found, by_kind = (calibrate(x, y, gains[group].to_numpy(), strata, LEVEL) for group in ("target", "kind"))
    table = {
        "mean gain of the other targets": judged(gains, calibrate(0 * x, y, gains["target"].to_numpy(), strata, LEVEL)),
        "rule on targets left out": judged(gains, found),
        "rule on kinds left out": judged(gains, by_kind),
    }
    print(pd.DataFrame(table).T.round(2).to_string())
    print(by_group(gains, found).round(2).to_string())
    provenance = {
        "targets": str(gains["target"].nunique()), "kinds": "CIFAR-10, hand signs, ants and bees",
        "gains": str(len(gains)),
        "made_by": "python -m benchmarks.prediction.calibrate",
        "record_sha256": hashlib.sha256(arguments.record.read_bytes()).hexdigest(),
    }  # fmt: skip
    rule = rule_of(found, provenance, included(found, by_kind.residuals, strata))
    arguments.out.write_text(yaml.safe_dump(rule.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
    return 0


def gains_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Predictors `x` and gain of each transfer's training, over the mean training from scratch on as many images.

    Args:
      rows: of the record; trainings from scratch that collapsed are left out, as in a report.
    """
    rows = rows.assign(per_class=rows["n"] // rows["classes"])
    learned = rows[(rows["source"] == SCRATCH) & ~rows["collapsed"].eq(True)]
    scratch = learned.groupby(["target", "n"])["test"].agg(["mean", "count"]).rename(columns={"mean": "scratch"})
    transfers = rows[rows["source"] != SCRATCH].join(scratch, on=["target", "n"]).dropna(subset=["scratch"])
    x = [
        # A dictionary keeps the last value of a key, so nothing frozen has the pixels' probe, as required.
        predictors_of(one.architecture, one.n, one.classes, one.freeze_count,
                      {MOST_FROZEN[one.architecture]: one.top, one.freeze_count: one.here, 0: one.pixels},
                      MOST_FROZEN[one.architecture])
        for one in transfers.itertuples()
    ]  # fmt: skip
    return transfers.assign(x=x, gain_points=100 * (transfers["test"] - transfers["scratch"])).reset_index(drop=True)


def judged(gains: pd.DataFrame, found: Calibrated) -> dict[str, float]:
    """A rule's errors on the groups that were left out.

    Returns:
      the error in points (root mean square), the share of gains that intervals included, the test accuracy that its
      first choice loses against the best on val, in points, and Kendall's tau of its order of cells.
    """
    table = gains.assign(expected=gains["gain_points"] - found.residuals)
    groups = [group for _, group in table.groupby(["target", "n"])]
    regret = [
        100 * (group.loc[group["val"].idxmax(), "test"] - group.loc[group["expected"].idxmax(), "test"])
        for group in groups
    ]
    tau = [group["expected"].corr(group["test"], method="kendall") for group in groups]
    return {"error": found.error, "included": found.coverage, "widened": found.widening,
            "regret": float(np.mean(regret)), "tau": float(np.nanmean(tau))}  # fmt: skip


def by_group(gains: pd.DataFrame, found: Calibrated) -> pd.DataFrame:
    """Error, mean error and spread of the gains, for each kind, number of classes and images of a class."""
    table = gains.assign(missed=found.residuals, many=gains["classes"] > FEW_CLASSES)
    return table.groupby(["kind", "many", "per_class"]).agg(
        gains=("missed", "size"), gain=("gain_points", "mean"), mean_error=("missed", "mean"),
        error=("missed", lambda missed: float(np.sqrt(np.mean(missed**2)))),
    )  # fmt: skip


def included(found: Calibrated, residuals: np.ndarray, strata: np.ndarray) -> float:
    """The share of residuals [gains] that the rule's intervals include, by stratum [gains]."""
    bounds = {stratum: (low, high) for stratum, low, high in zip(found.strata, found.low, found.high, strict=True)}
    low, high = np.array([bounds[stratum] for stratum in strata.tolist()]).T
    return float(np.mean((low <= residuals) & (residuals <= high)))


def rule_of(found: Calibrated, provenance: dict[str, str], coverage_of_kinds: float) -> AdviceRule:
    """A calibration as its file holds it."""
    scaler, ridge = (step for _, step in found.rule.steps)
    return AdviceRule(
        provenance=provenance, level=LEVEL, coverage=found.coverage,
        coverage_of_kinds=coverage_of_kinds, error_points=found.error, predictors=PREDICTORS,
        mean=scaler.mean_, scale=scaler.scale_, weights=ridge.coef_, intercept=ridge.intercept_,
        per_class=found.strata, low=found.low, high=found.high,
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
