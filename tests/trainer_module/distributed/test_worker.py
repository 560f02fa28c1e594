"""A worker does not wait longer than its patience for a chief that is gone. Trains nothing."""

import socket
import time

import grpc
import pytest

from experiment.config import Schedule
from experiment.training_settings import SweepSettings
from tests.stacks import STACK
from trainer_module.distributed.worker import SweepWorker
from trainer_module.sweep.job import SweepFacts
from trainer_module.sweep.record import SweepRecord

pytestmark = pytest.mark.slow  # imports TensorFlow


@pytest.fixture(params=["answers nothing", "is gone"])
def chief_that(request):
    """The port of a chief that ended, or stalled, before this worker heard that the sweep has ended."""
    with socket.socket() as chief:
        chief.bind(("127.0.0.1", 0))
        if request.param == "answers nothing":
            chief.listen()
        yield chief.getsockname()[1]


def test_a_worker_gives_its_chief_up_after_its_patience(chief_that, tmp_path, monkeypatch):
    variables = {"TUNER_ID": "tuner0", "ORACLE_IP": "127.0.0.1", "ORACLE_PORT": str(chief_that)}
    for name, value in variables.items():
        monkeypatch.setenv(f"KERASTUNER_{name}", value)
    settings = SweepSettings(
        role="baseline", name="baseline__remastered", source="", architecture="remastered",
        classes=("automobile", "truck"), image_shape=(32, 32, 3), image_key="image",
        schedule=Schedule(), seed=1, data_name="SYNTHETIC", code="c0de", sizes=(10,), freeze_counts=(0,),
        fine_tune=(False, True), draws=1, most_draws=1, deployed_size=10, ledger_dir=tmp_path,
    )  # fmt: skip
    record = SweepRecord(settings, SweepFacts("", "c0ntent", (0, 1, 1), "1d5", STACK))
    worker = SweepWorker(engine=None, record=record, address=f"127.0.0.1:{chief_that}", patience=1)
    started = time.monotonic()
    with pytest.raises(grpc.RpcError):
        worker.search()
    assert 1 <= time.monotonic() - started < 60  # KerasTuner's own client would wait for an hour
