"""Beam's options, the same for every Beam node of a run: ours, then the user's, checked. Imports only errors."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence

from experiment.errors import ThawError

DEFAULTS = (
    # Beam's default runner first tries to download another one, written in Go, for every node. This one runs in the
    # process.
    "--runner=FnApiRunner",
    # It needs no image; but TFX builds a source package of itself for every node whose arguments name none.
    "--sdk_container_image=none",
    # Compares the types that steps declare while the graph is built: a second of an Evaluator, and the steps are TFX's.
    "--no_pipeline_type_check",
)


def beam_options(given: Sequence[str]) -> list[str]:
    """The options that TFX hands to Beam: the defaults, and after them what was given, which wins.

    Args:
      given: options as `--name=value`, or `--name` for a switch.

    Raises:
      ThawError: Beam does not know an option or the runner, a value is wrong, or the runner lacks an option.
    """
    options = [*DEFAULTS, *given]
    if given:
        _check(options)
    return options


def _check(options: list[str]) -> None:
    # Imported here, since it takes seconds and the defaults need no check.
    import apache_beam
    from apache_beam.options.pipeline_options import PipelineOptions, TestOptions

    said = io.StringIO()
    try:
        with contextlib.redirect_stderr(said):
            parsed = PipelineOptions(options)
            unknown = sorted(set(parsed.get_all_options(retain_unknown_options=True)) - set(parsed.get_all_options()))
            # Dataflow's check would also ask Google about its buckets, which takes minutes without a network.
            parsed.view_as(TestOptions).dry_run = True
            apache_beam.Pipeline(options=parsed)
    except SystemExit as error:  # of argparse, which has written the reason
        complaint = said.getvalue().strip().rpartition("error: ")[2]
        raise ThawError(f"beam_args: {complaint}. {_ADVICE}") from error
    except (ImportError, ValueError) as error:
        raise ThawError(f"beam_args: {str(error).rstrip('.')}. {_ADVICE}") from error
    if unknown:
        names = ", --".join(unknown)
        raise ThawError(f"beam_args: Beam {apache_beam.__version__} has no option --{names}. {_ADVICE}")


_ADVICE = "docs/engines.md has the options of each engine; without beam_args, nodes run Beam in their own process."
