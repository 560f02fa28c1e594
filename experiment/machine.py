"""How a machine runs sweeps: what changes no result, and so is in no key. Imports pydantic and nothing of ours."""

from __future__ import annotations

from pathlib import Path

import pydantic

MACHINE_FILE = "machine.json"


class Machine(pydantic.BaseModel):
    """Settings of one machine. TFX would take a node's properties into the key of its cache; a file is in none."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    workers: int | None = None
    """Processes that train side by side; none: workers.default_workers."""
    activations_gib: float = 4.0
    """Memory for activations, all processes together."""

    asked: dict[str, str] = {}
    """By sweep, the hash of what the configuration says of it (`asked_digest` of training_settings); a note of its
    ledger is left under it."""

    def write(self, folder: Path) -> None:
        """Writes MACHINE_FILE, all of it at once; the folder is made if it is missing."""
        folder.mkdir(parents=True, exist_ok=True)
        written = folder / f".{MACHINE_FILE}.new"
        written.write_text(self.model_dump_json() + "\n", encoding="utf-8")
        written.replace(folder / MACHINE_FILE)


def read_machine(folder: Path) -> Machine | None:
    """What was written there; none where nothing was, as on a cluster, whose pods are told with their settings."""
    path = folder / MACHINE_FILE
    return Machine.model_validate_json(path.read_text(encoding="utf-8")) if path.exists() else None
