"""Options and help that several commands of `thaw` share, and what completion offers. Imports no TensorFlow."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click
from click.shell_completion import CompletionItem

from experiment.backbones import Scale
from experiment.errors import ThawError, home_expanded
from experiment.loading import PRESETS
from pipeline.runner.options import DEFAULT_PRESET, SET_METAVAR, SHORTS, Short, config_of, path_of
from pipeline.runs.run_files import LATEST, SUMMARY_FILE, finished_runs, latest_run
from terminal.output import Output

EPILOG = """Exit codes: 0 done, 1 you must act (the message says how), 2 wrong usage, 130 interrupted,
129 or 143 terminated.

\b
Completion for bash (also zsh_source and fish_source):
  eval "$(_THAW_COMPLETE=bash_source thaw)"

\b
TFX's own command runs the same pipeline:
  tfx pipeline create --pipeline-path=local_runner.py --engine=local"""

Command = Callable[..., None]


class HomePath(click.Path):
    """A path on the command line, with `~` as the home folder. The code that reads it reports what is wrong with it."""

    def __init__(self) -> None:
        super().__init__(readable=False)  # click's own words would say neither what was expected nor what to do

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        """As click has it; empty text is refused."""
        try:
            return path_of(os.fsdecode(super().convert(value, param, ctx)))
        except argparse.ArgumentTypeError as error:
            self.fail(f"{error}.", param, ctx)


class Named(click.types.StringParamType):
    """A name. Empty text, as from a shell variable that was never set, would mean the default, so it is an error."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """As click has it; empty text is refused."""
        if value == "":
            self.fail("expected a name, got an empty text. Leave it out for the default.", param, ctx)
        return str(super().convert(value, param, ctx))


def examples(*lines: str) -> str:
    """The end of a command's help: commands to copy, which are not wrapped."""
    return "\n".join(("\b", "Examples:", *(f"  {line}" for line in lines)))


def preset_names() -> list[str]:
    """Names that `--config` takes in addition to paths."""
    return sorted(path.stem for path in PRESETS.glob("*.yaml"))


def find_config(config: str) -> Path:
    """The file that `--config` means: a preset by its name, or a path.

    Raises:
      ThawError: it is neither.
    """
    places = PRESETS / f"{config}.yaml", home_expanded(config)
    found = next((place for place in places if place.exists()), None)
    if found is None:
        raise ThawError(f"Can't read the configuration {config}: there is no such file. Give the path of a YAML file, "
                        f"or a preset's name: {', '.join(preset_names())}.")  # fmt: skip
    return found


def find_run(run: str, runs: Path) -> Path:
    """A finished run's folder, by its path or by its name below `runs`; `latest` is the newest one.

    Raises:
      ThawError: no finished run has that path or name.
    """
    latest = latest_run(runs) if run == LATEST else None
    path = home_expanded(run)
    places = (latest,) if latest else (path, runs / run)
    folder = next((place for place in places if (place / SUMMARY_FILE).exists()), None)
    if folder is None:
        missing = "" if runs.is_dir() else ", since there is no such folder (--runs names another)"
        if run == LATEST:
            raise ThawError(f"No run in {runs} is finished{missing}. `thaw run` starts one, or continues one that "
                            "stopped; `thaw status` says how far it is.")  # fmt: skip
        raise ThawError(f"{run} is not a finished run: there is no summary.json in "
                        f"{' or '.join(dict.fromkeys(map(str, places)))}. "
                        f"Finished in {runs}: {', '.join(finished_runs(runs)) or 'none'}{missing}. `thaw run` starts a "
                        "run, or continues one that stopped; `thaw status` says how far it is.")  # fmt: skip
    return folder.resolve()


def complete_config(_context: click.Context, _option: click.Parameter, begun: str) -> list[CompletionItem]:
    """What a shell offers for `--config`: presets, and files."""
    names = [CompletionItem(name) for name in preset_names() if name.startswith(begun)]
    return [*names, CompletionItem(begun, type="file")]


def complete_run(context: click.Context, _argument: click.Parameter, begun: str) -> list[str]:
    """What a shell offers for a run: those that are finished, in the folder that --runs names."""
    finished = finished_runs(Path(context.params.get("runs") or "runs"))
    return [name for name in (*finished, LATEST) if finished and name.startswith(begun)]


