"""What a sweep needs to begin, as plain values that can be sent to another process. Imports engine, no TFX
component."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np

from experiment.errors import ThawError
from experiment.stack import Stack
from experiment.training_settings import SweepSettings
from ledger import ledger
from trainer_module.cell_training.step_schedule import StepSchedule
from trainer_module.cell_training.target_data import TargetData, drawn_records
from trainer_module.data import input_pipeline
from trainer_module.networks import weight_values
from trainer_module.sources import source
from trainer_module.sweep.engine import SweepEngine
from trainer_module.training.activation_cache import Budget
from trainer_module.training.running_stack import running_stack


@dataclasses.dataclass(frozen=True)
class SweepFacts:
    """What holds for every execution of a sweep, read from its data and its source.

    Attributes:
      source_hash: of the transferred weights; empty for a baseline.
      content_hash: of all images, labels and ids of the target's splits.
      test_labels: of the test images, in the order of every execution's probabilities.
      test_ids_hash: of their ids in that order.
      val_images: number of val images of each class.
      stack: of the process that trains.
      test_groups: of the test images (ledger.rows.Header).
    """

    source_hash: str
    content_hash: str
    test_labels: tuple[int, ...]
    test_ids_hash: str
    val_images: tuple[int, ...]
    stack: Stack
    test_groups: tuple[int, ...] = ()


@dataclasses.dataclass(frozen=True)
class SweepJob:
    """One sweep: its settings, and where its data and its source lie.

    Attributes:
      settings: the grid and the schedule.
      train_files, val_files: file patterns of the target's splits, as TFX hands them over.
      base_model: folder of the source's model; empty for a baseline.
      workers: how many processes will build this job; they share the settings' memory for activations.
      keep_weights: whether workers keep those of the best network at the size to deploy (kept_weights).
    """

    settings: SweepSettings
    train_files: tuple[str, ...]
    val_files: tuple[str, ...]
    base_model: str
    workers: int = 1
    keep_weights: bool = False

    def write(self, path: Path) -> None:
        """Writes the job for other machines, atomically."""
        values = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        written = path.with_suffix(".new")
        written.parent.mkdir(parents=True, exist_ok=True)
        written.write_text(
            json.dumps({**values, "settings": self.settings.model_dump(mode="json")}, indent=2), encoding="utf-8"
        )
        written.replace(path)

    @classmethod
    def read(cls, path: Path) -> SweepJob:
        """The job that `write` wrote, for a machine's one process."""
        values = json.loads(path.read_text(encoding="utf-8"))
        return cls(
            SweepSettings.model_validate(values["settings"]),
            tuple(values["train_files"]),
            tuple(values["val_files"]),
            values["base_model"],
        )

    def build(self) -> SweepEngine:
        """Reads data and source.

        Raises:
          ThawError: the source does not fit the architecture.
        """
        network = source.network_of(self.settings)
        weights = source.source_weights(self.base_model, network) if self.base_model else None
        memory = int(self.settings.activations_gib * 2**30 / self.workers)
        # Beside the ledger: the system's folder for temporary files may be in memory itself.
        budget = Budget(memory, self.settings.ledger_dir)
        schedule = StepSchedule(self.settings.schedule)
        return SweepEngine(network, weights, self._target(), schedule, self.settings.seed, budget)

    def _target(self) -> TargetData:
        """Reads the target's splits; of train, only the records that a draw uses.

        The test split is next to val in the same artifact; TFX gives the tuner only train and val. It is read here for
        the ledger's record of test probabilities: the engine scores it after training, and no choice ever sees it.
        """
        settings = self.settings
        test_files = input_pipeline.sibling_split(self.val_files, "val", "test")
        train, val, test = (
            input_pipeline.read_split(files, settings.image_shape)
            for files in (self.train_files, self.val_files, test_files)
        )
        classes = len(settings.classes)
        return TargetData(
            train=drawn_records(train, max(settings.sizes), classes, settings.seed, settings.draw_numbers),
            val=val,
            test=test,
            num_classes=classes,
            content_hash=input_pipeline.records_hash(train, val, test),
        )


def facts_of(engine: SweepEngine) -> SweepFacts:
    """The facts of an engine's data, its source and this process.

    Raises:
      ThawError: all test images are of one group.
    """
    data = engine.data
    groups = data.test.group_numbers
    if len(set(groups)) == 1:
        raise ThawError(f"All {len(groups)} test images are of one group (data.group_key), so nothing says how other "
                        "images would do. Expected test images of two groups or more: add groups to the test split, or "
                        "leave data.group_key out if the images do not depend on each other.")  # fmt: skip
    return SweepFacts(
        source_hash=weight_values.weights_hash(engine.source) if engine.source else "",
        content_hash=data.content_hash,
        test_labels=tuple(data.test.labels.tolist()),
        test_ids_hash=ledger.content_key(ids=data.test.ids.tolist()),
        val_images=tuple(np.bincount(data.val.labels, minlength=data.num_classes).tolist()),
        stack=running_stack(engine.network.precision),
        test_groups=groups,
    )
