"""A wrong field neither hides nor invents problems between other fields. No TensorFlow."""

import itertools

import hypothesis.strategies as st
import pytest
from hypothesis import given

from experiment.backbones import Backbone
from experiment.domains import Source
from experiment.errors import ThawError
from experiment.loading import PRESETS, load_config, validate_config

SOUND = {
    "name": "small", "sources": {"cats_dogs": {"classes": ["cat", "dog"]}, "imagenet": {}},
    "transfers": [{"source": "cats_dogs", "architecture": "original"}], "sizes": [10, 20],
    "freeze_counts": {"original": [0, 8]},
}  # fmt: skip


def complaints(settings):
    """Lines of the message, without the first; none where the settings are valid."""
    try:
        validate_config(settings, "test.yaml")
    except ThawError as error:
        return str(error).splitlines()[1:]
    return []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"draws": 0, "sizes": [10, 15]}, ["draws", "sizes 15 can't be split evenly"]),
        ({"drawz": 3, "candidate_size": 7}, ["drawz", "candidate_size 7 is not one of"]),
        ({"seed": "2022-01-01\0", "candidate_size": 7}, ["seed", "candidate_size 7 is not one of"]),
        # Of a section, what is right in it is used.
        ({"data": {"path": 3, "classes": ["cat", "dog", "automobile", "truck", "cat"]}}, ["data.path", "data.classes"]),
        (
            {"sources": {"cats_dogs": {"classes": ["cat", "dog"], "control": 5}, "b": {"classes": ["cow", "cat"]}}},
            ["sources.cats_dogs.control", "sources.b.classes names cow"],
        ),
        (
            {"backbones": {"mine": {"family": "NASNetLarge", "alpha": -1}}, "freeze_counts": {"mine": [9]}},
            ["backbones.mine.alpha", "freeze_counts has no entry for original", "freeze_counts.mine asks for 9"],
        ),
        (
            {"transfers": [{"source": "lions", "architecture": "original"}, {"source": "cats_dogs"}]},
            ["transfers.1.architecture", "transfers names the unknown source 'lions'"],
        ),
        # The section's own problems are reported too.
        (
            {"backbones": {"mine": {"family": "A", "model": "b.keras", "alpha": -1}}},
            ["backbones.mine.alpha", "backbones.mine: expected one of `family`"],
        ),
        (
            {"confirmation": {"draws": 9, "most_draws": 5, "every_transfer": "x"}, "candidate_size": 7},
            ["confirmation.every_transfer", "confirmation: most_draws is 5", "candidate_size 7"],
        ),
        (
            {"schedule": {"tuning": None, "epochs": 0}, "tuned": {"original": [[2, 4]]}},
            ["schedule.epochs", "tuned needs schedule.tuning"],
        ),
    ],
)
def test_a_wrong_field_and_what_does_not_fit_together_are_named_at_once(changes, said):
    lines = complaints(SOUND | changes)
    assert len(lines) == len(said), lines
    for line, words in zip(lines, said, strict=True):
        assert line.strip().startswith(words)


