"""Every kind of bad record is found and named before training. Reads real files of TFRecords."""

from __future__ import annotations

import io
import shutil
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from acquisition.tfrecords.inspection import Inspection, fingerprint, inspect_records, val_images
from acquisition.tfrecords.record_files import find_record_files
from experiment.config import CIFAR10_CLASSES, Data
from experiment.errors import ThawError

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "cifar10"


def inspect(folder: Path, **data: Any) -> Inspection:
    return inspect_records(find_record_files(folder), Data(**data))


def encoded(image: Image.Image, format: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def noise_image(mode: str = "RGB", size: tuple[int, int] = (32, 32)) -> Image.Image:
    pixels = np.random.default_rng(5).integers(0, 256, (size[1], size[0], 3), np.uint8)
    return Image.fromarray(pixels).convert(mode)


def png_chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def handmade_png(width: int, height: int, bits: int, content: bytes) -> bytes:
    """A PNG of RGB pixels with a valid header, whatever the content behind it."""
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 2, 0, 0, 0))
    pixels = png_chunk(b"IDAT", zlib.compress(content))
    return b"\x89PNG\r\n\x1a\n" + header + pixels + png_chunk(b"IEND", b"")


def with_bad(make: Any, folder: Path, record: bytes) -> Path:
    """A data set whose training record 17 is the given one."""
    train = make.good("train", 20)
    train[17] = record
    return make.data_set(folder, train)


def test_sound_records_are_counted_by_class(make: Any, tmp_path: Path) -> None:
    train = make.good("train", 25)
    progress: list[int] = []
    files = find_record_files(make.data_set(tmp_path, train))
    inspection = inspect_records(files, Data(), progress.append)
    assert inspection.train_counts == {name: 3 if i < 5 else 2 for i, name in enumerate(CIFAR10_CLASSES)}
    assert inspection.test_counts == dict.fromkeys(CIFAR10_CLASSES, 1)
    assert inspection.has_ids
    assert inspection.size_bytes == sum(path.stat().st_size for path in tmp_path.rglob("*tfrecord*"))
    assert progress == [25, 35]


def test_a_class_without_images_counts_zero(make: Any, tmp_path: Path) -> None:
    inspection = inspect(make.data_set(tmp_path, make.good("train", 9)))
    assert inspection.train_counts["truck"] == 0


def test_records_without_ids_are_sound(make: Any, tmp_path: Path) -> None:
    train = [make.example(image=make.png(i), label=0) for i in range(3)]
    train.append(make.example(image=make.png(0), label=0))  # the same image twice in one split
    test = [make.example(image=make.png(100), label=0)]
    assert not inspect(make.data_set(tmp_path, train, test)).has_ids


def test_keys_shape_and_classes_come_from_the_configuration(make: Any, tmp_path: Path) -> None:
    def record(number: int) -> bytes:
        return make.example(pixels=make.png(number, (8, 6, 1)), kind=number % 2, name=str(number).encode())

    folder = make.data_set(tmp_path, [record(i) for i in range(4)], [record(i) for i in range(10, 12)])
    inspection = inspect(
        folder,
        image_key="pixels",
        label_key="kind",
        id_key="name",
        image_shape=(8, 6, 1),
        classes=("cup", "pot"),
    )
    assert inspection.train_counts == {"cup": 2, "pot": 2}
    assert inspection.has_ids


@pytest.mark.parametrize(
    "image",
    [
        encoded(noise_image(), "JPEG"),
        encoded(noise_image("P"), "PNG"),
        handmade_png(32, 32, 16, bytes(32 * (1 + 32 * 3 * 2))),
    ],
    ids=["jpeg", "palette", "16 bits"],
)
def test_images_that_transform_can_decode_pass(make: Any, tmp_path: Path, image: bytes) -> None:
    folder = with_bad(make, tmp_path, make.example(image=image, label=0, id=b"x"))
    assert sum(inspect(folder).train_counts.values()) == 20


