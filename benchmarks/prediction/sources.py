"""How good a run's sources are on the test images of their own classes. Imports the run folder and TensorFlow."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.runner.process import prepare_process

prepare_process(os.environ)

import keras
import numpy as np

from benchmarks.inputs import target
from pipeline.runs import ml_metadata
from trainer_module.processes.fixed_threads import one_thread
from trainer_module.sources.source import KERAS_FILE
from trainer_module.training.training_loop import score_logits

SOURCE_NODE = "Trainer.source."
BATCH = 500


def main(argv: Sequence[str]) -> int:
    """Prints each source's test accuracy, val accuracies along training and seconds, as JSON, and keeps them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("metadata", type=Path, help="metadata.sqlite of the run's workspace")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/out"))
    arguments = parser.parse_args(argv)
    one_thread()
    found = list(scored_sources(arguments.metadata))
    arguments.out.mkdir(parents=True, exist_ok=True)
    (arguments.out / "sources.json").write_text(json.dumps(found, indent=1), encoding="utf-8")
    print(json.dumps(found, indent=1))
    return 0


def scored_sources(metadata: Path) -> Iterator[dict[str, Any]]:
    """One entry for every source that was trained, by name; ImageNet's weights have no test images here.

    Raises:
      FileNotFoundError: no such file.
    """
    if not metadata.exists():
        raise FileNotFoundError(f"{metadata} is not there. Give the metadata.sqlite of a run's workspace.")
    dataset = target.find_dataset()
    store = ml_metadata.open_store(metadata)
    nodes = ml_metadata.nodes_of_run(store, ml_metadata.latest_run_context(store))
    for name, node in nodes.items():
        if not name.startswith(SOURCE_NODE) or "model" not in node.outputs:
            continue
        folder = Path(node.outputs["model"][0]) / "Format-Serving"
        card = json.loads((folder / "thaw.json").read_text(encoding="utf-8"))
        if card.get("classes"):
            test, _ = target.read_domain(dataset, tuple(card["classes"]), "test")
            model = keras.saving.load_model(folder / KERAS_FILE, compile=False, safe_mode=True)
            batches = np.split(test.images, range(BATCH, len(test), BATCH))
            logits = np.concatenate([np.asarray(model(batch, training=False)) for batch in batches])
            yield {
                "source": card["name"],
                "data": dataset.name,
                "test_accuracy": score_logits(logits, test.labels).accuracy,
                "test_images": len(test),
                "val_accuracy_by_step": card["val_accuracy_by_step"],
                "seconds": node.seconds,
                "from_cache": node.cached,
            }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
