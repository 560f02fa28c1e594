"""The Tuner node as a chief: its executor hands the address on, and nothing else changes. Imports TFX."""

import json

import pytest
from tfx.components.trainer.fn_args_utils import get_common_fn_args

from components.sweep_tuner import SweepTunerExecutor, with_chief
from pipeline.errors import ThawError
from trainer_module.settings import CHIEF_KEY

pytestmark = pytest.mark.component

PROPERTIES = {
    "custom_config": json.dumps({"settings": {"seed": 1}}), "tuner_fn": "f", "train_args": "{}", "eval_args": "{}",
}  # fmt: skip


def test_on_one_machine_the_properties_stay_as_they_are():
    assert with_chief(PROPERTIES, None) == PROPERTIES


def test_tuner_fn_is_told_where_the_chief_serves():
    custom_config = get_common_fn_args({}, with_chief(PROPERTIES, "0.0.0.0:8000")).custom_config
    assert custom_config == {"settings": {"seed": 1}, CHIEF_KEY: "0.0.0.0:8000"}


def test_a_node_that_is_told_to_be_a_worker_says_that_it_can_t(monkeypatch):
    for name, value in (("TUNER_ID", "tuner0"), ("ORACLE_IP", "127.0.0.1"), ("ORACLE_PORT", "8000")):
        monkeypatch.setenv(f"KERASTUNER_{name}", value)
    with pytest.raises(ThawError, match="can only be the chief"):
        SweepTunerExecutor().Do({}, {}, PROPERTIES)
