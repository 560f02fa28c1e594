"""tuner_fn, which TFX's Tuner calls to get the tuner of a sweep. Imports sweep_tuner and chief, no TFX component."""

from __future__ import annotations

import time

from tfx.components.trainer.fn_args_utils import FnArgs
from tfx.components.tuner.component import TunerFnResult

from experiment.errors import ThawError
from experiment.machine import deadline_on_this_machine
from experiment.training_settings import CHIEF_KEY, SETTINGS_KEY, SweepSettings
from terminal import progress
from trainer_module.distributed.chief import ChiefTuner
from trainer_module.sweep.job import SweepJob
from trainer_module.tuners.sweep_tuner import SweepTuner
from trainer_module.worker_pools.process_pool import checked_pool, default_workers


def tuner_fn(fn_args: FnArgs) -> TunerFnResult:
    """Builds the sweep of one transfer (a base model is given) or of one baseline (none is).

    It runs in this machine's workers; if the node is a chief, in workers on other machines.

    Raises:
      ThawError: the source is no better than guessing, or was altered since it was trained; a chief has a budget.
    """
    settings = SweepSettings.model_validate(fn_args.custom_config[SETTINGS_KEY]).on_this_machine()
    workers = settings.workers or default_workers()
    base_model = fn_args.base_model or ""
    files = tuple(fn_args.train_files), tuple(fn_args.eval_files)
    job = SweepJob(settings, *files, base_model, workers, keep_weights=True)
    address = fn_args.custom_config.get(CHIEF_KEY)
    deadline = deadline_on_this_machine(settings.ledger_dir, settings.name, time.monotonic())
    if address and deadline is not None:
        raise ThawError("A sweep whose workers are on other machines can't keep to budget_minutes. Leave it out, or "
                        "unset KerasTuner's variables.")  # fmt: skip
    if address and settings.search == "bayesian":
        progress.console().print(f"  {settings.name}: all cells are trained: workers on other machines share them.")
    if address:
        # A separate process reads the data for the facts, and then frees the memory.
        with checked_pool(job, 1) as pool:
            facts = pool.facts
        return TunerFnResult(tuner=ChiefTuner(job, facts, address), fit_kwargs={})
    pool = checked_pool(job, workers)
    try:
        tuner = SweepTuner(pool, settings, deadline)
    except BaseException:  # the ledger can't be opened
        pool.close()
        raise
    return TunerFnResult(tuner=tuner, fit_kwargs={})
