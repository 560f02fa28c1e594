"""A sweep's precision goes from its settings to its network, its rows' keys and the workers' job. Trains briefly."""

import dataclasses

import pytest

from experiment.changes import changed
from experiment.config import SourceSchedule
from experiment.training_settings import ModelSettings
from ledger.cell_selection import Cell
from trainer_module.networks.weight_values import weights_hash
from trainer_module.sources.source import network_of
from trainer_module.sweep.job import SweepJob, facts_of
from trainer_module.sweep.model_jobs import trained_source
from trainer_module.sweep.record import SweepRecord

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def jobs(baseline_job):
    """One sweep in both precisions."""
    return [
        dataclasses.replace(baseline_job, settings=changed(baseline_job.settings, precision=precision))
        for precision in ("float32", "bfloat16")
    ]


def test_the_network_the_stack_and_every_key_have_the_job_s_precision(jobs):
    engines = [job.build() for job in jobs]
    assert [engine.network.precision for engine in engines] == ["float32", "bfloat16"]
    facts = [facts_of(engine) for engine in engines]
    assert [one.stack.precision for one in facts] == ["float32", "bfloat16"]
    single, half = (SweepRecord(job.settings, one) for job, one in zip(jobs, facts, strict=True))
    assert not set(single.keys) & set(half.keys) and single.ledger_path != half.ledger_path


def test_a_worker_reads_the_precision_that_the_chief_decided(jobs, tmp_path):
    jobs[1].write(tmp_path / "job.json")
    assert SweepJob.read(tmp_path / "job.json").build().network.precision == "bfloat16"


def test_a_cell_in_bfloat16_has_the_same_row_again_and_learns_what_float32_learns(jobs):
    cell = Cell(16, 0, False)
    single, half, again = (job.build().run(cell, 0) for job in (*jobs, jobs[1]))
    assert (half.test.probabilities == again.test.probabilities).all() and half.val.loss == again.val.loss
    assert (half.test.probabilities != single.test.probabilities).any()
    assert half.frozen_hash == single.frozen_hash


def test_a_source_in_bfloat16_has_float32_weights_and_its_model_is_written_in_float32(jobs):
    schedule = SourceSchedule(epochs=1, batch_size=8)
    shared = jobs[1].settings.model_dump(include=set(ModelSettings.model_fields) - {"schedule"})
    settings = ModelSettings(**{**shared, "role": "source"}, schedule=schedule)
    files = jobs[1].train_files, jobs[1].val_files
    half, _ = trained_source(settings, *files)
    single, _ = trained_source(changed(settings, precision="float32"), *files)
    assert {values.dtype.name for values in half.values()} == {"float32"}
    assert half.keys() == single.keys() and weights_hash(half) != weights_hash(single)
    written = network_of(settings).model
    assert {layer.compute_dtype for layer in written.layers[1:]} == {"float32"} and written.output.dtype == "float32"
