"""Sweeps on a disk that is full, a real one of 256 KiB: nothing that was written is lost. Trains in a real worker."""

import errno
import json
import os

import numpy as np
import pytest
import tensorflow as tf

from experiment.errors import ThawError
from ledger.ledger import Ledger, read_ledger
from ledger.rows import Header
from tests.stacks import STACK
from trainer_module.training.activation_cache import Budget, OnDisk
from trainer_module.tuners.sweep_tuner import SweepTuner
from trainer_module.worker_pools.process_pool import WorkerPool

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

HEADER = Header(
    "a__original", "a", "original", "original", "cifar10", ("automobile", "truck"), "ab", "c0", (0, 1, 1), "cd",
    (5, 5), 8, "", STACK, (),
)  # fmt: skip


def fill(disk):
    """Takes every free block; returns the file that holds them."""
    path = disk / "filler"
    with path.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError as error:
            assert error.errno == errno.ENOSPC
    return path


def test_a_row_for_which_there_is_no_room_is_refused_and_fits_once_there_is(small_disk, make_row):
    ledger = Ledger(small_disk / "sweep.jsonl", HEADER)
    filler = fill(small_disk)
    with pytest.raises(ThawError, match=r"Can't write the ledger .*: No space left on device.*Make room"):
        for number in range(100):
            ledger.append(make_row(f"k{number}"))
    assert 0 < len(ledger.rows) < 100
    assert [row.key for row in read_ledger(ledger.path)[1]] == list(ledger.rows)
    filler.unlink()
    ledger.append(make_row("last"))
    again = Ledger(ledger.path, HEADER)
    assert list(again.rows) == list(ledger.rows) and not again.dropped


def test_a_sweep_that_found_the_disk_full_goes_on_when_there_is_room(small_disk, small_job):
    settings = small_job.settings.model_copy(update={"ledger_dir": small_disk})
    tuner = SweepTuner(WorkerPool(small_job, 1), settings)
    filler = fill(small_disk)
    with pytest.raises(ThawError, match=r"Can't write the ledger .*: No space left on device"):
        tuner.search()
    written = tuner.ledger.path.read_bytes()
    kept = read_ledger(tuner.ledger.path)[1]
    assert 0 < len(kept) < len(tuner.record.plan)
    filler.unlink()

    again = SweepTuner(WorkerPool(small_job, 1), settings)
    again.search()
    assert again.ledger.path.read_bytes().startswith(written)
    keys = [json.loads(line)["row"]["key"] for line in again.ledger.path.read_bytes().splitlines()[1:]]
    assert sorted(keys) == sorted(again.record.keys)


def test_activations_for_which_there_is_no_room_are_named_with_what_they_need(small_disk):
    before = os.statvfs(small_disk).f_bfree
    batches = iter([tf.zeros([50, 32, 32, 1])] * 4)  # 800 KB
    with pytest.raises(ThawError, match=rf"Can't spill activations to {small_disk}: No space left on device"):
        OnDisk(batches, np.zeros(200, np.int64), Budget(1, small_disk))
    assert os.statvfs(small_disk).f_bfree == before
