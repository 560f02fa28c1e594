"""A run's event files, read back as TensorBoard reads them. Imports no TensorFlow itself."""

import json

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import plugin_data_pb2

from ledger.rows import Header, Row
from pipeline.runs.tensorboard_log import VAL_ACCURACY, source_curves, write_run
from tests.stacks import STACK

HEADER = Header(
    "cats_dogs__original", "cats_dogs", "original", "original", "SYNTHETIC",
    ("a", "b"), "5", "c0", (0, 1), "1", (5, 5), 8, "", STACK, (),
)  # fmt: skip
CURVE = ((0, 0.5), (9, 0.7), (30, 0.75))


def row(n, freeze_count, fine_tune, draw):
    return Row(
        key=f"{n}-{freeze_count}-{fine_tune}-{draw}", n=n, freeze_count=freeze_count, fine_tune=fine_tune, draw=draw,
        val_accuracy=0.75, val_loss=0.5, test_accuracy=0.25, test_loss=1.0, train_accuracy=1.0, steps=30,
        seconds=1.0, curve=CURVE,
        frozen_hash="f", test_probabilities=np.full((2, 2), 0.5, np.float32), outcome="trained",
    )  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "tensorboard"
    rows = [row(20, 8, False, 0), row(20, 8, True, 0), row(100, 6, False, 1)]
    write_run(folder, {"ships_planes__original": [(10, 0.6), (20, 0.75)]}, [(HEADER, rows)])
    return folder


def read(folder):
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def scalars(folder):
    return [(event.step, pytest.approx(event.value)) for event in read(folder).Scalars(VAL_ACCURACY)]


def hparams_of(folder, tag):
    content = read(folder).SummaryMetadata(tag).plugin_data.content
    return plugin_data_pb2.HParamsPluginData.FromString(content)


def test_a_sources_training_is_a_curve(written):
    assert scalars(written / "sources" / "ships_planes__original") == [(10, 0.6), (20, 0.75)]


def test_every_execution_has_its_curve_and_its_hyperparameters(written):
    folder = written / "sweeps" / HEADER.sweep / "n=20 k=8 fine_tuned draw=0"
    assert list(CURVE) == scalars(folder)
    found = hparams_of(folder, "_hparams_/session_start_info").session_start_info.hparams
    assert found["n"].number_value == 20 and found["freeze_count"].number_value == 8
    assert found["fine_tune"].bool_value and found["sweep"].string_value == HEADER.sweep
    assert len(list((written / "sweeps" / HEADER.sweep).iterdir())) == 3


def test_the_dashboard_offers_every_value_and_val_accuracy_alone(written):
    experiment = hparams_of(written, "_hparams_/experiment").experiment
    offered = {info.name: [v.number_value for v in info.domain_discrete.values] for info in experiment.hparam_infos}
    assert offered["n"] == [20, 100] and offered["freeze_count"] == [6, 8]
    assert [info.name.tag for info in experiment.metric_infos] == [VAL_ACCURACY]


def test_no_test_figure_is_shown_where_people_choose(written):
    tags = {tag for path in written.rglob("events.*") for tag in read(path.parent).Tags()["scalars"]}
    assert tags == {VAL_ACCURACY}


def test_a_source_that_was_not_trained_has_no_curve(tmp_path):
    for name, card in (("cats_dogs", {"val_accuracy_by_step": [[1, 0.5]]}), ("imagenet", {"weights": "file.h5"})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "thaw.json").write_text(json.dumps(card))
    found = source_curves({name: str(tmp_path / name) for name in ("cats_dogs", "imagenet")})
    assert found == {"cats_dogs": [[1, 0.5]]}
