"""An experiment that `thaw init` makes of a user's pictures, compiled and run as pods. Takes minutes."""

import json
import os
import shutil
import sys

import keras
import numpy as np
import pytest
from PIL import Image

from acquisition.synthetic_images.synthetic import draw_image
from experiment.random_streams import Stream, stream_generator
from tests.e2e.cluster.engines import ENGINES, OF_EVERY_RUN
from tests.e2e.cluster.local_cluster import LocalCluster
from tests.e2e.conftest import ROOT
from tests.made_once import made_once

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]

CLASSES, PER_CLASS = ("ship", "truck"), 40
SETTINGS = (
    "transfers=[{source: pretrained, architecture: backbone}]", "freeze_counts={backbone: [7, 8]}", "fine_tune=[false]",
    "search=grid", "draws=1", "workers=2", "schedule={epochs: 1, max_steps: 4, tuning: {epochs: 1, max_steps: 4}}",
    "confirmation={draws: 2, most_draws: 2}", "precision=float32",
)  # fmt: skip


def save_pictures(folder):
    """JPEGs and PNGs of many sizes, of which some are grey."""
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        for number in range(PER_CLASS):
            generator = stream_generator(1, Stream.SYNTHETIC_IMAGES, name, number)
            picture = Image.fromarray(draw_image(name, generator).astype(np.uint8))
            picture = picture.resize((60 + number, 90 - number)).convert("L" if number % 10 == 0 else "RGB")
            picture.save(folder / name / f"{number}.{'png' if number % 3 else 'jpg'}")


OPTIONS = tuple(part for setting in SETTINGS for part in ("--set", setting))


@pytest.fixture(scope="module")
def photos(tmp_path_factory, programs):
    """The folder of an experiment that was run on this machine: `made`, `workspace` and `runs`."""

    def make(folder):
        save_pictures(folder / "pictures")
        model = keras.applications.MobileNetV3Small(include_top=False, weights=None, input_shape=(32, 32, 3))
        model.save(folder / "backbone.keras")
        thaw = str(ROOT / "thaw_entry.py")
        call(programs, folder, thaw, "init", "pictures", "--out", "made", "--backbone", "backbone.keras", "--mirror")
        call(programs, folder, thaw, "run", "--config", "made/config.yaml", *OPTIONS)
        return folder

    return made_once(tmp_path_factory, "photos", make)


def call(programs, folder, *command):
    environment = {**os.environ, "LOCAL_HOME": str(folder / "tfx_home")}
    done = programs.run([sys.executable, *command], folder, environment)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "engine",
    [OF_EVERY_RUN, *(pytest.param(name, marks=pytest.mark.exhaustive) for name in ENGINES if name != OF_EVERY_RUN)],
)
def test_pods_answer_as_this_machine_does_on_a_users_pictures(engine, photos, tmp_path, programs):
    volume, file = tmp_path / "volume", tmp_path / "photos.yaml"
    (volume / "weights").mkdir(parents=True)
    shutil.copy(photos / "backbone.keras", volume / "weights")
    here = json.loads((photos / "runs" / "latest" / "summary.json").read_text())
    records = photos / "made" / "records"
    call(
        programs, photos, str(ROOT / "kubeflow" / "kubeflow_runner.py"), "--config", "made/config.yaml", *OPTIONS,
        "--output", str(file), "--data", "/nowhere", "--gpus", "0", "--cluster-set", "retries.first_wait_s=1",
        "--cluster-set", f"data={{path: /nowhere, name: {here['data']}, train: train/*, test: test/*}}",
        "--cluster-set", f"volume.mount={volume}",
    )  # fmt: skip
    cluster = LocalCluster(file, tmp_path / "cluster", engine, [records], start=programs.start)
    results = cluster.run({"data_path": str(records)})
    for name, task in results.items():
        assert task.state == "done" and task.attempts == [0], f"{name}:\n{cluster.log(name)[-5000:]}"
    assert set(results) == set(cluster.spec["root"]["dag"]["tasks"])
    assert decisive(volume) == decisive(photos / "workspace")
    report = cluster.files(results["transferreport"].outputs["report"])
    there = json.loads((report / "summary.json").read_text())
    for key in ("blessed", "transfer", "reason"):
        assert there["pushed"].get(key) == here["pushed"].get(key), key
    assert {task.state for task in cluster.run({"data_path": str(records)}).values()} == {"cached"}


def decisive(workspace):
    """Rows of every ledger without their seconds, by key."""
    lines = [line for path in workspace.glob("thaw-*/ledgers/*.jsonl") for line in path.read_bytes().splitlines()[1:]]
    rows = [json.loads(line)["row"] for line in lines]
    assert rows
    return {row["key"]: {**row, "seconds": 0} for row in rows}
