"""Changed settings are checked as new ones are. Imports only experiment."""

from pathlib import Path

import pydantic
import pytest

from experiment.changes import as_written, changed
from experiment.config import Schedule
from experiment.loading import PRESETS, load_config, validate_config

QUICK = load_config(PRESETS / "quick.yaml")


def test_what_is_not_named_stays_and_the_original_too():
    before = QUICK.model_dump()
    other = changed(QUICK, seed=7, schedule=changed(QUICK.schedule, epochs=3))
    assert other.model_dump() == {**before, "seed": 7, "schedule": {**before["schedule"], "epochs": 3}}
    assert QUICK.model_dump() == before


@pytest.mark.parametrize("change", [{"epoch": 3}, {"epochs": 0}, {"epochs": "many"}])
def test_an_unknown_field_and_a_wrong_value_are_refused(change):
    with pytest.raises(pydantic.ValidationError):
        changed(Schedule(), **change)


@pytest.mark.parametrize("override", ["schedule.max_steps=null", "schedule.tuning=null", "candidate_size=null"])
def test_what_is_written_is_read_as_the_same_settings_nulls_among_them(override):
    config = load_config(PRESETS / "quick.yaml", (override,))
    written = as_written(config)
    assert "candidate_size" not in written and "weights" not in written["backbones"]["mobilenet_v2"]
    assert validate_config(written, "x") == config


def test_values_that_do_not_fit_each_other_are_refused():
    with pytest.raises(pydantic.ValidationError, match="candidate_size 7 is not one of the sizes"):
        changed(QUICK, candidate_size=7)


@pytest.mark.parametrize("key", ["workspace", "runs"])
def test_a_tilde_in_a_folder_is_the_home_folder(key, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert getattr(load_config(PRESETS / "tiny.yaml", [f"{key}=~/x"]), key) == tmp_path / "x"
    assert getattr(load_config(PRESETS / "tiny.yaml", [f"{key}=a/~/x"]), key) == Path("a/~/x")
