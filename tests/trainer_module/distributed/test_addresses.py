"""KerasTuner's variables: chief or worker, and messages for invalid values. Pure Python."""

import pytest

from experiment.errors import ThawError
from trainer_module.distributed.addresses import chief_address, worker_address


def variables(**changes):
    values = {"TUNER_ID": "chief", "ORACLE_IP": "10.0.0.1", "ORACLE_PORT": "8000"} | changes
    return {f"KERASTUNER_{name}": value for name, value in values.items() if value is not None}


def test_without_the_variables_a_sweep_runs_on_one_machine():
    assert chief_address({"HOME": "/root"}) is None


def test_a_chief_serves_where_the_variables_say():
    assert chief_address(variables()) == "10.0.0.1:8000"


def test_a_worker_is_told_its_name_and_where_its_chief_is():
    assert worker_address(variables(TUNER_ID="node-3.tuner_0")) == ("node-3.tuner_0", "10.0.0.1:8000")


def test_a_pipeline_that_is_told_to_be_a_worker_is_refused():
    with pytest.raises(ThawError, match=r"is tuner0, but a pipeline's Tuner can only be the chief.*sweep_worker"):
        chief_address(variables(TUNER_ID="tuner0"))


@pytest.mark.parametrize("missing", ["TUNER_ID", "ORACLE_IP", "ORACLE_PORT"])
def test_a_variable_that_is_missing_is_named(missing):
    for address in (chief_address, worker_address):
        with pytest.raises(ThawError, match=f"^Not set: KERASTUNER_{missing}"):
            address(variables(**{missing: None}))


def test_a_port_that_is_no_number_is_refused():
    with pytest.raises(ThawError, match="KERASTUNER_ORACLE_PORT is 'http'"):
        chief_address(variables(ORACLE_PORT="http"))


@pytest.mark.parametrize("name", ["chief", "chief-2", "a/b", "two words"])
def test_a_name_that_no_worker_may_have_is_refused(name):
    with pytest.raises(ThawError, match="a name that no other worker has"):
        worker_address(variables(TUNER_ID=name))
