"""The same cells have the same accuracies on both stacks, within the noise of their draws. Trains real networks."""

import numpy as np
import pytest

from experiment.config import Schedule
from ledger.cell_selection import Cell
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.cell_training.target_data import TargetData
from trainer_module.data.input_pipeline import Records
from trainer_module.networks import weight_values
from trainer_module.networks.architectures import build_network
from trainer_module.sweep.engine import SweepEngine

pytestmark = pytest.mark.component

DRAWS, DRAWS_ON_TFX_1_16 = 4, 8
# Cell: mean and standard deviation of val accuracy over these draws, in percent; Python 3.10, TFX 1.16, TensorFlow
# 2.16.2, AMD EPYC with AVX-512. Random numbers are numpy's, but weights are rounded otherwise on another stack.
ON_TFX_1_16 = {
    Cell(16, 0, False): (73.6, 2.5),
    Cell(16, 3, False): (75.7, 3.4),
    Cell(16, 3, True): (76.0, 3.3),
}


def records(images, prefix):
    """Two classes that overlap: brightness differs by one and a half times its standard deviation."""
    generator = np.random.default_rng(sum(prefix.encode()))
    labels = np.arange(images) % 2
    brightness = 80 + 30 * labels + generator.normal(0, 20, images)
    pixels = generator.normal(0, 20, (images, 16, 16, 3)) + brightness[:, None, None, None]
    ids = np.array([f"{prefix}_{index:05d}" for index in range(images)])
    return Records(np.clip(pixels, 0, 255).astype(np.uint8), labels, ids, np.zeros(images, np.int64))


@pytest.fixture(scope="module")
def accuracies():
    """Percent of val that each cell's draws name rightly."""
    data = TargetData(records(40, "train"), records(200, "val"), records(2, "test"), 2, "target")
    network = build_network("remastered", (16, 16, 3), 2, None)
    source = weight_values.initial_weights(network.backbone_layers, 11)
    schedule = StepSchedule(Schedule(tuning=None, epochs=10, batch_size=8, learning_rate=1e-3))
    engine = SweepEngine(network, source, data, schedule, seed=1)
    return {cell: [100 * engine.run(cell, draw=draw).val.accuracy for draw in range(DRAWS)] for cell in ON_TFX_1_16}


@pytest.mark.parametrize("cell", ON_TFX_1_16, ids=str)
def test_a_cell_is_worth_the_same_on_this_stack(accuracies, cell):
    mean, deviation = ON_TFX_1_16[cell]
    own_deviation = np.std(accuracies[cell], ddof=1)
    noise = np.hypot(deviation / np.sqrt(DRAWS_ON_TFX_1_16), own_deviation / np.sqrt(DRAWS))
    assert abs(np.mean(accuracies[cell]) - mean) < 4 * noise
