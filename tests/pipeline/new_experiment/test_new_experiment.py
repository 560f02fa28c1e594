"""`thaw init` on small folders of images and TFRecords: what it writes, and what it rejects. Trains nothing."""

import csv
import io
import os

import keras
import numpy as np
import pytest
from PIL import Image

from acquisition.image_folders.image_files import png_bytes
from acquisition.tfrecords.inspection import inspect_records
from acquisition.tfrecords.record_files import find_record_files
from acquisition.tfrecords.tfrecords import write_examples
from experiment.config import Backbone
from experiment.errors import ThawError
from experiment.loading import load_config
from pipeline.new_experiment.new_experiment import make_experiment, show_made
from pipeline.new_experiment.wanted import KEYS, Wanted
from terminal.console import console
from tests.acquisition.mirror_images.test_mirror_check import triangle


def picture(number, size=(32, 32), channels=3):
    pixels = np.random.default_rng(number).integers(0, 256, (size[1], size[0], channels), np.uint8)
    return Image.fromarray(pixels if channels == 3 else pixels[:, :, 0])


def write_images(folder, classes, size=(32, 32)):
    """Eight different pictures of each class."""
    for first, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for number in range(8):
            picture(100 * first + number, size).save(folder / name / f"{number}.png")
    return folder


def write_records(folder, labels, channels=3, ending=""):
    """Ten training and four test images of each label, with keys of their own and no ids."""
    for split, count, first in (("train", 10, 0), ("test", 4, 500)):
        rows = [(png_bytes(picture(first + 1000 * label + number, (24, 20), channels)), label, b"")
                for number in range(count) for label in range(labels)]  # fmt: skip
        write_examples(folder / split / f"mine-{split}.tfrecord{ending}", rows, ("picture", "kind", None))
    return folder


@pytest.fixture
def init(tmp_path):
    """A function that does what `thaw init` does, with ten images a class standing where CIFAR-10 would."""
    for split, first in (("train", 5000), ("test", 6000)):
        rows = [(png_bytes(picture(first + number)), number % 10, b"%s_%d" % (split.encode(), number))
                for number in range(100)]  # fmt: skip
        write_examples(tmp_path / "cifar10" / split / f"cifar10-{split}.tfrecord-00000-of-00001", rows)

    def init(folder, cifar="cifar10", force=False, **wanted):
        return make_experiment(
            folder, tmp_path / "out", Wanted("mine", **wanted), force=force, project_root=tmp_path,
            environment={"CIFAR10_DIR": str(tmp_path / cifar)}, terminal=console(file=io.StringIO()),
        )  # fmt: skip

    return init


def shown(made):
    """What `thaw init` prints."""
    file = io.StringIO()
    show_made(made, console(file=file))
    return file.getvalue()


def test_a_folder_of_images_becomes_an_experiment(tmp_path, init):
    folder = write_images(tmp_path / "images", ["rose", "tulip", "iris", "fern"])
    picture(5003).save(folder / "rose" / "a_cat_of_cifar10.png")
    made = init(folder, target=("rose", "tulip"))
    assert made.written == ["config.yaml", "images.csv", "records"]
    assert {one.name: (one.train, one.val, one.test) for one in made.classes}["tulip"] == (5, 1, 2)
    config = load_config(made.config)
    assert config.target.classes == ("rose", "tulip")
    assert {name: source.classes for name, source in config.sources.items()} == {
        "others": ("fern", "iris"), "cats_dogs": ("cifar10_cat", "cifar10_dog"),
        "ships_planes": ("cifar10_ship", "cifar10_airplane"), "imagenet": (),
    }  # fmt: skip
    with (tmp_path / "out" / "images.csv").open() as file:
        assert sum(row["split"] == "test" for row in csv.DictReader(file)) == 8
    counts = inspect_records(find_record_files(config.data.path), config.data).train_counts
    assert (counts["cifar10_cat"], counts["cifar10_dog"]) == (9, 10)  # the tenth cat is the user's
    assert f"Written to {tmp_path / 'out'}: config.yaml, images.csv, records.\n" in shown(made)
    assert "thaw run --config" in shown(made) and "Target: rose against tulip" in shown(made)


