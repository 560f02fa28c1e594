"""Classes of CIFAR-10 that become sources: which, how many, and none of the user's own images. Real files."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from acquisition.image_folders import cifar_sources
from acquisition.image_folders.cifar_sources import cifar_images, foreign_domains
from acquisition.image_folders.image_files import content_id
from acquisition.tfrecords.record_files import find_record_files
from experiment.errors import ThawError

CAT, DOG = 3, 5


def record(make: Any, number: int, label: int) -> bytes:
    return bytes(make.example(image=make.png(number), label=label, id=b"%d" % number))


def test_a_domain_with_a_class_of_the_users_is_no_source() -> None:
    assert list(foreign_domains(["deer", "horse"])[0]) == ["cats_dogs", "ships_planes"]
    assert foreign_domains(["Dogs", "wolf"]) == ({"ships_planes": ("ship", "airplane")}, {"cats_dogs": "Dogs"})
    assert foreign_domains(["kitten", "aircraft"]) == ({}, {"cats_dogs": "kitten", "ships_planes": "aircraft"})


def test_the_first_images_of_each_class_are_fitted_and_relabelled(
    tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cifar_sources, "TRAIN_PER_CLASS", 2)
    train = [record(make, number, (CAT, DOG, 0)[number % 3]) for number in range(12)]
    files = find_record_files(make.data_set(tmp_path, train=train))
    found = list(cifar_images(files, "train", {"cat": 7, "dog": 8}, (16, 24), ()))
    assert [(label, image_id) for _, label, image_id in found] == [
        (7, b"cifar10_train_cat_00000"), (8, b"cifar10_train_dog_00000"),
        (7, b"cifar10_train_cat_00001"), (8, b"cifar10_train_dog_00001"),
    ]  # fmt: skip
    assert {Image.open(io.BytesIO(png)).size for png, _, _ in found} == {(24, 16)}
    assert len(list(cifar_images(files, "test", {"cat": 7}, (32, 32), ()))) == 1


def test_an_image_of_the_users_is_not_let_through(tmp_path: Path, make: Any) -> None:
    files = find_record_files(make.data_set(tmp_path, train=[record(make, number, CAT) for number in range(3)]))
    own = content_id(Image.open(io.BytesIO(make.png(1))).convert("RGB"))
    found = [png for png, _, _ in cifar_images(files, "train", {"cat": 0}, (32, 32), {own})]
    assert len(found) == 2
    assert own not in {content_id(Image.open(io.BytesIO(png)).convert("RGB")) for png in found}


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_record_of_another_kind_is_named(tmp_path: Path, make: Any, number: int) -> None:
    wrong = (b"\xff\xff", make.example(image=make.png(0), label=10), make.example(label=CAT))[number]
    files = find_record_files(make.data_set(tmp_path, train=[record(make, 1, CAT), wrong]))
    with pytest.raises(ThawError, match=r"record 1: not a record of CIFAR-10"):
        list(cifar_images(files, "train", {"cat": 0}, (32, 32), ()))
