"""How well learning curves forecast sizes that were not run, on the published ledger. Imports no TensorFlow.

`python -m benchmarks.prediction.label_curves`: rows up to n = 100 forecast n = 200 to 2,000, rows up to 400 forecast
1,500 and 2,000. The prior is learned again for each transfer, only from the others. `--runs` adds finished runs, whose
largest size is forecast from the smaller ones; `--write` learns the prior that Thaw uses from the whole ledger.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analysis.label_curves.curve_prior import (
    PRIOR_FILE,
    CurvePrior,
    FormPrior,
    learn_prior,
    read_prior,
    write_prior,
)
from analysis.label_curves.fitted_curve import Band, band_of, images_for, sample_curves, sizes_of
from analysis.label_curves.forms import FORMS
from analysis.label_curves.measured_curve import FEWEST_SIZES, MeasuredCurve, objection
from benchmarks.prediction.label_curve_cases import (
    Case,
    cases_of,
    chosen_by_group,
    curves_by_group,
    cut,
    read_ledger_rows,
    run_cases,
)
from benchmarks.prediction.published_grid import PUBLISHED

FUTURES = {100: (200, 400, 800, 1500, 2000), 400: (1500, 2000)}
"""Largest size that is known -> sizes that are forecast."""
FAR = 5
"""Multiple of the largest known size up to which the error should be at most 3 points."""
WISHED = (0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
FACTOR = 1.5
ABOUT = "CIFAR-10, automobile against truck: docs/results/ledger.csv.gz, every freeze count"


def main(argv: Sequence[str]) -> int:
    """Prints the tables and writes label_curves.csv."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ledger", type=Path, default=PUBLISHED / "ledger.csv.gz")
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="folders of finished runs")
    parser.add_argument("--write", action="store_true", help="write the prior instead")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    arguments, began = parser.parse_args(argv), time.perf_counter()
    rows = read_ledger_rows(arguments.ledger)
    curves = curves_by_group(rows)
    if arguments.write:
        write_prior(PRIOR_FILE, learn_prior([list(ways.values()) for ways in curves.values()], ABOUT))
        return 0
    table = pd.DataFrame(list(_foretold(rows, curves, [case for run in arguments.runs for case in run_cases(run)])))
    arguments.out.mkdir(parents=True, exist_ok=True)
    table.round(5).to_csv(arguments.out / "label_curves.csv", index=False)
    pd.set_option("display.width", 160)
    cells = table[table["set"] == "every cell"]
    for title, some, by in (
        ("by method", table, ["set", "known up to", "method"]),
        ("by transfer, every cell", cells[cells["method"] == "Thaw"], ["known up to", "group"]),
        ("by reach, every cell", cells[cells["method"] == "Thaw"], ["known up to", "n"]),
    ):
        print(f"\n{title}\n{summary(some, by).to_string()}")
    of_thaw = table[table["method"] == "Thaw"].drop_duplicates(["set", "known up to", "group", "way"])
    print(f"\nnothing said of {of_thaw['silent'].sum()} of {len(of_thaw)} curves; {time.perf_counter() - began:.0f} s")
    return 0


def _foretold(
    rows: pd.DataFrame, curves: Mapping[str, Mapping[str, MeasuredCurve]], of_runs: Sequence[Case]
) -> Iterator[dict[str, Any]]:
    nothing = wide_prior(read_prior().noise)
    for group in curves:
        others = learn_prior([list(ways.values()) for name, ways in curves.items() if name != group], ABOUT)
        for most, ahead in FUTURES.items():
            chosen = cut(group, "chosen on val", chosen_by_group(rows)[group], most, ahead)
            sets = {"every cell": cases_of({group: curves[group]}, most, ahead), "chosen on val": [chosen]}
            for name, cases in sets.items():
                for case in cases:
                    yield from _judged(case, {"Thaw": others, "Thaw, nothing learned from others": nothing}, name)
    for case in of_runs:
        yield from _judged(case, {"Thaw": read_prior()}, case.way)


