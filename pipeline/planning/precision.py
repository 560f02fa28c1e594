"""Decides an experiment's `precision: auto` before the DAG is built. Imports the measurement, no TFX.

One precision for all trainings: transfer, baseline and the best network from scratch are compared with each other.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import platform
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pydantic

from acquisition.whole_files import written_whole
from experiment.backbones import Backbone
from experiment.changes import changed
from experiment.config import Architecture, ExperimentConfig
from experiment.errors import ThawError
from experiment.stack import Precision
from pipeline.planning.run_costs import RunCosts

WORTH = 1.3
"""How many times as fast an experiment's trainings must be in bfloat16."""
MEASUREMENT = 5
"""Raise it when the timed step, or the layers that compute in bfloat16, change: speeds are then measured again."""
NOMINAL_GFLOPS = 100.0
"""Only the shares of an experiment's seconds count here, and they hardly depend on the core's rate."""
MEASURES = """import json, sys
given = json.load(sys.stdin)
sys.path[:] = given["path"]
from trainer_module.training.step_speed import main
main(given["asked"])
"""
GPUS = "nvidia[0-9]*"
"""Names of NVIDIA devices."""
CONFIGURED = "as configured"
DECISION_FILE = "precision.json"
"""File next to the ledgers with the precision of the experiment's last run."""


Asked = tuple[Architecture, tuple[int, int, int], Backbone | None, int]
"""Arguments of bfloat16_speedup."""


@dataclasses.dataclass(frozen=True)
class Decision:
    """The precision of all of an experiment's trainings.

    Attributes:
      precision: see there.
      why: for the plan and the report, without the final full stop.
      tensorflow: its version; rows of another version are not used again.
      times_as_fast: expected speed of trainings relative to float32; 1 if it was not measured.
    """

    precision: Precision
    why: str
    tensorflow: str
    times_as_fast: float = 1.0

    @property
    def in_words(self) -> str:
        """One line."""
        return f"Precision: {self.precision} ({self.why})."

    def write(self, folder: Path) -> None:
        """Writes DECISION_FILE, atomically, for runs that continue."""
        _write(folder / DECISION_FILE, dataclasses.asdict(self))


def decided(config: ExperimentConfig, images: int, say: Callable[[str], None]) -> Decision:
    """The precision to train in: the configured one, that of existing ledgers, or the faster one on this machine.

    Args:
      config: the experiment, with the transfers that can run.
      images: records in the data; they decide how long each network is trained.
      say: called with the decision and its reason.

    Raises:
      ThawError: the workspace can't be written, or the network could not be trained.
    """
    tensorflow = version("tensorflow")
    if config.precision != "auto":
        found = Decision(config.precision, CONFIGURED, tensorflow)
    else:
        kept = _kept(config.ledger_folder / DECISION_FILE) if any(config.ledger_folder.glob("*.jsonl")) else None
        if kept and kept.tensorflow == tensorflow:
            if kept.why == CONFIGURED:  # an earlier run was; this one has auto
                kept = dataclasses.replace(kept, why="as configured for an earlier run of this experiment")
            say(f"{kept.in_words} The ledgers of this experiment use it, so it stays.")
            return kept
        if kept:
            say(f"The ledgers were begun in {kept.precision} by TensorFlow {kept.tensorflow}; {tensorflow} trains all "
                "again, so precision is decided again.")  # fmt: skip
        found = _measured(config, images, tensorflow, say) if computes_in_bfloat16() else Decision(
            "float32", "this processor has no instructions for bfloat16", tensorflow
        )  # fmt: skip
    if config.precision != "float32":  # the default needs no line
        say(found.in_words)
    return found


def resolved(config: ExperimentConfig, decision: Decision) -> ExperimentConfig:
    """The experiment with its `auto` decided."""
    return changed(config, precision=decision.precision)


def as_last_run(config: ExperimentConfig) -> ExperimentConfig:
    """The experiment with its `auto` as its last run decided it; nothing is measured, and without a run it stays."""
    kept = _kept(config.ledger_folder / DECISION_FILE) if config.precision == "auto" else None
    return resolved(config, kept) if kept else config


