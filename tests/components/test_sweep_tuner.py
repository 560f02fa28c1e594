"""The Tuner node as a chief: its executor passes the address on, and nothing else changes. Imports components."""

import json

import pytest
from tfx.types.standard_artifacts import Examples

from components.sweep_tuner import SweepTunerExecutor, with_chief
from experiment.errors import ThawError
from experiment.training_settings import CHIEF_KEY

pytestmark = pytest.mark.component

PROPERTIES = {"custom_config": json.dumps({"settings": {"seed": 1}}), "tuner_fn": "f"}


def test_on_one_machine_the_properties_stay_as_they_are():
    assert with_chief(PROPERTIES, None) == PROPERTIES


def test_tuner_fn_is_told_where_the_chief_serves():
    told = with_chief(PROPERTIES, "0.0.0.0:8000")
    assert json.loads(told["custom_config"]) == {"settings": {"seed": 1}, CHIEF_KEY: "0.0.0.0:8000"}
    assert told["tuner_fn"] == "f"


def test_a_node_that_is_told_to_be_a_worker_says_that_it_can_t(monkeypatch):
    for name, value in (("TUNER_ID", "tuner0"), ("ORACLE_IP", "127.0.0.1"), ("ORACLE_PORT", "8000")):
        monkeypatch.setenv(f"KERASTUNER_{name}", value)
    with pytest.raises(ThawError, match="can only be the chief"):
        SweepTunerExecutor().Do({}, {}, PROPERTIES)


def test_a_chief_whose_artifacts_lie_in_an_object_store_says_that_its_workers_can_t_read_them(monkeypatch):
    for name, value in (("TUNER_ID", "chief"), ("ORACLE_IP", "127.0.0.1"), ("ORACLE_PORT", "8000")):
        monkeypatch.setenv(f"KERASTUNER_{name}", value)
    examples = Examples()
    examples.uri = "s3://bucket/examples"
    with pytest.raises(ThawError, match="s3://bucket/examples is not a file"):
        SweepTunerExecutor().Do({"examples": [examples]}, {}, PROPERTIES)
