"""`thaw init` on pictures with groups, near-duplicates, splits and CSV files: what it writes and says."""

import csv
import io
import itertools
from collections import Counter, defaultdict

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image, ImageOps

from acquisition.image_folders.labelled_files import grouping_from
from acquisition.tfrecords.inspection import inspect_records
from acquisition.tfrecords.record_files import find_record_files
from acquisition.tfrecords.tfrecords import read_batches
from experiment.errors import ThawError
from experiment.loading import load_config
from pipeline.new_experiment import own_pictures
from pipeline.new_experiment.new_experiment import make_experiment, show_made
from pipeline.new_experiment.picture_options import PictureOptions
from pipeline.new_experiment.wanted import Wanted
from terminal.console import console

CLASSES = ("cat", "ship")
"""CIFAR-10 has both, so that none of it is looked for."""


def photo(number, size=(60, 45)):
    """Smooth noise, in the proportions of a photograph's frequencies."""
    coarse = np.random.default_rng(number).integers(0, 256, (9, 12, 3), np.uint8)
    return Image.fromarray(coarse).resize(size, Image.Resampling.BICUBIC)


def write(folder, per_class=16, first=0, classes=CLASSES):
    for offset, name in enumerate(classes):
        (folder / name).mkdir(parents=True)
        for number in range(per_class):
            photo(first + 1000 * offset + number).save(folder / name / f"p{number // 2}_{number}.png")
    return folder


@pytest.fixture
def init(tmp_path):
    """Does what `thaw init` does; gives what was made, and the rows of images.csv."""

    def init(place, force=False, **options):
        made = make_experiment(
            place, tmp_path / "out", Wanted("mine", pictures=PictureOptions(**options)), force=force,
            project_root=tmp_path, environment={}, terminal=console(file=io.StringIO()),
        )  # fmt: skip
        return made, rows_of(tmp_path / "out" / "images.csv")

    return init


def groups_of(data):
    """The group of each record by its id."""
    found = {}
    for path in sorted(data.path.rglob("*.tfrecord*")):
        for _, batch in read_batches(path):
            for raw in batch:
                feature = tf.train.Example.FromString(raw).features.feature
                [name], [group] = (feature[key].bytes_list.value for key in ("id", data.group_key))
                found[name.decode()] = group.decode()
    return found


def rows_of(path):
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_val_of_the_table_is_val_of_the_records(tmp_path, init):
    made, rows = init(write(tmp_path / "in"))
    config = load_config(made.config)
    counts = Counter((row["split"], row["class"]) for row in rows)
    assert (
        {one.name: (one.train, one.val, one.test) for one in made.classes}
        == {name: tuple(counts[split, name] for split in ("train", "val", "test")) for name in CLASSES}
        == dict.fromkeys(CLASSES, (10, 2, 4))
    )
    assert config.data.val_key == "in_val"
    inspection = inspect_records(find_record_files(config.data.path), config.data)
    assert inspection.val_counts == dict.fromkeys(CLASSES, 2)


def test_pictures_saved_again_scaled_and_mirrored_stay_together_and_are_listed(tmp_path, init):
    folder = write(tmp_path / "in")
    for number in range(16):
        twin = photo(number)
        twin.save(folder / "cat" / f"again_{number}.jpg", quality=60)
        ImageOps.mirror(twin).resize((40, 30)).save(folder / "cat" / f"small_{number}.png")
    made, rows = init(folder)
    assert made.written == ["config.yaml", "images.csv", "near_duplicates.csv", "records"]
    splits = {row["file"]: row["split"] for row in rows}
    for number in range(16):
        names = f"p{number // 2}_{number}.png", f"again_{number}.jpg", f"small_{number}.png"
        assert len({splits[f"cat/{name}"] for name in names}) == 1
    near = rows_of(tmp_path / "out" / "near_duplicates.csv")
    assert len(near) == 48 and Counter(row["set"] for row in near) == {str(n + 1): 3 for n in range(16)}
    assert all(row["split"] == splits[row["file"]] == splits[row["nearest"]] for row in near)
    assert any("48 images are near-duplicates" in note and "in 16 sets" in note for note in made.notes)
    data = load_config(made.config).data
    inspect_records(find_record_files(data.path), data)  # would refuse a group in two splits
    set_of, group_of = {row["id"]: row["set"] for row in near}, groups_of(data)
    assert {row["id"] for row in rows} == set(group_of)
    for one, two in itertools.combinations(group_of, 2):
        assert (group_of[one] == group_of[two]) == (set_of.get(one, one) == set_of.get(two, two))
    ignored, _ = init(folder, force=True, together=False)
    assert load_config(ignored.config).data.group_key is None
    assert "near_duplicates.csv" not in ignored.written and not any("near-dup" in note for note in ignored.notes)


