"""What a plan assumes, against networks that were built and the search itself. Imports TensorFlow, trains nothing."""

import pytest

from experiment.loading import PRESETS, load_config
from pipeline.planning import run_costs
from pipeline.planning.training_costs import counted_mflop, forward_mflop
from trainer_module.networks.architectures import build_network
from trainer_module.tuners.cell_search import ALWAYS_AFFORDED, MOST_OF_GRID

pytestmark = pytest.mark.slow  # imports TensorFlow

QUICK = load_config(PRESETS / "quick.yaml")


def test_frozen_layers_cost_nothing():
    costs = [forward_mflop(QUICK, "original", k) for k in range(9)]
    assert costs == sorted(costs, reverse=True) and costs[8] == 0
    assert forward_mflop(QUICK, "mobilenet_v2", 18) == 0


@pytest.mark.parametrize(("architecture", "within"), [("original", 0.01), ("remastered", 0.01), ("mobilenet_v2", 0.2)])
def test_a_plan_assumes_what_the_built_network_has(architecture, within):
    network = build_network(architecture, QUICK.data.image_shape, 2, QUICK.backbones.get(architecture))
    assert forward_mflop(QUICK, architecture, 0) == pytest.approx(counted_mflop(network.multiply_adds), rel=within)


def test_the_searched_part_is_that_of_the_search_itself():
    assert (run_costs.SEARCHED_PART, run_costs.ALWAYS_AFFORDED) == (MOST_OF_GRID, ALWAYS_AFFORDED)
