"""Backbones as the configuration names them: what they see, and what is refused. No TensorFlow."""

import pytest

from experiment.errors import ThawError
from experiment.loading import validate_config

MINE = {"model": "a.keras"}


def settings(**changes):
    base = {
        "name": "small", "sources": {"cats_dogs": {"classes": ["cat", "dog"]}, "imagenet": {}}, "sizes": [10],
        "transfers": [{"source": "cats_dogs", "architecture": "original"}], "freeze_counts": {"original": [0]},
    }  # fmt: skip
    return {**base, **changes}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"backbones": {"mine": {**MINE, "scale": "bright"}}}, "backbones.mine.scale: expected '0..255'"),
        ({"backbones": {"original": MINE}}, "original is one of the report's networks; give the backbone another name"),
        ({"backbones": {"a": {"alpha": 1.0}}}, "backbones.a: expected one of `family`, a name of keras.applications"),
        ({"backbones": {"a": {**MINE, "family": "VGG16"}}}, "and `model`, a .keras file; got both"),
        (
            {"backbones": {"a": {**MINE, "alpha": 1.0, "weights": "a.h5"}}},
            "a model takes no alpha and no weights, which",
        ),
        (
            {"backbones": {"a": {"family": "VGG16", "scale": "caffe"}}},
            "a family takes no scale, which belong to a model",
        ),
        (
            {"backbones": {"a": {"family": "VGG17"}}},
            "no family 'VGG17' that Thaw knows; it knows MobileNetV2, MobileNet",
        ),
        ({"backbones": {"a": {"family": "VGG16", "alpha": 0.5}}}, "VGG16 has one width, so it takes no alpha"),
        ({"backbones": {"a": {"family": "VGG16", "image_size_px": 31}}}, "takes images of 32 pixels a side or more"),
        (
            {"backbones": {"mine": {**MINE, "parts": 3}}, "freeze_counts": {"original": [0], "mine": [4]}},
            "mine has 3 freezable parts, so 0 to 3",
        ),
        (
            {
                "data": {"image_shape": [32, 32, 1]},
                "backbones": {"b0": {"family": "EfficientNetB0"}},
                "transfers": [{"source": "imagenet", "architecture": "b0"}],
                "freeze_counts": {"b0": [0]},
            },
            "backbones.b0 needs images of three channels, and data.image_shape has 1",
        ),
    ],
)
def test_a_wrong_backbone_is_refused_with_its_reason(changes, message):
    with pytest.raises(ThawError) as caught:
        validate_config(settings(**changes), "test.yaml")
    assert message in str(caught.value)


def test_a_backbone_sees_what_it_was_trained_on_unless_told():
    families = {
        "b1": {"family": "EfficientNetB1"},
        "small": {"family": "MobileNetV2", "image_size_px": 96, "alpha": 0.5},
    }
    backbones = validate_config(settings(backbones={**families, "mine": MINE}), "x").backbones
    assert [one.side_px for one in backbones.values()] == [240, 96, None]
    assert [one.in_words for one in backbones.values()] == [
        "EfficientNetB1, 240 pixels", "MobileNetV2, alpha 0.5, 96 pixels", "a.keras",
    ]  # fmt: skip
    assert [one.most_frozen for one in backbones.values()] == [8, 18, 8]
