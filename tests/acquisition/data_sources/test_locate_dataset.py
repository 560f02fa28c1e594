"""The order of the places of data, and the message about each. Uses only loopback."""

from __future__ import annotations

import hashlib
import io
import pickle
import re
import shutil
import tarfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acquisition.data_sources.base_folders import Places
from acquisition.data_sources.cifar10 import Archive
from acquisition.data_sources.locate_dataset import Dataset, locate_dataset
from acquisition.tfrecords.inspection import inspect_records
from experiment.config import CIFAR10_CLASSES, Data
from experiment.errors import ThawError

NOWHERE = Archive("http://127.0.0.1:9/cifar-10-python.tar.gz", 1, "")


class World:
    """An empty home with every place where data may lie.

    Args:
      root: holds it all.
      make: makes record files.
      said: collects what is said.
    """

    def __init__(self, root: Path, make: Any, said: list[str]):
        self.root = root
        self.make = make
        self.said = said
        self.environment: dict[str, str] = {}
        self.project = root / "project"
        self.project.mkdir()

    def locate(
        self, explicit: Path | None = None, archive: Archive = NOWHERE, classes: Sequence[str] = CIFAR10_CLASSES
    ) -> Dataset:  # fmt: skip
        return locate_dataset(
            explicit,
            Places(self.root / "shared" / "data", self.root / "cache", self.root / "tfds", self.root / "keras"),
            self.environment,
            say=self.said.append,
            classes=classes,
            download_timeout_s=60.0,  # what is given up at once is not waited for
            archive=archive,
            synthetic_counts=(2, 1),
        )

    def fill(self, place: str) -> Path:
        """Puts a small data set into a place; returns the folder."""
        return Path(self.make.data_set(self.root / place))


@pytest.fixture
def world(tmp_path: Path, make: Any, said: list[str]) -> World:
    return World(tmp_path, make, said)


def tiny_archive(path: Path) -> Archive:
    """An archive in CIFAR-10's layout with one image of each class a batch."""
    with tarfile.open(path, "w:gz") as tar:
        for number, name in enumerate([*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]):
            data = np.random.default_rng(number).integers(0, 256, (10, 3072), np.uint8)
            content = pickle.dumps({b"data": data, b"labels": list(range(10))}, protocol=2)
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    content = path.read_bytes()
    return Archive("", len(content), hashlib.md5(content, usedforsecurity=False).hexdigest())


def test_each_place_wins_over_those_after_it(world: World) -> None:
    places = ["given", "named", "shared/data/cifar10", "cache/cifar10", "tfds/cifar10"]
    folders = [world.fill(place) for place in places]
    world.environment["CIFAR10_DIR"] = str(folders[1])
    assert world.locate(folders[0]).files.folder == folders[0]
    assert world.locate().files.folder == folders[1]
    world.environment.clear()
    for folder in folders[2:]:
        assert world.locate().files.folder == folder
        shutil.rmtree(folder)
    assert world.locate().synthetic
    origins = ["given explicitly", "named by CIFAR10_DIR", "shared data", "Thaw's cache", "a TFDS copy"]
    for line, origin, folder in zip(world.said, origins, folders, strict=False):
        assert line == f"Data: Images in {folder}, {origin}."


def test_a_folder_is_known_by_its_whole_path_however_it_was_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TFX's cache has it in a key: by another spelling, sources would be trained again."""
    folder = world.fill("photos")
    monkeypatch.chdir(folder.parent)
    for named in (folder, Path(folder.name), Path(f"./{folder.name}/")):
        assert world.locate(named).files.folder == folder
    world.environment["CIFAR10_DIR"] = folder.name
    assert world.locate().files.folder == folder


def test_an_unusable_explicit_path_is_an_error_though_other_data_is_there(world: World) -> None:
    world.fill("cache/cifar10")
    with pytest.raises(ThawError, match="typo does not exist"):
        world.locate(world.root / "typo")


def test_an_unusable_environment_variable_is_an_error_though_other_data_is_there(world: World) -> None:
    world.fill("cache/cifar10")
    world.environment["CIFAR10_DIR"] = str(world.root / "typo")
    with pytest.raises(ThawError, match=r"CIFAR10_DIR can't be used\. .*typo does not exist.*unset CIFAR10_DIR"):
        world.locate()


def test_an_empty_environment_variable_counts_as_unset(world: World) -> None:
    world.environment["CIFAR10_DIR"] = ""
    folder = world.fill("cache/cifar10")
    assert world.locate().files.folder == folder


def test_an_unusable_place_is_passed_over_aloud(world: World) -> None:
    (world.root / "shared" / "data" / "cifar10").mkdir(parents=True)
    folder = world.fill("tfds/cifar10")
    assert world.locate().files.folder == folder
    assert world.said[0].startswith("Data: shared data is not used. No TFRecords found in")
    assert len(world.said) == 2


def test_a_download_is_converted_into_the_cache_and_found_again(world: World, site: Any) -> None:
    tiny = tiny_archive(world.root / "tiny.tar.gz")
    site.content = (world.root / "tiny.tar.gz").read_bytes()
    site.cut_after = [1000]
    archive = Archive(site.url, tiny.size_bytes, tiny.md5)
    dataset = world.locate(archive=archive)
    assert (dataset.name, dataset.synthetic) == ("cifar10", False)
    assert site.url in dataset.origin
    assert inspect_records(dataset.files, Data()).train_counts["truck"] == 5
    assert list((world.root / "cache" / "downloads").iterdir()) == []
    requests = len(site.asked)
    assert world.locate(archive=archive).files == dataset.files
    assert len(site.asked) == requests
    assert world.said[-1].endswith("Thaw's cache.")


