"""The TransferAdvisor node: real models and images in, predicted gains out, no val and no test. SYNTHETIC."""

from pathlib import Path

import numpy as np
import pytest
from tfx.types import channel, standard_artifacts
from tfx.types.experimental import simple_artifacts

from analysis.transfer_prediction.predicted_gains import ADVICE_FILE, read_before_training
from components.transfer_advisor.component import TransferAdvisorExecutor, transfer_advisor
from components.transfer_advisor.estimation import AdvisorSettings, Asked
from tests.analysis.transfer_prediction.test_advice_rule import made_rule
from tests.stacks import STACK
from tests.trainer_module.conftest import write_records
from trainer_module.data.input_pipeline import Records
from trainer_module.networks.architectures import build_network
from trainer_module.sources import controls, source

pytestmark = pytest.mark.component
SHAPE = (32, 32, 3)


def artifact(kind, folder):
    folder.mkdir(parents=True, exist_ok=True)
    made = kind()
    made.uri = str(folder)
    return made


def write_domain(folder, images):
    """Training images alone, two classes distinguished by brightness, each with a copy."""
    (folder / "Split-train").mkdir(parents=True)
    rng = np.random.default_rng(images)
    labels = np.repeat(np.arange(images) % 2, 2)
    pixels = rng.integers(0, 128, (2 * images, *SHAPE)) + 90 * labels[:, None, None, None]
    ids = np.repeat([f"{folder.name}-{place:03d}" for place in range(images)], 2)
    records = Records(pixels.astype(np.uint8), labels.astype(np.int64), ids, np.tile([0, 1], images))
    write_records(folder / "Split-train" / "data.tfrecord", records)


def made_settings(**changes):
    sides = Asked(name="sides__remastered", source="sides", architecture="remastered", freeze_counts=(4, 6))
    values = {
        "classes": ("dark", "bright"), "image_shape": SHAPE, "sizes": (8, 16),
        "transfers": (sides,), "fine_tune": (False, True), "draws": 2, "seed": 5, "rule": made_rule(),
        "stack": STACK.in_words,
    }  # fmt: skip
    return AdvisorSettings(**values | changes)


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    folder = tmp_path_factory.mktemp("advisor")
    network = build_network("remastered", SHAPE, 2)
    controls.keep_initial_weights(network, 3)
    model = folder / "model" / "Format-Serving"
    model.mkdir(parents=True)
    network.model.save(model / source.KERAS_FILE)
    for name, images in (("target", 40), ("sides", 30)):
        write_domain(folder / name, images)
    inputs = {
        "examples": [artifact(standard_artifacts.Examples, folder / "target")],
        "domain_of_sides": [artifact(standard_artifacts.Examples, folder / "sides")],
        "source_of_sides__remastered": [artifact(standard_artifacts.Model, folder / "model")],
    }
    output = artifact(simple_artifacts.File, folder / "out")
    told = {"settings": made_settings().model_dump_json(), "code": ""}
    TransferAdvisorExecutor().Do(inputs, {"advice": [output]}, told)
    return read_before_training(Path(output.uri) / ADVICE_FILE)


def test_every_size_has_a_predicted_gain_for_every_way_the_best_first(found):
    assert set(found.predicted_gains) == {8, 16}
    for predicted_gains in found.predicted_gains.values():
        assert {(one.freeze_count, one.fine_tune) for one in predicted_gains} == {
            (4, False),
            (4, True),
            (6, False),
            (6, True),
        }
        gains = [one.gain_points for one in predicted_gains]
        assert gains == sorted(gains, reverse=True)
        assert all(one.low < one.gain_points < one.high for one in predicted_gains)


def test_predicted_gains_are_the_rules_on_the_probes_of_draw_0(found):
    said = {(one.estimator, one.freeze_count): one.value for one in found.estimates if (one.n, one.draw) == (16, 0)}
    # made_rule: 1 + 10 x (probe's squared error on the pixels minus that at the top).
    expected = 1 + 10 * (said["probe_error", 6] - said["probe_error", 0])
    assert found.predicted_gains[16][0].gain_points == pytest.approx(expected)
    assert found.predicted_gains[16][0].probe_accuracy == pytest.approx(
        max(said["probe", found.predicted_gains[16][0].freeze_count], 0.5)
    )
    assert (found.level, found.calibration) == (0.9, made_rule().in_words_at((8, 16), 2))
    assert found.calibration.endswith("at n = 8, expected gains and intervals are extrapolated.")


def test_estimates_are_of_every_draw_size_and_cut_with_leep_and_distances_of_a_trained_source(found):
    places = {(one.draw, one.n, one.freeze_count) for one in found.estimates if one.estimator == "logme"}
    assert places == {(draw, n, count) for draw in (0, 1) for n in (8, 16) for count in (0, 4, 6)}
    assert {"leep", "frechet", "a_distance", "gbc", "h_score", "cka_labels"} <= {o.estimator for o in found.estimates}


def test_the_node_has_an_input_for_each_source_and_each_domain():
    def channels(kind, *names):
        return {name: channel.Channel(type=kind) for name in names}

    node = transfer_advisor(
        examples=channel.Channel(type=standard_artifacts.Examples),
        sources=channels(standard_artifacts.Model, "a__original"),
        domains=channels(standard_artifacts.Examples, "a"),
        settings=made_settings(), code="c",
    )  # fmt: skip
    assert set(node.inputs) == {"examples", "source_of_a__original", "domain_of_a"}
    assert set(node.outputs) == {"advice"}
