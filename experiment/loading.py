"""Reads configurations from YAML and the command line, and reports all that is wrong. Imports config and checks."""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import pydantic
import yaml

from experiment.checks.hidden_problems import Place, hidden_problems
from experiment.checks.refusals import closest_key, expected
from experiment.config import ExperimentConfig
from experiment.domains import Settings
from experiment.errors import ThawError

PRESETS = Path(__file__).resolve().parent / "presets"
"""Folder of the configurations that come with Thaw."""

Model = TypeVar("Model", bound=Settings)

READ_BY_YAML = (
    "YAML reads yes, on and true as True, no, off and false as False, null and ~ as None, and digits and dates as "
    "such; put text in quotes, such as 'on'"
)
NO_TEXT = re.compile("[\0\ud800-\udfff]")
"""Characters that YAML's escapes can write, but no file system, TensorFlow or UTF-8 accepts."""
OCTAL = re.compile(r"[-+]?0[0-7_]+")
MOST_ALIASES = 20
"""Most aliases in one file. A few lines of aliases of aliases can expand to more values than memory holds; this many
can't."""
MOST_QUOTED = 60
"""Characters of a wrong value that a message quotes."""
MOST_DEPTH = 20
"""Most nested brackets; parsing time grows with the square of the depth."""


def load_config(path: str | Path, overrides: tuple[str, ...] = ()) -> ExperimentConfig:
    """Reads a YAML preset and applies `key.subkey=value` overrides (values are YAML).

    Raises:
      ThawError: the file is missing, not YAML or not a mapping, an override is not `key=value`, a key is unknown or
        a value is wrong; the message names each.
    """
    given = "".join(f" --set {override}" for override in overrides)
    return validate_config(read_settings(Path(path), overrides), f"{path}{' with' if given else ''}{given}")


@dataclasses.dataclass(frozen=True)
class Examples:
    """What messages give as examples: an option that overrides a setting, a setting, a file of settings."""

    option: str = "--set"
    setting: str = "draws=3"
    file: str = "experiment/presets/quick.yaml"


def read_settings(path: Path, overrides: tuple[str, ...], examples: Examples = Examples()) -> dict[str, Any]:
    """Reads a mapping from YAML and applies `key.subkey=value` overrides; values are not checked.

    Args:
      path: of the file.
      overrides: each `key=value`.
      examples: for messages.

    Raises:
      ThawError: the file can't be read, is not YAML or not a mapping, or an override is not `key=value`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        inside = path / "config.yaml"
        wanted = inside if inside.is_file() else f"the path of a YAML file, such as {examples.file}"
        raise ThawError(f"Can't read the configuration {path}: {error.strerror}. Give {wanted}.") from error
    except ValueError as error:
        raise ThawError(f"The configuration {path} is not text in UTF-8: {error}. Give the path of a YAML file, such "
                        f"as {examples.file}.") from error  # fmt: skip
    settings = _parsed(text, f"{path} is not YAML")
    if not isinstance(settings, dict):
        raise ThawError(f"{path} should hold `key: value` settings, but holds {type(settings).__name__}.")
    for override in overrides:
        _apply_override(settings, override, examples)
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
      ThawError: lists all that is wrong, key by key, then what does not fit together of the valid rest.
    """
    errors: list[Any] = []
    try:
        strange = list(_not_plain(settings))
        valid = model.model_validate(settings)
        if not strange:
            return valid
    except RecursionError:
        strange = [((), "an alias refers to the value that contains it; write the values out")]
    except pydantic.ValidationError as error:
        # Strange values, and the values that contain them, already have a message.
        errors = [
            one for one in error.errors()
            if one["type"] == "extra_forbidden" or not any(_overlap(one["loc"], place) for place, _ in strange)
        ]  # fmt: skip
    problems = [_at(place, text) for place, text in strange]
    problems += [line for one in errors for line in _described(one, model, documented_in)]
    wrong = [*(place for place, _ in strange), *(one["loc"] for one in errors)]
    problems += [_at(place, text) for place, text in hidden_problems(model, settings, wrong)]
    raise ThawError("\n  ".join([f"The configuration {origin} is not valid:", *problems]))


def _overlap(one: Place, other: Place) -> bool:
    """Whether one of two values contains the other."""
    return all(a == b for a, b in zip(one, other, strict=False))


