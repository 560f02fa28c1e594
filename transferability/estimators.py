"""All estimators by name, for tables and oracles. Imports only the estimators."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from transferability.class_overlap import gbc
from transferability.domain_distance import frechet_distance, proxy_a_distance
from transferability.h_score import shrunk_h_score
from transferability.linear_probe import linear_probe
from transferability.logme import logme
from transferability.similarity import linear_cka

LABEL_ESTIMATORS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "logme": logme,
    "h_score": shrunk_h_score,
    "gbc": gbc,
    "probe": lambda features, labels: linear_probe(features, labels).accuracy,
    "probe_error": lambda features, labels: -linear_probe(features, labels).squared_error,
    "cka_labels": lambda features, labels: linear_cka(features, np.eye(int(labels.max()) + 1)[labels]),
}
"""Estimators of features [n, d] and labels [n]; higher is better."""

DOMAIN_ESTIMATORS: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "frechet": lambda target, source: -frechet_distance(target, source),
    "a_distance": lambda target, source: -proxy_a_distance(target, source),
}
"""Estimators of the target's and the source's features [n, d], the same number of images each; nearer is higher."""

NAMES = {
    "leep": "LEEP", "logme": "LogME", "probe": "linear probe, accuracy", "probe_error": "linear probe, squared error",
    "cka_labels": "CKA with the labels", "gbc": "GBC", "h_score": "H-score, shrunk", "frechet": "Fréchet distance",
    "a_distance": "proxy A-distance",
}  # fmt: skip
"""Names of all estimators, including LEEP, in the order of the report's tables."""
