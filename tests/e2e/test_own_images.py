"""The worked example of docs/howto/own_data.md, run as it stands there on a few images. Takes a minute or two."""

import csv
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import keras
import pytest
import tensorflow as tf
import yaml

from acquisition.synthetic_images.synthetic import write_synthetic
from acquisition.tfrecords.tfrecords import write_examples

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "howto" / "own_data.md"
REAL = ROOT.parent / "shared" / "data" / "cifar10"
TRAIN, TEST, AGAIN = 24, 4, 12
"""Images of each class of the page's example, and how many deer the folder has a second time, saved as JPEG."""
TINY = (
    "transfers=[{source: cats_dogs, architecture: original}]", "freeze_counts={original: [8]}", "fine_tune=[false]",
    "draws=1", "workers=1", "schedule={epochs: 1, max_steps: 4}", "allow_untrained_sources=true",
    "confirmation={draws: 2, most_draws: 2}",
    "source_schedule={epochs: 1, batch_size: 16, max_steps: 4}", "precision=float32",  # whatever the processor
)  # fmt: skip

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]


def example_on_the_page():
    """The script's name and text, and the commands, of the section that a reader would follow."""
    section = PAGE.read_text().partition("## Try it")[2].partition("\n## ")[0]
    [name] = re.findall(r"Save this as `(\w+\.py)`", section)
    [script] = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    [commands] = re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    return name, script, commands


def write_few(folder):
    """A few images of each class where a reader has CIFAR-10: real ones where they are at hand, else drawn."""
    if not REAL.is_dir():
        write_synthetic(folder / "drawn", TRAIN, TEST)
    for split, most in (("train", TRAIN), ("test", TEST)):
        kept = {label: [] for label in range(10)}
        for file in sorted(((REAL if REAL.is_dir() else folder / "drawn") / split).glob("*.tfrecord*")):
            for raw in tf.data.TFRecordDataset(str(file)).take(1000).as_numpy_iterator():
                feature = tf.train.Example.FromString(raw).features.feature
                label = feature["label"].int64_list.value[0]
                values = feature["image"].bytes_list.value[0], label, feature["id"].bytes_list.value[0]
                kept[label] += [values] * (len(kept[label]) < most)
        assert {len(images) for images in kept.values()} == {most}
        file = folder / "cifar10" / split / f"cifar10-{split}.tfrecord-00000-of-00001"
        write_examples(file, [image for images in kept.values() for image in images])


@pytest.fixture(scope="module")
def example(tmp_path_factory, programs):
    """The folder where the page's commands were run, `thaw run` with the settings in TINY; and what they printed."""
    folder = tmp_path_factory.mktemp("own")
    write_few(folder)
    name, script, commands = example_on_the_page()
    (folder / name).write_text(script)
    installed = folder / ".venv" / "bin"
    installed.mkdir(parents=True)
    python = f"{programs.shell_command} {shlex.quote(sys.executable)}"
    tiny = " ".join(f"--set {shlex.quote(setting)}" for setting in TINY)
    thaw = f'{python} {shlex.quote(str(ROOT / "thaw_entry.py"))} "$@"'
    (installed / "python").write_text(f'#!/bin/sh\nexec {python} "$@"\n')
    (folder / "again.py").write_text(
        f"from PIL import Image\nfor number in range({AGAIN}):\n"
        "    image = Image.open(f'animals/deer/{number:04d}.png')\n"
        "    image.save(f'animals/deer/again_{number}.jpg', quality=97, subsampling=0)\n"
    )
    again = f'if [ "$1" = init ]; then {python} again.py && exec {thaw}; fi'
    (installed / "thaw").write_text(f"#!/bin/sh\n{again}\nexec {thaw} {tiny}\n")
    for program in installed.iterdir():
        program.chmod(0o755)
    environment = {**os.environ, "CIFAR10_DIR": str(folder / "cifar10")}
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands], cwd=folder, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder, done.stdout


@pytest.fixture(scope="module")
def backbone(example):
    """A model of keras.applications, with random weights, as a file of the user's."""
    folder, _ = example
    model = keras.applications.MobileNetV3Small(include_top=False, weights=None, input_shape=(32, 32, 3))
    model.save(folder / "backbone.keras")
    return folder / "backbone.keras"


