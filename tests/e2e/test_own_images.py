"""`thaw init` on folders of PNGs, and a run of what it wrote, as users do it. Takes a minute or two."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import tensorflow as tf
import yaml

from acquisition.synthetic import write_synthetic
from pipeline.config import CIFAR10_CLASSES

ROOT = Path(__file__).parents[2]
PER_CLASS = 24
TINY = (
    "transfers=[{source: others, architecture: original}]", "freeze_counts={original: [8]}", "fine_tune=[false]",
    "draws=1", "workers=1", "schedule={epochs: 1, max_steps: 4}", "allow_untrained_sources=true",
    "source_schedule={epochs: 1, batch_size: 16, max_steps: 4}",
)  # fmt: skip

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]


def write_pngs(records, folder, classes):
    """Takes images of these classes out of TFRecords, as PNG files in a folder a class."""
    for raw in tf.data.TFRecordDataset([str(path) for path in sorted((records / "train").iterdir())]).as_numpy_iterator():
        features = tf.train.Example.FromString(raw).features.feature
        name = CIFAR10_CLASSES[features["label"].int64_list.value[0]]
        if name in classes:
            path = folder / name / f"{features['id'].bytes_list.value[0].decode()}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(features["image"].bytes_list.value[0])


def thaw(folder, *arguments):
    """Runs the command; the drawn images stand where CIFAR-10 would, so that nothing depends on this machine."""
    environment = {**os.environ, "CIFAR10_DIR": str(folder / "drawn")}
    command = [sys.executable, str(ROOT / "thaw.py"), *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder where `thaw init` was run on PNGs of four classes, and what it said."""
    folder = tmp_path_factory.mktemp("own")
    write_synthetic(folder / "drawn", PER_CLASS, 2)
    write_pngs(folder / "drawn", folder / "animals", {"deer", "horse", "bird", "frog"})
    return folder, json.loads(thaw(folder, "init", "animals", "--target", "deer,horse", "--json"))


def test_init_splits_a_folder_of_pngs_and_writes_an_experiment(made):
    folder, said = made
    assert (said["target"], said["sizes"], said["sources"]["others"]) == (["deer", "horse"], [10, 20], "bird, frog")
    with (folder / "thaw-animals" / "images.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len({row["id"] for row in rows}) == 4 * PER_CLASS
    assert {row["file"] for row in rows} == {
        str(path.relative_to(folder / "animals")) for path in (folder / "animals").rglob("*.png")
    }
    for one in said["classes"]:
        assert (one["train"], one["val"], one["test"]) == (14, 4, 6)
    assert yaml.safe_load((folder / "thaw-animals" / "config.yaml").read_text())["target"]["classes"] == ["deer", "horse"]


def test_the_experiment_runs_to_a_report_and_a_ledger(made):
    folder, _ = made
    settings = [part for setting in TINY for part in ("--set", setting)]
    thaw(folder, "run", "--config", "thaw-animals/config.yaml", *settings)
    latest = folder / "runs" / "latest"
    summary = json.loads((latest / "summary.json").read_text())
    assert summary["synthetic"] is False and (latest / "report.html").stat().st_size > 0
    with (latest / "cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    trained = {(row["source"], row["n"]) for row in rows if row["transfer"] == "others__original"}
    assert trained == {("others", "10"), ("others", "20")}
    ledgers = list((folder / "workspace").rglob("*.jsonl"))
    assert sum(len(path.read_text().splitlines()) for path in ledgers) >= len(rows) == 4