def experiment(command: Command) -> Command:
    """Adds the options that make an experiment and hands the command its configuration."""

    def with_config(config: str, settings: tuple[str, ...], **given: Any) -> None:
        asked = {short.name: given.pop(short.name) for short in SHORTS}
        command(config_of(find_config(config), settings, asked), **given)

    with_config.__doc__, with_config.__name__ = command.__doc__, command.__name__
    options: list[Callable[[Command], Command]] = [
        click.option("--config", type=Named(), default=DEFAULT_PRESET, show_default=True,
                     shell_complete=complete_config,
                     help=f"A preset ({', '.join(preset_names())}) or the path of a YAML file."),
        click.option("--set", "settings", multiple=True, metavar=SET_METAVAR,
                     help="A setting, such as draws=3. Repeat the option for more; docs/configuration.md lists all."),
        *(_short_option(short) for short in SHORTS),
    ]  # fmt: skip
    wrapped: Command = with_config
    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped


def _short_option(short: Short) -> Callable[[Command], Command]:
    help_ = f"{short.full_help[0].upper()}{short.full_help[1:]}."
    if short.kind is None:
        return click.option(f"--{short.name}", is_flag=True, help=help_)
    kind = HomePath() if short.kind is Path else short.kind
    return click.option(f"--{short.name}", type=kind, metavar=short.metavar, help=help_)


def own_images_options(command: Command) -> Command:
    """Adds the options of `thaw init`."""
    options = (
        click.option("--out", type=HomePath(), help="Folder to write.  [default: thaw-<name>]"),
        click.option("--name", type=Named(), help="Name of the experiment.  [default: the folder's name]"),
        click.option("--target", metavar="A,B",
                     help="Classes to tell apart. Two or more others become a source. Put a name with a comma in "
                          "double quotes, as in CSV."),
        click.option("--image-size", type=click.IntRange(16, 224), metavar="PX",
                     help="Side of the square that images are resized to."),
        click.option("--mirror/--no-mirror", default=None,
                     help="Add mirror images to the training images, or not.  [default: if the images suggest it]"),
        click.option("--backbone", multiple=True, metavar="NAME_OR_FILE",
                     help="A family of keras.applications, or a .keras file, to transfer from in addition to "
                          "MobileNetV2. Repeat the option for more."),
        click.option("--scale", type=click.Choice(get_args(Scale)),
                     help="Pixel values that the .keras files expect, if they have no layer that scales them."),
        click.option("--classes", metavar="A,B",
                     help="TFRecords: names of the classes in the order of their labels, written as for --target."),
        click.option("--image-key", type=Named(), help="TFRecords: feature with the image, if several could be it."),
        click.option("--label-key", type=Named(), help="TFRecords: feature with the label."),
        click.option("--id-key", type=Named(), help="TFRecords: feature with the id."),
        click.option("--val-key", type=Named(),
                     help="TFRecords: feature that is 1 for training images that are val, else 0."),
        click.option("--group-key", type=Named(),
                     help="TFRecords: feature with the name of the image's group; requires --val-key."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


class InOrderOfUse(click.Group):
    """A group that lists its commands in the order in which they are written."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


as_json = click.option("--json", "in_json", is_flag=True, help="Write JSON for scripts to standard output.")
run_argument = click.argument("run", type=Named(), default="latest", shell_complete=complete_run)
runs_option = click.option("--runs", type=HomePath(), default="runs", show_default=True, help="Folder of runs.")


PROJECT_ROOT = Path(__file__).resolve().parents[1]


def typed_command(program: str) -> str:
    """This command as the user can type it again: `thaw` if the shell finds it, else `.venv/bin/thaw` or the like.

    Args:
      program: sys.argv[0].
    """
    if not Path(program).exists():  # `python -c`
        return "thaw"
    if Path(program).suffix == ".py":
        return shlex.join([sys.executable, program])
    found = shutil.which(Path(program).name)
    if Path(program).is_absolute() and found and Path(found).samefile(program):
        return Path(program).name
    return shlex.quote(program)


def print_json(value: object) -> None:
    """Writes what a command found to standard output, for programs to read."""
    output = Output(sys.stdout, lasting=False)
    output.write(json.dumps(value, indent=2, default=str) + "\n")
    output.flush()
