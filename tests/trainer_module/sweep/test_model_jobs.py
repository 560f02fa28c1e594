"""The results of the process that trains a source. Trains for two steps."""

import pytest

from experiment.config import SourceSchedule
from experiment.training_settings import ModelSettings
from trainer_module.sweep.model_jobs import trained_source

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("control", "curve"), [(None, "val_accuracy_by_step"), ("shuffled_labels", "permuted_labels_recalled_by_step")]
)
def test_a_training_of_fewer_steps_than_looks_has_a_point_for_each_step(baseline_job, control, curve):
    shared = baseline_job.settings.model_dump(include=set(ModelSettings.model_fields) - {"schedule"})
    schedule = SourceSchedule(epochs=1, batch_size=8, max_steps=2)
    settings = ModelSettings(**{**shared, "role": "source", "control": control}, schedule=schedule)
    _, about = trained_source(settings, baseline_job.train_files, baseline_job.val_files)
    assert [step for step, _ in about[curve]] == [1, 2]
