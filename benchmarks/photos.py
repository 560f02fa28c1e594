"""Thaw's chosen cells against ten lines of scikit-learn, on random splits of a folder of photos. Runs `thaw`.

`python -m benchmarks.photos FOLDER --weights mobilenet_v2_1.0_224_no_top.h5`: FOLDER has a folder of photos for each
class. For each split a quarter of the photos is test and a fifth of the rest val; `thaw init` and `thaw run` do the
rest. Ten lines are a logistic regression on frozen features of the same network. They train on the photos of Thaw's
fresh draws and are scored on the same test photos, so that both see the same draws. Finished splits are not run again.
"""

from __future__ import annotations

import argparse
import csv
import dataclasses
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiment.loading import load_config
from experiment.training_settings import FIRST_FRESH_DRAW
from trainer_module.data.draws import class_ranks, draw_subset

ROOT = Path(__file__).parents[1]
SIDE_PX = 224
TEST, VAL = 1 / 4, 1 / 5


@dataclasses.dataclass(frozen=True)
class Split:
    """One split's photos and Thaw's results on them.

    Attributes:
      photos: the rows of init's images.csv: file, class, split, id.
      seed: the experiment's.
      confirmed: the rows of the run's summary: n, draws, accuracy (fraction) and more.
    """

    photos: Sequence[Mapping[str, str]]
    seed: int
    confirmed: Sequence[Mapping[str, Any]]


def main(argv: Sequence[str]) -> int:
    """Prints a row for each size: both means over splits, and their difference by split."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--weights", type=Path, required=True, help="MobileNetV2's, alpha 1.0, 224 pixels")
    parser.add_argument("--splits", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out/photos"))
    arguments = parser.parse_args(argv)
    photos = arguments.out / "photos"
    if not photos.exists():
        shutil.copytree(arguments.folder, photos)  # a CSV file names photos below its own folder
    files = sorted((path.parent.name, path) for path in photos.glob("*/*"))
    features = frozen_features([path for _, path in files], arguments.weights)
    of_file = {f"{label}/{path.name}": row for (label, path), row in zip(files, features, strict=True)}
    thaw: dict[int, list[float]] = {}
    ten: dict[int, list[float]] = {}
    for number in range(arguments.splits):
        split = _by_thaw(number, random_split(len(files), number), files, arguments.weights, arguments.out)
        for row in split.confirmed:
            thaw.setdefault(row["n"], []).append(row["accuracy"])
            ten.setdefault(row["n"], []).append(ten_lines(of_file, split, row["n"], row["draws"]))
    for n, found in thaw.items():
        apart = ", ".join(f"{100 * (a - b):+.1f}" for a, b in zip(found, ten[n], strict=True))
        print(f"n = {n}: Thaw {100 * np.mean(found):.1f}, ten lines {100 * np.mean(ten[n]):.1f}; by split {apart}")
    return 0


def random_split(count: int, number: int) -> np.ndarray:
    """`train`, `val` or `test` for each of `count` photos, [count]; equal numbers give equal splits."""
    order = np.random.default_rng(100 + number).permutation(count)
    split = np.full(count, "train", dtype=object)
    tests = int(TEST * count)
    split[order[:tests]] = "test"
    split[order[tests : tests + int(VAL * (count - tests))]] = "val"
    return split


def ten_lines(features: Mapping[str, np.ndarray], split: Split, n: int, draws: int) -> float:
    """Mean accuracy on test of logistic regressions on the n photos of each of Thaw's first fresh draws.

    Args:
      features: float32 [d] of each file.
      split: photos of train and test, and the seed of the draws.
      n, draws: images of a draw, and how many draws.
    """
    from sklearn.linear_model import LogisticRegression

    train, test = ([photo for photo in split.photos if photo["split"] == name] for name in ("train", "test"))
    classes = sorted({photo["class"] for photo in train})
    x, test_x = (np.stack([features[photo["file"]] for photo in part]) for part in (train, test))
    y, test_y = (np.array([classes.index(photo["class"]) for photo in part]) for part in (train, test))
    scores = []
    for draw in range(FIRST_FRESH_DRAW, FIRST_FRESH_DRAW + draws):
        chosen = draw_subset(class_ranks([photo["id"] for photo in train], y, split.seed, draw), n, len(classes))
        scores.append(LogisticRegression(max_iter=2000).fit(x[chosen], y[chosen]).score(test_x, test_y))
    return float(np.mean(scores))


def frozen_features(paths: Sequence[Path], weights: Path) -> np.ndarray:
    """Of MobileNetV2 without its head, averaged over places, float32 [photos, 1280]; photos are cut to squares."""
    import keras
    import tensorflow as tf

    shape = (SIDE_PX, SIDE_PX, 3)
    network = keras.applications.MobileNetV2(input_shape=shape, include_top=False, weights=str(weights), pooling="avg")
    found = []
    for path in paths:
        image = tf.io.decode_image(path.read_bytes(), channels=3, expand_animations=False)
        side = min(image.shape[:2])
        square = tf.image.resize_with_crop_or_pad(image, side, side)
        resized = tf.image.resize(square, shape[:2], antialias=True)
        found.append(network(resized[tf.newaxis] / 127.5 - 1, training=False)[0].numpy())
    return np.stack(found)


def _by_thaw(
    number: int, split: np.ndarray, files: Sequence[tuple[str, Path]], weights: Path, out: Path
) -> Split:  # fmt: skip
    """The result of `thaw init` on the split, and the answers of `thaw run`."""
    table, experiment, runs = (
        out / "photos" / f"split_{number}.csv",
        out / f"experiment_{number}",
        out / f"runs_{number}",
    )
    if not (runs / "latest").exists():
        with table.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["file", "label", "split"])
            writer.writerows(
                [f"{label}/{path.name}", label, one] for (label, path), one in zip(files, split, strict=True)
            )
        _thaw("init", str(table), "--out", str(experiment), "--force")
        places = ["--set", f"workspace={out / f'workspace_{number}'}", "--set", f"runs={runs}"]
        _thaw("run", "--config", str(experiment / "config.yaml"), "--weights", str(weights), *places)
    summary = json.loads((runs / "latest" / "summary.json").read_text(encoding="utf-8"))
    with (experiment / "images.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return Split(rows, load_config(runs / "latest" / "config.yaml").seed, summary["confirmed"])


def _thaw(*arguments: str) -> None:
    subprocess.run([sys.executable, str(ROOT / "thaw_entry.py"), *arguments], check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
