"""Reads configurations from YAML and the command line, and says what is wrong. Imports config alone."""

from __future__ import annotations

import datetime
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import yaml

from experiment.config import ExperimentConfig
from experiment.errors import ThawError

PRESETS = Path(__file__).resolve().parent / "presets"
"""Folder of the configurations that Thaw brings."""

Model = TypeVar("Model", bound=pydantic.BaseModel)

READ_BY_YAML = (
    "YAML reads yes, on and true as True, no, off and false as False, null and ~ as None, and digits and dates as "
    "such; put text in quotes, such as 'on'"
)
NO_TEXT = re.compile("[\0\ud800-\udfff]")
"""What YAML's escapes can write and no file system, TensorFlow or UTF-8 takes."""
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
    return validate_config(read_settings(Path(path), overrides), f"{path}{' with' if given else ''}{given}")


def read_settings(path: Path, overrides: tuple[str, ...]) -> dict[str, Any]:
    """Reads a mapping from YAML and applies `key.subkey=value` overrides; values are not checked.

    Raises:
      ThawError: the file can't be read, is no YAML or no mapping, or an override is no `key=value`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ThawError(f"Can't read the configuration {path}: {error.strerror}. Give the path of a YAML "
                        "file, such as experiment/presets/quick.yaml.") from error  # fmt: skip
    except ValueError as error:
        raise ThawError(f"The configuration {path} is not text in UTF-8: {error}. Give the path of a YAML file, such "
                        "as experiment/presets/quick.yaml.") from error  # fmt: skip
    settings = _parsed(text, f"{path} is not YAML")
    if not isinstance(settings, dict):
        raise ThawError(f"{path} should hold `key: value` settings, but holds {type(settings).__name__}.")
    for override in overrides:
        _apply_override(settings, override)
    return settings


def validate_config(settings: dict[str, Any], origin: str) -> ExperimentConfig:
    """Turns settings into a config, or raises a ThawError that lists what is wrong, key by key."""
    return validated(ExperimentConfig, settings, origin, "docs/configuration.md")


def validated(model: type[Model], settings: dict[str, Any], origin: str, documented_in: str) -> Model:
    """Turns settings into a model.

    Args:
      model: class of the configuration.
      settings: as YAML gives them.
      origin: where they come from, for the message.
      documented_in: file that says what each key means, for the message.

    Raises:
      ThawError: lists what is wrong, key by key.
    """
    try:
        problems = _not_plain(settings)
        if not problems:
            return model.model_validate(settings)
    except pydantic.ValidationError as error:
        problems = [line for problem in error.errors() for line in _described(problem, documented_in)]
    except RecursionError:
        problems = ["an alias leads back to the value that holds it; write the values out"]
    raise ThawError("\n  ".join([f"The configuration {origin} is not valid:", *problems]))


def _described(problem: Any, documented_in: str) -> Iterator[str]:
    """Lines of one of pydantic's errors, each beginning with its key."""
    key = ".".join(str(part) for part in problem["loc"])
    text, found = problem["msg"].removeprefix("Value error, "), problem["input"]
    if not key:
        yield from text.split("\n")  # ours, several at once
        return
    if problem["type"] == "extra_forbidden":
        text = f"unknown key; check its spelling against {documented_in}"
    elif problem["type"] in ("string_type", "path_type"):
        text = f"expected text, got {found!r}. {READ_BY_YAML}"
    elif problem["type"] == "literal_error" and not isinstance(found, str):
        text += f", got {found!r}. {READ_BY_YAML}"
    yield f"{key}: {text}"


def _not_plain(value: Any, key: str = "") -> list[str]:
    """Complaints about keys that are no text, and about dates, text and other values that no setting takes.

    Raises:
      RecursionError: a value holds itself.
    """
    if isinstance(value, list | tuple):
        value = dict(enumerate(value))
    elif isinstance(value, dict):
        wrong = [name for name in value if not isinstance(name, str)]
        if wrong:
            return [
                f"{key or 'the top level'}: has the key {name!r}, which is no text. {READ_BY_YAML}" for name in wrong
            ]
    if isinstance(value, dict):
        parts = ((f"{key}.{name}" if key else str(name), part) for name, part in value.items())
        return [line for name, part in parts for line in _not_plain(part, name)]
    if isinstance(value, str) and NO_TEXT.search(value):
        return [f"{key}: {value!r} holds a character that no file's name can hold (\\0, or half of a pair of UTF-16). "
                "Write the text itself, without an escape"]  # fmt: skip
    if isinstance(value, datetime.date | bytes | set):  # a datetime is a date
        return [f"{key}: expected text, got {value!r}. {READ_BY_YAML}"]
    return []


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
        return _UniqueKeys(text).get_single_data()
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: such as a date with a 13th month
        raise ThawError(f"{complaint}: {error}") from error


class _UniqueKeys(yaml.SafeLoader):
    """Refuses a mapping that has a key twice: YAML would take the last one, whatever the first one asked for."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (AttributeError, LookupError) as error:  # PyYAML's own, where a tag and its text do not go together
            raise ValueError(f"line {node.start_mark.line + 1}: {node.value!r} is nothing of {node.tag}") from error

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
