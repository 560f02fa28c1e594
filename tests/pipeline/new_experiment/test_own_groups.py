"""`thaw init` on splits of the user's whose groups have pictures in common, and with a full folder for temporary files.

Builds records of a few photos."""

import contextlib
import tempfile

from acquisition.image_folders.labelled_files import grouping_from
from acquisition.tfrecords.inspection import inspect_records
from acquisition.tfrecords.record_files import find_record_files
from experiment.loading import load_config
from tests.pipeline.new_experiment.test_own_pictures import CLASSES, groups_of, init, photo, write  # noqa: F401


def split_folder(folder):
    """Train and test, with eight groups of two pictures a class in each; a group's name begins with its split's."""
    for split, first in (("train", 0), ("test", 500)):
        for offset, name in enumerate(CLASSES):
            (folder / split / name).mkdir(parents=True)
            for number in range(16):
                picture = photo(first + 1000 * offset + number)
                picture.save(folder / split / name / f"{split}{name}{number // 2}_{number}.png")
    return folder


def test_groups_with_a_picture_in_common_are_named_in_several_splits_of_the_users(tmp_path, init):
    folder, grouping = split_folder(tmp_path / "in"), grouping_from(r"^([a-z]+\d+)_")
    photo(500).save(folder / "train" / "cat" / "traincat0_copy.png")  # the same image as testcat0_0
    made, _ = init(folder, grouping=grouping)
    [note] = [note for note in made.notes if "same image" in note]
    assert note.startswith("1 set of groups with the same image is in several of your splits, such as ")
    assert "'traincat0' in train" in note and "'testcat0' in test" in note
    (folder / "train" / "cat" / "traincat0_copy.png").unlink()
    made, _ = init(folder, grouping=grouping, force=True)
    assert not any("same image" in note for note in made.notes)


def test_a_near_duplicate_that_is_left_out_joins_no_groups_of_two_splits(tmp_path, init):
    folder = split_folder(tmp_path / "in")
    photo(500).save(folder / "train" / "cat" / "traincat0_again.jpg", quality=60)
    made, rows = init(folder, grouping=grouping_from(r"^([a-z]+\d+)_"))
    assert [row["file"] for row in rows if row["split"] == "left out"] == ["train/cat/traincat0_again.jpg"]
    group_of, ids = groups_of(load_config(made.config).data), {row["file"]: row["id"] for row in rows}
    assert group_of[ids["train/cat/traincat0_1.png"]] != group_of[ids["test/cat/testcat0_1.png"]]


def test_groups_that_near_duplicates_join_are_counted_as_intervals_count_them(tmp_path, init):
    folder = write(tmp_path / "in")
    photo(0).save(folder / "cat" / "p1_again.jpg", quality=60)  # photo 0 is in p0
    made, _ = init(folder, grouping=grouping_from(r"^(p\d)_"))
    [note] = [note for note in made.notes if note.startswith("8 groups")]
    assert "; near-duplicates join them to 7 (" in note
    inspection = inspect_records(find_record_files(load_config(made.config).data.path), load_config(made.config).data)
    tested = {number for numbers in inspection.test_groups.values() for number in numbers}
    assert note.endswith(f" {len(tested)} test).")


def test_pictures_that_are_encoded_again_need_no_room_in_the_folder_for_temporary_files(
    tmp_path, init, small_disk, monkeypatch
):
    """/tmp is often small, or in memory; the message said that the output could not be written."""
    monkeypatch.setattr(tempfile, "tempdir", str(small_disk))
    with (small_disk / "filler").open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(4096))
    for offset, name in enumerate(CLASSES):
        (tmp_path / "in" / name).mkdir(parents=True)
        for number in range(16):
            photo(1000 * offset + number).save(tmp_path / "in" / name / f"{number}.bmp")
    made, rows = init(tmp_path / "in")
    assert len(rows) == 32 and load_config(made.config)
