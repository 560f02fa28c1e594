"""Settings that `thaw init` chooses, and the words it refuses. Reads no image."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiment.config import Backbone, Data
from experiment.errors import ThawError
from pipeline.new_experiment.own_settings import (
    choose_sizes,
    chosen_target,
    freeze_counts_of,
    own_domains,
    own_settings,
    validated,
)
from pipeline.new_experiment.wanted import name_from, names_in, wanted_from

ASKED = {"target": None, "classes": None, "image_size": None, "image_key": None, "label_key": None, "id_key": None,
         "val_key": None, "group_key": None, "backbone": (), "scale": None, "mirror": None}  # fmt: skip
MOBILENET = Backbone(family="MobileNetV2", alpha=1.0, image_size_px=96)
DATA = Data(path="/records", image_shape=(40, 30, 3), classes=("rose", "tulip", "iris", "fern"))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("rose,tulip", ("rose", "tulip")), (" rose , tulip ", ("rose", "tulip")), (None, ()),
        ('"a, b",c', ("a, b", "c")), ('"c ", d', ("c ", "d")), ('"say ""hi""",x', ('say "hi"', "x")), 
        ("日本 語,b", ("日本 語", "b")),
    ],
)  # fmt: skip
def test_names_have_commas_between_them_and_quotes_where_they_hold_some(text, names):
    assert names_in(text) == names


@given(st.lists(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1), min_size=1, max_size=4))
def test_every_name_can_be_given_in_quotes(names):
    text = ",".join('"' + name.replace('"', '""') + '"' for name in names)
    assert names_in(text) == tuple(names)


@pytest.mark.parametrize("text", ['"a', '"a"b'])
def test_names_that_can_not_be_read_are_refused(text):
    with pytest.raises(ThawError, match="Can't read the names"):
        names_in(text)


def test_what_is_written_is_a_valid_experiment_and_reads_back(tmp_path):
    settings = own_settings("garden", DATA, ("rose", "tulip"), {"others": ("iris", "fern")}, 60, {})
    config, text = validated(settings, tmp_path / "config.yaml")
    assert f"thaw run --config {tmp_path / 'config.yaml'}" in text
    assert [transfer.id for transfer in config.transfers] == ["others__original", "imagenet__mobilenet_v2"]
    assert config.sizes == (10, 40, 120)  # 5, 20 and 60 of each class, of 60
    assert (config.data.image_shape, config.backbones) == ((40, 30, 3), {"mobilenet_v2": MOBILENET})


def test_grey_images_have_no_imagenet_and_need_another_source():
    grey = DATA.model_copy(update={"image_shape": (32, 32, 1)})
    assert list(own_settings("a", grey, ("rose", "tulip"), {"others": ("iris", "fern")}, 60, {})["sources"]) == [
        "others"
    ]
    with pytest.raises(ThawError, match="nothing to transfer: images with 1 channel"):
        own_settings("a", grey, ("rose", "tulip"), {}, 60, {})


def test_backbones_are_transferred_beside_mobilenet_with_their_last_parts_to_freeze(tmp_path):
    net = Backbone(model=tmp_path / "My Net.keras", scale="0..1", sha256="ab", mflop=3.0, parts=5)
    b0 = Backbone(family="EfficientNetB0", parts=8)
    asked = {"my_net": net, "efficientnetb0": b0}
    settings = own_settings("garden", DATA, ("rose", "tulip"), {"others": ("iris", "fern")}, 60, asked)
    config, text = validated(settings, tmp_path / "config.yaml")
    assert [transfer.id for transfer in config.transfers] == [
        "others__original", "imagenet__mobilenet_v2", "pretrained__my_net", "imagenet__efficientnetb0",
    ]  # fmt: skip
    assert config.freeze_counts["my_net"] == (3, 4, 5) and config.freeze_counts["efficientnetb0"] == (6, 7, 8)
    assert config.backbones["my_net"] == Backbone(model=net.model, scale="0..1") and "sha256" not in text
    assert config.baselines == dict.fromkeys(("mobilenet_v2", *asked), "original")
    grey = DATA.model_copy(update={"image_shape": (32, 32, 1)})
    assert list(own_settings("a", grey, ("rose", "tulip"), {}, 60, {"my_net": net})["sources"]) == ["pretrained"]
    assert [freeze_counts_of(parts) for parts in (1, 2, 8)] == [[0, 1], [0, 1, 2], [6, 7, 8]]


