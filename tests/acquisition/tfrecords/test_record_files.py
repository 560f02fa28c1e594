"""Which files count as a data set's TFRecords, and which folders are rejected. Reads no record."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from acquisition.tfrecords.record_files import find_record_files
from experiment.errors import ThawError


def touch(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


@pytest.mark.parametrize(
    ("train", "test", "name"),
    [
        (
            "train/cifar10-train.tfrecord-00000-of-00001",
            "test/cifar10-test.tfrecord-00000-of-00001",
            "cifar10",
        ),
        ("train/part.tfrecord", "test/part.tfrecord", "mine"),
        ("train/part.tfrecords", "test/part.tfrecords", "mine"),
        ("train/my_tfrecords.bin", "test/my_tfrecords.bin", "mine"),
        ("train/a.tfrecord-00000-of-00001.gz", "test/a.tfrecord-00000-of-00001.gz", "mine"),
        ("cifar10-train.tfrecord-00000-of-00001", "cifar10-test.tfrecord-00000-of-00001", "cifar10"),
        ("train.tfrecord", "test.tfrecord", "mine"),
        ("train_0.tfrecord.gz", "test_0.tfrecord.gz", "mine"),
        (
            "3.0.2/cifar10-train.tfrecord-00000-of-00001",
            "3.0.2/cifar10-test.tfrecord-00000-of-00001",
            "cifar10",
        ),
        ("x/3.0.2/c-train.tfrecord-00000-of-00001", "x/3.0.2/c-test.tfrecord-00000-of-00001", "c"),
    ],
)
def test_each_layout_is_found(tmp_path: Path, train: str, test: str, name: str) -> None:
    folder = tmp_path / "mine"
    touch(folder, train, test)
    files = find_record_files(folder)
    assert files.train == (folder / train,)
    assert files.test == (folder / test,)
    assert files.name == name
    assert files.train == tuple(files.folder.glob(files.train_pattern))


def test_shards_are_sorted_and_files_beside_them_left_out(tmp_path: Path) -> None:
    shards = [f"train/a.tfrecord-{i:05d}-of-00012" for i in range(12)]
    beside = [
        "train/a.tfrecord-00000-of-00012.md5",
        "train/README.md",
        "train/a.tfrecord.index",
        "labels.txt",
    ]
    touch(tmp_path, *reversed(shards), *beside, "test/a.tfrecord", "test/dataset_info.json", "dataset_info.json")
    files = find_record_files(str(tmp_path))
    assert [str(path.relative_to(tmp_path)) for path in files.train] == shards
    assert [path.name for path in files.test] == ["a.tfrecord"]


def test_the_newest_version_is_taken(tmp_path: Path) -> None:
    for version in ("3.0.2", "3.0.10", "2.9.9"):
        touch(tmp_path, f"{version}/c-train.tfrecord", f"{version}/c-test.tfrecord")
    assert find_record_files(tmp_path).folder.name == "3.0.10"


def test_a_folder_named_like_records_is_no_record_file(tmp_path: Path) -> None:
    (tmp_path / "train" / "deep.tfrecord").mkdir(parents=True)
    touch(tmp_path, "test/a.tfrecord")
    with pytest.raises(ThawError, match="the split test only"):
        find_record_files(tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ThawError, match=r"nowhere does not exist\. Give the folder"):
        find_record_files(tmp_path / "nowhere")


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    touch(tmp_path, "train.tfrecord")
    with pytest.raises(ThawError, match=r"train\.tfrecord is a file"):
        find_record_files(tmp_path / "train.tfrecord")


def test_a_folder_without_records_says_what_was_looked_for(tmp_path: Path) -> None:
    touch(tmp_path, "train/images.npz", "labels.txt")
    with pytest.raises(ThawError, match=r"No TFRecords found in .*Looked for train/\*tfrecord\*"):
        find_record_files(tmp_path)


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_lacking_split_is_named(tmp_path: Path, split: str) -> None:
    touch(tmp_path, f"c-{split}.tfrecord-00000-of-00001")
    with pytest.raises(ThawError, match=f"TFRecords for the split {split} only"):
        find_record_files(tmp_path)


def test_records_three_folders_down_are_not_searched_for(tmp_path: Path) -> None:
    touch(tmp_path, "a/b/c/train.tfrecord", "a/b/c/test.tfrecord")
    with pytest.raises(ThawError, match="No TFRecords found"):
        find_record_files(tmp_path)


def test_several_data_sets_in_one_folder_are_refused(tmp_path: Path) -> None:
    for name in ("cifar10", "mnist"):
        touch(tmp_path, f"{name}/3.0.2/{name}-train.tfrecord", f"{name}/3.0.2/{name}-test.tfrecord")
    with pytest.raises(ThawError, match=r"more than one data set: .*cifar10.*mnist"):
        find_record_files(tmp_path)


def test_a_missing_shard_is_named(tmp_path: Path) -> None:
    touch(tmp_path, *(f"train/a.tfrecord-{i:05d}-of-00005" for i in (0, 1, 4)), "test/a.tfrecord")
    with pytest.raises(ThawError, match=r"lacks 2 of the 5 shards of a\.tfrecord.*00002-of-00005"):
        find_record_files(tmp_path)


def test_two_sets_of_shards_together_are_refused(tmp_path: Path) -> None:
    touch(tmp_path, "train/a.tfrecord-00000-of-00001", "train/b.tfrecord-00000-of-00001", "test/a.tfrecord")
    with pytest.raises(ThawError, match=r"mixes several sets of shards \(a\.tfrecord in 1, b\.tfrecord in 1\)"):
        find_record_files(tmp_path)


def test_a_folder_whose_name_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / os.fsdecode(b"\xff")
    touch(folder, "train.tfrecord", "test.tfrecord")
    with pytest.raises(ThawError, match=r"udcff is not UTF-8.*Rename it"):
        find_record_files(folder)


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (("train-00000-of-00003.tfrecord", "train-00002-of-00003.tfrecord"),
         r"lacks 1 of the 3 shards of train\.tfrecord, the first being train-00001-of-00003\.tfrecord"),
        (("train-00000-of-00003.tfrecord.gz",), r"lacks 2 of the 3 .* being train-00001-of-00003\.tfrecord\.gz"),
        (("train/00000-of-00002-a.tfrecord",), r"lacks 1 of the 2 .* being 00001-of-00002-a\.tfrecord"),
        (("train_1_of_3.tfrecord", "train_3_of_3.tfrecord"), r"lacks 1 of the 3 .* being train_2_of_3\.tfrecord"),
        (("train-0-of-2.tfrecord", "train-1-of-2.tfrecord", "train-2-of-2.tfrecord"), "shard numbered 2 of 2"),
        (("train-0-of-2.tfrecord", "train-1-of-2.tfrecord", "train-0-of-1.tfrecord"), "mixes several sets"),
        (("train-0-of-1.tfrecord", "train.tfrecord"), "mixes several sets"),
    ],
)  # fmt: skip
def test_sets_of_shards_are_checked_wherever_the_number_stands(
    tmp_path: Path, names: tuple[str, ...], complaint: str
) -> None:
    touch(tmp_path, *names, "test.tfrecord" if "/" not in names[0] else "test/a.tfrecord")
    with pytest.raises(ThawError, match=complaint):
        find_record_files(tmp_path)


@pytest.mark.parametrize("first", [0, 1])
def test_whole_sets_of_shards_are_taken_wherever_the_number_stands(tmp_path: Path, first: int) -> None:
    touch(tmp_path, *(f"train-{first + i:03d}-of-003.tfrecord" for i in range(3)), "test.tfrecord")
    assert len(find_record_files(tmp_path).train) == 3


def test_a_missing_shard_is_told_whatever_the_name_holds(tmp_path: Path) -> None:
    touch(tmp_path, "train/two\nlines.tfrecord-00000-of-00002", "test/a.tfrecord")
    with pytest.raises(ThawError, match="lacks 1 of the 2 shards"):
        find_record_files(tmp_path)


def test_a_file_whose_name_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    touch(tmp_path, "train/\udcff.tfrecord", "test/a.tfrecord")
    with pytest.raises(ThawError, match=r"udcff\.tfrecord is not UTF-8"):
        find_record_files(tmp_path)
