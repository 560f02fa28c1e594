"""The prior of a new curve from curves of other transfers, and how it is learned. Imports forms and measured_curve.

Four sizes fit almost any asymptote, so the parameters of each form get a normal distribution whose mean depends on how
much of the network is frozen and on whether it was trained from scratch. Mean and covariance are those that explain the
curves of other transfers best: an empirical Bayes estimate (Efron and Morris, JASA 70, 1975) by Monte Carlo EM (Wei and
Tanner, JASA 85, 1990), whose expectation step weights samples of a wide distribution by how well they fit each curve.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from scipy.special import logsumexp
from scipy.stats import qmc

from analysis.label_curves.forms import FORMS, Parameters
from analysis.label_curves.measured_curve import MeasuredCurve

PRIOR_FILE = Path(__file__).parent / "curve_prior.yaml"
FROZEN_POWER = 4
"""The share of frozen layers enters with this power: the last few layers have most of what a new task must change."""
ROUNDS = 15
SAMPLES = 4096
RIDGE = 1e-3
"""Added to the covariance and to the normal equations, which few transfers leave nearly singular."""


@dataclasses.dataclass(frozen=True)
class FormPrior:
    """The distribution of one form's parameters.

    Attributes:
      coefficients: float64 [features, 3]; the mean is features @ coefficients.
      covariance: float64 [3, 3].
    """

    coefficients: np.ndarray
    covariance: np.ndarray


@dataclasses.dataclass(frozen=True)
class CurvePrior:
    """The distribution of curves before any measurement.

    Attributes:
      forms: by the names in FORMS.
      noise: see MeasuredCurve.variances.
      about: what it was learned from.
    """

    forms: Mapping[str, FormPrior]
    noise: float
    about: str


def features(curve: MeasuredCurve) -> np.ndarray:
    """The features on which a curve's mean parameters depend, float64 [3]."""
    return np.array([1.0, curve.frozen**FROZEN_POWER, float(curve.from_scratch)])


def learn_prior(groups: Sequence[Sequence[MeasuredCurve]], about: str) -> CurvePrior:
    """The prior that explains the curves best; all groups have equal weight, however many curves they have.

    Args:
      groups: related curves: of one transfer, or of one network from scratch.
      about: their origin, in words.

    Raises:
      ValueError: there is no curve with two draws.
    """
    curves = [curve for group in groups for curve in group]
    weights = np.array([1 / len(group) for group in groups for _ in group]) / len(groups)
    noise = _usual_noise(groups)
    design = np.stack([features(curve) for curve in curves])
    return CurvePrior({name: _learnt(name, curves, weights, design, noise) for name in FORMS}, noise, about)


def normal_samples(mean: np.ndarray, covariance: np.ndarray, count: int, seed: int) -> Parameters:
    """Evenly spread samples of a normal distribution (scrambled Sobol points), the same for equal arguments."""
    return np.asarray(qmc.MultivariateNormalQMC(mean, covariance, seed=seed).random(count))


def log_density(parameters: Parameters, means: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """Of normal distributions of one covariance, minus their constant, float64 [means, curves]."""
    factor = np.linalg.cholesky(np.linalg.inv(covariance))
    apart = (parameters @ factor)[None] - (means @ factor)[:, None]
    return np.asarray(-0.5 * (apart**2).sum(axis=2) - 0.5 * np.linalg.slogdet(covariance)[1])


def log_likelihood(form: str, parameters: Parameters, curve: MeasuredCurve, noise: float) -> np.ndarray:
    """Of a curve's points under each sample of parameters, minus a constant, float64 [curves]."""
    expected = FORMS[form].left(parameters, curve.sizes)
    return np.asarray(-0.5 * ((curve.left - expected) ** 2 / curve.variances(noise)).sum(axis=1))


def write_prior(path: Path, prior: CurvePrior) -> None:
    """As YAML."""
    forms = {
        name: {"coefficients": one.coefficients.round(5).tolist(), "covariance": one.covariance.round(5).tolist()}
        for name, one in prior.forms.items()
    }
    content: dict[str, Any] = {"about": prior.about, "noise": round(prior.noise, 5), "forms": forms}
    head = "# Prior of a new curve; `python -m benchmarks.prediction.label_curves --write` makes it.\n"
    path.write_text(head + yaml.safe_dump(content, sort_keys=False), encoding="utf-8")


def read_prior(path: Path = PRIOR_FILE) -> CurvePrior:
    """Reads what write_prior wrote."""
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    forms = {
        name: FormPrior(np.array(one["coefficients"]), np.array(one["covariance"]))
        for name, one in content["forms"].items()
    }
    return CurvePrior(forms, float(content["noise"]), str(content["about"]))


def _usual_noise(groups: Sequence[Sequence[MeasuredCurve]]) -> float:
    """The standard deviation of one training's share of chance's error, times sqrt(n), in the median group."""
    scaled = [
        [
            point.n * float(np.var(np.divide(point.accuracies, curve.chance_error), ddof=1))
            for curve in group
            for point in curve.points
            if len(point.accuracies) > 1
        ]
        for group in groups
    ]
    if not any(scaled):
        raise ValueError("A prior takes curves with two draws or more.")
    return float(np.sqrt(np.median([np.mean(one) for one in scaled if one])))


def _learnt(
    name: str, curves: Sequence[MeasuredCurve], weights: np.ndarray, design: np.ndarray, noise: float
) -> FormPrior:
    form = FORMS[name]
    wide = np.diag(np.square(form.deviation))
    samples = normal_samples(np.array(form.mean), wide, SAMPLES, 0)
    fits = np.stack([log_likelihood(name, samples, curve, noise) for curve in curves])
    fits -= log_density(samples, np.array([form.mean]), wide)
    coefficients, covariance = np.zeros((design.shape[1], 3)), wide
    coefficients[0] = form.mean
    normal = (design.T * weights) @ design + RIDGE * np.eye(design.shape[1])
    for _ in range(ROUNDS):
        log_weights = fits + log_density(samples, design @ coefficients, covariance)
        share = np.exp(log_weights - logsumexp(log_weights, axis=1, keepdims=True))  # [curves, samples]
        expected = share @ samples  # [curves, 3]
        coefficients = np.linalg.solve(normal, (design.T * weights) @ expected)
        means = design @ coefficients
        within = (samples.T * (weights @ share)) @ samples - (expected.T * weights) @ expected
        between = ((expected - means).T * weights) @ (expected - means)
        covariance = within + between + RIDGE * np.eye(3)
    return FormPrior(coefficients, covariance)
