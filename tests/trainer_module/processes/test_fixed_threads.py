"""The number of threads of a process is fixed, whatever cores it may use. Real processes."""

import os
from types import SimpleNamespace

import pytest

from trainer_module import trainer
from trainer_module.processes.fixed_threads import SOURCE_THREADS, run_alone

pytestmark = pytest.mark.slow  # starts processes that import TensorFlow

POOL = "(__import__('tensorflow').config.threading.get_intra_op_parallelism_threads(), " \
       "[one['num_threads'] for one in __import__('threadpoolctl').threadpool_info()])"  # fmt: skip


@pytest.fixture(params=[1, 2], ids=["one core", "two cores"])
def cores(request):
    before = os.sched_getaffinity(0)
    if len(before) < request.param:
        pytest.skip("this machine has fewer cores")
    os.sched_setaffinity(0, sorted(before)[: request.param])
    yield request.param
    os.sched_setaffinity(0, before)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_operations_have_so_many_threads_and_numpy_has_one(cores, threads):
    operations, libraries = run_alone(eval, POOL, task="looked", threads=threads)
    assert operations == threads
    assert libraries and set(libraries) == {1}


def test_a_source_trains_with_its_number_of_threads(monkeypatch):
    asked = {}

    class Stop(Exception):
        pass

    def run_alone_of_test(work, *arguments, task, threads=1):
        asked.update(threads=threads, task=task)
        raise Stop

    monkeypatch.setattr(trainer, "run_alone", run_alone_of_test)
    monkeypatch.setattr(trainer.source, "network_of", lambda settings: None)
    settings = SimpleNamespace(classes=("cat", "dog"), name="cats_dogs__original")
    with pytest.raises(Stop):
        trainer.trained_or_read_source(SimpleNamespace(train_files=["a"], eval_files=["b"]), settings)
    assert asked == {"threads": SOURCE_THREADS, "task": "trained the source cats_dogs__original"}
