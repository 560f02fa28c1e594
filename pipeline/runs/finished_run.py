"""A finished run opened again: its summary, nodes, ledgers and images. Imports no TFX component and trains nothing."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from acquisition.data_sources.kept_files import kept_path, sha256_of
from analysis.cells.paired_ledgers import Ledgers, pair_ledgers
from experiment.changes import changed
from experiment.config import ExperimentConfig
from experiment.errors import REPAIR, ThawError, is_own_mistake
from ledger.cell_selection import Cell
from ledger.ledger import LEDGER_FILE, read_ledger
from pipeline.runs.metadata_file import check_metadata
from pipeline.runs.ml_metadata import NodeRun, nodes_of_run, open_store, run_name
from pipeline.runs.run_files import SUMMARY_FILE, damaged, read_settings, read_summary
from trainer_module.data.artifact_folders import SERVING_FOLDER, read_folder
from trainer_module.data.input_pipeline import Records, read_split


@dataclasses.dataclass(frozen=True)
class FinishedRun:
    """The results of a run.

    Attributes:
      folder: runs/<run id>.
      summary: content of summary.json.
      config: the resolved configuration, with the workspace that the run had.
      store: the SQLite file of ML Metadata; open it with ml_metadata.open_store.
      nodes: each node's execution, by node id.
    """

    folder: Path
    summary: dict[str, Any]
    config: ExperimentConfig
    store: Path
    nodes: dict[str, NodeRun]

    def output(self, node: str, name: str) -> str:
        """URI of a node's output, such as `output("Evaluator.original", "evaluation_of_cats_dogs__original")`.

        Raises:
          ThawError: the run has no such node or output.
        """
        outputs = {f"{key}, {label}": uris[0] for key, run in self.nodes.items() for label, uris in run.outputs.items()}
        if f"{node}, {name}" not in outputs:
            raise ThawError(f"{self.folder} has no output {name!r} of a node {node!r}. It has: {'; '.join(outputs)}.")
        return outputs[f"{node}, {name}"]

    def evaluation(self, transfer: str) -> str:
        """URI of TFMA's result of a transfer's candidate against its baseline.

        Raises:
          ThawError: the run has none.
        """
        name = f"evaluation_of_{transfer}"
        node = next((key for key, run in self.nodes.items() if name in run.outputs), None)
        # Runs before 29 November 2026 have an Evaluator for each transfer.
        return self.output(node, name) if node else self.output(f"Evaluator.{transfer}", "evaluation")

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
          ThawError: the run has no such domain, or its records are damaged.
        """
        folder = self.output(f"DomainExamples.{domain}", "domain")
        with reading(f"{folder}/Split-{split}"):
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
        row = next((row for row in self.summary["closing_table"] if row["transfer"] == name), None)
        if row is None:
            raise damaged(self.folder / SUMMARY_FILE, f"its closing_table has no row of the winner {name!r}")
        return name, Cell.of_values(row)


@contextlib.contextmanager
def reading(place: Path | str) -> Iterator[None]:
    """Names the damaged artifact, whichever library reports it.

    Raises:
      ThawError: the context ended with an error; bugs in our own code are raised unchanged.
    """
    try:
        yield
    except ThawError:
        raise
    except Exception as error:
        if is_own_mistake(error):
            raise
        line = f"{type(error).__name__}: {error}".partition("\n")[0][:300]
        raise ThawError(f"{place} is missing or damaged: {line}. Expected it as the run left it. {REPAIR}") from error


def open_run(folder: Path | str) -> FinishedRun:
    """Opens a finished run.

    Args:
      folder: such as runs/latest.

    Raises:
      ThawError: the run did not finish, a file of it is damaged, or its workspace is gone or damaged, or its record is
        not the run's.
    """
    folder = Path(os.path.realpath(folder))  # before Python 3.13, Path.resolve raises if links form a loop
    if not (folder / SUMMARY_FILE).exists():
        raise ThawError(f"{folder} is not a finished run. Give a folder such as runs/latest that has a summary.json.")
    summary, config = read_summary(folder), read_settings(folder)
    store, context = Path(summary["ml_metadata"]["store"]), summary["ml_metadata"]["run_context"]
    name = summary["ml_metadata"].get("run_name", "")
    if not store.exists():
        raise ThawError(
            f"{folder} was made with the workspace {store.parent}, which no longer has {store.name}. Bring the "
            "workspace back, or run the same configuration again."
        )
    check_metadata(store, to_write=False)
    with reading(store):
        opened = open_store(store)
        nodes, found_name = nodes_of_run(opened, context), run_name(opened, context)
    if not nodes or name not in ("", found_name):
        raise ThawError(f"{store} has no record of the run of {folder}: it is not the file that the run wrote. "
                        "Restore that file, or run the same configuration again.")  # fmt: skip
    # A path relative to the folder in which the run began would name another workspace, or none, in this one.
    config = changed(_with_kept_models(config, store.parent), workspace=store.parent.parent)
    return FinishedRun(folder, summary, config, store, nodes)


def _with_kept_models(config: ExperimentConfig, pipeline_folder: Path) -> ExperimentConfig:
    """The configuration with the workspace's copies of .keras files, as the run used them.

    Raises:
      ThawError: a copy is gone or altered.
    """
    kept = dict(config.backbones)
    for name, backbone in config.backbones.items():
        if backbone.model is None or not backbone.sha256:
            continue
        path = kept_path(pipeline_folder, backbone.sha256, backbone.model)
        if not path.is_file() or sha256_of(path) != backbone.sha256:
            raise ThawError(f"{path}, the run's copy of {backbone.model}, is missing or altered. Run the same "
                            "configuration again: what is already computed is not repeated.")  # fmt: skip
        kept[name] = backbone.with_file(path)
    return changed(config, backbones=kept)
