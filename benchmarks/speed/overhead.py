"""The pipeline's cost in addition to training: --help, nodes of a trivial quick, Transform's slope. Imports the DAG."""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from pipeline.runner.process import prepare_process

prepare_process(os.environ)

from benchmarks.inputs import target

QUICK = "experiment/presets/quick.yaml"
TRIVIAL = ("schedule.max_steps=1", "schedule.epochs=1", "source_schedule.max_steps=1", "draws=1",
           "allow_untrained_sources=true")  # fmt: skip
FEW_FILES, MANY_FILES = 1, 5
"""CIFAR-10's training files hold 10,000 images each."""


def main(argv: Sequence[str]) -> int:
    """Prints the results as JSON, and keeps them in overhead.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    arguments = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        found = {
            "help_s": seconds_of([sys.executable, "local_runner.py", "--help"]),
            "quick_with_trivial_training": trivial_quick(Path(folder)),
            "transform": transform_slope(Path(folder)),
        }
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "overhead.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(json.dumps(found, indent=1))
    return 0


def seconds_of(command: Sequence[str]) -> float:
    """Wall seconds of a whole process."""
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def trivial_quick(folder: Path) -> dict[str, object]:
    """The whole quick DAG with one training step a phase: wall and CPU seconds, and the seconds of each node."""
    settings = (*TRIVIAL, f"workspace={folder / 'workspace'}", f"runs={folder / 'runs'}")
    options = [option for setting in settings for option in ("--set", setting)]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    wall_s = seconds_of([sys.executable, "local_runner.py", "--config", QUICK, *options])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    nodes = json.loads((folder / "runs" / "latest" / "summary.json").read_text(encoding="utf-8"))["seconds_per_node"]
    training = sum(seconds for name, seconds in nodes.items() if name.startswith(("Trainer.", "Tuner.")))
    return {
        "wall_s": wall_s,
        "cpu_s": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
        "training_nodes_s": training,
        "other_nodes_s": sum(nodes.values()) - training,
        "start_s": wall_s - sum(nodes.values()),
        "nodes_s": nodes,
    }


def transform_slope(folder: Path) -> dict[str, float]:
    """Images a second and core that Transform takes, beyond its fixed cost."""
    few, many = (transform_cpu_seconds(folder / f"{files}_files", files) for files in (FEW_FILES, MANY_FILES))
    images = 10_000 * (MANY_FILES - FEW_FILES)
    return {"cpu_s_of_10000": few, "cpu_s_of_50000": many, "images_per_cpu_second": images / (many - few)}


def transform_cpu_seconds(folder: Path, files: int) -> float:
    """CPU seconds of the Transform node on so many of CIFAR-10's training files (and four test images)."""
    from tfx.orchestration.local.local_dag_runner import LocalDagRunner
    from tfx.orchestration.pipeline import RunOptions

    from acquisition.data_sources.locate_dataset import Dataset
    from acquisition.tfrecords.record_files import find_record_files
    from experiment.loading import load_config
    from pipeline.dag.dag import create_pipeline

    write_subset(folder / "data", files)
    dataset = Dataset("cifar10", "a part of CIFAR-10", False, find_record_files(folder / "data"))
    config = load_config(QUICK, (f"workspace={folder / 'workspace'}", f"runs={folder / 'runs'}"))
    pipeline = create_pipeline(config, dataset, {})
    runner = LocalDagRunner()
    runner.run(pipeline, RunOptions(to_nodes=["ImportSchemaGen", "AnomalyGate"]))
    started = time.process_time()
    runner.run(pipeline, RunOptions(from_nodes=["Transform"], to_nodes=["Transform"]))
    return time.process_time() - started


def write_subset(folder: Path, files: int) -> None:
    """Links training files into the folder, with four test images beside them."""
    import tensorflow as tf

    found = target.find_dataset().files
    for split in ("train", "test"):
        (folder / split).mkdir(parents=True)
    for number, path in enumerate(found.train[:files]):
        name = f"cifar10-train.tfrecord-{number:05d}-of-{files:05d}"
        (folder / "train" / name).symlink_to(path.absolute())
    with tf.io.TFRecordWriter(str(folder / "test" / found.test[0].name)) as writer:
        for record in tf.data.TFRecordDataset([str(path) for path in found.test]).take(4):
            writer.write(record.numpy())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