@pytest.mark.parametrize(
    ("image", "complaint"),
    [
        (b"", "neither PNG nor JPEG"),
        (encoded(noise_image(), "GIF"), "neither PNG nor JPEG"),
        (encoded(noise_image(), "BMP"), "neither PNG nor JPEG"),
        (b"\x89PNG\r\n\x1a\n\0\0", "header is damaged"),
        (b"\xff\xd8\xff\xe0 not a jpeg", "header is damaged"),
        (encoded(noise_image(), "PNG")[:200], "can't be decoded"),
        (encoded(noise_image(), "JPEG")[:300], "can't be decoded"),
        (handmade_png(32, 32, 8, b"short"), "can't be decoded"),
        (handmade_png(2**31 - 1, 2**31 - 1, 8, b"short"), "2147483647 x 2147483647 pixels"),
        (
            encoded(noise_image(size=(28, 32)), "PNG"),
            "has 32 x 28 pixels .* and 3 channels; expected 32 x 32",
        ),
        (encoded(noise_image("L"), "PNG"), "1 channel; expected 32 x 32 .* and 3 channels"),
        (encoded(noise_image("LA"), "PNG"), "and 2 channels; expected"),
        (encoded(noise_image("RGBA"), "PNG"), "and 4 channels; expected"),
        (encoded(noise_image("CMYK"), "JPEG"), "and 4 channels; expected"),
        (encoded(noise_image("L"), "JPEG"), "1 channel; expected"),
        (encoded(noise_image(), "PNG", save_all=True, append_images=[noise_image("L").convert("RGB")]), "an animation"),
        (encoded(noise_image("P"), "PNG", transparency=0), "transparent"),
        (encoded(noise_image(), "PNG", transparency=(1, 2, 3)), "transparent"),
        (
            encoded(noise_image(), "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\6\0\0\0\0\0\0\0"),
            "not upright",
        ),
    ],
)
def test_a_bad_image_is_named(make: Any, tmp_path: Path, image: bytes, complaint: str) -> None:
    folder = with_bad(make, tmp_path, make.example(image=image, label=0, id=b"x"))
    with pytest.raises(ThawError, match=f"mine-train.tfrecord-00000-of-00001, record 17: .*{complaint}"):
        inspect(folder)


@pytest.mark.parametrize("position", [50, 400, 1500, -14])
def test_one_flipped_byte_in_a_png_is_found(make: Any, tmp_path: Path, position: int) -> None:
    image = bytearray(make.png(17))
    image[position] ^= 0x10
    folder = with_bad(make, tmp_path, make.example(image=bytes(image), label=0, id=b"x"))
    with pytest.raises(ThawError, match="record 17: the image bytes can't be decoded"):
        inspect(folder)


@pytest.mark.parametrize(
    ("features", "complaint"),
    [
        ({"label": 0}, r"no image\. Expected one byte string in the feature 'image' .* features are label"),
        ({"image": 3, "label": 0}, "no image"),
        ({"image": None}, r"no label\. Expected one int64 in the feature 'label'"),
        ({"image": None, "label": 1.5}, r"the label \(feature 'label'\) is float, 1\.5\. Expected one int64"),
        ({"image": None, "label": "gänse".encode()}, r"the label \(feature 'label'\) is text or bytes, 'gänse'\."),
        ({"image": None, "label": [1, 2]}, r"the label \(feature 'label'\) is 2 values \(int64, 1, \.\.\.\)"),
        ({"image": None, "label": []}, r"the label \(feature 'label'\) is nothing"),
        ({"image": None, "label": 10}, "label 10 is out of range.* expected 0 to 9.*--classes"),
        ({"image": None, "label": -1}, "label -1 is out of range"),
        ({"image": None, "label": 0}, "no id, but earlier ones have"),
        ({"image": None, "label": 0, "id": 7}, r"no id\. Expected one byte string in the feature 'id'"),
        ({"image": None, "label": 0, "id": b"\xff"}, "is not UTF-8"),
    ],
)
def test_a_bad_feature_is_named(make: Any, tmp_path: Path, features: dict[str, Any], complaint: str) -> None:
    if "image" in features and features["image"] is None:
        features = {**features, "image": make.png(17)}
    folder = with_bad(make, tmp_path, make.example(**features))
    with pytest.raises(ThawError, match=f"mine-train.tfrecord-00000-of-00001, record 17: .*{complaint}"):
        inspect(folder)