def _described(problem: Any, model: type[Settings], documented_in: str) -> Iterator[str]:
    """Lines of one of pydantic's errors, each beginning with its key."""
    place, found = problem["loc"], problem["input"]
    text = expected(problem["type"], problem["msg"].removeprefix("Value error, "))
    if problem["type"] == "value_error":
        yield from (_at(place, line) for line in text.split("\n"))  # ours, several at once
        return
    if problem["type"] == "extra_forbidden":
        close = closest_key(model, place)
        meant = f"did you mean {close}? If not, " if close else ""
        text = f"unknown key; {meant}check its spelling against {documented_in}"
    elif problem["type"] in ("string_type", "path_type"):
        text = f"expected text, got {found!r}. {READ_BY_YAML}"
    elif problem["type"] == "literal_error" and not isinstance(found, str):
        text += f", got {found!r}. {READ_BY_YAML}"
    elif isinstance(found, int | float | str) and len(repr(found)) <= MOST_QUOTED:
        text += f", got {found!r}"
    yield _at(place, text)


def _at(place: Place, text: str) -> str:
    """The sentence with its key in front; one about several top-level fields already begins with a key."""
    return f"{'.'.join(map(str, place))}: {text}" if place else text


def _not_plain(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Places of keys that are not text and of values that no setting takes, such as dates, with what is wrong there.

    Raises:
      RecursionError: a value contains itself.
    """
    if isinstance(value, dict) and (wrong := [name for name in value if not isinstance(name, str)]):
        for name in wrong:
            text = f"has the key {name!r}, which is not text. {READ_BY_YAML}"
            yield place, text if place else f"the top level: {text}"
    elif isinstance(value, dict | list | tuple):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _not_plain(part, (*place, name))
    elif isinstance(value, str) and NO_TEXT.search(value):
        yield place, (f"{value!r} contains a character that file names can't contain (\\0, or half of a UTF-16 "
                      "surrogate pair). Write the text itself, without an escape")  # fmt: skip
    elif isinstance(value, datetime.date | bytes | set):  # a datetime is a date
        yield place, f"expected text, got {value!r}. {READ_BY_YAML}"


def _apply_override(settings: dict[str, Any], override: str, examples: Examples) -> None:
    option = examples.option
    key, equals, value = override.partition("=")
    if not equals or not key:
        raise ThawError(f"{option} takes key=value, such as {option} {examples.setting}; got {override!r}.")
    *parents, last = key.split(".")
    place = settings
    for parent in parents:
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise ThawError(f"{option} {override}: {parent!r} is a value and has no keys. Give its whole "
                            "value, or name another key.")  # fmt: skip
    place[last] = _parsed(value, f"{option} {override}: the value is not YAML")


def _parsed(text: str, complaint: str) -> Any:
    """The values of a YAML text.

    Raises:
      ThawError: beginning with the complaint.
    """
    try:
        _check_extent(text, complaint)
        return _UniqueKeys(text).get_single_data()
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # ValueError: such as a date with a 13th month
        in_line = isinstance(error, yaml.MarkedYAMLError) and "\n" not in text
        found = str(getattr(error, "problem", "")).replace("'<stream end>'", "its end")
        raise ThawError(f"{complaint}: {found if in_line and found else error}") from error


class _UniqueKeys(yaml.SafeLoader):
    """Rejects a mapping that has a key twice: YAML would take the last one without a warning."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        if node.tag == "tag:yaml.org,2002:int" and OCTAL.fullmatch(str(node.value)):
            raise ValueError(
                f"line {node.start_mark.line + 1}: YAML reads {node.value} as {int(node.value.replace('_', ''), 8)}, "
                "an octal number; write it without the 0 in front, or text in quotes"
            )
        try:
            return super().construct_object(node, deep)
        except (AttributeError, LookupError) as error:  # PyYAML's own, where a tag and its text do not go together
            raise ValueError(
                f"line {node.start_mark.line + 1}: {node.value!r} does not fit its tag {node.tag}"
            ) from error

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
    """Rejects text that would take minutes to parse, or more memory than there is."""
    aliases = depth = 0
    for token in yaml.scan(text):
        aliases += isinstance(token, yaml.AliasToken)
        depth += isinstance(token, yaml.FlowSequenceStartToken | yaml.FlowMappingStartToken)
        depth -= isinstance(token, yaml.FlowSequenceEndToken | yaml.FlowMappingEndToken)
        if aliases > MOST_ALIASES:
            raise ThawError(f"{complaint} that Thaw reads: more than {MOST_ALIASES} aliases (*name). Write the values "
                            "out.")  # fmt: skip
        if depth > MOST_DEPTH:
            raise ThawError(f"{complaint} that Thaw reads: more than {MOST_DEPTH} nested brackets. No setting needs "
                            "so many; remove them.")  # fmt: skip
