"""Tuning a middle or first part with the rest held (`tuned`): what changes, what is shared. Trains briefly for real."""

import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

from experiment.config import Schedule, Tuning
from ledger.cell_selection import Cell
from trainer_module.cell_training.recipe import FrozenWeightsChanged
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.cell_training.suffixes import Suffixes, trained_variables
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import build_network
from trainer_module.sweep.engine import SweepEngine
from trainer_module.training.activation_cache import Budget

pytestmark = pytest.mark.slow  # trains real networks

SCHEDULE = Schedule(tuning=Tuning(epochs=3, learning_rate=1e-3), batch_size=8)
IN_A_FRESH_PROCESS = """
import pickle, sys
from pathlib import Path
from ledger.cell_selection import Cell
from tests.trainer_module.cell_training.test_held_layers import make_engine

folder = Path(sys.argv[1])
execution = make_engine(pickle.loads((folder / "data").read_bytes())).run(Cell(16, 2, False, 4), draw=1)
(folder / "found").write_bytes(pickle.dumps(execution))
"""


def make_engine(data, transferred=True, schedule=SCHEDULE):
    network = build_network("remastered", (32, 32, 3), 2)
    source = weight_values.initial_weights(network.backbone_layers, 11)
    return SweepEngine(network, source if transferred else None, data, StepSchedule(schedule), seed=1)


@pytest.fixture(scope="module")
def engine(target_data):
    return make_engine(target_data)


def changed_layers(engine):
    """Names of the layers, the head apart, with a value that differs from the source's."""
    values = weight_values.read_weights(weight_values.backbone_variables(engine.network))
    different = {path for path, value in engine.source.items() if not np.array_equal(values[path], value)}
    assert not [path for path in different if "moving" in path]  # batch statistics are held
    return {path.split("/")[0] for path in different}


@pytest.mark.parametrize(
    ("start", "stop", "names"),
    [(0, 2, {"conv_1", "norm_1", "conv_2", "norm_2"}), (2, 4, {"conv_3", "norm_3", "conv_4", "norm_4"}),
     (4, 5, {"conv_5", "norm_5"})],
)  # fmt: skip
def test_the_layers_between_and_the_head_change_and_nothing_else(engine, start, stop, names):
    engine.run(Cell(16, 6, False), draw=0)
    solved = engine.network.head.kernel.numpy()
    execution = engine.run(Cell(16, start, False, stop), draw=0)
    assert execution.outcome == "trained" and execution.steps == 12
    assert changed_layers(engine) == names
    assert not np.array_equal(engine.network.head.kernel.numpy(), solved)


def test_the_variables_are_those_of_the_layers_between_and_of_the_head(engine):
    paths = [variable.path.split("/")[0] for variable in trained_variables(engine.network, 2, 3)]
    assert paths == ["conv_3", "conv_3", "norm_3", "norm_3", "head", "head"]


def test_what_lies_before_is_cached_and_shared_with_the_prefix_of_the_same_cut(target_data):
    network = make_engine(target_data).network
    suffixes = Suffixes(network, target_data, 1, Budget())
    held, plain = suffixes.above(2, held_from=4, statistics_held=True), suffixes.above(2, statistics_held=True)
    assert held.cut is plain.cut and held.program is not plain.program
    assert held.program.model.input.shape[1:] == (16, 16, 32)  # [height, width, channels] behind the first pooling
    assert suffixes.above(2, held_from=4, statistics_held=True).program is held.program
    # In inference the two parts are the whole suffix.
    scores = [one.program.evaluate(one.cut.val).probabilities for one in (held, plain)]
    np.testing.assert_allclose(*scores, atol=1e-6)


def test_a_step_takes_the_gradient_through_what_is_held_without_its_dropout(target_data):
    """Of layer 2 alone, whose dropout lies above it and so in the held part: the masks' seed changes nothing."""
    found = []
    for seed in (1, 2):
        engine = make_engine(target_data)
        weight_values.set_weights(weight_values.model_variables(engine.network), engine.initial_weights(0))
        one = Suffixes(engine.network, target_data, 1, Budget()).above(1, held_from=2, statistics_held=True)
        one.program.reset(seed)
        order = np.arange(16, dtype=np.int32).reshape(2, 8)  # [steps, batch]
        one.program.train(one.cut.train, order, np.full(2, 1e-2, np.float32))
        assert changed_layers(engine) == {"conv_2", "norm_2"}
        found.append(engine.network.model.get_layer("conv_2").kernel.numpy())
    np.testing.assert_array_equal(*found)


def test_a_fresh_process_gives_the_same_whatever_ran_before_here(engine, target_data, tmp_path):
    (tmp_path / "data").write_bytes(pickle.dumps(target_data))
    threads = {"OMP_NUM_THREADS": "1"}
    engine.run(Cell(16, 2, True), draw=1)
    here = engine.run(Cell(16, 2, False, 4), draw=1)
    subprocess.run([sys.executable, "-c", IN_A_FRESH_PROCESS, str(tmp_path)], check=True, env={**os.environ, **threads})
    there = pickle.loads((tmp_path / "found").read_bytes())
    np.testing.assert_array_equal(here.test.probabilities, there.test.probabilities)
    assert (here.val.loss, here.steps, here.curve, here.frozen_hash) == (
        there.val.loss, there.steps, there.curve, there.frozen_hash,
    )  # fmt: skip


def test_the_same_cut_with_all_above_tuned_is_another_training(engine):
    held, plain = engine.run(Cell(16, 2, False, 4), draw=0), engine.run(Cell(16, 2, False), draw=0)
    assert held.frozen_hash != plain.frozen_hash
    assert not np.array_equal(held.test.probabilities, plain.test.probabilities)


def test_a_held_weight_that_changes_is_an_error(target_data, monkeypatch):
    engine = make_engine(target_data)
    above = Suffixes.above

    def tampering(self, *args, **options):
        kernel = self.network.model.get_layer("conv_6").kernel
        suffix = above(self, *args, **options)
        if options.get("held_from"):
            monkeypatch.setattr(suffix.program, "reset", lambda seed: kernel.assign(kernel.value + 1))
        return suffix

    monkeypatch.setattr(Suffixes, "above", tampering)
    with pytest.raises(FrozenWeightsChanged, match="held_from=4"):
        engine.run(Cell(8, 2, False, 4), draw=0)


def test_nothing_is_held_where_the_head_is_not_solved_for_or_all_is_fine_tuned(target_data, engine):
    report = make_engine(target_data, schedule=SCHEDULE.model_copy(update={"tuning": None}))
    for one, cell in (
        (make_engine(target_data, transferred=False), Cell(8, 0, False, 2)),
        (report, Cell(8, 0, False, 2)),
        (engine, Cell(8, 0, True, 2)),
    ):
        with pytest.raises(ValueError, match="needs a solved head and no fine-tuning"):
            one.run(cell, draw=0)
    with pytest.raises(ValueError, match="held_from must be 3 to 5, got 6"):
        engine.run(Cell(8, 2, False, 6), draw=0)
