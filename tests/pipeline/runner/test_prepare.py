"""Before the DAG: free space. Builds no pipeline."""

import dataclasses
import re
import shutil

import pytest

from experiment.changes import changed
from experiment.errors import ThawError
from experiment.loading import PRESETS, load_config
from pipeline.planning.plan import plan_run
from pipeline.planning.precision import Decision
from pipeline.runner import prepare


def test_free_space_is_measured_where_the_workspace_will_be(tmp_path, small_disk):
    assert prepare.free_gb(small_disk / "not" / "yet" / "there") == pytest.approx(256 * 1024 / 1e9)
    assert prepare.free_gb(tmp_path / "there") == pytest.approx(shutil.disk_usage(tmp_path).free / 1e9, rel=0.1)


def test_room_and_need_are_never_shown_as_the_same_number(small_disk):
    """`has 0.0 GB free; the run needs about 0.0 GB`."""
    config = changed(load_config(PRESETS / "tiny.yaml"), workspace=small_disk / "workspace")
    plan = dataclasses.replace(plan_run(config, 10, 1000, gflops=100.0, workers=1), disk_mb=0.3)
    prepared = prepare.Prepared(config, config, None, {}, plan, Decision("float32", "as configured", "2.16.2"))
    with pytest.raises(ThawError, match="GB free; the run needs about") as refused:
        prepare.check_room(prepared)
    free, needed = re.findall(r"([\d.]+) GB(?: free|\.)", str(refused.value))
    assert float(free) < float(needed)
