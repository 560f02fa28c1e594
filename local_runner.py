"""The runner: config -> data -> plan -> create_pipeline -> LocalDagRunner -> runs/<run id>/. Nothing imports this.

Run it as `python local_runner.py --config experiment/presets/quick.yaml`, or hand it to TFX:
`tfx pipeline create --pipeline-path=local_runner.py --engine=local`, then `tfx run create --engine=local`.
"""

from __future__ import annotations

import thaw_entry  # noqa: F401, I001, RUF100  # first: it makes the others ours
from pipeline.runner import process

process.stop_at_once()

import argparse
import os
import sys
from pathlib import Path

from pipeline.runner.options import add_options, config_of

process.prepare_process(os.environ)
process.leave_signals_alone()

PROJECT_ROOT = Path(__file__).resolve().parent


def parse_arguments(argv: list[str]) -> argparse.Namespace:
    """Reads the command line; bad usage ends the process with status 2."""
    parser = argparse.ArgumentParser(
        description="Is it worth transferring a model? Runs the experiment and reports, with evidence.",
        epilog="When the run is done, its report is runs/latest/report.html.",
    )
    add_options(parser)
    parser.add_argument("--plan", action="store_true", help="show what would run and how long, then stop")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Runs the experiment; returns the status: 0 done, 1 the user must act, 130 interrupted, 129 or 143 terminated."""
    arguments = parse_arguments(argv)

    def run() -> None:
        config = config_of(arguments.config, arguments.set, vars(arguments))
        # Imported late, so that --help and a wrong setting answer at once.
        from pipeline.runner.launch import launch

        launch(config, PROJECT_ROOT, os.environ, plan_only=arguments.plan)

    return process.exit_status(run, os.environ)


if __name__ == "__main__":
    process.end_with(lambda: main(sys.argv[1:]))
