"""The sweep under KerasTuner: plan, resumption from the ledger, agreement, choice on val. Trains briefly for real."""

import dataclasses

import keras_tuner
import pytest

from experiment.config import Schedule
from experiment.training_settings import SweepSettings
from ledger.cell_selection import Cell, best_cell
from ledger.ledger import read_ledger
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import build_network
from trainer_module.sweep.engine import SweepEngine
from trainer_module.sweep.job import facts_of
from trainer_module.sweep.record import plan_sweep
from trainer_module.tuners.sweep_tuner import SweepTuner, row_note

pytestmark = pytest.mark.slow  # trains real networks


@pytest.fixture
def settings(tmp_path):
    return SweepSettings(
        role="transfer", name="cats_dogs__remastered", source="cats_dogs", architecture="remastered",
        classes=("automobile", "truck"), image_shape=(32, 32, 3), image_key="image",
        schedule=Schedule(epochs=1, batch_size=16), seed=1, data_name="SYNTHETIC", code="c0de", sizes=(10, 20),
        freeze_counts=(6,), fine_tune=(False, True), draws=2, deployed_size=20, ledger_dir=tmp_path,
    )  # fmt: skip


@pytest.fixture(scope="module")
def engine(target_data, six_layers):
    network = build_network("six", (32, 32, 3), 2, six_layers)
    source = weight_values.initial_weights(network.backbone_layers, 5)
    return SweepEngine(network, source, target_data, StepSchedule(Schedule(epochs=1, batch_size=16)), seed=1)


class InThisProcess:
    """Runs executions on an engine of this process, as a worker does in its own."""

    size = 1

    def __init__(self, engine, **changes):
        self.engine = engine
        self.facts = dataclasses.replace(facts_of(engine), **changes)
        self.closed = False

    def run(self, executions):
        for cell, draw in executions:
            yield cell, draw, self.engine.run(cell, draw)

    def close(self):
        self.closed = True


def sweep(engine, settings):
    tuner = SweepTuner(InThisProcess(engine), settings)
    tuner.search()
    assert tuner.runner.closed
    return tuner


def test_the_plan_holds_every_execution_once_a_fine_tuned_one_after_its_twin(settings):
    plan = plan_sweep(settings.model_copy(update={"freeze_counts": (6, 4)}))
    assert len(plan) == len(set(plan)) == 16
    for (cell, draw), (twin, twin_draw) in zip(plan[1::2], plan[::2], strict=True):
        assert (cell.fine_tune, twin.fine_tune) == (True, False)
        assert (cell.n, cell.freeze_count, draw) == (twin.n, twin.freeze_count, twin_draw)
    assert [cell.freeze_count for cell, _ in plan] == [4] * 8 + [6] * 8
    assert {draw for _, draw in plan} == {0, 1}


def test_trials_and_ledger_agree_and_a_second_search_trains_nothing(engine, settings, monkeypatch):
    tuner = sweep(engine, settings)
    rows = tuner.planned_rows()
    trials = [tuner.oracle.trials[name] for name in sorted(tuner.oracle.trials)]
    assert [trial.score for trial in trials] == [row.val_accuracy for row in rows]
    assert [trial.hyperparameters.values for trial in trials] == [
        {"sweep": tuner.record.name, "n": row.n, "freeze_count": row.freeze_count, "fine_tune": row.fine_tune,
         "draw": row.draw}
        for row in rows
    ]  # fmt: skip
    monkeypatch.setattr(engine, "run", lambda *_: pytest.fail("an execution of the ledger ran again"))
    again = sweep(engine, settings)
    assert [row.key for row in again.planned_rows()] == [row.key for row in rows]


def test_the_best_hyperparameters_are_those_of_the_cell_best_on_val_at_the_deployed_size(engine, settings):
    tuner = sweep(engine, settings)
    chosen = tuner.get_best_hyperparameters()[0].values
    assert Cell(chosen["n"], chosen["freeze_count"], chosen["fine_tune"]) == best_cell(tuner.planned_rows(), 20)


def test_a_tuned_range_is_a_trial_and_can_be_the_best(engine, settings, monkeypatch):
    settings = settings.model_copy(update={"tuned": ((2, 4),), "sizes": (20,)})
    run = engine.run

    def flattered(cell, draw):
        execution = run(cell, draw)
        val = dataclasses.replace(execution.val, accuracy=0.99 if cell.held_from else 0.5)
        return dataclasses.replace(execution, val=val)

    monkeypatch.setattr(engine, "run", flattered)
    tuner = sweep(engine, settings)
    assert [trial.hyperparameters.values["held_from"] for trial in tuner.oracle.trials.values()] == [0] * 4 + [4] * 2
    chosen = keras_tuner.HyperParameters.from_config(tuner.get_best_hyperparameters()[0].get_config()).values
    assert Cell.of_values(chosen) == Cell(20, 2, False, 4) and chosen["draw"] == 0
    assert [row.held_from for row in read_ledger(tuner.ledger.path)[1]] == [0] * 4 + [4] * 2


def test_more_than_the_one_best_is_refused(engine, settings):
    with pytest.raises(ValueError, match="not the best 3"):
        SweepTuner(InThisProcess(engine), settings).get_best_hyperparameters(3)