def test_an_archive_that_the_user_puts_where_the_message_says_is_taken_offline(world: World) -> None:
    tiny, closed = tiny_archive(world.root / "tiny.tar.gz"), "http://127.0.0.1:9/cifar.tar.gz"
    archive = Archive(closed, tiny.size_bytes, tiny.md5)
    assert world.locate(archive=archive).synthetic
    [place] = re.findall(r"put the file at (\S+)\.$", world.said[0])
    (world.root / "tiny.tar.gz").rename(place)
    assert world.locate(archive=archive).name == "cifar10"


def test_a_broken_cache_is_replaced_by_the_download(world: World, site: Any) -> None:
    (world.root / "cache" / "cifar10" / "train").mkdir(parents=True)
    tiny = tiny_archive(world.root / "tiny.tar.gz")
    site.content = (world.root / "tiny.tar.gz").read_bytes()
    assert world.locate(archive=Archive(site.url, tiny.size_bytes, tiny.md5)).name == "cifar10"
    assert world.said[0].startswith("Data: Thaw's cache is not used.")


def test_a_failed_conversion_leaves_no_half_data_set(world: World, site: Any) -> None:
    site.content = b"no archive"
    md5 = hashlib.md5(site.content, usedforsecurity=False).hexdigest()
    assert world.locate(archive=Archive(site.url, len(site.content), md5)).synthetic
    assert "no readable cifar-10-batches-py/data_batch_1" in world.said[0]
    assert sorted(path.name for path in (world.root / "cache").iterdir())[1:] == ["synthetic-1-2-1"]


def test_offline_a_synthetic_set_is_drawn_once_and_labelled(world: World) -> None:
    first = world.locate()
    assert (first.name, first.synthetic) == ("SYNTHETIC", True)
    assert first.origin.startswith("SYNTHETIC images in ")
    assert world.said[0].startswith("Data: no download. http://127.0.0.1:9/")
    assert sum(inspect_records(first.files, Data()).train_counts.values()) == 20
    written = first.files.train[0].stat().st_mtime_ns
    assert world.locate() == first
    assert first.files.train[0].stat().st_mtime_ns == written


def test_a_copy_of_the_synthetic_set_stays_labelled_wherever_it_lies(world: World) -> None:
    copy = Path(shutil.copytree(world.locate().files.folder, world.root / "photographs"))
    for dataset in (world.locate(copy), locate_via_environment(world, copy)):
        assert (dataset.name, dataset.synthetic) == ("SYNTHETIC", True)


@pytest.mark.parametrize("name", ["synthetic", "SYNTHETIC", "Synthetic dogs"])
def test_a_users_own_folder_of_such_a_name_is_no_drawn_set(world: World, name: str) -> None:
    folder = world.fill(name)
    for split in ("train", "test"):
        for path in list((folder / split).iterdir()):
            path.rename(path.with_name("images.tfrecord"))
    dataset = world.locate(folder)
    assert (dataset.name, dataset.synthetic) == (f"own {name}", False)


def locate_via_environment(world: World, folder: Path) -> Dataset:
    world.environment["CIFAR10_DIR"] = str(folder)
    return world.locate()


def test_a_cache_that_is_a_file_is_an_error(world: World) -> None:
    (world.root / "cache").write_text("")
    with pytest.raises(ThawError, match=r"The cache .*cache can't be written"):
        world.locate()
    assert "can't be written" in world.said[0]


class MetAt(list[str]):
    """Collects lines; a caller that adds one with certain words waits for equally many others."""

    def __init__(self, words: str, parties: int):
        self.words, self.barrier = words, threading.Barrier(parties, timeout=30)

    def append(self, line: str) -> None:
        super().append(line)
        if self.words in line:
            self.barrier.wait()


def test_what_a_killed_command_left_half_written_in_the_cache_goes(world: World) -> None:
    cache = world.root / "cache"
    for half in (".cifar10-x7f_k2aa", ".of-the-users"):
        (cache / half / "cifar10").mkdir(parents=True)
    world.locate()
    assert not (cache / ".cifar10-x7f_k2aa").exists() and (cache / ".of-the-users" / "cifar10").exists()


def test_images_that_two_commands_begin_to_generate_are_not_replaced_under_the_first_one(world: World) -> None:
    world.said = MetAt("generates a synthetic data set", parties=2)
    found: list[tuple[Path, int]] = []

    def locate() -> None:
        folder = world.locate().files.folder
        found.append((folder, folder.stat().st_ino))

    threads = [threading.Thread(target=locate) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [folder for folder, _ in found] == [world.root / "cache" / "synthetic-1-2-1"] * 2
    assert {inode for _, inode in found} == {found[0][0].stat().st_ino}


@pytest.mark.parametrize("classes", [("ants", "bees"), CIFAR10_CLASSES[::-1]])
def test_images_of_other_classes_are_never_taken_for_those_that_thaw_finds_by_itself(
    world: World, classes: Sequence[str]
) -> None:
    """CIFAR-10's images would be trained on under the names of the user's classes."""
    world.environment["CIFAR10_DIR"] = str(world.fill("elsewhere"))
    with pytest.raises(ThawError, match=r"does not say where its images are.*give --data FOLDER"):
        world.locate(classes=classes)
    assert not world.said
    assert world.locate(world.fill("mine"), classes=classes).files.folder.name == "mine"
