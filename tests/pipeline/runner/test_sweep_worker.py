"""The workers' command: its messages if it can't join the chief's sweep. Trains nothing."""

import dataclasses

import pytest

from experiment.config import Schedule
from experiment.errors import ThawError
from experiment.training_settings import SweepSettings
from pipeline.dag.fingerprint import SWEEP_CODE, source_fingerprint
from pipeline.runner import sweep_worker
from tests.stacks import STACK
from trainer_module.sweep.job import SweepFacts, SweepJob
from trainer_module.sweep.record import SweepRecord

pytestmark = pytest.mark.slow  # imports TensorFlow


@pytest.fixture
def job(tmp_path):
    settings = SweepSettings(
        role="baseline", name="baseline__remastered", source="", architecture="remastered",
        classes=("automobile", "truck"), image_shape=(32, 32, 3), image_key="image",
        schedule=Schedule(), seed=1, data_name="SYNTHETIC", code=source_fingerprint(*SWEEP_CODE), sizes=(10,),
        freeze_counts=(0,), fine_tune=(False, True), draws=2, deployed_size=10, ledger_dir=tmp_path,
    )  # fmt: skip
    return SweepJob(settings, ("/nowhere/train/*",), ("/nowhere/val/*",), "/model")


def test_a_job_that_was_written_is_read_back(job, tmp_path):
    job.write(tmp_path / "new" / "job.json")
    assert SweepJob.read(tmp_path / "new" / "job.json") == job
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["job.json"]


def test_a_folder_that_the_chief_does_not_share_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(sweep_worker, "JOB_PATIENCE", 0)
    with pytest.raises(ThawError, match=r"serves a-1, but there is no .*a-1/job\.json here"):
        sweep_worker.join(tmp_path, "a-1", "127.0.0.1:1", patience=1)


def test_another_version_of_thaw_is_refused(job, tmp_path):
    other = dataclasses.replace(job, settings=job.settings.model_copy(update={"code": "0ther"}))
    other.write(tmp_path / "a-1" / "job.json")
    with pytest.raises(ThawError, match="version of Thaw differs from the chief's"):
        sweep_worker.join(tmp_path, "a-1", "127.0.0.1:1", patience=1)


@pytest.fixture
def joined(job, tmp_path, monkeypatch):
    """A function that joins the sweep of a chief with `there` on a machine that finds `here`."""

    def joined(there, here):
        chiefs = SweepRecord(job.settings, there)
        chiefs.open_ledger()
        job.write(chiefs.folder / "job.json")
        monkeypatch.setattr(SweepJob, "build", lambda self: None)
        monkeypatch.setattr("trainer_module.sweep.job.facts_of", lambda engine: here)
        return sweep_worker.join(tmp_path, chiefs.name, "127.0.0.1:1", patience=1)

    return joined


FACTS = SweepFacts("", "c0", (0, 1), "1d5", (5, 5), STACK)


def test_another_stack_than_the_chiefs_is_refused_by_its_name(joined):
    on_gpu = dataclasses.replace(FACTS, stack=dataclasses.replace(STACK, device="GPU"))
    with pytest.raises(ThawError, match=r"would train with .* on CPU; the chief with .* on GPU"):
        joined(there=on_gpu, here=FACTS)


def test_other_data_than_the_chiefs_are_refused(joined):
    with pytest.raises(ThawError, match="are not those of the chief's sweep"):
        joined(there=FACTS, here=dataclasses.replace(FACTS, content_hash="c1"))


def test_without_the_variables_the_command_says_which_are_missing(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("KERASTUNER_TUNER_ID", "tuner0")
    monkeypatch.delenv("KERASTUNER_ORACLE_IP", raising=False)
    monkeypatch.delenv("KERASTUNER_ORACLE_PORT", raising=False)
    assert sweep_worker.main([str(tmp_path)]) == 1
    assert "Not set: KERASTUNER_ORACLE_IP, KERASTUNER_ORACLE_PORT" in capsys.readouterr().err


def test_an_empty_text_is_not_the_working_folder(capsys):
    with pytest.raises(SystemExit) as ended:
        sweep_worker.parse_arguments([""])
    assert ended.value.code == 2 and "expected a path, got an empty text" in capsys.readouterr().err
