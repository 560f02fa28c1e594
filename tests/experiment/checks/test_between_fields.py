"""Settings that are valid one by one and mean two things with one name. No TensorFlow."""

import pytest

from experiment.errors import ThawError
from experiment.loading import PRESETS, load_config


@pytest.mark.parametrize("name", ["baseline", "target"])
def test_a_source_with_a_name_of_the_pipelines_own_is_refused(name):
    asked = f"sources={{{name}: {{classes: [cat, dog]}}}}", f"transfers=[{{source: {name}, architecture: original}}]"
    with pytest.raises(ThawError, match=rf"sources\.{name}: Thaw uses this name for .*; give the source another name"):
        load_config(PRESETS / "tiny.yaml", asked)
    renamed = (one.replace(name, f"{name}_domain") for one in asked)
    assert load_config(PRESETS / "tiny.yaml", tuple(renamed)).transfers[0].id == f"{name}_domain__original"


@pytest.mark.parametrize("asked", [
    ("data.val_key=label",), ("data.id_key=image",), ("data.label_key=id",), ("data.val_key=v", "data.group_key=v"),
    ("data.val_key=v", "data.group_key=id"),
])  # fmt: skip
def test_a_feature_of_the_records_has_one_meaning(asked):
    with pytest.raises(ThawError, match=r"data: (\w+)_key and (\w+)_key both name the feature '\w+'; expected a"):
        load_config(PRESETS / "tiny.yaml", asked)


def test_features_of_any_names_are_taken():
    found = load_config(PRESETS / "tiny.yaml", ("data.val_key=v", "data.group_key=g", "data.id_key=label2")).data
    assert (found.val_key, found.group_key, found.id_key) == ("v", "g", "label2")


def test_a_class_is_the_same_however_its_accents_are_encoded():
    composed, apart = "caf\u00e9", "cafe\u0301"
    data = f"data.classes=[{composed}, tea, milk, water]"
    asked = (
        data,
        f"target.classes=[{apart}, tea]",
        "sources={others: {classes: [milk, water]}}",
    )
    found = load_config(PRESETS / "tiny.yaml", (*asked, "transfers=[{source: others, architecture: original}]"))
    assert found.target.classes == (composed, "tea")
    with pytest.raises(ThawError, match=r"data\.classes has a name twice"):
        load_config(PRESETS / "tiny.yaml", (f"data.classes=[{composed}, {apart}, tea]",))
    with pytest.raises(ThawError, match=f"shares {composed} with the target"):
        load_config(PRESETS / "tiny.yaml", (*asked[:2], f"sources={{others: {{classes: [{apart}, milk]}}}}"))
