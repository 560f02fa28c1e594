"""How a machine runs sweeps: settings that change no result and are in no key. Imports pydantic and nothing of ours."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path

import pydantic

MACHINE_FILE = "machine.json"
CONFIRMATION = "confirmation"
"""Whose share the Confirmer's is."""


CGROUP = Path("/sys/fs/cgroup")
"""Where Linux tells a container its limits."""


def usable_cores(cgroup: Path = CGROUP) -> int:
    """Cores that this process may use; on macOS, which does not tell, all of the machine.

    Docker's `--cpus` and the limits of Kubernetes leave all of a machine's cores to a container, and bound its time on
    them: 64 workers in the time of two cores would take the memory of 64.

    Args:
      cgroup: see CGROUP.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for names in (("cpu.max",), ("cpu/cpu.cfs_quota_us", "cpu/cpu.cfs_period_us")):  # of versions 2 and 1
        with contextlib.suppress(OSError, ValueError):  # not there; `max` where there is no limit
            quota, period = (
                int(word) for name in names for word in (cgroup / name).read_text(encoding="utf-8").split()
            )
            if quota > 0:
                return min(cores, max(1, math.ceil(quota / period)))
    return cores


class Share(pydantic.BaseModel):
    """What one node may take of the time that a run has left when the node begins: what earlier nodes did not
    need is left for it."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    part: float
    """Of what is left, 0 to 1."""
    reserved_s: float
    """Seconds that nodes after it need whatever happens; no part of what is left."""


class Expected(pydantic.BaseModel):
    """Seconds of one core that a plan expects of a sweep's trainings; only the time left shown depends on it."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    cells: tuple[tuple[int, int, bool, int, float], ...]
    """n, freeze_count, fine_tune, held_from and seconds; of a fine-tuned cell those after the phase that it shares."""
    starts: tuple[tuple[int, float], ...]
    """freeze_count, and seconds more of what a worker trains first with it."""


class Machine(pydantic.BaseModel):
    """Settings of one machine. TFX would take a node's properties into the key of its cache; a file is in no key."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    workers: int | None = None
    """Processes that train side by side; None for workers.default_workers."""
    activations_gib: float = 4.0
    """Memory for activations, all processes together."""

    ends_at: float | None = None
    """By time.monotonic of this machine, when a run with a budget must have its report; None: it has no budget."""
    shares: dict[str, Share] = {}
    """Of a run with a budget, by sweep, and by CONFIRMATION."""
    asked: dict[str, str] = {}
    """By sweep, the hash of what the configuration says of it (`asked_digest` of training_settings); a note of its
    ledger is left under it."""
    expected: dict[str, Expected] = {}
    """By sweep."""

    def deadline_of(self, name: str, now: float) -> float | None:
        """When a node that begins now has to stop handing out work; None where nothing bounds it.

        Args:
          name: a sweep's, or CONFIRMATION.
          now: time.monotonic().
        """
        share = self.shares.get(name)
        if self.ends_at is None or share is None:
            return None
        return now + max(0.0, self.ends_at - share.reserved_s - now) * share.part

    def write(self, folder: Path) -> None:
        """Writes MACHINE_FILE, all of it at once; the folder is made if it does not exist."""
        folder.mkdir(parents=True, exist_ok=True)
        written = folder / f".{MACHINE_FILE}.new"
        written.write_text(self.model_dump_json() + "\n", encoding="utf-8")
        written.replace(folder / MACHINE_FILE)


def read_machine(folder: Path) -> Machine | None:
    """What was written there; None if nothing was, as on a cluster, whose pods are told with their settings."""
    path = folder / MACHINE_FILE
    return Machine.model_validate_json(path.read_text(encoding="utf-8")) if path.exists() else None


def deadline_on_this_machine(folder: Path, name: str, now: float) -> float | None:
    """`Machine.deadline_of` by the file there; None where there is no file."""
    machine = read_machine(folder)
    return machine.deadline_of(name, now) if machine else None
