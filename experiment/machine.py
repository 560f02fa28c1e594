"""How a machine runs sweeps: settings that change no result and no key. Imports pydantic, nothing from Thaw."""

from __future__ import annotations

import contextlib
import math
import os
from pathlib import Path

import pydantic

MACHINE_FILE = "machine.json"
CONFIRMATION = "confirmation"
"""Name of the Confirmer's share."""


CGROUP = Path("/sys/fs/cgroup")
"""Where Linux shows a container its limits."""


def usable_cores(cgroup: Path = CGROUP) -> int:
    """Cores that this process may use; on macOS, which does not report them, all cores of the machine.

    Docker's `--cpus` and Kubernetes' limits leave a container all cores of the machine, but limit its time on them: 64
    workers would share the time of two cores and take the memory of 64.

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
    """What one node may take of the time that is left when it begins; it can use what earlier nodes did not need."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    part: float
    """Share of the time left, 0 to 1."""
    reserved_s: float
    """Seconds that later nodes need in any case; they do not count as time left."""


class Expected(pydantic.BaseModel):
    """Seconds of one core that a plan expects of a sweep's trainings; only the time left shown depends on it."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    cells: tuple[tuple[int, int, bool, int, float], ...]
    """n, freeze_count, fine_tune, held_from and seconds; of a fine-tuned cell those after the phase that it shares."""
    starts: tuple[tuple[int, float], ...]
    """freeze_count, and the extra seconds of each worker's first training with it."""


class Machine(pydantic.BaseModel):
    """Settings of one machine, in a file: TFX would include a node's properties in its cache key."""

    model_config = pydantic.ConfigDict(frozen=True, extra="forbid")

    workers: int | None = None
    """Processes that train side by side; None for workers.default_workers."""
    activations_gib: float = 4.0
    """Memory for activations, all processes together."""

    ends_at: float | None = None
    """When a run with a budget must have its report, by this machine's time.monotonic; None: it has no budget."""
    shares: dict[str, Share] = {}
    """Shares of a run with a budget, by sweep and CONFIRMATION."""
    asked: dict[str, str] = {}
    """By sweep, the hash of its settings (`asked_digest` of training_settings), which names the note of its ledger."""
    expected: dict[str, Expected] = {}
    """Expected seconds by sweep."""

    def deadline_of(self, name: str, now: float) -> float | None:
        """When a node that begins now must stop assigning work; None if there is no limit.

        Args:
          name: a sweep's, or CONFIRMATION.
          now: time.monotonic().
        """
        share = self.shares.get(name)
        if self.ends_at is None or share is None:
            return None
        return now + max(0.0, self.ends_at - share.reserved_s - now) * share.part

    def write(self, folder: Path) -> None:
        """Writes MACHINE_FILE atomically; makes the folder if it does not exist."""
        folder.mkdir(parents=True, exist_ok=True)
        written = folder / f".{MACHINE_FILE}.new"
        written.write_text(self.model_dump_json() + "\n", encoding="utf-8")
        written.replace(folder / MACHINE_FILE)


def read_machine(folder: Path) -> Machine | None:
    """What was written there; None if there is no file, as on a cluster, whose pods get these values with their
    settings."""
    path = folder / MACHINE_FILE
    return Machine.model_validate_json(path.read_text(encoding="utf-8")) if path.exists() else None


def deadline_on_this_machine(folder: Path, name: str, now: float) -> float | None:
    """`Machine.deadline_of` from the file there; None if there is no file."""
    machine = read_machine(folder)
    return machine.deadline_of(name, now) if machine else None
