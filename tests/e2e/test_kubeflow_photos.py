"""An experiment that `thaw init` makes of a user's pictures, compiled and run as pods. Takes minutes."""

import json
import os
import shutil
import signal
import sys
import time

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
    "transfers=[{source: pretrained, architecture: backbone}]", "freeze_counts={backbone: [2, 3]}", "fine_tune=[false]",
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
    """The folder of an experiment that was run on this machine until the Tuners had ended."""

    def make(folder):
        save_pictures(folder / "pictures")
        layers = keras.layers
        keras.Sequential([
            keras.Input((32, 32, 3)), layers.Rescaling(1 / 255), layers.Conv2D(8, 3, strides=2, activation="relu"),
            layers.BatchNormalization(), layers.Conv2D(16, 3, strides=2, activation="relu"), layers.Conv2D(32, 3),
        ]).save(folder / "backbone.keras")  # fmt: skip
        thaw = str(ROOT / "thaw_entry.py")
        call(programs, folder, thaw, "init", "pictures", "--out", "made", "--backbone", "backbone.keras", "--mirror")
        run_until_tuners_ended(programs, folder)
        return folder

    return made_once(tmp_path_factory, "photos", make)


RUN = (str(ROOT / "thaw_entry.py"), "run", "--config", "made/config.yaml", *OPTIONS)


def run_until_tuners_ended(programs, folder):
    """What comes after them takes half of a run."""
    with (folder / "run.txt").open("w+") as output:
        process = programs.start([sys.executable, *RUN], folder, environment(folder), output, output)
        while "] Confirmer" not in (printed := (folder / "run.txt").read_text()):
            assert process.poll() is None, printed
            time.sleep(0.05)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait() == 128 + signal.SIGINT, (folder / "run.txt").read_text()


@pytest.fixture(scope="module")
def finished(photos, tmp_path_factory, programs):
    """Summary of the same run when it has ended."""

    def make(_):
        call(programs, photos, *RUN)
        return json.loads((photos / "runs" / "latest" / "summary.json").read_text())

    return made_once(tmp_path_factory, "finished_photos", make)


def environment(folder):
    return {**os.environ, "LOCAL_HOME": str(folder / "tfx_home")}


def call(programs, folder, *command):
    done = programs.run([sys.executable, *command], folder, environment(folder))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.fixture
def cluster_of(photos, tmp_path, programs):
    """A function that compiles the experiment, and gives an engine's cluster with the backbone on its volume."""

    def cluster_of(engine):
        volume, file = tmp_path / "volume", tmp_path / "photos.yaml"
        (volume / "weights").mkdir(parents=True)
        shutil.copy(photos / "backbone.keras", volume / "weights")
        call(
            programs, photos, str(ROOT / "kubeflow" / "kubeflow_runner.py"), "--config", "made/config.yaml", *OPTIONS,
            "--output", str(file), "--data", "/nowhere", "--gpus", "0", "--cluster-set", "retries.first_wait_s=1",
            "--cluster-set", f"data={{path: /nowhere, name: {data_name(photos)}, train: train/*, test: test/*}}",
            "--cluster-set", f"volume.mount={volume}",
        )  # fmt: skip
        return LocalCluster(file, tmp_path / "cluster", engine, [photos / "made" / "records"], start=programs.start)

    return cluster_of


def data_name(photos):
    started = next((photos / "runs").glob("2*/started.json"))
    return json.loads(started.read_text())["data"]


def run_all(cluster, photos, only=None):
    results = cluster.run({"data_path": str(photos / "made" / "records")}, only=only)
    for name, task in results.items():
        assert task.state == "done" and task.attempts == [0], f"{name}:\n{cluster.log(name)[-5000:]}"
    return results


def upstream(tasks, name):
    """A task and all that it waits for."""
    return {name}.union(*(upstream(tasks, one) for one in tasks[name].get("dependentTasks", [])))


@pytest.mark.exhaustive
def test_pods_train_what_this_machine_does_on_a_users_pictures(photos, tmp_path, cluster_of):
    """Up to the Tuners; test_kubeflow.py has all tasks, of another experiment."""
    cluster = cluster_of(OF_EVERY_RUN)
    tasks = cluster.spec["root"]["dag"]["tasks"]
    tuners = [name for name in tasks if name.startswith("tuner-")]
    assert len(tuners) == 2
    run_all(cluster, photos, only=set().union(*(upstream(tasks, name) for name in tuners)))
    assert decisive(tmp_path / "volume") == decisive(photos / "workspace")


@pytest.mark.exhaustive
@pytest.mark.parametrize("engine", ENGINES)
def test_pods_answer_as_this_machine_does_on_a_users_pictures(engine, photos, finished, tmp_path, cluster_of):
    cluster = cluster_of(engine)
    results = run_all(cluster, photos)
    assert set(results) == set(cluster.spec["root"]["dag"]["tasks"])
    assert decisive(tmp_path / "volume") == decisive(photos / "workspace")
    report = cluster.files(results["transferreport"].outputs["report"])
    there = json.loads((report / "summary.json").read_text())
    for key in ("blessed", "transfer", "reason"):
        assert there["pushed"].get(key) == finished["pushed"].get(key), key
    again = cluster.run({"data_path": str(photos / "made" / "records")})
    assert {name for name, task in again.items() if task.state != "cached"} == {"pusher"}


def decisive(workspace):
    """Rows of every ledger without their seconds, by key."""
    lines = [line for path in workspace.glob("thaw-*/ledgers/*.jsonl") for line in path.read_bytes().splitlines()[1:]]
    rows = [json.loads(line)["row"] for line in lines]
    assert rows
    return {row["key"]: {**row, "seconds": 0} for row in rows}
