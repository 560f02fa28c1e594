"""A fixture of rows of a ledger, for the conftest.py of every folder whose tests need them. Imports no TensorFlow."""

import dataclasses

import numpy as np
import pytest

from ledger.rows import Row


@pytest.fixture(scope="session")
def make_row():
    """A function that makes a row, some of its fields changed."""

    def make_row(key="k1", **changes):
        row = Row(
            key=key, n=20, freeze_count=6, fine_tune=False, draw=0, val_accuracy=0.75, val_loss=0.5,
            test_accuracy=2 / 3, test_loss=0.6, train_accuracy=0.95, steps=57, seconds=1.5,
            curve=((0, 0.5), (57, 0.75)), frozen_hash="ef",
            test_probabilities=np.array([[0.75, 0.25], [0.5, 0.5], [0.125, 0.875]], np.float32),
            outcome="trained",
        )  # fmt: skip
        return dataclasses.replace(row, **changes)

    return make_row
