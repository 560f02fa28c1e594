"""The options that define an experiment, for argparse and click. Imports only the configuration's loader."""

from __future__ import annotations

import argparse
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from experiment.config import ExperimentConfig
from experiment.errors import check_utf_8, home_expanded
from experiment.loading import PRESETS, load_config

DEFAULT_PRESET = "quick"
CONFIG_HELP = "path of a YAML file; presets are in experiment/presets/"
SET_METAVAR = "KEY=VALUE"
SET_HELP = "a setting, such as draws=3; repeat the option for more"


@dataclass(frozen=True)
class Short:
    """An option that is short for a setting.

    Attributes:
      name: `--name` on the command line.
      setting: the key, such as `data.path`.
      kind: of its value; none: a switch, which sets true.
      metavar: the value's name in the help.
      help: its description.
    """

    name: str
    setting: str
    kind: type | None
    metavar: str
    help: str

    @property
    def full_help(self) -> str:
        """The description, with the setting that the option abbreviates."""
        return f"{self.help}; short for --set {self.setting}={self.metavar}"


DATA = Short("data", "data.path", Path, "FOLDER", "folder of the TFRecords")
WEIGHTS = Short("weights", "backbones.mobilenet_v2.weights", Path, "FILE", "weights of the backbone mobilenet_v2")
WORKERS = Short("workers", "workers", int, "N", "processes that train in parallel")
STRICT = Short("strict", "strict", None, "true", "fail if a backbone's weights are not found")
MINUTES = Short("minutes", "budget_minutes", float, "N", "time limit of a run in minutes; the answer may be smaller")
SHORTS = (DATA, WEIGHTS, WORKERS, STRICT, MINUTES)


def path_of(text: str) -> Path:
    """A path as a command line has it, with `~` as the home folder.

    Raises:
      ArgumentTypeError: it is empty, as from a shell variable that was never set; it would mean the working folder.
    """
    if not text:
        raise argparse.ArgumentTypeError("expected a path, got an empty text. Write . for the working folder")
    return home_expanded(Path(text))


def add_options(parser: argparse.ArgumentParser, shorts: Sequence[Short] = SHORTS) -> None:
    """Adds --config, --set and the short options to a command's parser."""
    preset = PRESETS / f"{DEFAULT_PRESET}.yaml"
    parser.add_argument("--config", type=path_of, default=preset, help=CONFIG_HELP)
    parser.add_argument("--set", action="append", default=[], metavar=SET_METAVAR, help=SET_HELP)
    for short in shorts:
        if short.kind is None:
            parser.add_argument(f"--{short.name}", action="store_true", help=short.full_help)
        else:
            kind = path_of if short.kind is Path else short.kind
            parser.add_argument(f"--{short.name}", type=kind, metavar=short.metavar, help=short.full_help)


def config_of(
    path: Path, settings: Sequence[str], given: Mapping[str, Any], shorts: Sequence[Short] = SHORTS
) -> ExperimentConfig:
    """The configuration of a command line; a short option takes precedence over --set.

    Args:
      path: of the file.
      settings: each `key=value`.
      given: parsed values by the options' names; None, or false for a switch, if not given.
      shorts: options of the command.

    Raises:
      ThawError: as load_config.
    """
    values = {short.setting: "true" if given[short.name] is True else given[short.name] for short in shorts}
    overrides = [
        f"{key}={_as_yaml(value)}" for key, value in values.items() if value is not None and value is not False
    ]
    return load_config(path, (*settings, *overrides))


def _as_yaml(value: object) -> str:
    """The value in the form that --set takes."""
    return text_as_yaml(str(value)) if isinstance(value, Path) else str(value)


def text_as_yaml(text: str) -> str:
    """The text in quotes, or YAML would read `photos #2` as `photos`.

    Characters that JSON leaves are escaped: YAML rejects some control characters, and reads one as a line feed.

    Raises:
      ThawError: it is not UTF-8.
    """
    check_utf_8(text, "Give the file or folder another name.")
    return yaml.safe_dump(text, default_style='"', width=math.inf).rstrip("\n")
