"""Whether a folder holds TFRecords or images, by the names of its files. Reads none of them."""

from pathlib import Path

import pytest

from experiment.errors import ThawError
from pipeline.new_experiment.own_records import holds_records


def folder_of(place: Path, *names: str) -> Path:
    for name in names:
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).touch()
    return place


@pytest.mark.parametrize("name", ["rose/my_tfrecord.jpg", "rose/tfrecord.PNG", "train/rose/tfrecord_1.webp"])
def test_an_image_with_tfrecord_in_its_name_is_an_image(tmp_path: Path, name: str) -> None:
    assert not holds_records(folder_of(tmp_path, name, "rose/1.jpg", "tulip/2.jpg"))


@pytest.mark.parametrize("name", ["rose/1.JPG", "rose/1.webp", "1.jpeg"])
def test_images_are_seen_beside_tfrecords_whatever_their_format_and_case(tmp_path: Path, name: str) -> None:
    with pytest.raises(ThawError, match=r"holds both TFRecords \(test/a-test\.tfrecord\) and images"):
        holds_records(folder_of(tmp_path, "train/a-train.tfrecord", "test/a-test.tfrecord", name))


def test_what_macos_adds_is_no_image(tmp_path: Path) -> None:
    assert holds_records(folder_of(tmp_path, "train/a-train.tfrecord", "test/a-test.tfrecord", "._1.jpg"))
