"""Linear probing, then tuning: never worse on val than the probe, frozen stays frozen. Trains real networks briefly."""

import itertools

import numpy as np
import pytest

from experiment.config import Schedule, Tuning
from ledger.cell_selection import Cell
from trainer_module.cell_training.recipe import FrozenWeightsChanged, Recipe
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.cell_training.target_data import CutData
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import build_network
from trainer_module.sweep.engine import SweepEngine
from trainer_module.training.activation_cache import Budget
from trainer_module.training.solved_head import solve_head

pytestmark = pytest.mark.slow  # trains real networks

SCHEDULE = Schedule(tuning=Tuning(epochs=3, learning_rate=1e-3), batch_size=8)
MOST = 6


def make_engine(target_data, transferred=True, precision="float32"):
    network = build_network("remastered", (32, 32, 3), 2, None, precision)
    source = weight_values.initial_weights(network.backbone_layers, 11)
    return SweepEngine(network, source if transferred else None, target_data, StepSchedule(SCHEDULE), seed=1)


@pytest.fixture(scope="module")
def engine(target_data):
    """For all tests that can share one: it compiles each program once."""
    return make_engine(target_data)


@pytest.fixture
def tuned_by(engine, monkeypatch):
    """A function that lets the engine tune with other epochs or another rate, until the test ends."""

    def tuned_by(**tuning):
        schedule = StepSchedule(SCHEDULE.model_copy(update={"tuning": Tuning(**tuning)}))
        monkeypatch.setattr(engine, "schedule", schedule)

    return tuned_by


def probe(engine, n, draw):
    """The head that scikit-learn solves for on what the source makes of the draw's records."""
    network, data = engine.network, engine.data
    weight_values.set_weights(weight_values.model_variables(network), engine.initial_weights(draw))
    features = network.segment_to_head(0)
    assert features is not None
    records = CutData(network, data, engine.seed, Budget()).subset(n, draw)
    x, val_x = (features(images, training=False).numpy() for images in (data.train.images[records], data.val.images))
    return solve_head(x, data.train.labels[records], val_x, data.val.labels, 2)


def test_with_everything_frozen_the_head_is_solved_and_nothing_trained(engine):
    execution = engine.run(Cell(16, MOST, False), draw=0)
    head = engine.network.head
    expected = probe(make_engine(engine.data), 16, 0)
    np.testing.assert_allclose(head.kernel.numpy(), expected.kernel, atol=1e-4)
    np.testing.assert_allclose(head.bias.numpy(), expected.bias, atol=1e-4)
    assert execution.steps == 0 and execution.outcome == "trained"
    assert [step for step, _ in execution.curve] == [0]


def test_without_a_training_step_a_cell_in_bfloat16_is_that_in_float32_bit_for_bit(engine, target_data):
    cell = Cell(16, MOST, False)
    one, other = (each.run(cell, 0) for each in (engine, make_engine(target_data, precision="bfloat16")))
    np.testing.assert_array_equal(one.test.probabilities, other.test.probabilities)
    assert one.val.loss == other.val.loss


@pytest.mark.parametrize("rate", [1e-3, 0.3])
@pytest.mark.parametrize("cell", [Cell(16, 0, False), Cell(16, 4, False), Cell(16, MOST, True), Cell(16, 4, True)])
def test_no_cell_is_worse_on_val_than_its_probe(engine, tuned_by, cell, rate):
    tuned_by(epochs=3, learning_rate=rate)
    start = engine.run(Cell(16, MOST, False), draw=0).val
    end = engine.run(cell, draw=0)
    assert (end.val.accuracy, -end.val.loss) >= (start.accuracy, -start.loss)
    assert end.steps > 0 and end.curve[-1][0] == end.steps


def test_tuning_that_does_no_good_is_undone_and_said(engine, tuned_by):
    tuned_by(epochs=3, learning_rate=1e-9)
    start = engine.run(Cell(16, MOST, False), draw=0)
    end = engine.run(Cell(16, 4, False), draw=0)
    assert end.val.accuracy == start.val.accuracy
    tuned_by(epochs=3, learning_rate=0.3)
    ruinous = engine.run(Cell(16, 2, False), draw=0)
    assert ruinous.outcome == "kept" and ruinous.val.accuracy == start.val.accuracy and ruinous.steps == 12


def test_the_network_is_left_with_the_weights_that_were_scored(engine, target_data, tuned_by):
    tuned_by(epochs=4, learning_rate=0.01)
    execution = engine.run(Cell(16, 3, False), draw=1)
    logits = engine.network.model(target_data.test.images, training=False).numpy()
    called = (logits[:, 0] > 0).astype(int)
    assert np.mean(called == execution.test.probabilities.argmax(axis=1)) == 1


def test_what_is_frozen_stays_and_batch_statistics_are_held(engine):
    execution = engine.run(Cell(16, 3, False), draw=0)
    network = engine.network
    frozen = {weight.path for layer in network.frozen_layers(3) for weight in layer.weights}
    held = {weight.path for weight in network.model.weights if "moving" in weight.path}
    values = weight_values.read_weights(weight_values.backbone_variables(network))
    for path, value in engine.source.items():
        if path in frozen | held:
            np.testing.assert_array_equal(values[path], value)
    assert execution.outcome in ("trained", "kept")


def test_a_weight_that_changes_below_the_cut_is_an_error(engine, monkeypatch):
    hashes = itertools.count()
    monkeypatch.setattr(Recipe, "frozen_hash", lambda self, freeze_count: str(next(hashes)))
    with pytest.raises(FrozenWeightsChanged, match="freeze_count=4"):
        engine.run(Cell(8, 4, False), draw=1)


def test_a_baseline_is_trained_from_a_random_head_whatever_the_tuning(target_data):
    engine = make_engine(target_data, transferred=False)
    other = SweepEngine(
        engine.network, None, target_data, StepSchedule(SCHEDULE.model_copy(update={"tuning": None})), seed=1
    )
    cell = Cell(8, 0, False)
    first, second = engine.run(cell, draw=0), other.run(cell, draw=0)
    np.testing.assert_array_equal(first.test.probabilities, second.test.probabilities)
    assert first.steps == second.steps > 0


def test_features_that_are_no_numbers_end_as_diverged(target_data):
    engine = make_engine(target_data)
    last = engine.source["conv_6/kernel"]
    engine.source = {**engine.source, "conv_6/kernel": np.full_like(last, 3e38)}
    execution = engine.run(Cell(8, MOST, False), draw=0)
    assert execution.outcome == "diverged"


def test_one_draw_gives_the_same_result_whatever_ran_before(target_data, engine):
    fresh = make_engine(target_data).run(Cell(16, 3, True), draw=1)
    engine.run(Cell(8, 4, True), draw=0)
    again = engine.run(Cell(16, 3, True), draw=1)
    np.testing.assert_array_equal(again.test.probabilities, fresh.test.probabilities)
