"""The whole run killed as nodes begin and amid them: the same command ends with the ledgers of a run never killed."""

import contextlib
import os
import random
import signal
import time

import pytest

from pipeline.runs.ml_metadata import latest_run_context, nodes_of_run, open_store

pytestmark = [pytest.mark.e2e, pytest.mark.exhaustive, pytest.mark.timeout(7200)]

NODES = 18
SMALL = ("--set", "sizes=[10]", "--set", "freeze_counts={remastered: [6]}")


@pytest.fixture
def undisturbed(make_experiment):
    """An experiment, and its run, which continues beside the one that is killed."""
    experiment = make_experiment("undisturbed")
    return experiment, experiment.start(*SMALL)


def kill_after_it_begins(experiment, node, seconds):
    """Runs until so long after the line that says so; returns the nodes that had ended by then."""
    process = experiment.start(*SMALL)
    seen = []
    for line in process.stdout:
        seen.append(line)
        if line.startswith(f"[{node}/{NODES}]"):
            time.sleep(seconds)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            break
    seen += process.communicate()[0].splitlines()
    assert process.returncode == -signal.SIGKILL, "".join(seen)
    begun = [line.split()[1] for line in seen if line.startswith("[")]
    assert len(begun) == node or seconds
    return set(begun[:-1])


EVERY = [(node, 0.0) for node in range(1, NODES + 1)]
# The last node of all takes less than the longest wait.
AMID = [(node, random.Random(node).uniform(0, 4)) for node in range(1, NODES)]


@pytest.mark.parametrize(
    "kills", [[(7, 0.0), (11, 0.0), (15, 0.0)], EVERY, AMID], ids=["three", "every node begins", "amid every node"]
)
def test_a_run_killed_at_nodes_is_finished_by_the_same_command(make_experiment, undisturbed, kills):
    experiment = make_experiment("killed")
    for node, seconds in kills:
        ended = kill_after_it_begins(experiment, node, seconds)
    finished = experiment.start(*SMALL)
    output, _ = finished.communicate()
    assert finished.returncode == 0, output
    store = open_store(experiment.metadata)
    nodes = nodes_of_run(store, latest_run_context(store))
    assert {name for name, node in nodes.items() if node.cached} == ended
    whole, process = undisturbed
    output, _ = process.communicate()
    assert process.returncode == 0, output
    assert len(whole.ledgers()) == 2 and experiment.ledgers() == whole.ledgers()
    assert (experiment.latest / "cells.csv").exists()
