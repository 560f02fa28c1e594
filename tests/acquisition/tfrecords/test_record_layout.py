"""The layout of a user's TFRecords is found from the records; the rest must be given by options. Real files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from acquisition.tfrecords.record_files import find_record_files
from acquisition.tfrecords.record_layout import find_layout
from experiment.config import Data
from experiment.errors import ThawError

NONE_ASKED = dict.fromkeys(("image", "label", "id"))


def layout(folder: Path, make: Any, records: list[bytes], names: tuple[str, ...] = (), **asked: str) -> Data:
    make.write_records(folder / "train.tfrecord", records)
    make.write_records(folder / "test.tfrecord", records[:1])
    return find_layout(find_record_files(folder), NONE_ASKED | asked, names)


def test_features_shape_and_classes_are_found(tmp_path: Path, make: Any) -> None:
    records = [
        make.example(**{
            "image/encoded": make.png(n, (20, 24, 3)), "image/class/label": n % 3, "image/height": 20,
            "image/filename": f"{n}.png".encode(), "image/format": b"png",
        })
        for n in range(9)
    ]  # fmt: skip
    found = layout(tmp_path, make, records)
    assert (found.image_key, found.label_key, found.id_key) == ("image/encoded", "image/class/label", "image/filename")
    assert (found.image_shape, found.classes) == ((20, 24, 3), ("class_0", "class_1", "class_2"))
    assert layout(tmp_path, make, records, ("a", "b", "c")).classes == ("a", "b", "c")


def test_a_name_that_repeats_is_no_id(tmp_path: Path, make: Any) -> None:
    records = [make.example(image=make.png(n), label=n % 2, filename=b"same", key=b"\xff%d" % n) for n in range(4)]
    assert layout(tmp_path, make, records).id_key == "id"


def test_what_cant_be_told_is_asked_for(tmp_path: Path, make: Any) -> None:
    two = [make.example(front=make.png(n), back=make.png(n + 9), label=n % 2) for n in range(4)]
    with pytest.raises(ThawError, match=r"several features could be the image: back, front.*--image-key"):
        layout(tmp_path, make, two)
    assert layout(tmp_path, make, two, image="front").image_key == "front"
    unusual = [make.example(image=make.png(n), kind=n % 2, age=n) for n in range(4)]
    with pytest.raises(ThawError, match=r"could be the label: age, kind.*--label-key"):
        layout(tmp_path, make, unusual)
    assert layout(tmp_path, make, unusual, label="kind").label_key == "kind"
    with pytest.raises(ThawError, match=r"known as the image.*The features are label"):
        layout(tmp_path, make, [make.example(label=n % 2) for n in range(4)])


def test_records_without_use_are_refused(tmp_path: Path, make: Any) -> None:
    with pytest.raises(ThawError, match="hold no record"):
        layout(tmp_path, make, [])
    with pytest.raises(ThawError, match=r"record 0: not a tf\.train\.Example"):
        layout(tmp_path, make, [b"\xff\xff\xff"])
    with pytest.raises(ThawError, match="'label' holds no PNG or JPEG"):
        layout(tmp_path, make, [make.example(image=make.png(0), label=0)], image="label")
    with pytest.raises(ThawError, match=r"record 1: the feature 'label' holds int64, -1\. Expected"):
        layout(tmp_path, make, [make.example(image=make.png(n), label=-n) for n in range(2)])
    with pytest.raises(ThawError, match=r"record 0: the feature 'label' holds int64, 1000\. Expected"):
        layout(tmp_path, make, [make.example(image=make.png(0), label=1000)])
    with pytest.raises(ThawError, match=r"there is no feature 'lable' among image, label\. Expected one label"):
        layout(tmp_path, make, [make.example(image=make.png(0), label=0)], label="lable")


@pytest.mark.parametrize(
    ("label", "holds"),
    [("gänse".encode(), "text or bytes, 'gänse'"), (1.0, "float, 1"), ([0, 1], r"2 values \(int64, 0, \.\.\.\)")],
)
def test_labels_that_are_no_numbers_of_classes_are_told(
    tmp_path: Path, make: Any, label: bytes | float | list[int], holds: str
) -> None:
    records = [make.example(image=make.png(n), label=label) for n in range(2)]
    complaint = rf"record 0: the feature 'label' holds {holds}\. Expected (the|one) label"
    for asked in (None, "label"):
        with pytest.raises(ThawError, match=complaint):
            layout(tmp_path / str(asked), make, records, label=asked)