def test_val_is_counted_where_the_records_say_it(make: Any, tmp_path: Path) -> None:
    def records(split: str, offset: int) -> list[bytes]:
        return [make.example(image=make.png(offset + i), label=i % 2, v=int(i in (2, 3, 5))) for i in range(8)]

    folder = make.data_set(tmp_path, records("train", 0), records("test", 100))
    inspection = inspect(folder, val_key="v", classes=("cup", "pot"))
    assert inspection.val_counts == {"cup": 1, "pot": 2}
    data = Data(val_key="v", classes=("cup", "pot"))
    assert [val_images(inspection, data, name) for name in data.classes] == [1, 2]
    assert val_images(inspection, Data(), "cup") == 1  # a fifth of four
    with pytest.raises(ThawError, match=r"record 0: no val\. Expected one int64, 0 or 1 in the feature 'label0'"):
        inspect(folder, val_key="label0", classes=("cup", "pot"))


def test_a_group_in_both_splits_is_refused_with_both_places(make: Any, tmp_path: Path) -> None:
    def records(split: str, offset: int, groups: list[str]) -> list[bytes]:
        return [make.example(image=make.png(offset + i), label=i % 2, v=0, g=name.encode(), w=b"") for i, name in
                enumerate(groups)]  # fmt: skip

    data = {"val_key": "v", "classes": ("cup", "pot")}
    apart = make.data_set(tmp_path / "apart", records("train", 0, ["a", "a", "b"]), records("test", 9, ["c", "c", "d"]))
    assert inspect(apart, group_key="g", **data).test_groups == {"cup": [2, 3], "pot": [2]}
    torn = make.data_set(tmp_path / "torn", records("train", 0, ["a", "é", "b"]), records("test", 9, ["c", "é", "d"]))
    with pytest.raises(ThawError, match=r"test.*record 1 \(test\): the group 'é' is also in .*record 1 \(train\)"):
        inspect(torn, group_key="g", **data)
    assert inspect(torn, **data).test_groups == {}
    divided = [make.example(image=make.png(i), label=i % 2, v=i % 2, g=b"a") for i in range(4)]
    within = make.data_set(tmp_path / "val", divided, records("test", 9, ["c", "d"]))
    with pytest.raises(ThawError, match=r"record 1 \(val\): the group 'a' is also in .*record 0 \(train\)"):
        inspect(within, group_key="g", **data)
    for key in ("w", "none"):
        with pytest.raises(ThawError, match=r"record 0: no group\. Expected one name that is not empty in"):
            inspect(apart, group_key=key, **data)
    broken = make.data_set(tmp_path / "broken", [make.example(image=make.png(1), label=0, v=0, g=b"\xff")])
    with pytest.raises(ThawError, match=r"record 0: the group b'.xff' is not UTF-8"):
        inspect(broken, group_key="g", **data)
    an_image = make.data_set(tmp_path / "image", [make.example(image=make.png(1), label=0, v=0, g=make.png(2) * 9)])
    with pytest.raises(ThawError, match=r"record 0: the group b'.{30,160}'\.\.\. is not UTF-8. Expected text") as error:
        inspect(an_image, group_key="g", **data)
    assert len(str(error.value)) < 400 + len(str(an_image))


def test_an_id_where_earlier_records_have_none_is_named(make: Any, tmp_path: Path) -> None:
    train = [make.example(image=make.png(i), label=0) for i in range(3)]
    train.append(make.example(image=make.png(3), label=0, id=b"x"))
    with pytest.raises(ThawError, match="record 3: an id, but earlier ones have none"):
        inspect(make.data_set(tmp_path, train))