def test_a_file_is_told_all_at_once(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text((PRESETS / "quick.yaml").read_text() + "workers: none\nfine_tune: [true, true]\n")
    with pytest.raises(ThawError, match=r"(?s)workers: expected a whole.*\n +fine_tune needs one or more different"):
        load_config(path)


FIRST = {"source": "cats_dogs", "architecture": "original"}
MINE = {"source": "imagenet", "architecture": "mine"}
VALID = {
    "sizes": ([10, 20], [10, 15], []),
    "candidate_size": (None, 50),
    "target": ({}, {"classes": ["automobile", "cat"]}, {"classes": []}, {"classes": ["cow", "dog", "frog"]}),
    "transfers": ([FIRST], [FIRST, FIRST], [FIRST, MINE], [{"source": "lions", "architecture": "original"}]),
    "freeze_counts": ({"original": [0, 8]}, {"original": [9], "mine": [3, 3]}),
    "backbones": ({}, {"mine": {"family": "MobileNetV2"}}, {"original": {"family": "Xception"}}),
    "fine_tune": ([True], [True, False]),
    "tuned": ({}, {"original": [[4, 8]], "wide": [[0, 1]]}),
    "draws": (2,),
    "data": ({}, {"classes": ["automobile", "truck", "cat", "cat"]}, {"image_shape": [8, 8, 1]}),
    "schedule": ({}, {"tuning": None}),
    "sources": (SOUND["sources"], {"cats_dogs": {"classes": ["cat", "cow"]}, "imagenet": {"control": "random"}}),
}
"""By field, values that are valid by themselves, whatever they make of the others."""
WRONG = {
    "sizes": ([10, -5], ([10, 5], [10])),
    "candidate_size": (0.5, (None, 10, 70)),
    "target": ({"classes": ["automobile", 5]}, VALID["target"]),
    "transfers": (
        [FIRST, {"source": "cats_dogs", "architecture": 5}],
        ([FIRST], *([FIRST, {"source": "cats_dogs", "architecture": name}] for name in ("original", "wide"))),
    ),
    "freeze_counts": ({"original": [0, "x"]}, ({"original": [0]}, {"mine": [1], "wide": [1]}, {})),
    "backbones": (
        {"mine": {"family": "Xception", "alpha": -1}, "other": 5},
        tuple({"mine": {"family": "Xception"}, "other": other} for other in ({"family": "ResNet50"}, {"model": "a"})),
    ),
    "fine_tune": ("both", ([True], [True, False])),
    "tuned": ({"original": [[4]]}, VALID["tuned"]),
    "draws": (0, (1, 2)),
    "data": ({"clases": ["cat", "dog"]}, ({"classes": ["cat", "dog"]}, {})),
    "schedule": ({"tuning": 3}, VALID["schedule"]),
    "sources": (
        {"cats_dogs": {"classes": ["cat", "cow", 3]}, "imagenet": {"classes": ["truck", "deer"], "control": "self"}},
        (
            {"cats_dogs": {"classes": ["cat", "dog"]}, "imagenet": {"control": "self"}},
            {"cats_dogs": {"classes": ["cat", "cow"]}, "imagenet": {"classes": ["truck", "deer"]}},
        ),
    ),
}
"""By field, a value that is wrong, and what it may have been meant to be."""


@pytest.mark.parametrize("key", WRONG)
def test_a_wrong_field_alone_is_all_that_is_named(key):
    lines = complaints({**SOUND, key: WRONG[key][0]})
    assert lines
    assert all(line.strip().startswith((f"{key}:", f"{key}.")) for line in lines), lines


@given(
    chosen=st.fixed_dictionaries({key: st.sampled_from(values) for key, values in VALID.items()}),
    wrong=st.lists(st.sampled_from(sorted(WRONG)), min_size=1, max_size=3, unique=True),
)
def test_whatever_is_said_beside_wrong_fields_stays_true_however_they_are_put_right(chosen, wrong):
    of_fields = {line for key in wrong for line in complaints({**SOUND, key: WRONG[key][0]})}
    said = complaints({**SOUND, **chosen, **{key: WRONG[key][0] for key in wrong}})
    assert of_fields <= set(said)
    for meant in itertools.product(*(WRONG[key][1] for key in wrong)):
        right = complaints({**SOUND, **chosen, **dict(zip(wrong, meant, strict=True))})
        assert set(said) - of_fields <= set(right)


@given(chosen=st.fixed_dictionaries({key: st.sampled_from(values) for key, values in VALID.items()}))
def test_a_wrong_field_that_no_check_reads_hides_nothing(chosen):
    whole = complaints({**SOUND, **chosen})
    assert complaints({**SOUND, **chosen, "seed": -1})[1:] == whole


@pytest.mark.parametrize("section", [Source(classes=("cat", "dog")), Backbone(family="Xception")])
def test_a_whole_section_has_all_its_fields_and_can_be_copied(section):
    assert section.model_copy(deep=True) == section
    with pytest.raises(AttributeError, match="no attribute 'klasses'"):
        _ = section.klasses


@pytest.mark.parametrize(
    ("section", "key"),
    [
        ({"backbones": {"mobilenet_v2": {"network": "MobileNetV2"}},
          "transfers": [{"source": "imagenet", "architecture": "mobilenet_v2"}],
          "freeze_counts": {"mobilenet_v2": [9, 13, 18]}}, "backbones.mobilenet_v2.network"),
        ({"sources": {"cats_dogs": {"labels": ["cat", "dog"]}}}, "sources.cats_dogs.labels"),
    ],
)  # fmt: skip
def test_where_a_section_has_an_unknown_key_its_defaults_are_not_judged(section, key):
    """What was meant by the key is not known, so that a default in its place would make problems up."""
    found = complaints({**SOUND, **section})
    assert any(key in line for line in found)
    assert not any("freezable" in line or "without classes" in line for line in found)
