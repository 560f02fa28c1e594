"""Published forms of learning curves, anchored at chance, and the wide distribution from which each is first sampled.
Imports numpy and scipy.

A form gives the share of chance's error that remains with n labelled images: 1 at n = 0, where a network guesses, and
never below 0, so that accuracies stay between chance and 100% and rise with n. Each has three parameters:

- `power`: a + (1 - a)(1 + n/m)^-c, the power law with an asymptote (Cortes et al., NeurIPS 1993; error = a + b n^-c for
  n far above m), shifted as pow4 of Domhan et al. (IJCAI 2015, table 1), so that it begins at chance.
- `mmf`: a + (1 - a) / (1 + (n/m)^c), Morgan-Mercer-Flodin (Domhan et al., table 1; best of 16 forms at extrapolation in
  Mohr et al., LCDB 1.0, ECML PKDD 2022).
- `exponential`: a + (1 - a) exp(-(n/m)^c), Weibull's growth curve (Domhan et al., table 1).
- `piecewise`: ln of the error is quadratic in ln n below m and straight above it, with equal slopes at m, after the
  piecewise power law of Jain et al. (CVPR 2023). The quadratic's top is put at chance, which leaves the error at m, m
  and the slope c; there is no asymptote.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import expit, log_expit

Parameters = np.ndarray
"""float64 [curves, 3]: logit of the asymptote a (`piecewise`: of the error at m), ln m, ln c."""


@dataclasses.dataclass(frozen=True)
class Form:
    """A form, and a normal distribution of its parameters that is wide enough for any curve.

    Attributes:
      left_by: parameters, and sizes [1, sizes], to what is left of chance's error, [curves, sizes].
      mean, deviation: of the three parameters.
    """

    left_by: Callable[[Parameters, np.ndarray], np.ndarray]
    mean: tuple[float, float, float]
    deviation: tuple[float, float, float]

    def left(self, parameters: Parameters, sizes: np.ndarray) -> np.ndarray:
        """The share of chance's error that remains, float64 [curves, sizes], 1 to 0.

        Args:
          parameters: see Parameters.
          sizes: [sizes], above 0.
        """
        with np.errstate(over="ignore", under="ignore"):
            return self.left_by(parameters, np.asarray(sizes, np.float64)[None, :])


def _power(parameters: Parameters, sizes: np.ndarray) -> np.ndarray:
    asymptote, start, slope = _natural(parameters)
    return asymptote + (1 - asymptote) * (1 + sizes / start) ** -slope


def _mmf(parameters: Parameters, sizes: np.ndarray) -> np.ndarray:
    asymptote, start, slope = _natural(parameters)
    return asymptote + (1 - asymptote) / (1 + (sizes / start) ** slope)


def _exponential(parameters: Parameters, sizes: np.ndarray) -> np.ndarray:
    asymptote, start, slope = _natural(parameters)
    return asymptote + (1 - asymptote) * np.exp(-((sizes / start) ** slope))


def _piecewise(parameters: Parameters, sizes: np.ndarray) -> np.ndarray:
    at_switch = log_expit(parameters[:, :1])  # ln of the error at m
    slope = np.exp(parameters[:, 2:])
    beyond = np.log(sizes) - parameters[:, 1:2]
    to_top = -2 * at_switch / slope  # from m down to where the quadratic is at chance
    below = at_switch * (np.maximum(beyond + to_top, 0) / to_top) ** 2
    return np.asarray(np.exp(np.where(beyond > 0, at_switch - slope * beyond, below)))


def _natural(parameters: Parameters) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return expit(parameters[:, :1]), np.exp(parameters[:, 1:2]), np.exp(parameters[:, 2:])


FORMS: Mapping[str, Form] = {
    "power": Form(_power, (-3.0, 4.0, -0.5), (1.5, 1.5, 0.7)),
    "mmf": Form(_mmf, (-3.0, 4.0, -0.5), (1.5, 1.5, 0.6)),
    "exponential": Form(_exponential, (-2.0, 4.0, -1.0), (1.2, 1.5, 0.6)),
    "piecewise": Form(_piecewise, (0.0, 4.0, -1.0), (1.2, 1.5, 0.6)),
}
