"""The sweep engine: cached equals uncached, frozen stays frozen, draws are shared. Trains real networks briefly."""

import numpy as np
import pytest

from experiment.changes import changed
from experiment.config import Backbone, Schedule
from experiment.random_streams import Stream, stream_generator
from ledger.cell_selection import Cell
from tests.trainer_module.keras_models import MOBILENET, SHIPPED, residual
from trainer_module.cell_training.recipe import FrozenWeightsChanged
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.cell_training.suffixes import trained_variables
from trainer_module.cell_training.target_data import record_ranks
from trainer_module.data import draws
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import build_network
from trainer_module.sweep.engine import SweepEngine
from trainer_module.training.activation_cache import Budget, InMemory
from trainer_module.training.learning_rate_schedules import one_cycle
from trainer_module.training.training_loop import Program

pytestmark = pytest.mark.slow  # trains real networks

SCHEDULE = Schedule(tuning=None, epochs=3, batch_size=8, learning_rate=1e-3)


def make_engine(target_data, source_seed=11, architecture="remastered", budget=None, backbone=None):
    network = build_network(architecture, (32, 32, 3), 2, backbone)
    source = None if source_seed is None else weight_values.initial_weights(network.backbone_layers, source_seed)
    return SweepEngine(network, source, target_data, StepSchedule(SCHEDULE), seed=1, budget=budget)


@pytest.fixture(scope="module")
def engine(target_data):
    return make_engine(target_data)


def without_dropout(network):
    for layer in network.model.layers:
        if hasattr(layer, "seed_generator"):
            layer.rate = 0.0


IN_CI = [("original", 6), ("original", 8), ("remastered", 2)]
EVERY = [(name, k) for name, most in SHIPPED.items() for k in range(most + 1)]


@pytest.mark.parametrize(("architecture", "freeze_count"), IN_CI)
def test_cached_and_uncached_training_end_with_the_same_weights(target_data, architecture, freeze_count):
    check_cached_equals_uncached(target_data, architecture, freeze_count)


@pytest.mark.exhaustive
@pytest.mark.parametrize(("architecture", "freeze_count"), [place for place in EVERY if place not in IN_CI])
def test_so_they_do_at_every_other_freeze_count(target_data, architecture, freeze_count):
    check_cached_equals_uncached(target_data, architecture, freeze_count)


@pytest.mark.parametrize("freeze_count", [0, 3, *(pytest.param(k, marks=pytest.mark.exhaustive) for k in (1, 4))])
def test_so_they_do_in_a_model_of_the_users(target_data, tmp_path, freeze_count):
    residual().save(tmp_path / "mine.keras")
    check_cached_equals_uncached(target_data, "mine", freeze_count, Backbone(model=tmp_path / "mine.keras"))


def check_cached_equals_uncached(target_data, architecture, freeze_count, backbone=None):
    """Three epochs with dropout off."""
    if architecture == "mobilenet_v2":
        backbone = changed(MOBILENET, image_size_px=96)
    engine = make_engine(target_data, architecture=architecture, backbone=backbone)
    if backbone:
        recalibrate_source(engine)
    without_dropout(engine.network)
    cached = engine.run(Cell(16, freeze_count, False), draw=0)
    variables = weight_values.model_variables(engine.network)
    weights = weight_values.read_weights(variables)

    weight_values.set_weights(variables, engine.initial_weights(0))
    program = Program(
        Uncached(engine.network, freeze_count), trained_variables(engine.network, freeze_count), statistics_held=False
    )
    records = np.flatnonzero(record_ranks(target_data.train, 1, 0) < 8)
    order = records[draws.batch_order(32, 12, 8, stream_generator(1, Stream.PHASE_1_BATCHES, 0, 16))]
    train, val = (InMemory(split.images, split.labels) for split in (target_data.train, target_data.val))
    program.reset(0)
    program.train(train, order, one_cycle(1e-3, 12))
    program.recalibrate(train, order)
    uncached = program.evaluate(val)

    for path, value in weight_values.read_weights(variables).items():
        # Adam turns a gradient of almost nothing into a full step of either sign: few elements may differ by steps.
        assert np.quantile(np.abs(value - weights[path]), 0.98) < 1e-4, path
    np.testing.assert_allclose(uncached.probabilities, cached.val.probabilities, atol=1e-3)