def test_a_model_of_the_users_joins_the_sources(tmp_path, init):
    folder = write_images(tmp_path / "images", ["rose", "tulip"])
    layers = [keras.layers.Conv2D(4, 3), keras.layers.Flatten(), keras.layers.Dense(9)]
    keras.Sequential([keras.Input((32, 32, 3)), *layers]).save(tmp_path / "plants.keras")
    made = init(folder, backbones={"plants": Backbone(model=tmp_path / "plants.keras", scale="0..1")})
    config = load_config(made.config)
    assert config.backbones["plants"] == Backbone(model=tmp_path / "plants.keras", scale="0..1")
    assert config.transfers[-1].id == "pretrained__plants" and config.freeze_counts["plants"] == (0, 1)
    assert made.sources["pretrained"] == f"your model {tmp_path / 'plants.keras'}"
    with pytest.raises(ThawError, match="must say what it expects"):
        init(folder, force=True, backbones={"plants": Backbone(model=tmp_path / "plants.keras")})
    assert load_config(made.config) == config  # the earlier experiment is still there


def test_a_scale_is_for_the_models_without_a_layer_that_scales_pixels(tmp_path, init):
    layers = [keras.layers.Conv2D(2, 3), keras.layers.Flatten(), keras.layers.Dense(9)]
    keras.Sequential([keras.Input((32, 32, 3)), *layers]).save(tmp_path / "plain.keras")
    for name, factor in (("scaled", 1 / 255), ("scaled_further", 2.0)):
        rescaling = keras.layers.Rescaling(factor)
        keras.Sequential([keras.Input((32, 32, 3)), rescaling, *layers]).save(tmp_path / f"{name}.keras")
    files = {name: Backbone(model=tmp_path / f"{name}.keras", scale="0..1")
             for name in ("plain", "scaled", "scaled_further")}  # fmt: skip
    made = init(write_images(tmp_path / "images", ["rose", "tulip"]), backbones=files)
    scales = {name: one.scale for name, one in load_config(made.config).backbones.items() if one.model}
    assert scales == {"plain": "0..1", "scaled": None, "scaled_further": "0..1"}


def test_names_that_look_like_markup_are_shown_as_they_are(tmp_path, init):
    names = ["[red]", "[bold", "a\\", "$x_1$", "{{7*7}}", "%s", "{0}", "<script>", ":cat:"]
    folder = write_images(tmp_path / "images", [*names, "wei\u00df"])
    picture(1).save(os.fsencode(folder / names[0]) + b"/\xff.png", "PNG")
    made = init(folder)
    assert load_config(made.config).target.classes == tuple(sorted([*names, "wei\u00df"]))
    assert all(shown(made).count(name) >= 2 for name in names)


def test_a_class_of_records_may_be_called_like_a_closing_tag(tmp_path, init):
    made = init(write_records(tmp_path / "mine", 2), classes=("[/b]", "[/]"))
    assert "[/b] against [/]" in shown(made)


def test_names_that_are_not_utf_8_are_named_as_they_can_be_printed(tmp_path, init):
    folder = write_images(tmp_path / "images", ["rose", "tulip"])
    picture(7, (4, 4)).save(os.fsencode(folder) + b"/rose/\xff.png", "PNG")
    with pytest.raises(ThawError, match=r"\\udcff\.png: it has 4 x 4 pixels"):
        init(folder)
    os.rename(folder / "tulip", os.fsencode(folder) + b"/\xfe")
    with pytest.raises(ThawError, match=r"has a name with characters that can't be printed"):
        init(folder)


def test_a_class_with_few_images_is_named(tmp_path, init):
    folder = write_images(tmp_path / "images", ["rose", "tulip"])
    notes = [note for note in init(folder).notes if "2 test images and 1 on val" in note]
    assert [note.split()[2] for note in notes] == ["'rose'", "'tulip'"]


