"""Makes pipeline/calibration.yaml, by which `thaw advise` turns probes into gains, from a run's ledger and estimates.

`python -m benchmarks.calibrate RUN ESTIMATES`: ESTIMATES is the estimates.csv that `python -m benchmarks.prediction`
wrote for that run. Imports pipeline.advice_rule and transferability, no TensorFlow.
"""

from __future__ import annotations

import argparse
import hashlib
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import yaml

from pipeline.advice_rule import CALIBRATION_FILE, AdviceRule, predictors_of
from pipeline.config import ExperimentConfig
from transferability.calibration import calibrate

LEVEL = 0.9
ESTIMATOR = "probe_error"
BLIND = (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
"""Places in PREDICTORS of those that look at no image: the rule to be beaten."""


def main(argv: Sequence[str]) -> int:
    """Writes the calibration and prints what it is worth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run", type=Path, help="a run's folder, such as runs/latest")
    parser.add_argument("estimates", type=Path, help="estimates.csv of benchmarks.prediction for that run")
    parser.add_argument("--out", type=Path, default=CALIBRATION_FILE)
    arguments = parser.parse_args(argv)
    config = ExperimentConfig.model_validate(yaml.safe_load((arguments.run / "config.yaml").read_text()))
    cells = pd.read_csv(arguments.run / "cells.csv")
    rows = pd.DataFrame(calibration_rows(pd.read_csv(arguments.estimates), cells))
    x, y = np.array(rows["x"].tolist()), rows["gain_points"].to_numpy()
    groups, sizes = rows["transfer"].to_numpy(), rows["n"].to_numpy()
    found, blind = (calibrate(x[:, list(places)], y, groups, sizes, LEVEL) for places in (range(x.shape[1]), BLIND))
    provenance = {
        "run": config.name, "data": str(cells["data"].iloc[0]), "target": " and ".join(config.target.classes),
        "transfers": str(rows["transfer"].nunique()), "trainings": str(len(rows)), "estimator": ESTIMATOR,
        "cells_sha256": hashlib.sha256((arguments.run / "cells.csv").read_bytes()).hexdigest(),
        "made_by": "python -m benchmarks.calibrate RUN ESTIMATES",
    }  # fmt: skip
    rule = AdviceRule.of(found, LEVEL, provenance)
    arguments.out.write_text(yaml.safe_dump(rule.model_dump(mode="json"), sort_keys=False))
    print(f"{len(rows)} trainings of {provenance['transfers']} transfers; spread of gains {y.std():.1f} points")
    for name, one in (("with probes", found), ("without", blind)):
        print(f"{name}: error {one.error:.2f} points on transfers left out, coverage {one.coverage:.3f}, "
              f"widened {one.widening:.2f} times")  # fmt: skip
        for transfer in sorted(set(groups)):
            missed = one.residuals[groups == transfer]
            print(f"  {transfer}: {np.sqrt(np.mean(missed**2)):.2f} (mean {missed.mean():+.2f})")
    return 0


def calibration_rows(estimates: pd.DataFrame, cells: pd.DataFrame) -> Iterator[dict[str, object]]:
    """Predictors `x` and measured gain of every execution of a transfer whose estimates are there."""
    wanted = estimates[estimates["estimator"] == ESTIMATOR]
    probes = {
        key: dict(zip(group["freeze_count"], group["value"], strict=True))
        for key, group in wanted.groupby(["transfer", "n", "draw"])
    }
    for cell in cells.dropna(subset=["gain_points"]).itertuples():
        found = probes.get((cell.transfer, cell.n, cell.draw), {})
        if 0 in found and cell.freeze_count in found:
            x = predictors_of(cell.architecture, cell.n, cell.freeze_count, bool(cell.fine_tune), found)
            yield {"transfer": cell.transfer, "n": cell.n, "gain_points": cell.gain_points, "x": x}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