def wide_prior(noise: float) -> CurvePrior:
    """The forms' own wide distributions, for forecasts without a learned prior."""
    forms = {}
    for name, form in FORMS.items():
        coefficients = np.zeros((3, 3))
        coefficients[0] = form.mean
        forms[name] = FormPrior(coefficients, np.diag(np.square(form.deviation)))
    return CurvePrior(forms, noise, "nothing")


def _judged(case: Case, priors: Mapping[str, CurvePrior], name: str) -> Iterator[dict[str, Any]]:
    """The forecasts of each method for a case, with a record for each later size and each wished accuracy.

    With two sizes Thaw gives a user no forecast; the forecasts are recorded all the same.
    """
    bands = {}
    silent = {}
    for method, prior in priors.items():
        sizes = sizes_of(case.known.points[0].n, case.most)
        bands[method] = band_of(sizes, sample_curves(case.known, prior, sizes))
        silent[method] = len(case.known.points) >= FEWEST_SIZES and objection(case.known, prior.noise) is not None
    bands |= {"last value": _last_value(case), "straight in log n": _straight(case)}
    for method, band in bands.items():
        about = {"set": name, "known up to": case.most, "method": method, "group": case.group, "way": case.way,
                 "silent": silent.get(method, False)}  # fmt: skip
        for n, truth in case.future.items():
            low, expected, high = band.at(n)
            yield about | {"n": n, "truth": truth, "low": low, "expected": expected, "high": high}
        for wished in WISHED:
            yield from _wished(case, band, about, wished)


def _wished(case: Case, band: Band, about: Mapping[str, Any], wished: float) -> Iterator[dict[str, Any]]:
    """How many images an accuracy takes that is first had beyond the known sizes."""
    sizes, means = case.measured
    if not means[sizes <= case.most][-1] < wished <= means[-1]:
        return
    right = int(np.argmax(means >= wished))
    share = (wished - means[right - 1]) / (means[right] - means[right - 1])
    truth = sizes[right - 1] ** (1 - share) * sizes[right] ** share
    said = images_for(band, wished)
    held = (said.low or np.inf) <= truth <= (said.high or np.inf)
    near = said.expected is not None and 1 / FACTOR <= said.expected / truth <= FACTOR
    yield {**about, "wished": wished, "near": near, "images held": held}


def _last_value(case: Case) -> Band:
    sizes = sizes_of(case.known.points[0].n, case.most)
    value = np.full(len(sizes), case.known.points[-1].mean)
    return Band(sizes, value, value, value)


def _straight(case: Case) -> Band:
    """Least squares in log n over all known points, 100% at most."""
    sizes = sizes_of(case.known.points[0].n, case.most)
    line = np.polyfit(np.log(case.known.sizes), [point.mean for point in case.known.points], 1)
    value = np.minimum(np.polyval(line, np.log(sizes)), 1)
    return Band(sizes, value, value, value)


def summary(table: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """Points of error, share of truths held, width; far is FAR times the largest known size or more."""
    said = table[~table["silent"].astype(bool)]

    def one(group: pd.DataFrame) -> pd.Series:
        sizes, wished = group[group["n"].notna()], group[group["wished"].notna()]
        error = 100 * (sizes["expected"] - sizes["truth"])
        held = (sizes["low"] <= sizes["truth"]) & (sizes["truth"] <= sizes["high"])
        far = sizes["n"] >= FAR * sizes["known up to"]
        return pd.Series({
            "rms far": np.sqrt((error[far] ** 2).mean()), "bias far": error[far].mean(),
            "held far %": 100 * held[far].mean(), "rms": np.sqrt((error**2).mean()), "held %": 100 * held.mean(),
            "width": 100 * (sizes["high"] - sizes["low"]).mean(), "forecasts": len(sizes),
            "images near %": 100 * wished["near"].astype(float).mean(),
            "images held %": 100 * wished["images held"].astype(float).mean(), "wishes": len(wished),
        })  # fmt: skip

    return said.groupby(list(by), sort=False).apply(one).round(1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