def test_images_with_a_hidden_name_are_left_out_with_a_message(tmp_path, init):
    """A class may be called `.5`; what macOS puts beside each file is no image."""
    folder = write_images(tmp_path / "images", ["rose", "tulip", ".5"])
    picture(7).save(folder / "rose" / ".late.png")
    (folder / "rose" / "._0.png").touch()
    count = len(list((folder / ".5").iterdir())) + 1
    [note] = [note for note in init(folder).notes if "begins with a dot" in note]
    assert note.startswith(f"{count} images are left out") and "such as .5/" in note


def test_images_much_larger_than_cifar10_s_have_imagenet_alone(tmp_path, init):
    made = init(write_images(tmp_path / "images", ["rose", "tulip"], size=(100, 70)), cifar="nowhere")
    assert (made.image_shape, list(made.sources)) == ((96, 96, 3), ["imagenet"])
    assert not any("CIFAR" in note for note in made.notes)


def test_classes_that_cifar10_has_too_need_no_cifar10(tmp_path, init):
    folder = write_images(tmp_path / "images", ["cats", "ship"], size=(60, 40))
    made = init(folder, cifar="nowhere")
    assert (made.image_shape, list(made.sources)) == ((40, 60, 3), ["imagenet"])
    assert sum("has your class" in note for note in made.notes) == 2


def test_records_stay_where_they_are_and_cifar10_joins_them(tmp_path, init):
    folder = write_records(tmp_path / "mine", 2, ending=".gz")
    before = {path: path.read_bytes() for path in folder.rglob("*.gz")}
    made = init(folder, classes=("rose", "tulip"))
    config = load_config(made.config)
    assert (config.data.image_key, config.data.label_key, config.data.image_shape) == ("picture", "kind", (20, 24, 3))
    assert config.data.classes == ("rose", "tulip", *(f"cifar10_{n}" for n in ("cat", "dog", "ship", "airplane")))
    assert [(one.train + one.val, one.test) for one in made.classes] == [(10, 4), (10, 4)]
    links = [path for path in (tmp_path / "out" / "records").rglob("*") if path.is_symlink()]
    assert {path.resolve(): path.read_bytes() for path in links} == before


def test_val_and_groups_of_records_are_kept_and_cifar10s_records_have_both(tmp_path, init):
    """The configuration alone could not name them: records of CIFAR-10 without them were refused."""
    for split, count, first in (("train", 10, 0), ("test", 4, 500)):
        rows = [(png_bytes(picture(first + 1000 * label + number, (24, 20))), label, b"%d" % number)
                for number in range(count) for label in range(2)]  # fmt: skip
        write_examples(
            tmp_path / "mine" / split / f"mine-{split}.tfrecord", rows, ("picture", "kind", None),
            ("held", lambda name, split=split: split == "train" and name in b"67"),
            ("who", lambda name, split=split: b"%s %d" % (split.encode(), int(name) // 2)),
        )  # fmt: skip
    keys = {**dict.fromkeys(KEYS), "val": "held", "group": "who"}
    made = init(tmp_path / "mine", keys=keys)
    data = load_config(made.config).data
    assert (data.val_key, data.group_key) == ("held", "who")
    assert [(one.train, one.val, one.test) for one in made.classes] == [(8, 2, 4)] * 2
    found = inspect_records(find_record_files(data.path), data)
    assert (found.val_counts["class_0"], found.val_counts["cifar10_cat"]) == (2, 2)
    assert len(set(found.test_groups["class_0"])) == 2


def test_features_that_nothing_uses_are_named_since_one_may_be_a_group(tmp_path, init):
    assert not any("not used" in note for note in init(write_records(tmp_path / "mine", 2)).notes)
    for split, count in (("train", 10), ("test", 4)):
        rows = [(png_bytes(picture(7 * number + label + 900 * count, (24, 20))), label, b"%d" % number)
                for number in range(count) for label in range(2)]  # fmt: skip
        write_examples(
            tmp_path / "more" / split / f"more-{split}.tfrecord", rows, ("picture", "kind", None),
            ("held", lambda name, split=split: split == "train" and name in b"67"),
            ("who", lambda name, split=split: split.encode() + name),
        )  # fmt: skip
    keys = {**dict.fromkeys(KEYS), "label": "kind"}
    [note] = [note for note in init(tmp_path / "more", force=True, keys=keys).notes if "not used" in note]
    assert note.startswith("Features of the records that are not used: held, who. ") and "--group-key" in note
    keys |= {"val": "held", "group": "who"}
    assert not any("not used" in note for note in init(tmp_path / "more", force=True, keys=keys).notes)


def test_one_feature_for_two_things_is_refused_in_words(tmp_path, init):
    folder = write_records(tmp_path / "mine", 2)
    with pytest.raises(ThawError, match=r"inconsistent: label_key and id_key both name the feature 'kind'.* --val-key"):
        init(folder, keys={**dict.fromkeys(KEYS), "id": "kind"})
    assert not (tmp_path / "out").exists()


def test_grey_records_take_their_own_classes_alone(tmp_path, init):
    made = init(write_records(tmp_path / "mine", 4, channels=1), target=("class_0", "class_1"))
    config = load_config(made.config)
    assert list(config.sources) == ["others"] and config.data.path == tmp_path / "mine"
    assert made.written == ["config.yaml"]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ({"classes": ("a", "b")}, "describe TFRecords"),
        ({"keys": {"image": "x", "label": None, "id": None}}, "describe TFRecords"),
        ({"target": ("rose", "lily")}, "lily.*are not classes of the images"),
    ],
)
def test_what_does_not_fit_images_is_refused_and_nothing_written(tmp_path, init, wanted, message):
    with pytest.raises(ThawError, match=message):
        init(write_images(tmp_path / "images", ["rose", "tulip"]), **wanted)
    assert not (tmp_path / "out").exists()