def recalibrate_source(engine):
    """Statistics as a trained source has them: without, activations vanish over the blocks, and rounding decides."""
    network, train = engine.network, engine.data.train
    weight_values.set_weights(weight_values.model_variables(network), engine.initial_weights(0))
    program = Program(network.segment(0), [], statistics_held=False)
    program.recalibrate(InMemory(train.images, train.labels), np.arange(len(train), dtype=np.int32).reshape(5, -1))
    engine.source = weight_values.read_weights(weight_values.backbone_variables(network))


class Uncached:
    """The whole network with its first layers in inference mode, without caching what they give."""

    def __init__(self, network, freeze_count):
        self._prefix = network.segment(0, freeze_count) if freeze_count else None
        self._suffix = network.segment(freeze_count)
        self.inputs, self.layers = network.model.inputs, self._suffix.layers

    def __call__(self, images, training):
        features = self._prefix(images, training=False) if self._prefix else images
        return self._suffix(features, training=training)


def test_the_same_cell_and_draw_give_the_same_result(engine):
    first, other_first = engine.run(Cell(16, 4, False), 0), engine.run(Cell(16, 4, False), 1)
    again = engine.run(Cell(16, 4, False), 0)
    np.testing.assert_array_equal(again.test.probabilities, first.test.probabilities)
    assert other_first.test.loss != pytest.approx(first.test.loss, rel=0.01)


def test_a_fine_tuned_cell_goes_on_from_its_twin_and_is_the_same_without_it(engine, target_data):
    twin = engine.run(Cell(16, 6, False), 0)
    after_twin, by_itself = engine.run(Cell(16, 6, True), 0), make_engine(target_data).run(Cell(16, 6, True), 0)
    np.testing.assert_array_equal(after_twin.val.probabilities, by_itself.val.probabilities)
    assert after_twin.steps == twin.steps + 4  # a third of 12
    assert after_twin.curve[:-1] == twin.curve


def test_fine_tuning_that_ends_worse_on_val_leaves_the_network_as_it_was_and_says_so(engine, monkeypatch):
    settings = SCHEDULE.model_copy(update={"epochs": 30, "fine_tune_learning_rate": 3e-4, "max_steps": None})

    def uphill_in_phase_2(learning_rate, steps):
        return one_cycle(-learning_rate if learning_rate == settings.fine_tune_learning_rate else learning_rate, steps)

    monkeypatch.setattr(engine, "schedule", StepSchedule(settings, uphill_in_phase_2))
    twin = engine.run(Cell(16, 6, False), 0)
    weights = weight_values.read_weights(weight_values.model_variables(engine.network))
    tuned = engine.run(Cell(16, 6, True), 0)
    assert tuned.outcome == "kept"
    assert (tuned.val.accuracy, tuned.steps) == (twin.val.accuracy, twin.steps + 40)
    assert tuned.curve == (*twin.curve, (tuned.steps, twin.curve[-1][1]))
    np.testing.assert_array_equal(tuned.test.probabilities, twin.test.probabilities)
    for path, value in weight_values.read_weights(weight_values.model_variables(engine.network)).items():
        np.testing.assert_array_equal(value, weights[path])


def test_under_a_bound_a_network_that_was_trained_whole_is_not_fine_tuned(engine, monkeypatch):
    monkeypatch.setattr(engine, "schedule", StepSchedule(SCHEDULE.model_copy(update={"max_steps": 12})))
    twin, tuned = engine.run(Cell(16, 0, False), 0), engine.run(Cell(16, 0, True), 0)
    np.testing.assert_array_equal(tuned.test.probabilities, twin.test.probabilities)
    assert (tuned.steps, tuned.curve, tuned.seconds) == (twin.steps, twin.curve, 0.0)
    assert engine.run(Cell(16, 3, True), 0).steps > engine.run(Cell(16, 3, False), 0).steps


