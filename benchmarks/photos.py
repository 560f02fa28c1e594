"""Thaw's pushed model against ten lines of scikit-learn, on random splits of a folder of photos. Runs `thaw`.

`python -m benchmarks.photos FOLDER --weights mobilenet_v2_1.0_224_no_top.h5`: FOLDER has a folder of photos for each
class. For each split a quarter of the photos is test and a fifth of the rest val; `thaw init` and `thaw run` do the
rest. Ten lines are a logistic regression on frozen features of the same network, trained on as many photos of train and
val, ten draws on each split, scored on the same test photos. Splits that ran are not run again.
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
SIDE_PX = 224
DRAWS = 10
TEST, VAL = 1 / 4, 1 / 5


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
    labels = np.unique([label for label, _ in files], return_inverse=True)[1]
    features = frozen_features([path for _, path in files], arguments.weights)
    thaw: dict[int, list[float]] = {}
    ten: dict[int, list[float]] = {}
    for number in range(arguments.splits):
        split = random_split(len(files), number)
        for n, accuracy in _by_thaw(number, split, files, arguments.weights, arguments.out).items():
            thaw.setdefault(n, []).append(accuracy)
            ten.setdefault(n, []).append(ten_lines(features, labels, split, n))
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


def ten_lines(features: np.ndarray, labels: np.ndarray, split: np.ndarray, n: int) -> float:
    """Mean accuracy on test of logistic regressions on n photos that are not test, as many of each class."""
    from sklearn.linear_model import LogisticRegression

    test, rest = np.flatnonzero(split == "test"), np.flatnonzero(split != "test")
    classes = np.unique(labels)
    scores = []
    for draw in range(DRAWS):
        order = np.random.default_rng(draw).permutation(rest)
        train = np.concatenate([order[labels[order] == one][: n // len(classes)] for one in classes])
        fitted = LogisticRegression(max_iter=2000).fit(features[train], labels[train])
        scores.append(fitted.score(features[test], labels[test]))
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
) -> dict[int, float]:  # fmt: skip
    """Accuracy on test by n, fractions: the mean of the fresh draws of what val chose."""
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
    return {one["n"]: one["accuracy"] for one in summary["confirmed"]}


def _thaw(*arguments: str) -> None:
    subprocess.run([sys.executable, str(ROOT / "thaw_entry.py"), *arguments], check=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