def test_a_changed_schedule_code_or_source_has_other_keys(engine, settings):
    keys = set()
    for changed, source in (
        (settings, "a"),
        (settings, "b"),
        (settings.model_copy(update={"code": "other"}), "a"),
        (settings.model_copy(update={"schedule": Schedule(epochs=2)}), "a"),
    ):
        tuner = SweepTuner(InThisProcess(engine, source_hash=source), changed)
        keys.add(tuner.record.keys[0])
    assert len(keys) == 4


def test_a_failing_execution_ends_the_search_with_its_reason(engine, settings, monkeypatch):
    def fail(*_):
        raise ValueError("out of paint")

    monkeypatch.setattr(engine, "run", fail)
    with pytest.raises(ValueError, match="out of paint"):
        sweep(engine, settings)


def test_rows_that_workers_of_another_machine_wrote_are_not_trained_again(engine, settings, monkeypatch):
    tuner = SweepTuner(InThisProcess(engine), settings)
    cell, draw = tuner.record.plan[0]
    tuner.record.parts().new_writer("tuner0").append(tuner.record.row(cell, draw, engine.run(cell, draw)))
    trained = []
    run = engine.run
    monkeypatch.setattr(engine, "run", lambda *execution: trained.append(execution) or run(*execution))
    again = sweep(engine, settings)
    assert trained == again.record.plan[1:]
    assert [row.key for row in again.planned_rows()] == again.record.keys


def test_the_ledger_handed_on_holds_this_plan_alone(engine, settings, tmp_path):
    sweep(engine, settings)
    smaller = SweepTuner(InThisProcess(engine), settings.model_copy(update={"sizes": (20,)}))
    smaller.write_planned_rows(tmp_path / "copy.jsonl")
    from ledger.ledger import read_ledger

    assert {row.n for row in read_ledger(tmp_path / "copy.jsonl")[1]} == {20}
    assert len(smaller.ledger.rows) == 8


class Clock:
    """Advances by a second with each training."""

    def __init__(self, engine, monkeypatch):
        self.now = 0.0
        run = engine.run

        def trained(*execution):
            self.now += 1
            return run(*execution)

        monkeypatch.setattr(engine, "run", trained)

    def __call__(self):
        return self.now


def sweep_until(engine, settings, clock, deadline):
    tuner = SweepTuner(InThisProcess(engine), settings, deadline, clock)
    tuner.search()
    return tuner


def test_a_sweep_that_begins_after_its_deadline_trains_one_cell_at_every_n(engine, settings, monkeypatch):
    several = settings.model_copy(update={"freeze_counts": (4, 6)})
    tuner = sweep_until(engine, several, Clock(engine, monkeypatch), deadline=-1.0)
    rows = tuner.planned_rows()
    assert {(row.n, row.freeze_count, row.fine_tune, row.draw) for row in rows} == {
        (n, 6, False, draw) for n in (10, 20) for draw in (0, 1)
    }
    trials = [tuner.oracle.trials[name] for name in sorted(tuner.oracle.trials)]
    assert [trial.score for trial in trials] == [row.val_accuracy for row in rows]
    assert [trial.hyperparameters.values["n"] for trial in trials] == [row.n for row in rows]
    chosen = tuner.get_best_hyperparameters()[0].values
    assert (chosen["n"], chosen["freeze_count"], chosen["fine_tune"]) == (20, 6, False)


def test_a_deadline_within_a_sweep_ends_it_and_more_time_goes_on_from_its_rows(engine, settings, monkeypatch):
    several = settings.model_copy(update={"freeze_counts": (4, 6)})
    clock = Clock(engine, monkeypatch)
    tuner = sweep_until(engine, several, clock, deadline=6.0)
    assert clock.now == 6
    assert len(tuner.ledger.rows) == 6  # of these one fine-tuned cell on its two draws, or two on one each
    kept = {(row.n, row.freeze_count, row.fine_tune): 0 for row in tuner.planned_rows()}
    for row in tuner.planned_rows():
        kept[row.n, row.freeze_count, row.fine_tune] += 1
    assert set(kept.values()) == {2}
    assert {(10, 6, False), (20, 6, False)} <= set(kept)
    again = sweep_until(engine, several, clock, deadline=1000.0)
    assert clock.now == 16 == len(again.planned_rows())
    assert [row.key for row in again.planned_rows()] == SweepTuner(InThisProcess(engine), several).record.keys


@pytest.mark.parametrize(
    ("outcome", "said"),
    [("trained", "val 50.0%"), ("kept", "(kept as before tuning)"), ("retried", "(repeated at a lower rate)"),
     ("diverged", "(diverged)")],
)  # fmt: skip
def test_a_line_says_what_became_of_a_training(make_row, outcome, said):
    assert row_note(make_row(val_accuracy=0.5, outcome=outcome)).endswith(said)


def test_a_baseline_is_trained_whatever_the_clock_says(engine, settings, monkeypatch):
    clock = Clock(engine, monkeypatch)
    baseline = settings.model_copy(update={"role": "baseline", "freeze_counts": (0,)})
    assert len(sweep_until(engine, baseline, clock, deadline=-1.0).planned_rows()) == 8
