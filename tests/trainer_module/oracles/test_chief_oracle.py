"""Which worker gets which trial from the chief, and what happens to the trials of lost workers. Trains nothing."""

import json

import pytest
from keras_tuner.engine.trial import Trial, TrialStatus

from experiment.config import Schedule
from experiment.errors import ThawError
from experiment.training_settings import SweepSettings
from tests.stacks import STACK
from trainer_module.oracles.chief_oracle import MOST_LOSSES, ChiefOracle
from trainer_module.sweep.job import SweepFacts
from trainer_module.sweep.record import SweepRecord
from trainer_module.tuners.sweep_tuner import LedgerTuner

pytestmark = pytest.mark.slow  # imports TensorFlow
LOST_AFTER = 60


@pytest.fixture
def record(tmp_path):
    """Two sizes, two freeze counts, with and without fine-tuning, one draw: eight executions in four units."""
    settings = SweepSettings(
        role="transfer", name="cats_dogs__remastered", source="cats_dogs", architecture="remastered",
        classes=("automobile", "truck"), image_shape=(32, 32, 3), image_key="image",
        schedule=Schedule(), seed=1, data_name="SYNTHETIC", code="c0de", sizes=(10, 20), freeze_counts=(4, 6),
        fine_tune=(False, True), draws=1, deployed_size=20, ledger_dir=tmp_path,
    )  # fmt: skip
    return SweepRecord(settings, SweepFacts("5ource", "c0ntent", (0, 1, 1), "1d5", (5, 5), STACK))


class Chief:
    """An oracle of the chief, with a clock that stands still until it is moved, and workers that write real rows."""

    def __init__(self, record, make_row):
        self.now, self.said, self.writers = 0.0, [], {}
        self.record, self._make_row = record, make_row
        self.ledger = record.open_ledger()
        self.oracle = ChiefOracle(record, self.ledger, LOST_AFTER, self.said.append, lambda: self.now)
        LedgerTuner(record, self.ledger, self.oracle)  # gives the oracle its folder

    def wait(self, seconds):
        self.now += seconds
        self.oracle.take_back_lost()

    def ask(self, worker):
        """(n, freeze_count, fine_tune) that the worker is given, or the status when it is given none."""
        trial = self.oracle.create_trial(worker)
        values = trial.hyperparameters.values
        return (values["n"], values["freeze_count"], values["fine_tune"]) if trial.trial_id else trial.status

    def write_row(self, worker, trial=None):
        trial = trial or self.oracle.ongoing_trials[worker]
        place = int(trial.trial_id)
        cell, draw = self.record.plan[place]
        if worker not in self.writers:
            self.writers[worker] = self.record.parts().new_writer(worker)
        row = self._make_row(
            self.record.keys[place], n=cell.n, freeze_count=cell.freeze_count, fine_tune=cell.fine_tune, draw=draw,
            val_accuracy=1 / (place + 3),
        )  # fmt: skip
        self.writers[worker].append(row)
        return row

    def report(self, worker, status=TrialStatus.COMPLETED, sweep=None, trial=None):
        """What KerasTuner's worker says over the network when a trial has ended."""
        trial = Trial.from_proto((trial or self.oracle.ongoing_trials[worker]).to_proto())
        trial.status = status
        trial.hyperparameters.values["sweep"] = sweep or self.record.name
        self.oracle.update_trial(trial.trial_id, {"val_accuracy": 0.1, "val_loss": 9.9})
        self.oracle.end_trial(trial)

    def do(self, worker):
        given = self.ask(worker)
        self.write_row(worker)
        self.report(worker)
        return given


@pytest.fixture
def chief(record, make_row):
    return Chief(record, make_row)


def test_a_worker_that_was_started_again_takes_up_its_trial(chief):
    assert chief.ask("tuner0") == chief.ask("tuner0")
    assert len(chief.oracle.start_order) == 1


def test_a_worker_that_was_killed_after_it_wrote_a_row_does_not_train_it_again(chief):
    chief.ask("tuner0")
    chief.write_row("tuner0")
    assert chief.ask("tuner0") == (20, 4, True)


def test_a_trial_has_the_figures_of_its_row_whatever_was_reported(chief):
    chief.ask("tuner0")
    row = chief.write_row("tuner0")
    chief.report("tuner0")
    (trial,) = chief.oracle.trials.values()
    assert (trial.status, trial.score) == (TrialStatus.COMPLETED, row.val_accuracy)
    assert trial.metrics.get_best_value("val_loss") == row.val_loss
    saved = json.loads(
        (chief.record.settings.ledger_dir / "keras_tuner" / chief.record.name / "oracle.json").read_text()
    )
    assert saved["end_order"] == [trial.trial_id]


def test_a_trial_whose_row_is_not_to_be_seen_stays_with_its_worker(chief):
    given = chief.ask("tuner0")
    chief.report("tuner0")
    assert chief.ask("tuner0") == given


