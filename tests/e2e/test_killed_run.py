"""The whole run killed when a node begins: the same command finishes it, with the ledgers of a run never killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys

import pytest

from pipeline.run_folder import latest_run_context, nodes_of_run, open_store

pytestmark = [pytest.mark.e2e, pytest.mark.exhaustive, pytest.mark.timeout(7200)]

NODES = 17
SMALL = ("--set", "sizes=[10]", "--set", "freeze_counts={remastered: [6]}")


@pytest.fixture
def undisturbed(make_experiment):
    """An experiment, and its run, which goes on beside the one that is killed."""
    experiment = make_experiment("undisturbed")
    return experiment, start(experiment)


def start(experiment):
    """The command in a process group of its own."""
    command = [sys.executable, str(experiment.runner), "--config", str(experiment.config), *SMALL]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    return subprocess.Popen(command, cwd=experiment.folder, start_new_session=True, **pipes)


def kill_when_it_begins(experiment, node):
    """Runs until the line that says so; returns the nodes that had ended by then."""
    process = start(experiment)
    seen = []
    for line in process.stdout:
        seen.append(line)
        if line.startswith(f"[{node}/{NODES}]"):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            break
    process.communicate()
    assert process.returncode == -signal.SIGKILL, "".join(seen)
    return {name.split()[1] for name in seen if name.startswith("[")} - {seen[-1].split()[1]}


def ledgers(experiment):
    """Each sweep's rows without their seconds, by key."""
    found = {}
    for path in (experiment.metadata.parent / "ledgers").glob("*.jsonl"):
        rows = [json.loads(line)["row"] for line in path.read_bytes().splitlines()[1:]]
        found[path.name] = {row["key"]: {**row, "seconds": 0} for row in rows}
        assert len(rows) == len(found[path.name])
    return found


@pytest.mark.parametrize("killed_at", [(7, 11, 15), tuple(range(1, NODES + 1))], ids=["three", "every"])
def test_a_run_killed_as_nodes_begin_is_finished_by_the_same_command(make_experiment, undisturbed, killed_at):
    experiment = make_experiment("killed")
    for node in killed_at:
        ended = kill_when_it_begins(experiment, node)
        assert len(ended) == node - 1
    finished = start(experiment)
    output, _ = finished.communicate()
    assert finished.returncode == 0, output
    store = open_store(experiment.metadata)
    nodes = nodes_of_run(store, latest_run_context(store))
    assert {name for name, node in nodes.items() if node.cached} == ended
    whole, process = undisturbed
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert len(ledgers(whole)) == 2 and ledgers(experiment) == ledgers(whole)
    assert (experiment.latest / "cells.csv").exists()
