"""LEEP: how well a source's class probabilities predict the target's labels. Imports no TensorFlow.

Nguyen, Hassner, Seeger and Archambeau, LEEP: A New Measure to Evaluate Transferability of Learned Representations,
ICML 2020 (arXiv 2002.12462), section 3. With p(z | x) the source model's probabilities of its own classes z:

    P(y, z) = 1/n sum over i with y_i = y of p(z | x_i)        P(y | z) = P(y, z) / sum_y P(y, z)
    LEEP    = 1/n sum over i of log sum_z P(y_i | z) p(z | x_i)

It sees the source's head and no layer by itself, so it has no freeze count.
"""

from __future__ import annotations

import numpy as np

from transferability.checks import checked_labels, checked_probabilities, one_hot


def leep(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """The mean logarithm of the expected empirical prediction; at most 0, higher is better, in nats.

    Args:
      probabilities: floats [n, source classes], the source model's on the target's images; rows sum to 1.
      labels: integers [n], the target's: 0..C-1, two rows or more of each class.

    Raises:
      ValueError: probabilities or labels are not as described.
    """
    p = checked_probabilities(probabilities)
    y = checked_labels(labels, p.shape[0])
    joint = one_hot(y).T @ p  # [C, source classes], n P(y, z)
    by_source_class = joint.sum(axis=0)
    conditional = np.divide(joint, by_source_class, out=np.zeros_like(joint), where=by_source_class > 0)
    expected = np.sum(conditional[y] * p, axis=1)
    return float(np.mean(np.log(np.minimum(expected, 1.0))))