def test_the_learning_curve_begins_before_training_and_has_the_ends_of_the_first_epochs(engine):
    execution = engine.run(Cell(16, 4, False), 0)
    # 16 images and their copies in batches of 8: an epoch is 4 steps, and three epochs are the end.
    assert [step for step, _ in execution.curve] == [0, 4, 12]
    assert execution.curve[-1][1] == execution.val.accuracy  # 30 val images: the curve sees them all


@pytest.mark.parametrize("memory", [1, pytest.param(20_000_000, marks=pytest.mark.exhaustive)])
def test_spilling_to_disk_changes_nothing(engine, target_data, tmp_path, memory):
    """One byte holds no batch, so that every step is read by itself; 20 MB hold a cell's records but not the cut."""
    spilled = make_engine(target_data, budget=Budget(memory, tmp_path))
    for cell in (Cell(16, 1, False), Cell(16, 3, True), Cell(8, 3, False)):
        one, other = engine.run(cell, 0), spilled.run(cell, 0)
        np.testing.assert_array_equal(other.test.probabilities, one.test.probabilities)
        assert other.curve[0] == one.curve[0]
    assert list(tmp_path.iterdir()) == []  # the file has no name, so that nothing is left by a kill


def test_frozen_weights_and_statistics_stay_as_the_source_has_them(engine):
    engine.run(Cell(16, 4, False), 0)
    frozen = [w for layer in engine.network.frozen_layers(4) for w in layer.weights]
    for variable in frozen:
        np.testing.assert_array_equal(variable.numpy(), engine.source[variable.path])


def test_fine_tuning_moves_what_was_frozen_but_no_statistics(engine):
    engine.run(Cell(16, 6, True), 0)
    moved = {
        path.rsplit("/", 1)[-1]
        for path, value in weight_values.read_weights(weight_values.backbone_variables(engine.network)).items()
        if not np.array_equal(value, engine.source[path])
    }
    assert moved == {"kernel", "bias", "gamma", "beta"}


def test_a_changed_frozen_weight_is_an_error(target_data, monkeypatch):
    engine = make_engine(target_data)
    train = Program.train

    def train_and_disturb(*args, **kwargs):
        engine.network.freezable[0][0].bias.assign_add(np.full(32, 1e-6, np.float32))
        return train(*args, **kwargs)

    monkeypatch.setattr(Program, "train", train_and_disturb)
    with pytest.raises(FrozenWeightsChanged, match="freeze_count=2"):
        engine.run(Cell(16, 2, False), 0)


def test_a_baseline_starts_from_the_draws_own_random_weights(target_data):
    engine = make_engine(target_data, source_seed=None)
    first, second = engine.initial_weights(0), engine.initial_weights(1)
    assert first.keys() == {v.path for v in weight_values.model_variables(engine.network)}
    assert not np.array_equal(first["conv_1/kernel"], second["conv_1/kernel"])


def test_transfer_and_baseline_share_the_draws_head(target_data):
    transfer, baseline = make_engine(target_data), make_engine(target_data, source_seed=None)
    np.testing.assert_array_equal(
        transfer.initial_weights(1)["head/kernel"], baseline.initial_weights(1)["head/kernel"]
    )


def test_more_images_than_there_are_is_refused(engine):
    with pytest.raises(ValueError, match="n=50 asks for more"):
        engine.run(Cell(50, 4, False), 0)


def test_freezing_beyond_the_architecture_is_refused(engine):
    with pytest.raises(ValueError, match="freeze_count must be 0 to 6, got 7"):
        engine.run(Cell(16, 7, False), 0)