def test_what_does_not_fit_records_is_refused_and_nothing_written(tmp_path, init):
    folder = write_records(tmp_path / "mine", 2)
    with pytest.raises(ThawError, match="Leave --image-size out"):
        init(folder, image_size_px=64)
    picture(0).save(folder / "0.png")
    with pytest.raises(ThawError, match=r"both TFRecords .*and images"):
        init(folder)
    assert not (tmp_path / "out").exists()


def test_a_class_that_no_record_has_is_named(tmp_path, init):
    made = init(write_records(tmp_path / "mine", 2), classes=("rose", "tulip", "lily"))
    assert "No image is of lily. Correct the classes' names, or leave these out." in made.notes
    assert not any("Neither" in note for note in made.notes)


def test_too_few_images_to_test_on_are_named(tmp_path, init):
    folder = write_records(tmp_path / "mine", 2)
    [file] = (folder / "test").iterdir()
    write_examples(file, [(png_bytes(picture(7001, (24, 20))), 0, b""), (png_bytes(picture(7002, (24, 20))), 1, b"")],
                   ("picture", "kind", None))  # fmt: skip
    with pytest.raises(ThawError, match="'class_0' has 10 training and 1 test image"):
        init(folder)


def test_an_earlier_experiment_is_replaced_with_force_alone(tmp_path, init):
    folder = write_images(tmp_path / "images", ["cat", "ship"])
    init(folder)
    with pytest.raises(ThawError, match="--force"):
        init(folder)
    assert init(folder, force=True, image_size_px=48).image_shape == (48, 48, 3)


def test_pictures_that_point_left_or_right_get_no_mirror_images_unless_asked_for(tmp_path, init):
    for number in range(48):
        place = tmp_path / "photos" / ("left", "right")[number % 2]
        place.mkdir(parents=True, exist_ok=True)
        triangle(number, number % 2 == 0).save(place / f"{number}.png")
    made = init(tmp_path / "photos")
    assert not made.mirror and "Mirror images: not added to the training images (they look like" in shown(made)
    assert not load_config(made.config).augmentation.mirror
    asked = init(tmp_path / "photos", force=True, mirror=True)
    assert load_config(asked.config).augmentation.mirror
    assert "Mirror images: added to the training images (as --mirror says)." in shown(asked)
