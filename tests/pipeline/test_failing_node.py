"""A node that fails ends the run with an error that names it and its log. Imports TFX, runs no node."""

import types

import pytest
from tfx.orchestration.local.local_dag_runner import LocalDagRunner

from pipeline import dag, launch
from pipeline.errors import ThawError
from pipeline.loading import load_config
from trainer_module import progress

pytestmark = pytest.mark.component


def test_whatever_a_node_raises_is_said_with_the_place_of_the_log(tmp_path, monkeypatch, request):
    preset = request.config.rootpath / "pipeline" / "presets" / "quick.yaml"
    config = load_config(preset, (f"workspace={tmp_path}/workspace", f"runs={tmp_path}/runs"))
    monkeypatch.setattr(dag, "create_pipeline", lambda *_: types.SimpleNamespace(components=[]))

    def fail(self, pipeline):
        raise OSError("no space left on device")

    monkeypatch.setattr(LocalDagRunner, "run", fail)
    with pytest.raises(ThawError, match=r"OSError: no space left on device") as raised:
        launch._run(launch.Prepared(config, None, {}, "", None), progress.console())
    [folder] = (tmp_path / "runs").glob("2*")
    assert str(folder / "log.txt") in str(raised.value)
    assert isinstance(raised.value.__cause__, OSError)
