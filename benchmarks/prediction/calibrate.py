"""Makes calibration.yaml, by which `thaw advise` turns probes into gains, from gains on several targets.

It lies in analysis/transfer_prediction/. `python -m benchmarks.prediction.calibrate RUN OTHERS`: OTHERS is the
other_targets.csv of other_targets.py, whose pairs for the test are looked at when the rule is done. Imports analysis,
no TensorFlow.
"""

from __future__ import annotations

import argparse
import hashlib
import math
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from analysis.transfer_prediction.advice_rule import (
    CALIBRATION_FILE,
    PREDICTORS,
    AdviceRule,
    predictors_of,
    read_rule,
)
from benchmarks.prediction.ridge_intervals import Calibrated, calibrate
from experiment.backbones import MAX_FREEZE_COUNT, MOBILENET_V2_BLOCKS
from experiment.config import ExperimentConfig

LEVEL = 0.9
ESTIMATOR = "probe_error"
MOST_FROZEN = {**MAX_FREEZE_COUNT, "mobilenet_v2": MOBILENET_V2_BLOCKS}
"""Of the networks of Thaw's presets."""
DRAW = 0
STRATA = (20, 100, 400)
"""Sizes at which every target was trained on: an interval's width is that of the nearest."""
BLIND = (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
"""Places in PREDICTORS of those that look at no image: the rule to be beaten."""


def main(argv: Sequence[str]) -> int:
    """Writes the calibration and prints what it is worth."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="a run's folder, such as runs/latest")
    parser.add_argument("others", type=Path, help="other_targets.csv of benchmarks.prediction.other_targets")
    parser.add_argument("--out", type=Path, default=CALIBRATION_FILE)
    arguments = parser.parse_args(argv)
    config = ExperimentConfig.model_validate(
        yaml.safe_load((arguments.run / "config.yaml").read_text(encoding="utf-8"))
    )
    cells, others = pd.read_csv(arguments.run / "cells.csv"), pd.DataFrame(other_rows(pd.read_csv(arguments.others)))
    estimates, target = pd.read_csv(arguments.run / "estimates.csv"), " and ".join(config.target.classes)
    own = pd.DataFrame(run_rows(estimates, cells, target))
    rows, test = pd.concat([own, others[others["use"] == "calibration"]]), others[others["use"] == "test"]
    x, y = np.array(rows["x"].tolist()), rows["gain_points"].to_numpy()
    groups, strata = rows["target"].to_numpy(), rows["n"].map(nearest).to_numpy()
    found, blind = (calibrate(x[:, list(places)], y, groups, strata, LEVEL) for places in (range(x.shape[1]), BLIND))
    provenance = {
        "data": str(cells["data"].iloc[0]), "targets": str(rows["target"].nunique()), "trainings": str(len(rows)),
        "estimator": ESTIMATOR, "made_by": "python -m benchmarks.prediction.calibrate RUN OTHERS",
        "cells_sha256": hashlib.sha256((arguments.run / "cells.csv").read_bytes()).hexdigest(),
        "others_sha256": hashlib.sha256(arguments.others.read_bytes()).hexdigest(),
    }  # fmt: skip
    rule = rule_of(found, provenance)
    arguments.out.write_text(yaml.safe_dump(rule.model_dump(mode="json"), sort_keys=False), encoding="utf-8")
    print(f"{len(rows)} trainings on {provenance['targets']} targets; spread of gains {y.std():.1f} points")
    for name, one in (("with probes", found), ("without", blind)):
        print(f"{name}: error {one.error:.2f} points on targets left out, coverage {one.coverage:.3f}, widened "
              f"{one.widening:.2f} times")  # fmt: skip
        for group in dict.fromkeys(groups):
            missed = one.residuals[groups == group]
            print(f"  {group}: {np.sqrt(np.mean(missed**2)):.2f} (mean {missed.mean():+.2f})")
    print(judged(rule, test).round(2).to_string())
    return 0


def rule_of(found: Calibrated, provenance: dict[str, str]) -> AdviceRule:
    """A calibration as its file holds it; what benchmarks.short_probes.judge says of more classes stays."""
    scaler, ridge = (step for _, step in found.rule.steps)
    return AdviceRule(
        provenance=provenance, level=LEVEL, coverage=found.coverage, error_points=found.error, predictors=PREDICTORS,
        mean=scaler.mean_, scale=scaler.scale_, weights=ridge.coef_, intercept=ridge.intercept_, sizes=found.strata,
        low=found.low, high=found.high, few_classes=3, low_of_many=read_rule().low_of_many,
    )  # fmt: skip


def nearest(n: int) -> int:
    """The stratum of a size, by its logarithm."""
    return min(STRATA, key=lambda size: abs(math.log(size / n)))


def run_rows(estimates: pd.DataFrame, cells: pd.DataFrame, target: str) -> Iterator[dict[str, object]]:
    """Predictors `x` and measured gain of a run's executions, thinned so that its target weighs like others.

    One draw, and of each architecture's freeze counts the first, the middle and the last.
    """
    wanted = estimates[(estimates["estimator"] == ESTIMATOR) & (estimates["draw"] == DRAW)]
    probes = {
        key: dict(zip(group["freeze_count"], group["value"], strict=True))
        for key, group in wanted.groupby(["transfer", "n"])
    }
    for cell in cells[cells["draw"] == DRAW].dropna(subset=["gain_points"]).itertuples():
        found = probes.get((cell.transfer, cell.n), {})
        counts = sorted(found)
        if counts and counts[0] == 0 and cell.freeze_count in (0, counts[len(counts) // 2], counts[-1]):
            x = predictors_of(cell.architecture, cell.n, cell.freeze_count, bool(cell.fine_tune), found,
                              MOST_FROZEN[cell.architecture])  # fmt: skip
            yield {"target": target, "n": cell.n, "gain_points": cell.gain_points, "x": x}


def other_rows(others: pd.DataFrame) -> Iterator[dict[str, object]]:
    """The same of other targets' trainings, and what each is for (`use`)."""
    for cell in others.itertuples():
        # A dictionary keeps the last value of a key: nothing frozen has the pixels' probe, as it must.
        probes = {MOST_FROZEN[cell.architecture]: cell.top, cell.freeze_count: cell.here, 0: cell.pixels}
        x = predictors_of(cell.architecture, cell.n, cell.freeze_count, False, probes, MOST_FROZEN[cell.architecture])
        yield {"target": cell.target, "use": cell.use, "n": cell.n, "gain_points": cell.gain, "x": x}


def judged(rule: AdviceRule, test: pd.DataFrame) -> pd.DataFrame:
    """What the rule is worth on targets that it has not seen: a row for each and for all."""
    expected = rule.expected(np.array(test["x"].tolist()))
    missed = test["gain_points"] - expected
    bounds = np.array([rule.bounds(n, 2) for n in test["n"]])
    table = test.assign(missed=missed, held=(bounds[:, 0] <= missed) & (missed <= bounds[:, 1]))
    parts = {**dict(iter(table.groupby("target"))), "all": table}
    return pd.DataFrame({
        name: {"trainings": len(part), "held": part["held"].mean(), "mean": part["missed"].mean(),
               "error": (part["missed"] ** 2).mean() ** 0.5, "spread": part["gain_points"].std()}
        for name, part in parts.items()
    }).T  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
