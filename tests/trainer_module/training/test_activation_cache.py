"""Activations in memory and on disk give the same batches and portions. Random orders; small arrays."""

import os

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from experiment.errors import ThawError
from trainer_module.data import draws
from trainer_module.training.activation_cache import READ_BATCH, Budget, InMemory, OnDisk, kept, read_batch

pytestmark = pytest.mark.slow  # imports TensorFlow

VALUES = np.random.default_rng(0).normal(size=(1203, 3, 2)).astype(np.float32)
LABELS = np.arange(1203) % 2
RECORD_BYTES = 24


def batches():
    return (tf.constant(VALUES[start : start + 100]) for start in range(0, len(VALUES), 100))


def spilled(records_a_portion=10**6):
    return OnDisk(batches(), LABELS, Budget(3 * RECORD_BYTES * records_a_portion))


@pytest.mark.parametrize("data", [InMemory(VALUES, LABELS), spilled()], ids=["memory", "disk"])
def test_batches_are_all_records_in_order(data):
    found = [batch.numpy() for batch in data.batches()]
    assert [len(batch) for batch in found] == [READ_BATCH, READ_BATCH, 203]
    np.testing.assert_array_equal(np.concatenate(found), VALUES)


@pytest.mark.parametrize(
    ("shape", "batch"), [((32, 32, 3), 500), ((224, 224, 3), 39), ((1280,), 500), ((4000, 4000, 3), 1)]
)
def test_fewer_large_images_make_a_batch(shape, batch):
    assert read_batch(shape) == batch


@pytest.mark.parametrize("data", [InMemory(VALUES, LABELS), spilled()], ids=["memory", "disk"])
def test_batches_of_places_are_those_records(data):
    places = np.array([7, 1202, 7])
    (found,) = data.batches(places)
    np.testing.assert_array_equal(found.numpy(), VALUES[places])


@given(
    records=st.integers(1, 60), steps=st.integers(1, 40), batch=st.integers(1, 16), fitting=st.integers(0, 80)
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_portions_hold_every_step_s_records_in_order(records, steps, batch, fitting):
    order = draws.batch_order(records, steps, batch, np.random.default_rng(1))
    data = spilled(fitting)
    reached = 0
    for portion in data.portions(order):
        assert portion.steps.start == reached
        reached = portion.steps.stop
        wanted = order[portion.steps]
        np.testing.assert_array_equal(portion.activations.numpy()[portion.order], VALUES[wanted])
        np.testing.assert_array_equal(portion.labels[portion.order], LABELS[wanted])
        # One step is always read whole, however little fits.
        assert len(portion.activations) <= max(fitting, batch)
    assert reached == steps


def test_in_memory_one_portion_is_all():
    order = draws.batch_order(1203, 5, 4, np.random.default_rng(1))
    (portion,) = InMemory(VALUES, LABELS).portions(order)
    np.testing.assert_array_equal(portion.activations.numpy()[portion.order], VALUES[order])


@pytest.mark.parametrize("spill", [True, False])
def test_what_is_kept_is_where_it_was_asked_for(tmp_path, spill):
    data = kept(batches(), LABELS, Budget(spill_dir=tmp_path), spill=spill)
    assert isinstance(data, OnDisk) == spill
    np.testing.assert_array_equal(np.concatenate([batch.numpy() for batch in data.batches()]), VALUES)


def test_a_spilled_file_has_no_name(tmp_path):
    data = kept(batches(), LABELS, Budget(spill_dir=tmp_path), spill=True)
    assert list(tmp_path.iterdir()) == [] and isinstance(data, OnDisk)


def test_no_records_are_kept_as_none():
    assert list(kept(iter(()), LABELS[:0], Budget(), spill=False).batches()) == []


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_said_with_what_is_needed(monkeypatch):
    with open("/dev/full", "wb", buffering=0) as full:
        monkeypatch.setattr("tempfile.TemporaryFile", lambda **_: full)
        with pytest.raises(ThawError, match=r"No space left on device.*activations_gib"):
            OnDisk(batches(), LABELS, Budget())