def test_families_and_files_are_told_apart_and_named():
    asked = {**ASKED, "scale": "caffe", "backbone": ("VGG16", "My Net.keras", "mobilenet_v2.keras", "MobileNetV2")}
    assert wanted_from("garden", asked).backbones == {
        "vgg16": Backbone(family="VGG16"),
        "my_net": Backbone(model=Path("My Net.keras").absolute(), scale="caffe"),
        "mobilenet_v2_model": Backbone(model=Path("mobilenet_v2.keras").absolute(), scale="caffe"),
    }


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"scale": "caffe"}, "Give both, or neither"),
        ({"scale": "caffe", "backbone": ("VGG16",)}, "Give both, or neither"),
        ({"backbone": ("VGG17",)}, r"--backbone VGG17 is neither a \.keras file nor a family .*VGG16"),
        ({"backbone": ("b0.h5",)}, r"file of weights.*--set backbones\.<name>\.weights=b0\.h5.*--weights b0\.h5.*save"),
        ({"backbone": ("a.keras", "b/a.keras", "c/a.keras")}, "Two --backbone options would get the name a_model"),
    ],
)
def test_what_is_no_backbone_is_refused(asked, message):
    with pytest.raises(ThawError, match=message):
        wanted_from("garden", {**ASKED, **asked})


def test_a_setting_that_does_not_fit_is_refused(tmp_path):
    with pytest.raises(ThawError, match="lily"):
        validated(own_settings("garden", DATA, ("rose", "lily"), {}, 60, {}), tmp_path / "config.yaml")


@given(st.integers(5, 1000), st.integers(2, 20))
def test_sizes_fit_the_data_and_are_even(offered, classes):
    sizes = choose_sizes(offered, classes)
    assert sizes == sorted(set(sizes)) and 1 <= len(sizes) <= 3
    assert max(sizes) <= offered * classes and not any(size % classes for size in sizes)


@pytest.mark.parametrize(
    ("offered", "per_class"),
    [
        (5, [5]), (6, [5, 6]), (12, [5, 10]), (19, [5, 10]), (20, [5, 10, 20]), (48, [5, 10, 40]), (99, [5, 20, 90]),
        (120, [5, 20, 100]), (165, [5, 20, 100]), (240, [10, 50, 200]), (5000, [10, 50, 200]),
    ],
)  # fmt: skip
def test_the_largest_size_is_what_the_data_offers_rounded_down(offered, per_class):
    assert choose_sizes(offered, 3) == [3 * count for count in per_class]


@pytest.mark.parametrize(
    ("classes", "offered", "epochs", "steps"),
    [(2, 60, 30, 960), (3, 200, 30, 960), (4, 20, 120, 960), (10, 100, 120, 960), (10, 200, 120, 1875),
     (100, 30, 120, 2813), (100, 200, 120, 9600)],
)  # fmt: skip
def test_networks_from_scratch_see_the_images_of_the_largest_n_thirty_times(classes, offered, epochs, steps):
    """With a fixed bound of 240, 6,000 records of 100 classes were seen 1.3 times: they ended at chance."""
    names = tuple(map(str, range(classes)))
    data = DATA.model_copy(update={"classes": names})
    settings = own_settings("many", data, names, {}, offered, {})
    assert settings["schedule"] == {"epochs": epochs, "max_steps": steps}
    assert steps == 9600 or steps * 32 / settings["sizes"][-1] >= 30
    # A fifth of what chance leaves: 60% would refuse good models of many classes.
    assert settings["blessing"] == {"min_accuracy": round(0.2 + 0.8 / classes, 2)}


