"""Training that diverges: tried again at a lower rate, then given up without stopping the sweep. Trains briefly."""

import numpy as np
import pytest

from experiment.config import Schedule, SourceSchedule
from experiment.errors import ThawError
from experiment.training_settings import ModelSettings
from ledger.cell_selection import Cell
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import build_network
from trainer_module.sources import source
from trainer_module.sweep.engine import RETRY_RATE, SweepEngine
from trainer_module.training.training_loop import Program

pytestmark = pytest.mark.slow  # trains real networks

SCHEDULE = Schedule(
    tuning=None, epochs=2, batch_size=8, learning_rate=1e-3, fine_tune_learning_rate=1e-4, max_steps=None
)
FATAL = 1e30
CELL, TUNED = Cell(8, 5, False), Cell(8, 5, True)


def with_fatal(fatal, settings=SCHEDULE):
    """A schedule that takes steps of a fatal size wherever the learning rate is one of `fatal`."""

    def rates(learning_rate, steps):
        is_fatal = any(learning_rate == pytest.approx(rate) for rate in fatal)
        return np.full(steps, FATAL if is_fatal else learning_rate, np.float32)

    return StepSchedule(settings, rates)


@pytest.fixture(scope="module")
def engine(target_data):
    network = build_network("remastered", (32, 32, 3), 2)
    weights = weight_values.initial_weights(network.backbone_layers, 11)
    return SweepEngine(network, weights, target_data, with_fatal(()), seed=1)


@pytest.fixture
def run(engine):
    """Runs cells with some rates fatal."""

    def run(fatal, *cells, settings=SCHEDULE):
        engine.schedule = with_fatal(fatal, settings)
        return [engine.run(cell, 0) for cell in cells]

    return run


PHASE_1, PHASE_2 = SCHEDULE.learning_rate, SCHEDULE.fine_tune_learning_rate


def test_what_goes_well_is_trained_once(run):
    assert [execution.outcome for execution in run((), CELL, TUNED)] == ["trained", "trained"]


def test_a_phase_that_diverges_is_trained_again_at_a_quarter_of_the_rate_from_the_same_start(run):
    (retried,) = run((PHASE_1,), CELL)
    (alone,) = run((), CELL, settings=SCHEDULE.model_copy(update={"learning_rate": RETRY_RATE * PHASE_1}))
    assert retried.outcome == "retried" and alone.outcome == "trained"
    np.testing.assert_array_equal(retried.test.probabilities, alone.test.probabilities)
    assert retried.curve == alone.curve


def test_a_cell_that_goes_on_from_a_retried_twin_says_so(run):
    assert [execution.outcome for execution in run((PHASE_1,), CELL, TUNED)] == ["retried", "retried"]


def test_twice_in_vain_gives_the_row_of_the_untrained_network_and_the_sweep_goes_on(engine, run):
    variables = weight_values.model_variables(engine.network)
    given_up, tuned = run((PHASE_1, RETRY_RATE * PHASE_1), CELL, TUNED)
    assert given_up.outcome == tuned.outcome == "diverged"
    assert given_up.steps == 0 and given_up.curve[0][0] == 0
    assert np.isfinite(given_up.val.loss) and np.isfinite(given_up.test.probabilities).all()
    np.testing.assert_array_equal(tuned.test.probabilities, given_up.test.probabilities)
    start = engine.initial_weights(0)
    assert all(np.array_equal(weight, start[path]) for path, weight in weight_values.read_weights(variables).items())
    assert run((), CELL)[0].outcome == "trained"


def test_fine_tuning_in_vain_leaves_what_phase_1_reached(run):
    twin, tuned = run((PHASE_2, RETRY_RATE * PHASE_2), CELL, TUNED)
    assert (twin.outcome, tuned.outcome) == ("trained", "diverged")
    np.testing.assert_array_equal(tuned.test.probabilities, twin.test.probabilities)
    assert tuned.steps == twin.steps and tuned.curve == twin.curve


@pytest.mark.parametrize(
    ("loss", "outcome"), [(float("nan"), "diverged"), (float("inf"), "diverged"), (1e4, "diverged"), (25.0, "trained")]
)
def test_what_counts_as_diverged(run, monkeypatch, loss, outcome):
    monkeypatch.setattr(Program, "train", lambda self, data, order, rates: loss)
    assert run((), CELL)[0].outcome == outcome


def test_phase_1_is_trained_once_for_schedules_that_differ_in_phase_2_alone(engine, run):
    def rates(learning_rate, steps):
        asked.append(learning_rate)
        return np.full(steps, learning_rate, np.float32)

    asked = []
    for changes in ({}, {"fine_tune_learning_rate": 2 * PHASE_2}, {"learning_rate": 2 * PHASE_1}):
        engine.schedule = StepSchedule(SCHEDULE.model_copy(update=changes), rates)
        engine.run(TUNED, 0)
    assert asked == [PHASE_1, PHASE_2, 2 * PHASE_2, 2 * PHASE_1, PHASE_2]


def test_a_source_that_diverges_is_an_error_that_names_the_setting(target_data):
    settings = ModelSettings(
        role="source", name="cats_dogs__remastered", source="cats_dogs", architecture="remastered",
        classes=("cat", "dog"), image_shape=(32, 32, 3), image_key="image", seed=1,
        schedule=SourceSchedule(epochs=1, batch_size=8).model_copy(update={"learning_rate": FATAL}),
        data_name="SYNTHETIC", code="c0de",
    )  # fmt: skip
    network = source.network_of(settings)
    with pytest.raises(ThawError, match=r"source_schedule\.learning_rate"):
        source.train_source(network, target_data.train, target_data.val, settings)
