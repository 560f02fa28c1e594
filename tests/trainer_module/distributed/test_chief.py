"""The chief's server: a taken port is reported, and a finished sweep needs no worker. Trains nothing."""

import socket

import pytest

from experiment.config import Schedule
from experiment.errors import ThawError
from experiment.training_settings import SweepSettings
from tests.stacks import STACK
from trainer_module.distributed.chief import ChiefTuner
from trainer_module.distributed.worker import served_sweep
from trainer_module.sweep.job import SweepFacts, SweepJob

pytestmark = pytest.mark.slow  # imports TensorFlow


@pytest.fixture
def taken():
    """An address at which another process serves."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield f"127.0.0.1:{other.getsockname()[1]}"


@pytest.fixture
def chief(tmp_path, taken):
    settings = SweepSettings(
        role="baseline", name="baseline__remastered", source="", architecture="remastered",
        classes=("automobile", "truck"), image_shape=(32, 32, 3), image_key="image",
        schedule=Schedule(), seed=1, data_name="SYNTHETIC", code="c0de", sizes=(10,), freeze_counts=(0,),
        fine_tune=(False, True), draws=1, deployed_size=10, ledger_dir=tmp_path,
    )  # fmt: skip
    return ChiefTuner(SweepJob(settings, (), (), ""), SweepFacts("", "c0ntent", (0, 1, 1), "1d5", (5, 5), STACK), taken)


def test_an_address_that_is_taken_is_said(chief, taken):
    with pytest.raises(ThawError, match=rf"Can't serve a sweep at {taken}: the port is taken"):
        chief.search()


def test_a_sweep_whose_rows_are_all_there_ends_without_a_worker(chief, make_row):
    for key, (cell, draw) in zip(chief.record.keys, chief.record.plan, strict=True):
        row = make_row(key, n=cell.n, freeze_count=cell.freeze_count, fine_tune=cell.fine_tune, draw=draw)
        chief.ledger.append(row)
    chief.search()
    assert [trial.score for trial in chief.oracle.trials.values()] == [0.75, 0.75]
    assert chief.get_best_hyperparameters()[0].values["fine_tune"] is False


def test_where_no_chief_serves_a_worker_gives_up_after_its_patience():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    assert served_sweep(address, patience=0.5) is None
