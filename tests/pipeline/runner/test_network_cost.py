"""The costs that a plan assumes, against networks that were built. Imports TensorFlow, trains nothing."""

import pytest

from experiment.loading import PRESETS, load_config
from pipeline.runner.plan import counted_mflop, forward_mflop
from trainer_module.networks.architectures import build_network

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
