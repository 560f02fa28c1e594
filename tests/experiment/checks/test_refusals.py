"""A rejected setting is explained in YAML's terms, and a misspelt key with the key that was probably meant."""

import pytest

from experiment.errors import ThawError
from experiment.loading import PRESETS, load_config


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("sizes=10", "sizes: expected a list, such as [a, b], got 10"),
        ("draws=three", "draws: expected a whole number, got 'three'"),
        ("draws=2.5", "draws: expected a whole number, got 2.5"),
        ("strict=perhaps", "strict: expected true or false, got 'perhaps'"),
        ("schedule=fast", "schedule: expected keys with values, such as {a: 1}, got 'fast'"),
        ("freeze_counts=3", "freeze_counts: expected keys with values, such as {a: 1}, got 3"),
        ("size=[10]", "size: unknown key; did you mean sizes? If not, check its spelling against docs/"),
        ("schedule.epoch=3", "schedule.epoch: unknown key; did you mean epochs?"),
        ("backbones.mobilenet_v2.image_size=96", "image_size: unknown key; did you mean image_size_px?"),
        ("sources={birds: {clases: [cat, dog]}}", "sources.birds.clases: unknown key; did you mean classes?"),
        ("colour=red", "colour: unknown key; check its spelling against docs/configuration.md"),
    ],
)
def test_what_was_expected_is_said_as_one_writes_it(override: str, words: str) -> None:
    with pytest.raises(ThawError) as caught:
        load_config(PRESETS / "quick.yaml", (override,))
    assert words in str(caught.value)
