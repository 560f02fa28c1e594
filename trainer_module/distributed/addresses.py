"""Reads this process's role in a sweep from KerasTuner's variables. Imports only experiment.errors."""

from __future__ import annotations

import re
from collections.abc import Mapping

from experiment.errors import ThawError

TUNER_ID, ORACLE_IP, ORACLE_PORT = "KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT"
CHIEF = "chief"


def chief_address(environment: Mapping[str, str]) -> str | None:
    """The address at which a chief serves, as host:port; None if the variables are not set: the sweep runs on one
    machine.

    Raises:
      ThawError: they are set in part, or they make this process a worker.
    """
    if TUNER_ID not in environment and ORACLE_IP not in environment:
        return None
    address = _address(environment)
    if environment[TUNER_ID] != CHIEF:
        raise ThawError(f"{TUNER_ID} is {environment[TUNER_ID]}, but a pipeline's Tuner can only be the chief: set it "
                        f"to {CHIEF} here, and start workers with python -m pipeline.runner.sweep_worker.")  # fmt: skip
    return address


def worker_address(environment: Mapping[str, str]) -> tuple[str, str]:
    """A worker's own id, and its chief's address as host:port.

    Raises:
      ThawError: a variable is missing, or the id can't be a worker's.
    """
    address = _address(environment)
    tuner_id = environment[TUNER_ID]
    if CHIEF in tuner_id or not re.fullmatch(r"[\w.-]+", tuner_id):
        raise ThawError(f"{TUNER_ID} is {tuner_id!r}. Expected a name that no other worker has, of letters, digits, "
                        f"dots, dashes and underscores, without the word {CHIEF}. Set it to one.")  # fmt: skip
    return tuner_id, address


def _address(environment: Mapping[str, str]) -> str:
    missing = [name for name in (TUNER_ID, ORACLE_IP, ORACLE_PORT) if not environment.get(name)]
    if missing:
        raise ThawError(f"Not set: {', '.join(missing)}. A distributed sweep needs {TUNER_ID} ({CHIEF}, or a name for "
                        f"each worker), {ORACLE_IP} and {ORACLE_PORT}; see docs/distributed.md.")  # fmt: skip
    if not environment[ORACLE_PORT].isdigit():
        raise ThawError(
            f"{ORACLE_PORT} is {environment[ORACLE_PORT]!r}; expected a number. Set it to a port, such as 8000."
        )
    return f"{environment[ORACLE_IP]}:{environment[ORACLE_PORT]}"
