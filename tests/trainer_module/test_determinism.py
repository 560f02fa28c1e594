"""The same sweep again gives the same rows bit for bit, and with another number of threads nearly. Real processes."""

import dataclasses
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipeline.config import Schedule, SourceSchedule
from trainer_module.ledger import read_ledger

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

TOLERANCE = 1e-4
"""Of probabilities and losses after EPOCHS; longer trainings may drift further apart (docs/reliability.md)."""
EPOCHS = 5

# Reads a job, trains its source where there is none yet, and sweeps, all with so many threads.
SWEEP = """
import dataclasses, pickle, sys
from pathlib import Path
import keras, tensorflow as tf
from trainer_module import input_pipeline, source
from trainer_module.settings import ModelSettings
from trainer_module.sweep_job import facts_of
from trainer_module.sweep_tuner import SweepTuner

job_path, threads, folder = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
tf.config.threading.set_intra_op_parallelism_threads(threads)
tf.config.threading.set_inter_op_parallelism_threads(1)
job, source_schedule = pickle.loads(job_path.read_bytes())
settings = job.settings.model_copy(update={"ledger_dir": folder / "ledgers"})

if not job.base_model:
    shared = settings.model_dump(include=set(ModelSettings.model_fields) - {"schedule"})
    network = source.network_of(settings)
    train, val = (input_pipeline.read_split(files, settings.image_shape) for files in (job.train_files, job.val_files))
    source.train_source(network, train, val, ModelSettings(**{**shared, "role": "source"}, schedule=source_schedule))
    (folder / "source").mkdir(parents=True)
    network.model.save(folder / "source" / source.KERAS_FILE)
engine = dataclasses.replace(job, settings=settings, base_model=job.base_model or str(folder / "source")).build()

class InThisProcess:
    facts = facts_of(engine)

    def run(self, executions):
        for cell, draw in executions:
            yield cell, draw, engine.run(cell, draw)

    def close(self):
        pass

SweepTuner(InThisProcess(), settings).search()
"""


@pytest.fixture(scope="module")
def swept(baseline_job, tmp_path_factory):
    """A function that sweeps a transfer in a process of its own, and returns its header and rows by key."""
    changes = {"role": "transfer", "name": "a__remastered", "source": "a", "freeze_counts": (0, 6)}
    tmp = tmp_path_factory.mktemp("determinism")

    def swept(name, threads, source_of=None, epochs=EPOCHS):
        schedule = Schedule(epochs=epochs, batch_size=16)
        settings = baseline_job.settings.model_copy(update={**changes, "schedule": schedule})
        job = dataclasses.replace(
            baseline_job, settings=settings, base_model=str(tmp / source_of / "source") if source_of else ""
        )
        (tmp / f"{name}.pickle").write_bytes(pickle.dumps((job, SourceSchedule(epochs=1, batch_size=8, shift_px=2))))
        command = [sys.executable, "-c", SWEEP, str(tmp / f"{name}.pickle"), str(threads), str(tmp / name)]
        # Python's own order of sets is another in each process, as it is for users.
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONHASHSEED"}
        done = subprocess.run(command, cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        [path] = (tmp / name / "ledgers").glob("*.jsonl")
        header, rows = read_ledger(path)
        return header, {row.key: row for row in rows}

    return swept


@pytest.fixture(scope="module")
def by_one_thread(swept):
    return swept("one_thread", 1)


def results(rows):
    """What rows say, seconds apart."""
    return {
        key: {**dataclasses.asdict(row), "seconds": 0, "test_probabilities": row.test_probabilities.tobytes()}
        for key, row in rows.items()
    }


def test_a_source_and_its_sweep_again_in_another_process_are_equal_bit_for_bit(swept, by_one_thread):
    header, rows = swept("again", 1)
    assert header == by_one_thread[0]  # with the hash of the source's weights
    assert results(rows) == results(by_one_thread[1])


def apart(rows, others):
    """How far two sweeps' rows are from each other at most."""
    assert rows.keys() == others.keys()
    pairs = [(row, others[key]) for key, row in rows.items()]
    assert all(a.steps == b.steps and a.frozen_hash == b.frozen_hash for a, b in pairs)
    return {
        "steps": max(row.steps for row in rows.values()),
        "probability": max(np.abs(a.test_probabilities - b.test_probabilities.astype(float)).max() for a, b in pairs),
        "loss": max(abs(getattr(a, name) - getattr(b, name)) for a, b in pairs for name in ("val_loss", "test_loss")),
        "accuracy": max(abs(a.val_accuracy - b.val_accuracy) for a, b in pairs),
    }


def test_two_threads_give_what_one_gives_within_the_tolerance(swept, by_one_thread):
    header, rows = swept("two_threads", 2, source_of="one_thread")
    assert header == by_one_thread[0]
    found = apart(rows, by_one_thread[1])
    print(f"two threads against one: {found}")
    assert found["probability"] <= TOLERANCE and found["loss"] <= TOLERANCE and found["accuracy"] == 0


@pytest.mark.exhaustive
@pytest.mark.parametrize("epochs", [20, 80, 320])
def test_longer_trainings_are_equal_by_one_thread_and_drift_apart_by_two(swept, by_one_thread, epochs):
    """The drift is printed, and bound by nothing: sums in another order, and then another trajectory."""
    ones = [swept(f"one_{epochs}_{time}", 1, "one_thread", epochs)[1] for time in (1, 2)]
    assert results(ones[0]) == results(ones[1])
    print(f"two threads against one: {apart(swept(f'two_{epochs}', 2, 'one_thread', epochs)[1], ones[0])}")
