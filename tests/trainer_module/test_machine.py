"""The machine's settings for the sweeps that run there. Imports no TensorFlow."""

from experiment.machine import Machine, read_machine
from tests.stacks import STACK
from trainer_module.sweep.job import SweepFacts
from trainer_module.sweep.record import SweepRecord


def test_what_was_written_is_read_and_nothing_where_nothing_was(tmp_path):
    assert read_machine(tmp_path) is None
    Machine(workers=3, activations_gib=0.5).write(tmp_path / "ledgers")
    assert read_machine(tmp_path / "ledgers") == Machine(workers=3, activations_gib=0.5)
    assert [path.name for path in (tmp_path / "ledgers").iterdir()] == ["machine.json"]


def test_the_file_goes_before_the_settings_and_changes_no_key(baseline_job, tmp_path):
    facts = SweepFacts("", "c0", (0, 1), "1d5", (5, 5), STACK)
    settings = baseline_job.settings.model_copy(update={"ledger_dir": tmp_path, "workers": 2})
    assert settings.on_this_machine() == settings
    Machine(workers=None, activations_gib=0.25).write(tmp_path)
    changed = settings.on_this_machine()
    assert (changed.workers, changed.activations_gib) == (None, 0.25)
    assert SweepRecord(changed, facts).keys == SweepRecord(settings, facts).keys
