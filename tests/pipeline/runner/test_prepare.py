"""Before the DAG: free space. Builds no pipeline."""

import shutil

import pytest

from pipeline.runner import prepare


def test_free_space_is_measured_where_the_workspace_will_be(tmp_path, small_disk):
    assert prepare.free_gb(small_disk / "not" / "yet" / "there") == pytest.approx(256 * 1024 / 1e9)
    assert prepare.free_gb(tmp_path / "there") == pytest.approx(shutil.disk_usage(tmp_path).free / 1e9, rel=0.1)
