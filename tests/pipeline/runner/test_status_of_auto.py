"""`thaw status` of an experiment whose precision is `auto`. Imports no TFX."""

import pytest

from experiment.errors import ThawError
from experiment.loading import PRESETS, load_config
from ledger.ledger_note import note_path, write_note
from pipeline.dag.node_settings import asked_digest
from pipeline.planning.precision import Decision, as_last_run
from pipeline.runner.progress_report import state_of
from pipeline.runs.run_folder import new_run_folder


@pytest.fixture
def make_config(tmp_path):
    def make_config(precision):
        places = f"workspace={tmp_path / 'ws'}", f"runs={tmp_path / 'runs'}"
        return load_config(PRESETS / "quick.yaml", (*places, f"precision={precision}"))

    return make_config


def test_an_auto_is_found_by_the_precision_that_it_became(make_config):
    """The config.yaml that a run with `auto` writes says bfloat16: `thaw status` found nothing with it."""
    auto, found = make_config("auto"), make_config("bfloat16")
    assert state_of(auto).run is None
    run = new_run_folder(auto, "CIFAR-10", "bfloat16")
    Decision("bfloat16", "it is fast", "2.16.2", 1.5).write(auto.ledger_folder)
    assert as_last_run(auto) == found
    assert state_of(auto).run == state_of(found).run == run
    other = state_of(make_config("float32"))
    assert other.run is None and other.differing == ("precision",)


def test_the_ledgers_of_an_auto_are_those_of_what_it_became(make_config):
    auto, found = make_config("auto"), make_config("bfloat16")
    Decision("bfloat16", "it is fast", "2.16.2", 1.5).write(auto.ledger_folder)
    ledger = auto.ledger_folder / "cats_dogs__original-abc.jsonl"
    note = note_path(auto.ledger_folder, "cats_dogs__original", asked_digest(found, "cats_dogs", "original"))
    write_note(note, ledger)
    ledger.write_text("damaged\n")
    for config in (auto, found):
        with pytest.raises(ThawError, match=r"cats_dogs__original-abc\.jsonl"):
            state_of(config)


def test_an_auto_is_not_taken_for_what_a_later_run_was_told(make_config):
    auto, later = make_config("auto"), make_config("float32")
    first = new_run_folder(auto, "CIFAR-10", "bfloat16")
    second = new_run_folder(later, "CIFAR-10")
    Decision("float32", "as configured", "2.16.2").write(auto.ledger_folder)
    assert state_of(make_config("bfloat16")).run == first
    assert state_of(auto).run == state_of(later).run == second