def test_what_is_no_example_is_named(make: Any, tmp_path: Path) -> None:
    with pytest.raises(ThawError, match=r"record 17: not a tf\.train\.Example"):
        inspect(with_bad(make, tmp_path, b"\x0a\xff\xff plain text"))


def test_a_record_beyond_the_first_batch_has_its_own_number(make: Any, tmp_path: Path) -> None:
    train = [make.example(image=make.png(i), label=0, id=str(i).encode()) for i in range(300)]
    train[290] = make.example(image=make.png(290)[:-20], label=0, id=b"290")
    with pytest.raises(ThawError, match="record 290: "):
        inspect(make.data_set(tmp_path, train))


def test_an_empty_split_is_named(make: Any, tmp_path: Path) -> None:
    with pytest.raises(ThawError, match=r"The test split has no records: .*mine-test"):
        inspect(make.data_set(tmp_path, test=[]))


def test_an_id_in_train_and_test_names_both_records(make: Any, tmp_path: Path) -> None:
    test = make.good("test", 10)
    test[6] = make.example(image=make.png(99), label=0, id=b"train_00003")
    with pytest.raises(ThawError, match=r"record 6 \(test\): the id 'train_00003' .*record 3 \(train\)"):
        inspect(make.data_set(tmp_path, test=test))


def test_an_id_twice_in_a_split_names_both_records(make: Any, tmp_path: Path) -> None:
    folder = with_bad(make, tmp_path, make.example(image=make.png(99), label=0, id=b"train_00003"))
    with pytest.raises(ThawError, match=r"record 17 \(train\): .*record 3 \(train\)"):
        inspect(folder)


def test_without_ids_the_same_image_in_train_and_test_is_found(make: Any, tmp_path: Path) -> None:
    train = [make.example(image=make.png(i), label=0) for i in range(3)]
    with pytest.raises(ThawError, match=r"record 0 \(test\): the same image .*record 2 \(train\)"):
        inspect(make.data_set(tmp_path, train, train[2:]))


def test_the_same_image_in_train_and_test_is_found_under_two_ids_too(make: Any, tmp_path: Path) -> None:
    test = make.good("test", 10)
    test[6] = make.example(image=make.png(3), label=3, id=b"another id")
    with pytest.raises(ThawError, match=r"record 6 \(test\): the same image .*record 3 \(train\)"):
        inspect(make.data_set(tmp_path, test=test))


@pytest.mark.parametrize("ids", [{}, {"id": b"x"}], ids=["without ids", "with ids"])
def test_the_same_image_with_two_labels_is_found(make: Any, tmp_path: Path, ids: dict[str, bytes]) -> None:
    train = [make.example(image=make.png(i), label=0, **({"id": b"%d" % i} if ids else {})) for i in range(3)]
    train.append(make.example(image=make.png(1), label=9, **ids))
    complaint = r"record 3: the same image .*record 1, with the label 0 \(airplane\) instead of 9 \(truck\)"
    with pytest.raises(ThawError, match=complaint):
        inspect(make.data_set(tmp_path, train))


def test_the_fingerprint_follows_names_and_contents_alone(make: Any, tmp_path: Path) -> None:
    first = find_record_files(make.data_set(tmp_path / "a"))
    moved = find_record_files(Path(shutil.copytree(tmp_path / "a", tmp_path / "b")))
    assert fingerprint(first) == fingerprint(moved)
    changed = find_record_files(make.data_set(tmp_path / "c", make.good("train", 19)))
    assert fingerprint(changed) != fingerprint(first)
    moved.train[0].rename(moved.train[0].with_name("other-train.tfrecord-00000-of-00001"))
    assert fingerprint(moved) != fingerprint(first)


@pytest.mark.slow
@pytest.mark.skipif(not REAL.is_dir(), reason="the shared CIFAR-10 is not on this machine")
def test_cifar10_is_sound() -> None:
    inspection = inspect(REAL)
    assert set(inspection.train_counts.values()) == {5000}
    assert set(inspection.test_counts.values()) == {1000}
    assert inspection.has_ids