def test_init_wrote_an_experiment_of_the_pngs(example):
    folder, printed = example
    made = folder / "thaw-animals"
    assert "Target: deer against horse, with n = 10, 20 training images." in printed
    with (made / "images.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len({row["id"] for row in rows}) == len(rows) == 2 * TRAIN + AGAIN
    assert {row["file"] for row in rows if "again" not in row["file"]} == {
        f"{name}/{n:04d}.png" for name in ("deer", "horse") for n in range(TRAIN)
    }
    split_of = {row["file"]: row["split"] for row in rows}
    horses = [split for file, split in split_of.items() if file.startswith("horse")]
    assert [horses.count(split) for split in ("train", "val", "test")] == [14, 4, 6]
    assert all(split_of[f"deer/again_{n}.jpg"] == split_of[f"deer/{n:04d}.png"] for n in range(AGAIN))
    settings = yaml.safe_load((made / "config.yaml").read_text())
    assert settings["target"]["classes"] == ["deer", "horse"]
    assert list(settings["sources"]) == ["cats_dogs", "ships_planes", "imagenet"]


def test_the_experiment_ran_to_its_report(example):
    folder, _ = example
    latest = folder / "runs" / "latest"
    assert (latest / "report.html").stat().st_size > 0
    with (latest / "cells.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(row["source"], row["n"]) for row in rows if row["transfer"] == "cats_dogs__original"} == {
        ("cats_dogs", "10"), ("cats_dogs", "20"),
    }  # fmt: skip


def test_every_ledger_and_the_report_know_which_test_images_are_near_duplicates(example):
    folder, _ = example
    with (folder / "thaw-animals" / "images.csv").open() as file:
        tested = [row["file"] for row in csv.DictReader(file) if row["split"] == "test"]
    pairs = sum("again" in file for file in tested)
    assert pairs, "no image that the folder has twice is in test"
    ledgers = list((folder / "workspace").rglob("*.jsonl"))
    headers = [json.loads(path.read_text().partition("\n")[0])["header"] for path in ledgers]
    assert len(headers) > 2
    assert all(
        len(set(one["test_groups"])) == len(tested) - pairs == len(one["test_groups"]) - pairs for one in headers
    )
    summary = json.loads((folder / "runs" / "latest" / "summary.json").read_text())
    assert summary["test_groups"] == len(tested) - pairs and summary["effective_test_images"] < len(tested)
    assert f"{len(tested)} in {len(tested) - pairs} groups" in (folder / "runs" / "latest" / "report.html").read_text()


@pytest.fixture(scope="module")
def with_model(example, programs, backbone):
    """The folder of an experiment that init made with the backbone."""
    folder, _ = example
    command = [sys.executable, str(ROOT / "thaw_entry.py"), "init", "animals", "--out", "with-model"]
    environment = {**os.environ, "CIFAR10_DIR": str(folder / "cifar10")}
    done = programs.run([*command, "--backbone", str(backbone)], folder, environment)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "with-model"


def test_init_takes_a_backbone_of_keras_applications_as_a_source(with_model, backbone):
    written = yaml.safe_load((with_model / "config.yaml").read_text())
    assert written["backbones"]["backbone"] == {"model": str(backbone)}
    assert written["sources"]["pretrained"] == {"classes": []}
    assert {"source": "pretrained", "architecture": "backbone"} in written["transfers"]
    assert written["freeze_counts"]["backbone"] == [6, 7, 8]


@pytest.mark.exhaustive
def test_a_backbone_is_swept_and_pushed(example, programs, with_model, backbone):
    folder, _ = example
    pair = "transfers=[{source: pretrained, architecture: backbone}]"
    tiny = [part for setting in (pair, "freeze_counts={backbone: [7, 8]}", *TINY[2:]) for part in ("--set", setting)]
    command = [sys.executable, str(ROOT / "thaw_entry.py"), "run", "--config", str(with_model / "config.yaml"), *tiny]
    done = programs.run(command, folder, {**os.environ, "CIFAR10_DIR": str(folder / "cifar10")})
    assert done.returncode == 0, done.stdout + done.stderr
    latest = folder / "runs" / "latest"
    with (latest / "cells.csv").open() as file:
        counts = {row["freeze_count"] for row in csv.DictReader(file) if row["transfer"] == "pretrained__backbone"}
    assert counts == {"7", "8"}
    [card] = {path for path in (folder / "workspace").rglob("winner/*/Format-Serving/model_card.md")
              if "pretrained__backbone" in path.read_text()}  # fmt: skip
    assert hashlib.sha256(backbone.read_bytes()).hexdigest() in card.read_text()