def test_a_users_images_are_trained_in_the_precision_that_is_fast_on_the_machine(tmp_path):
    settings = own_settings("garden", DATA, ("rose", "tulip"), {"others": ("iris", "fern")}, 60, {})
    assert validated(settings, tmp_path / "config.yaml")[0].precision == "auto"


def test_a_choice_between_transfers_is_made_on_more_than_one_draw():
    """24 val images and one draw once chose a source that fresh draws found 24 points below another."""
    one = own_settings("a", DATA.model_copy(update={"image_shape": (200, 200, 3)}), ("rose", "tulip"), {}, 60, {})
    several = own_settings("a", DATA, ("rose", "tulip"), {"others": ("iris", "fern")}, 60, {})
    assert (len(one["transfers"]), one["draws"]) == (1, 1)
    assert (len(several["transfers"]), several["draws"]) == (2, 3)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["lily"], "lily.*are not classes of the images"),
        (["rose"], "two or more different"),
        (["rose", "rose"], "two or more different"),
    ],
)
def test_a_target_that_is_none_is_refused(asked, message):
    with pytest.raises(ThawError, match=message):
        chosen_target(["rose", "tulip"], asked)


def test_without_a_target_all_classes_are_it_and_two_left_over_are_a_source():
    assert chosen_target(["rose", "tulip"], []) == ("rose", "tulip")
    assert own_domains(["rose", "tulip", "iris", "fern"], ["rose", "tulip"]) == {"others": ("iris", "fern")}
    assert own_domains(["rose", "tulip", "iris"], ["rose", "tulip"]) == {}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("My Flowers!", "my_flowers"),
        ("2 cats", "own_2_cats"),
        ("", "own"),
        ("synthetic", "own_synthetic"),
        ("ж", "own"),
    ],
)
def test_any_folder_gives_a_name(text, name):
    assert name_from(text) == name
    assert wanted_from(name, ASKED).name == name


def test_names_between_commas_are_read_and_a_name_that_does_not_fit_is_refused():
    wanted = wanted_from("flowers", {**ASKED, "target": "rose, tulip,", "id_key": "key"})
    assert (wanted.target, wanted.keys["id"]) == (("rose", "tulip"), "key")
    with pytest.raises(ThawError, match="with --name, such as my_flowers"):
        wanted_from("My Flowers", ASKED)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (None, ()),
        ("rose, tulip,", ("rose", "tulip")),
        ('"gänse, graue",日本 語', ("gänse, graue", "日本 語")),
        (' "rose " , tulip ', ("rose ", "tulip")),
        ('"say ""hi""",5" disc', ('say "hi"', '5" disc')),
        ("[/b],it's", ("[/b]", "it's")),
    ],
)
def test_names_with_commas_and_spaces_are_named_in_quotes(text, names):
    assert names_in(text) == names
    assert wanted_from("garden", {**ASKED, "target": text, "classes": text}).classes == names


@pytest.mark.parametrize("text", ["", " ", ",", '""', ' , "" '])
def test_no_name_is_not_the_same_as_no_option(text):
    """`--target "$CLASSES"` with a variable that is not set would silently mean all classes."""
    with pytest.raises(ThawError, match=r"has no name.*leave the option out"):
        names_in(text)


@pytest.mark.parametrize("text", ['"rose', 'tulip,"rose" red', '""rose"'])
def test_quotes_that_do_not_close_are_refused(text):
    with pytest.raises(ThawError, match=r"Can't read the names in .* in double quotes"):
        names_in(text)


@given(st.lists(st.text(st.characters(exclude_categories=("Cs",)), min_size=1), min_size=1, max_size=4))
def test_any_names_can_be_quoted(names):
    assert names_in(",".join('"' + name.replace('"', '""') + '"' for name in names)) == tuple(names)


def test_the_commands_of_a_written_file_can_be_pasted_whatever_its_folder_is_called(tmp_path):
    settings = own_settings("garden", DATA, ("rose", "tulip"), {"others": ("iris", "fern")}, 60, {})
    _, text = validated(settings, Path("my garden [2024]/config.yaml"))
    assert "`thaw run --config 'my garden [2024]/config.yaml'` runs it" in text
