"""Source, sweep and deployed model are equal bit for bit, whatever cores and threads there are. Real processes."""

import dataclasses
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from experiment.config import Schedule, SourceSchedule
from experiment.training_settings import ModelSettings
from ledger.ledger import read_ledger

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

# Reads settings, and trains a source, its sweep and a deployed model as the nodes do.
NODES = """
import dataclasses, os, pickle, sys
from pathlib import Path

job_path, folder, cores = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:cores])
from tests.forked_programs import start_fork_server
from trainer_module.networks import weight_values
from trainer_module.sources import source
from trainer_module.sweep.model_jobs import DeployedJob, trained_cell, trained_source
from ledger.cell_selection import Cell
from trainer_module.processes.fixed_threads import SOURCE_THREADS, run_alone
from trainer_module.tuners.sweep_tuner import SweepTuner
from trainer_module.worker_pools.process_pool import WorkerPool

if __name__ == "__main__":
    start_fork_server()  # of this new process, which has imported TensorFlow with its own environment
    settings, target, domain = pickle.loads(job_path.read_bytes())
    files = target.train_files, target.val_files
    weights, about = run_alone(trained_source, domain, *files, task="trained", threads=SOURCE_THREADS)
    network = source.network_of(domain)
    weight_values.set_weights(weight_values.model_variables(network), weights)
    (folder / "source").mkdir(parents=True)
    network.model.save(folder / "source" / source.KERAS_FILE)
    backbone = weight_values.weights_hash(weight_values.read_weights(weight_values.backbone_variables(network)))
    (folder / "source" / "thaw.json").write_text('{"backbone_hash": "%s"}' % backbone)
    settings = settings.model_copy(update={"ledger_dir": folder / "ledgers"})
    job = dataclasses.replace(target, settings=settings, base_model=str(folder / "source"))
    SweepTuner(WorkerPool(job, cores), settings).search()
    deployed = DeployedJob(
        settings, target.train_files, target.val_files, job.base_model, Cell(16, 0, True), 1.0, folder
    )
    execution, weights = run_alone(trained_cell, deployed, task="trained")
    scores = f"{execution.val.accuracy} {execution.val.loss}"
    (folder / "deployed").write_text(f"{scores} {weight_values.weights_hash(weights)}")
"""


@pytest.fixture(scope="module")
def results_with(baseline_job, tmp_path_factory):
    """A function that runs NODES with so many cores and such an environment, and returns all that is decided there."""
    tmp = tmp_path_factory.mktemp("determinism")
    script = tmp / "nodes.py"
    script.write_text(NODES)
    changes = {"role": "transfer", "name": "a__remastered", "source": "a", "freeze_counts": (0, 6), "sizes": (16,)}
    changes["draws"] = 1
    schedule = Schedule(epochs=2, batch_size=16)
    settings = baseline_job.settings.model_copy(update={**changes, "schedule": schedule})
    shared = settings.model_dump(include=set(ModelSettings.model_fields) - {"schedule"})
    domain = ModelSettings(
        **{**shared, "role": "source"}, schedule=SourceSchedule(epochs=1, batch_size=8, shift_px=2)
    )  # fmt: skip
    (tmp / "job.pickle").write_bytes(pickle.dumps((settings, baseline_job, domain)))
    root = Path(__file__).parents[2]
    threads = {"OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"}
    fixed = {"PYTHONHASHSEED", "CUDA_VISIBLE_DEVICES", *threads}
    inherited = {key: value for key, value in os.environ.items() if key not in fixed} | {"PYTHONPATH": str(root)}

    def run(name, cores, **environment):
        command = [sys.executable, str(script), str(tmp / "job.pickle"), str(tmp / name), str(cores)]
        done = subprocess.run(command, cwd=root, env={**inherited, **environment}, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        [path] = (tmp / name / "ledgers").glob("*.jsonl")
        header, rows = read_ledger(path)
        decided = [
            {**dataclasses.asdict(row), "seconds": 0, "test_probabilities": row.test_probabilities.tobytes()}
            for row in sorted(rows, key=lambda row: row.key)
        ]
        return path.name, header, decided, (tmp / name / "deployed").read_text()

    return run


def test_one_core_and_one_thread_give_what_two_give(results_with):
    by_two = results_with("two", 2, PYTHONHASHSEED="1")
    assert results_with("one", 1, OMP_NUM_THREADS="1", PYTHONHASHSEED="2", CUDA_VISIBLE_DEVICES="") == by_two
