"""Figures computed from a stored row are the row's own, to the last bit. Trains nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from experiment.config import Schedule
from experiment.training_settings import SweepSettings
from ledger.cell_selection import Cell
from ledger.ledger import read_ledger, write_ledger
from tests.stacks import STACK
from trainer_module.cell_training.execution import Execution
from trainer_module.sweep.job import SweepFacts
from trainer_module.sweep.record import SweepRecord
from trainer_module.training.training_loop import score_logits

CLASSES = tuple(f"class {number}" for number in range(20))


def record_of(folder, classes, labels):
    settings = SweepSettings(
        role="baseline", name="baseline__original", source="", architecture="original", classes=CLASSES[:classes],
        image_shape=(32, 32, 3), image_key="image", schedule=Schedule(), seed=1,
        data_name="SYNTHETIC", code="c0de", sizes=(20,), freeze_counts=(0,), fine_tune=(False,), draws=1,
        deployed_size=20, ledger_dir=folder,
    )  # fmt: skip
    return SweepRecord(settings, SweepFacts("", "c0", tuple(labels.tolist()), "1d5", (5, 5), STACK))


def stored(folder, logits, labels):
    """The row of an execution with these logits on test, written to a ledger and read back."""
    classes = max(2, logits.shape[1])
    record = record_of(folder, classes, labels)
    score = score_logits(logits, labels)
    execution = Execution(score, score, 1.0, 1, ((0, score.accuracy),), "f", seconds=1.0, outcome="trained")
    path = folder / "ledger.jsonl"
    write_ledger(path, record.header, [record.row(Cell(20, 0, False), 0, execution)])
    header, (row,) = read_ledger(path)
    return row, np.array(header.test_labels)


def recomputed(row, labels):
    """Accuracy and mean cross-entropy in nats, from what the ledger keeps."""
    truth = row.test_probabilities[np.arange(len(labels)), labels].astype(np.float64)
    right = row.test_probabilities.argmax(axis=1) == labels
    return float(right.mean()), float(-np.log(np.maximum(truth, 1e-12)).mean())


# Steps far below and above those of float16, so that classes are equal, nearly equal or apart in either.
STEPS = st.sampled_from([0.0, 1e-9, 1e-7, 1e-5, 3e-4, 1e-2, 1.0, 30.0])


@settings(deadline=None)
@given(data=st.data(), units=st.integers(1, 20), images=st.integers(1, 30))
def test_accuracy_and_loss_of_the_stored_probabilities_are_the_rows_own(data, units, images, tmp_path_factory):
    base = data.draw(arrays(np.float32, (images, 1), elements=st.floats(-4, 4, width=32)))
    apart = data.draw(arrays(np.int64, (images, units), elements=st.integers(-2, 2)))
    logits = (base + data.draw(STEPS) * apart).astype(np.float32)
    labels = data.draw(arrays(np.int64, images, elements=st.integers(0, max(2, units) - 1)))
    row, labels = stored(tmp_path_factory.mktemp("ledger"), logits, labels)
    assert (row.test_accuracy, row.test_loss) == recomputed(row, labels)


@pytest.mark.parametrize("logits", [[[1e-4]], [[0.5, 0.5001]]], ids=["one unit", "a unit a class"])
def test_a_lead_that_float16_would_lose_is_kept(logits, tmp_path):
    row, labels = stored(tmp_path, np.array(logits, np.float32), np.array([1]))
    assert row.test_accuracy == 1.0 and row.test_probabilities.dtype == np.float32
    assert row.test_probabilities.argmax(axis=1).tolist() == [1]
    assert recomputed(row, labels) == (row.test_accuracy, row.test_loss)