def test_near_duplicates_with_two_labels_are_pointed_out(tmp_path, init):
    folder = write(tmp_path / "in")
    photo(3).save(folder / "ship" / "mislabelled.jpg")
    made, _ = init(folder)
    [note] = [note for note in made.notes if "different classes" in note]
    assert "cat/p1_3.png and ship/mislabelled.jpg" in note


def test_a_group_of_a_pattern_lies_in_one_split(tmp_path, init):
    made, rows = init(write(tmp_path / "in"), grouping=grouping_from(r"^(p\d)_"))
    splits = defaultdict(set)
    for row in rows:
        splits[row["group"]].add(row["split"])
    assert len(splits) == 8 and all(len(found) == 1 for found in splits.values())
    assert any(note.startswith("8 groups, each in one split (5 train, 1 val, 2 test)") for note in made.notes)


def test_groups_of_one_picture_each_are_pointed_out(tmp_path, init):
    folder = write(tmp_path / "in")
    files = sorted(path.relative_to(tmp_path) for path in folder.rglob("*.png"))
    table = tmp_path / "labels.csv"
    table.write_text("\n".join(["file,label,group", *(f"{file},{file.parent.name},{file}" for file in files)]))
    made, _ = init(table)
    [note] = [note for note in made.notes if "groups" in note]
    assert note.startswith(f"Each of the {len(files)} groups is a single image")


def test_groups_with_a_picture_in_common_lie_in_one_split(tmp_path, init):
    """A byte copy of a picture of each group lies in the next one, as where one photo is in two albums."""
    folder = tmp_path / "in"
    for name, offset in (("cat", 0), ("ship", 1000)):
        (folder / name).mkdir(parents=True)
        for group in range(12):
            for number in range(2):
                photo(offset + 10 * group + number).save(folder / name / f"{name}{group}_{number}.png")
            if group % 3:
                photo(offset + 10 * (group - 1)).save(folder / name / f"{name}{group}_copy.png")
    made, rows = init(folder, grouping=grouping_from(r"^([a-z]+\d+)_"), together=False)
    [note] = [note for note in made.notes if "the same image" in note]
    assert note.startswith("24 of the groups contain") and note.endswith("such as 'cat0' and 'cat1'.")
    splits = {row["file"]: row["split"] for row in rows}
    for name in ("cat", "ship"):
        for group in range(0, 12, 3):
            linked = {splits[f"{name}/{name}{one}_1.png"] for one in range(group, group + 3)}
            assert len(linked) == 1, (name, group, linked)


def test_a_turned_png_among_pictures_of_one_size_is_fitted(tmp_path, init):
    folder = write(tmp_path / "in")
    for path in folder.rglob("*.png"):
        Image.open(path).resize((64, 48)).save(path)
    turned = Image.Exif()
    turned[0x0112] = 6
    photo(77).resize((64, 48)).save(folder / "cat" / "p9_turned.png", exif=turned)
    made, _ = init(folder, force=True)
    assert load_config(made.config).data.resize


@pytest.mark.parametrize("names", [("cat/p0_0.png",), ("cat/p0_0.png", "ship/p7_15.png")])
def test_grey_pictures_among_pictures_of_one_size_are_taken(tmp_path, init, names):
    folder = write(tmp_path / "in")
    for name in names:
        Image.open(folder / name).convert("L").save(folder / name)
    made, _ = init(folder)
    data = load_config(made.config).data
    assert (data.image_shape, data.resize) == ((45, 60, 3), True)


def test_a_table_gives_labels_groups_and_splits(tmp_path, init):
    write(tmp_path / "in")
    table = tmp_path / "in" / "labels.csv"
    lines = ["path,label,group,split"]
    for number in range(16):
        split = "train" if number < 10 else "test"
        lines += [f"{name}/p{number // 2}_{number}.png,{name}s,person {number // 2},{split}" for name in CLASSES]
    table.write_text("\n".join(lines))
    made, rows = init(table)
    assert [one.name for one in made.classes] == ["cats", "ships"]
    assert [(one.train, one.val, one.test) for one in made.classes] == [(8, 2, 6)] * 2
    assert {row["file"] for row in rows if row["split"] == "test"} == {
        f"{name}/p{number // 2}_{number}.png" for name in CLASSES for number in range(10, 16)
    }
    assert "Your own split is kept; it lacks val, so a fifth of train is now val." in made.notes


