"""A worker gives up a chief that is gone, and tells a chief that is there what it can't train. Trains nothing."""

import dataclasses
import socket
import threading
import time

import grpc
import pytest

from experiment.config import Schedule
from experiment.errors import ThawError
from experiment.training_settings import SweepSettings
from tests.stacks import STACK
from trainer_module.distributed.chief import ChiefTuner
from trainer_module.distributed.worker import SweepWorker
from trainer_module.sweep.job import SweepFacts, facts_of
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


@pytest.fixture
def as_worker(monkeypatch):
    """A function that lets what is made next be a worker of the chief at a port."""

    def as_worker(port):
        for name, value in {"TUNER_ID": "tuner0", "ORACLE_IP": "127.0.0.1", "ORACLE_PORT": str(port)}.items():
            monkeypatch.setenv(f"KERASTUNER_{name}", value)

    return as_worker


# gRPC's own thread raises if the channel is closed while it asks for the channel's state.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_worker_gives_its_chief_up_after_its_patience(chief_that, tmp_path, as_worker):
    as_worker(chief_that)
    settings = SweepSettings(
        role="baseline", name="baseline__remastered", source="", architecture="remastered",
        classes=("automobile", "truck"), image_shape=(32, 32, 3), image_key="image",
        schedule=Schedule(), seed=1, data_name="SYNTHETIC", code="c0de", sizes=(10,), freeze_counts=(0,),
        fine_tune=(False, True), draws=1, deployed_size=10, ledger_dir=tmp_path,
    )  # fmt: skip
    record = SweepRecord(settings, SweepFacts("", "c0ntent", (0, 1, 1), "1d5", (5, 5), STACK))
    worker = SweepWorker(engine=None, record=record, address=f"127.0.0.1:{chief_that}", patience=1)
    started = time.monotonic()
    with pytest.raises(grpc.RpcError):
        worker.search()
    assert 1 <= time.monotonic() - started < 60  # KerasTuner's own client would wait for an hour


@pytest.fixture
def untrainable(baseline_job, tmp_path):
    """A sweep at a size that its data can't give: 40 images of a class are asked for, and there are 20."""
    changes = {"sizes": (80,), "deployed_size": 80, "draws": 1, "ledger_dir": tmp_path / "ledgers"}
    return dataclasses.replace(baseline_job, settings=baseline_job.settings.model_copy(update=changes))


@pytest.fixture
def searching(untrainable):
    """The sweep's facts, its chief's port, and a function that waits until the chief ended and gives its error."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    facts, ended = facts_of(untrainable.build()), []
    chief = ChiefTuner(untrainable, facts, f"127.0.0.1:{port}")

    def search():
        try:
            chief.search()
        except ThawError as error:
            ended.append(error)

    # A daemon: a chief that never hears of the failure waits for its worker for ever.
    thread = threading.Thread(target=search, daemon=True)
    thread.start()

    def chiefs_error():
        thread.join(60)
        return ended[0]

    return facts, port, chiefs_error


@pytest.mark.timeout(120)
def test_a_trial_that_cannot_be_trained_ends_worker_and_chief_with_the_reason(untrainable, searching, as_worker):
    facts, port, chiefs_error = searching
    as_worker(port)
    record = SweepRecord(untrainable.settings, facts)
    worker = SweepWorker(untrainable.build(), record, f"127.0.0.1:{port}", patience=60)
    with pytest.raises(ThawError, match="this worker failed; the chief ends the sweep") as told:
        worker.search()
    assert "ValueError: n=80 asks for more images a class than the training split has" in str(told.value)
    failed = "Cell(n=80, freeze_count=0, fine_tune=False), draw 0"
    assert f"FailedTrialError: {failed}" in str(told.value)
    assert f"tuner0 failed at {failed}" in str(chiefs_error())
    assert not worker.written.rows
