"""A finished run opened again: its summary, nodes, ledgers and images. Imports no TFX component and trains nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from pathlib import Path
from typing import Any

from components.transfer_report.ledgers import Ledgers, pair_ledgers
from pipeline.config import ExperimentConfig
from pipeline.errors import ThawError
from pipeline.loading import load_config
from pipeline.run_folder import SERVING_FOLDER, NodeRun, nodes_of_run, open_store
from trainer_module.artifact_folders import read_folder
from trainer_module.input_pipeline import Records, read_split
from trainer_module.ledger import LEDGER_FILE, read_ledger
from trainer_module.selection import Cell


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """What a run left behind.

    Attributes:
      folder: runs/<run id>.
      summary: content of summary.json.
      config: the resolved configuration.
      store: the SQLite file of ML Metadata; open it with run_folder.open_store.
      nodes: what each node did, by node id.
    """

    folder: Path
    summary: dict[str, Any]
    config: ExperimentConfig
    store: Path
    nodes: dict[str, NodeRun]

    def output(self, node: str, name: str) -> str:
        """URI of a node's output, such as `output("Evaluator.cats_dogs__original", "evaluation")`.

        Raises:
          ThawError: the run has no such node or output.
        """
        outputs = {f"{key}, {label}": uris[0] for key, run in self.nodes.items() for label, uris in run.outputs.items()}
        if f"{node}, {name}" not in outputs:
            raise ThawError(f"{self.folder} has no output {name!r} of a node {node!r}. It has: {'; '.join(outputs)}.")
        return outputs[f"{node}, {name}"]

    def ledgers(self) -> Ledgers:
        """All executions, transfers paired with their baselines."""
        tuners = [node for node in self.nodes if node.startswith("Tuner.")]
        with contextlib.ExitStack() as stack:
            folders = [stack.enter_context(read_folder(self.output(node, "tuner_results"))) for node in tuners]
            return pair_ledgers(read_ledger(folder / LEDGER_FILE) for folder in folders)

    def records(self, domain: str, split: str) -> Records:
        """Images of a domain (`target`, or a source's name) in the order of the ledgers' predictions.

        Args:
          domain: `target`, or the name of a source that was trained.
          split: `train` (with its copies), `val`, or `test` (the target's alone).

        Raises:
          ThawError: the run has no such domain.
        """
        folder = self.output(f"DomainExamples.{domain}", "domain")
        return read_split([f"{folder}/Split-{split}/*"], self.config.data.image_shape)

    def model(self, name: str) -> Path:
        """Folder of an exported model, by its Trainer: `transfer.<transfer>`, `baseline.<architecture>`, ...

        Raises:
          ThawError: the run has no such Trainer.
        """
        return Path(self.output(f"Trainer.{name}", "model")) / SERVING_FOLDER

    @property
    def winner(self) -> tuple[str, Cell]:
        """The transfer that won on val, pushed or not, and its cell."""
        name = self.summary["winner"]
        row = next(row for row in self.summary["closing_table"] if row["transfer"] == name)
        return name, Cell(row["n"], row["freeze_count"], row["fine_tune"])


def open_run(folder: Path | str) -> FinishedRun:
    """Opens a finished run.

    Args:
      folder: such as runs/latest.

    Raises:
      ThawError: the run did not finish, is older than the entry that leads to ML Metadata, or its workspace is gone.
    """
    folder = Path(folder).resolve()
    path = folder / "summary.json"
    if not path.exists():
        raise ThawError(f"{folder} holds no finished run. Give a folder such as runs/latest that has a summary.json.")
    summary = json.loads(path.read_text(encoding="utf-8"))
    if "ml_metadata" not in summary:
        raise ThawError(
            f"{path} does not say where ML Metadata keeps the run, for it was written by an older Thaw. Run the same "
            "configuration again: what was computed is not repeated."
        )
    store = Path(summary["ml_metadata"]["store"])
    if not store.exists():
        raise ThawError(
            f"{folder} was made with the workspace {store.parent}, which has no {store.name} any more. Bring the "
            "workspace back, or run the same configuration again."
        )
    nodes = nodes_of_run(open_store(store), summary["ml_metadata"]["run_context"])
    return FinishedRun(folder, summary, load_config(folder / "config.yaml"), store, nodes)