def test_near_duplicates_across_the_users_splits_are_left_out_and_counted(tmp_path, init):
    write(tmp_path / "in" / "train")
    write(tmp_path / "in" / "test", 6, first=500)
    for number in (2, 3):
        photo(number).save(tmp_path / "in" / "test" / "cat" / f"twin_{number}.jpg", quality=70)
    made, rows = init(tmp_path / "in")
    left_out = {row["file"] for row in rows if row["split"] == "left out"}
    assert left_out == {"train/cat/p1_2.png", "train/cat/p1_3.png"}
    assert any("2 of your 14 test images have a near-duplicate" in note and "2 of train are left out" in note
               for note in made.notes)  # fmt: skip
    files = find_record_files(load_config(made.config).data.path)
    assert sum(len(batch) for path in files.train for _, batch in read_batches(path)) == 30


def test_groups_that_a_left_out_picture_joins_across_the_users_splits_stay_apart(tmp_path, init):
    """A near-duplicate of a test picture is in a group of train: init wrote records and then refused them."""
    write(tmp_path / "in")
    photo(14).save(tmp_path / "in" / "cat" / "twin.jpg", quality=70)
    files = [(f"{name}/p{number // 2}_{number}.png", number) for number in range(16) for name in CLASSES]
    lines = [
        f"{file},{file.split('/')[0]},{number // 2},{'test' if number > 11 else 'train'}" for file, number in files
    ]
    (tmp_path / "in" / "labels.csv").write_text(
        "\n".join(["file,label,group,split", *lines, "cat/twin.jpg,cat,0,train"])
    )
    made, rows = init(tmp_path / "in" / "labels.csv")
    data = load_config(made.config).data
    inspect_records(find_record_files(data.path), data)
    group_of = groups_of(data)
    by_person = defaultdict(set)
    for row in rows:
        if row["split"] != "left out":
            by_person[row["group"]].add(group_of[row["id"]])
    assert len(set.union(*by_person.values())) == len(by_person) == 8


def test_unbalanced_classes_are_named(tmp_path, init):
    write(tmp_path / "in", 10, classes=("cat",))
    made, _ = init(write(tmp_path / "in", 30, first=50, classes=("ship",)))
    assert any("from 10 to 30 images" in note for note in made.notes) and made.sizes[-1] <= 2 * 6


@pytest.mark.slow  # writes 800 pictures
def test_a_hundred_classes_are_shown_and_run(tmp_path, init):
    made, _ = init(write(tmp_path / "in", 8, classes=[f"ship_{number:02}" for number in range(98)] + [*CLASSES]))
    for width in (80, 120):
        file = io.StringIO()
        terminal = console(file=file)
        terminal.width = width
        show_made(made, terminal)
        lines = file.getvalue().splitlines()
        assert max(map(len, lines[:105])) <= width and sum("ship_41" in line for line in lines) == 1
        assert max(map(len, lines)) < 500 and len(lines) < 125
        assert "Target: 100 classes, cat, ship, ship_00, ship_01, ship_02 and 95 more" in file.getvalue()
        assert "100 of 100 classes have fewer than 10 test images" in file.getvalue()
    assert load_config(made.config).target.classes == tuple(one.name for one in made.classes)


def spoiled_table(folder, line):
    write(folder)
    names = [f"{name}/p{number // 2}_{number}.png,{name}" for number in range(16) for name in CLASSES]
    (folder / "labels.csv").write_text("\n".join(["file,label", *names, line]))
    return folder / "labels.csv"


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda folder: spoiled_table(folder, "lost.png,cat"), "lost.png"),
        (lambda folder: spoiled_table(folder, "ship/p0_0.png,cat"), "two labels"),
        (lambda folder: (write(folder), photo(1, (1, 20_000)).save(folder / "cat" / "thin.png"))[0],
         r"thin\.png: it has 1 x 20000 pixels"),
        (lambda folder: (write(folder), (folder / "cat" / "cut.png").write_bytes(b"\x89PNG\r\n"))[0], r"cut\.png"),
    ],
)  # fmt: skip
def test_bad_input_is_named_and_nothing_written(tmp_path, init, monkeypatch, spoil, message):
    monkeypatch.setattr(own_pictures, "RESUMED_FROM", 1)
    place = spoil(tmp_path / "in")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(ThawError, match=message):
        init(place)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_was_read_before_an_interruption_is_kept_beside_the_output(tmp_path, init, monkeypatch):
    monkeypatch.setattr(own_pictures, "RESUMED_FROM", 1)
    folder = write(tmp_path / "in")

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(own_pictures, "divide", interrupted)
        init(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out-reading", "in"]
    init(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", "out"]