def test_a_lost_worker_s_trial_and_what_was_kept_for_it_go_to_another(chief):
    chief.ask("tuner0")
    chief.wait(LOST_AFTER + 1)
    assert chief.ask("tuner1") == (20, 4, False)
    assert "tuner0 was not heard from for 60 s" in chief.said[0]
    chief.do("tuner1")
    assert chief.ask("tuner1") == (20, 4, True)


def test_what_a_worker_wrote_before_it_was_lost_is_not_trained_again(chief):
    chief.ask("tuner0")
    chief.write_row("tuner0")
    chief.wait(LOST_AFTER + 1)
    assert chief.ask("tuner1") == (20, 4, True)
    assert chief.said == []


def test_a_worker_that_gives_signs_of_life_keeps_its_trial(chief):
    chief.ask("tuner0")
    for _ in range(5):
        chief.wait(LOST_AFTER - 1)
        chief.oracle.get_trial(chief.oracle.ongoing_trials["tuner0"].trial_id)
    chief.wait(LOST_AFTER - 1)
    assert "tuner0" in chief.oracle.ongoing_trials


def test_what_two_workers_trained_counts_once(chief):
    chief.ask("slow")
    trial = chief.oracle.ongoing_trials["slow"]
    chief.wait(LOST_AFTER + 1)
    assert chief.ask("tuner1") == (20, 4, False)
    for worker in ("slow", "tuner1"):
        chief.write_row(worker, trial)
        chief.report(worker, trial=trial)
    assert len(chief.ledger.rows) == len(chief.oracle.end_order) == 1
    assert chief.ask("tuner1") == (20, 4, True)


def test_a_worker_waits_while_others_train_the_rest_and_stops_when_all_has_ended(chief):
    for _ in range(7):
        chief.do("tuner0")
    chief.ask("tuner0")
    assert chief.ask("tuner1") == TrialStatus.IDLE
    chief.write_row("tuner0")
    chief.report("tuner0")
    assert chief.oracle.finished
    assert chief.oracle.workers_heard_within(5) == 2
    assert chief.ask("tuner0") == chief.ask("tuner1") == TrialStatus.STOPPED
    assert chief.oracle.workers_heard_within(5) == 0
    assert list(chief.oracle.trials) == [str(place) for place in range(8)]
    assert len(chief.oracle.fresh_rows) == 8


def test_a_trial_that_loses_every_worker_ends_the_search_with_advice(chief):
    for number in range(MOST_LOSSES - 1):
        chief.ask(f"tuner{number}")
        chief.wait(LOST_AFTER + 1)
    chief.ask("last")
    with pytest.raises(ThawError, match=f"{MOST_LOSSES} workers were lost while they trained it"):
        chief.wait(LOST_AFTER + 1)


def test_a_trial_that_a_worker_cannot_train_ends_the_search_for_all(chief):
    chief.ask("tuner0")
    chief.report("tuner0", TrialStatus.FAILED)
    assert isinstance(chief.oracle.failure, ThawError)
    assert "tuner0 failed at Cell(n=20, freeze_count=4, fine_tune=False)" in str(chief.oracle.failure)
    assert chief.ask("tuner1") == TrialStatus.STOPPED


def test_an_error_while_a_worker_spoke_with_the_chief_changes_nothing(chief):
    given = chief.ask("tuner0")
    chief.report("tuner0", TrialStatus.INVALID)
    assert chief.oracle.failure is None
    assert chief.ask("tuner0") == given


def test_a_report_about_another_sweep_is_left_aside(chief):
    chief.ask("tuner0")
    chief.report("tuner0", TrialStatus.FAILED, sweep="another")
    assert chief.oracle.failure is None


def test_a_chief_after_a_killed_one_leaves_to_a_worker_what_it_trains(chief, record, make_row):
    given = chief.ask("tuner0")
    trial_id = chief.oracle.ongoing_trials["tuner0"].trial_id
    again = Chief(record, make_row)
    again.oracle.get_trial(trial_id)
    others = [again.do("tuner1") for _ in range(6)]
    assert given not in others and (20, 4, True) not in others
    chief.write_row("tuner0")
    again.oracle.end_trial(Trial.from_proto(chief.oracle.ongoing_trials["tuner0"].to_proto()))
    assert again.ask("tuner0") == (20, 4, True)


def test_rows_of_the_ledger_are_trials_that_have_ended(chief, record, make_row):
    done = [chief.do("tuner0") for _ in range(3)]
    again = Chief(record, make_row)
    again.oracle.take_rows(record.open_ledger().rows.values())
    assert again.ask("tuner0") == (10, 4, True) and len(again.oracle.end_order) == len(done)


def test_a_trial_that_the_sweep_does_not_have_is_refused_and_harms_nothing(chief):
    with pytest.raises(KeyError):
        chief.oracle.get_trial("8")
    assert chief.oracle.failure is None


def test_a_damaged_row_ends_the_search(chief):
    chief.ask("tuner0")
    chief.write_row("tuner0")
    with chief.writers["tuner0"].path.open("a") as file:
        file.write("{}{}\n")
    with pytest.raises(ThawError, match="damaged"):
        chief.report("tuner0")
    assert isinstance(chief.oracle.failure, ThawError)
