"""Reads configurations from YAML and the command line, and says what is wrong. Imports config and cluster alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import pydantic
import yaml

from pipeline.cluster import ClusterConfig
from pipeline.config import ExperimentConfig
from pipeline.errors import ThawError

Model = TypeVar("Model", bound=pydantic.BaseModel)

READ_BY_YAML = (
    "YAML reads on, yes and true as True, off, no and false as False, and digits and dates as such; put the text in "
    "quotes, such as 'on'"
)
MOST_ALIASES = 20
"""In one file. A few lines of aliases of aliases can stand for more values than memory holds; so few can't."""
MOST_DEPTH = 20
"""Of brackets within brackets; the time to parse them grows with the square of it."""


def load_config(path: str | Path, overrides: tuple[str, ...] = ()) -> ExperimentConfig:
    """Reads a YAML preset and applies `key.subkey=value` overrides (values are YAML).

    Raises:
      ThawError: the file is missing, no YAML or no mapping, an override is no `key=value`, a key is unknown or
        a value is wrong; the message names each.
    """
    given = "".join(f" --set {override}" for override in overrides)
    return validate_config(_settings(Path(path), overrides), f"{path}{' with' if given else ''}{given}")


def load_cluster(path: str | Path, overrides: tuple[str, ...] = ()) -> ClusterConfig:
    """Reads the description of a cluster, such as kubeflow/cluster.yaml, and applies overrides to it.

    Raises:
      ThawError: as load_config.
    """
    return _validate(ClusterConfig, _settings(Path(path), overrides), str(path), "pipeline/cluster.py")


def _settings(path: Path, overrides: tuple[str, ...]) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ThawError(f"Can't read the configuration {path}: {error.strerror}. Give the path of a YAML "
                        "file, such as pipeline/presets/quick.yaml.") from error  # fmt: skip
    except ValueError as error:
        raise ThawError(f"The configuration {path} is not text in UTF-8: {error}. Give the path of a YAML file, such "
                        "as pipeline/presets/quick.yaml.") from error  # fmt: skip
    settings = _parsed(text, f"{path} is not YAML")
    if not isinstance(settings, dict):
        raise ThawError(f"{path} should hold `key: value` settings, but holds {type(settings).__name__}.")
    for override in overrides:
        _apply_override(settings, override)
    return settings


def validate_config(settings: dict[str, Any], origin: str) -> ExperimentConfig:
    """Turns settings into a config, or raises a ThawError that lists what is wrong, key by key."""
    return _validate(ExperimentConfig, settings, origin, "docs/configuration.md")


def _validate(model: type[Model], settings: dict[str, Any], origin: str, documented_in: str) -> Model:
    try:
        return model.model_validate(settings)
    except pydantic.ValidationError as error:
        lines = [f"The configuration {origin} is not valid:"]
        for problem in error.errors():
            key = ".".join(str(part) for part in problem["loc"]) or "(the whole)"
            text = problem["msg"].removeprefix("Value error, ")
            if problem["type"] == "extra_forbidden":
                text = f"unknown key; check its spelling against {documented_in}"
            if problem["type"] == "string_type":
                text = f"expected text, got {problem['input']!r}. {READ_BY_YAML}"
            if not problem["loc"]:  # several at once, each with its key
                lines += [f"  {line}" for line in text.split("\n")]
                continue
            lines.append(f"  {key}: {text}")
        raise ThawError("\n".join(lines)) from error


def _apply_override(settings: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise ThawError(f"--set takes key=value, such as --set draws=3; got {override!r}.")
    *parents, last = key.split(".")
    place = settings
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise ThawError(f"--set {override}: {parent!r} holds a value, not further keys.")
    place[last] = _parsed(value, f"--set {override}: the value is not YAML")


def _parsed(text: str, complaint: str) -> Any:
    """What the YAML holds.

    Raises:
      ThawError: beginning with the complaint.
    """
    try:
        _check_extent(text, complaint)
        return yaml.load(text, _UniqueKeys)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: such as a date with a 13th month
        raise ThawError(f"{complaint}: {error}") from error


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a mapping that has a key twice: YAML would take the last one, whatever the first one asked for."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        lines: dict[Any, int] = {}
        for key_node, _ in node.value:
            if not isinstance(key_node, yaml.ScalarNode):
                continue
            key, line = key_node.value, key_node.start_mark.line + 1
            if key in lines:
                raise ValueError(
                    f"it has the key {key!r} twice, in line {lines[key]} and in line {line}; leave one out"
                )
            lines[key] = line
        return super().construct_mapping(node, deep)


def _check_extent(text: str, complaint: str) -> None:
    """Refuses text that takes minutes to parse, or more memory than there is, before it does."""
    aliases = depth = 0
    for token in yaml.scan(text):
        aliases += isinstance(token, yaml.AliasToken)
        depth += isinstance(token, yaml.FlowSequenceStartToken | yaml.FlowMappingStartToken)
        depth -= isinstance(token, yaml.FlowSequenceEndToken | yaml.FlowMappingEndToken)
        if aliases > MOST_ALIASES:
            raise ThawError(f"{complaint} that Thaw reads: it has more than {MOST_ALIASES} aliases (*name). Write the "
                            "values out.")  # fmt: skip
        if depth > MOST_DEPTH:
            raise ThawError(f"{complaint} that Thaw reads: it has more than {MOST_DEPTH} brackets within each other. "
                            "No setting needs so many; take them away.")  # fmt: skip
