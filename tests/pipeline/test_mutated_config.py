"""Damaged configurations and overrides are read or refused in Thaw's own words. Mutates thousands; no TensorFlow."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from experiment.changes import as_written
from experiment.config import ExperimentConfig
from experiment.errors import ThawError
from experiment.loading import PRESETS, load_config

Mutations = Callable[..., Iterator[bytes]]

ALL = [pytest.mark.exhaustive, pytest.mark.timeout(3600)]


def loaded(path: Path, *overrides: str) -> bool:
    """Whether the configuration is one; what is none has to be a ThawError, and anything else fails the test."""
    try:
        config = load_config(path, overrides)
    except ThawError as error:
        assert path.name in str(error) or "--set" in str(error)
        return False
    assert ExperimentConfig.model_validate(config.model_dump()) == config
    return True


@pytest.mark.parametrize(
    "numbers", [pytest.param(range(100), id="some"), pytest.param(range(8000), id="all", marks=ALL)]
)
def test_a_damaged_file_is_a_configuration_or_refused(mutations: Mutations, tmp_path: Path, numbers: range) -> None:
    samples = [path.read_bytes() for path in sorted(PRESETS.glob("*.yaml"))]
    path = tmp_path / "damaged.yaml"
    passed = []
    for content in mutations(samples, numbers):
        path.write_bytes(content)
        passed.append(loaded(path))
    assert 0 < sum(passed) < len(passed)


@pytest.mark.parametrize(
    "numbers", [pytest.param(range(100), id="some"), pytest.param(range(4000), id="all", marks=ALL)]
)
def test_a_damaged_override_is_a_configuration_or_refused(mutations: Mutations, numbers: range) -> None:
    samples = [b"draws=3", b"blessing.min_accuracy=0.75", b"sizes=[10, 20, 40]", b"draws=1",
               b"target={classes: [automobile, truck]}", b"schedule.max_steps=null"]  # fmt: skip
    passed = [
        loaded(PRESETS / "quick.yaml", content.decode(errors="surrogateescape"))
        for content in mutations(samples, numbers)
    ]
    assert 0 < sum(passed) < len(passed)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"\xff\xfe\x00\x00", "is not text in UTF-8"),
        (b"", "should hold `key: value` settings"),
        (b"name: 2022-13-45", "is not YAML: month must be in"),
        (
            b"\n".join(b"x%d: &x%d {<<: [*x%d, *x%d, *x%d]}" % (i, i, i - 1, i - 1, i - 1) for i in range(1, 40)),
            r"more than 20 aliases \(\*name\)",
        ),
        (b"name: &a [*a]", "is not valid"),
        (b"[" * 100_000, "more than 20 nested brackets"),
        (b"{1: 2, x: 3}", "is not valid"),
        (b"a: !!python/object/apply:os.system [id]", "is not YAML"),
    ],
)
def test_what_is_no_configuration_is_refused_at_once(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(content)
    with pytest.raises(ThawError, match=complaint) as caught:
        load_config(path)
    assert "mine.yaml" in str(caught.value)


@pytest.mark.parametrize("value", [".inf", "-.inf", ".nan"])
@pytest.mark.parametrize("key", ["schedule.learning_rate", "augmentation.noise_stddev", "blessing.min_gain_points"])
def test_a_number_that_is_none_is_refused(key: str, value: str) -> None:
    with pytest.raises(ThawError, match=rf"{key}: expected (a finite number|more than)"):
        load_config(PRESETS / "quick.yaml", (f"{key}={value}",))


@pytest.mark.parametrize("key", ["draws", "workers", "seed", "schedule.epochs", "augmentation.noisy_copies"])
@pytest.mark.parametrize("value", [2**53 + 1, 10**400], ids=["just above", "400 digits"])
def test_a_whole_number_beyond_reason_is_refused(key: str, value: int) -> None:
    with pytest.raises(ThawError, match=rf"{key}: expected a number up to 9007199254740992, got"):
        load_config(PRESETS / "quick.yaml", (f"{key}={value}",))


def test_a_target_without_classes_is_refused() -> None:
    with pytest.raises(ThawError, match=r"target\.classes needs two or more different classes, got none"):
        load_config(PRESETS / "quick.yaml", ("target.classes=[]",))


def test_every_preset_can_be_written_and_read_again(tmp_path: Path) -> None:
    for preset in PRESETS.glob("*.yaml"):
        config = load_config(preset, ("schedule.max_steps=null", "source_schedule.max_steps=7"))
        path = tmp_path / preset.name
        path.write_text(yaml.safe_dump(as_written(config)))
        assert load_config(path) == config