def _measured(config: ExperimentConfig, images: int, tensorflow: str, say: Callable[[str], None]) -> Decision:
    """Decides by the sum of all trainings: each network counts by its share of the planned seconds.

    The one with the largest share comes first. Steps are hardly ever slower in bfloat16, since only layers that gain by
    it use it. So once the measured networks make the sum fast enough, the others need no measurement.
    """
    planned = RunCosts(config, images, NOMINAL_GFLOPS, workers=1).by_network()
    speedups: dict[Architecture, float] = {}
    whole = 1.0
    for name in sorted(planned, key=lambda name: -planned[name]):
        speedups[name] = _speedup(config, name, tensorflow, say)
        whole = sum(planned.values()) / sum(planned[one] / speedups.get(one, 1.0) for one in planned)
        if whole >= WORTH:
            break
    each = [f"{name} {speedup:.2f}" for name, speedup in speedups.items()]
    each += [f"{name} not measured, so counted as 1" for name in planned if name not in speedups]
    by_share = f" ({', '.join(each)}; weighted by planned seconds)" if len(each) > 1 else ""
    why = (
        f"training steps in bfloat16 are {whole:.2f} times as fast as in float32 on this machine{by_share}, "
        f"{'less than' if whole < WORTH else 'at least'} {WORTH}"
    )
    return Decision("float32", why, tensorflow) if whole < WORTH else Decision("bfloat16", why, tensorflow, whole)


def _speedup(
    config: ExperimentConfig, architecture: Architecture, tensorflow: str, say: Callable[[str], None]
) -> float:  # fmt: skip
    """The speedup of a network on this machine, measured once.

    Raises:
      ThawError: it can't be trained, or the result can't be written.
    """
    backbone, batch_size = config.backbones.get(architecture), config.schedule.batch_size
    made = backbone.model_dump(mode="json", exclude={"weights", "model", "mflop"}) if backbone else None
    about = [MEASUREMENT, architecture, config.data.image_shape, made, batch_size, tensorflow, processor()]
    name = hashlib.sha256(json.dumps(about).encode()).hexdigest()[:24]
    path = config.workspace / "precision" / f"{name}.json"
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # not measured yet, or damaged
        kept = float(json.loads(path.read_text(encoding="utf-8"))["times_as_fast"])
        if 0 < kept < float("inf"):
            return kept
    say(f"Measuring how fast {architecture} trains in bfloat16 (precision: auto), once on this machine.")
    speedup = _measured_alone((architecture, config.data.image_shape, backbone, batch_size))
    _write(path, {"network": architecture, "times_as_fast": speedup, "tensorflow": tensorflow})
    return speedup


def _measured_alone(asked: Asked) -> float:
    """Measures in a separate process, whose messages the user does not see.

    The server from which workers are forked can't start yet: they would inherit this terminal instead of the run's log.
    """
    given = {"path": sys.path, "asked": pydantic.TypeAdapter(Asked).dump_python(asked, mode="json")}
    done = subprocess.run([sys.executable, "-c", MEASURES], input=json.dumps(given).encode(), capture_output=True)
    if done.returncode:
        last = (done.stderr.decode(errors="replace").strip().splitlines() or ["it said nothing"])[-1]
        if done.returncode < 0:
            last = "killed, most often because memory ran out"
        raise ThawError(f"How fast {asked[0]} trains in bfloat16 could not be measured (exit status {done.returncode}: "
                        f"{last}). Set precision to float32 or bfloat16, or remove the cause.")  # fmt: skip
    return float(done.stdout.splitlines()[-1])


def computes_in_bfloat16(cpuinfo: Path = Path("/proc/cpuinfo"), devices: Path = Path("/dev")) -> bool:
    """Whether bfloat16 can be faster here: AVX512-BF16, AMX or Arm's bf16, or a GPU; a measurement decides whether it
    is.

    Args:
      cpuinfo: Linux's file about the processor; if it is missing, as on macOS, the answer is yes.
      devices: folder of the devices.
    """
    if any(devices.glob(GPUS)):
        return True
    try:
        return re.search(r"\b(avx512_bf16|amx_bf16|bf16)\b", cpuinfo.read_text(encoding="utf-8")) is not None
    except OSError:
        return True


def processor() -> str:
    """This machine's processor with its features, and whether it has NVIDIA devices."""
    devices = len(list(Path("/dev").glob(GPUS)))
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = [f"model name: {platform.processor()}"]
    told = {line for line in lines if line.startswith(("model name", "flags", "Features", "CPU part"))}
    return f"{platform.machine()} {sorted(told)} {devices}"


def _kept(path: Path) -> Decision | None:
    """None if the file is missing or damaged."""
    try:
        return pydantic.TypeAdapter(Decision).validate_json(path.read_bytes())
    except (OSError, pydantic.ValidationError):
        return None


def _write(path: Path, content: dict[str, object]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with written_whole(path) as fresh:
            fresh.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ThawError(f"{path} can't be written: {error.strerror}. Expected a workspace that can be written; correct "
                        "its permissions, or remove what is in the way.") from error  # fmt: skip
