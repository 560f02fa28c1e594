"""Reading pictures: kept, re-encoded or reduced, once each, and continued after an interruption. Uses real files, no
TensorFlow."""

from __future__ import annotations

import io
import os
import tempfile
import tracemalloc
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from acquisition.image_folders import picture_reading
from acquisition.image_folders.image_files import is_whole_png, stays_as_it_is
from acquisition.image_folders.image_folder import find_images, image_headers
from acquisition.image_folders.labelled_files import LabelledFile
from acquisition.image_folders.own_images import PicturesRead
from acquisition.image_folders.picture_reading import read_pictures, reduces
from acquisition.image_folders.reading_journal import reading_journal
from experiment.errors import ThawError


def picture(number: int, size: tuple[int, int] = (16, 16)) -> Image.Image:
    return Image.fromarray(np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), np.uint8))


def read(
    folder: Path, *, reduce: bool = False, journal: Path | None = None, files: list[LabelledFile] | None = None,
    **more: Any,
) -> tuple[PicturesRead, dict[str, bytes]]:  # fmt: skip
    """read_pictures of a folder, and the bytes of each image by its file."""
    files = find_images(folder) if files is None else files
    with reading_journal(journal) as notes:
        found = read_pictures(files, image_headers(files), notes, reduce=reduce, **more)
        return found, {image.source.file: image.encoded(notes.written) for image in found.images}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of eight different images each."""
    for offset, name in enumerate(("rose", "tulip")):
        (tmp_path / "in" / name).mkdir(parents=True)
        for number in range(8):
            picture(8 * offset + number).save(tmp_path / "in" / name / f"{number}.png")
    return tmp_path / "in"


def test_a_damaged_image_is_named_when_it_is_read(folder: Path) -> None:
    victim = folder / "rose" / "3.png"
    victim.write_bytes(victim.read_bytes()[:-300])
    with pytest.raises(ThawError, match=r"^1 file can't be used:\n.*3\.png: damaged"):
        read(folder)


def test_an_image_in_two_classes_is_refused(folder: Path) -> None:
    picture(0).save(folder / "tulip" / "again.bmp")
    with pytest.raises(ThawError, match=r"again\.bmp: the same image is in .*rose/0\.png"):
        read(folder)


def test_repeated_images_count_once(folder: Path) -> None:
    picture(0).save(folder / "rose" / "again.bmp")
    progress: list[int] = []
    found, contents = read(folder, on_progress=progress.append)
    assert found.repeated == ["rose/again.bmp"] and len(found.images) == len(set(contents.values())) == 16
    assert progress == list(range(1, 18)) and found.fingerprints.shape[0] == 16


def test_groups_that_hold_the_very_same_picture_belong_together(folder: Path) -> None:
    """Of equal files one is kept, and the groups of all stay with it."""
    picture(0).save(folder / "rose" / "again.bmp")
    picture(1).save(folder / "rose" / "twice.bmp")
    groups = {"rose/0.png": "anna", "rose/again.bmp": "bob", "rose/1.png": "carl", "tulip/3.png": "bob"}
    files = [
        LabelledFile(one.path, one.file, one.class_name, groups.get(one.file), None) for one in find_images(folder)
    ]
    found, _ = read(folder, files=files)
    named = {image.source.file: group for image, group in zip(found.images, found.groups, strict=True)}
    assert {file: group for file, group in named.items() if group} == {
        "rose/0.png": "anna", "tulip/3.png": "anna", "rose/1.png": "carl",
    }  # fmt: skip


def test_of_equal_files_in_two_splits_of_the_users_that_in_test_is_kept(folder: Path) -> None:
    picture(0).save(folder / "rose" / "again.bmp")
    files = [
        LabelledFile(one.path, one.file, one.class_name, None, "test" if "again" in one.file else "train")
        for one in find_images(folder)
    ]
    found, contents = read(folder, files=files)
    assert found.repeated == ["rose/0.png"] and "rose/again.bmp" in contents and found.copied == 1


def test_what_tensorflow_decodes_as_a_viewer_shows_it_is_kept_byte_for_byte(folder: Path) -> None:
    picture(50, (300, 200)).save(folder / "rose" / "photo.jpg")
    picture(51, (20, 40)).convert("L").save(folder / "rose" / "grey.jpg")
    picture(52, (20, 40)).quantize(16).save(folder / "rose" / "palette.png")
    _, contents = read(folder)
    assert len(contents) == 19
    assert all(content == (folder / file).read_bytes() for file, content in contents.items())


def test_what_tensorflow_would_decode_otherwise_is_made_an_upright_opaque_png(folder: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    picture(50, (30, 20)).save(folder / "rose" / "turned.jpg", exif=turned)
    Image.new("RGBA", (16, 16), (255, 0, 0, 0)).save(folder / "rose" / "clear.png")
    picture(52, (17, 16)).save(folder / "rose" / "old.bmp")
    made = {file: Image.open(io.BytesIO(content)) for file, content in read(folder)[1].items()}
    assert [made[f"rose/{name}"].format for name in ("turned.jpg", "clear.png", "old.bmp")] == ["PNG"] * 3
    assert made["rose/turned.jpg"].size == (20, 30)
    assert made["rose/clear.png"].mode == "RGB" and made["rose/clear.png"].getpixel((0, 0)) == (255, 255, 255)


def without_its_end(content: bytes) -> bytes:
    return content[:-12]


def with_a_wrong_checksum(content: bytes) -> bytes:
    place = content.index(b"IDAT")
    end = place + 4 + int.from_bytes(content[place - 4 : place], "big")
    return content[:end] + bytes([content[end] ^ 1]) + content[end + 1 :]


def with_text_that_says_idat(content: bytes) -> bytes:
    """Before the block of transparency; a search for the letters alone would place it after it."""
    block = b"tEXtComment\0IDAT"
    text = (len(block) - 4).to_bytes(4, "big") + block + zlib.crc32(block).to_bytes(4, "big")
    place = content.index(b"tRNS") - 4
    return content[:place] + text + content[place:]


@pytest.mark.parametrize("harm", [without_its_end, with_a_wrong_checksum, with_text_that_says_idat])
def test_a_png_that_only_pillow_decodes_as_a_viewer_does_is_made_anew(
    folder: Path, harm: Callable[[bytes], bytes]
) -> None:
    buffer = io.BytesIO()
    picture(60).quantize(16).save(buffer, "PNG", transparency=3)
    (folder / "rose" / "odd.png").write_bytes(harm(buffer.getvalue()))
    made = read(folder)[1]["rose/odd.png"]
    opened = Image.open(io.BytesIO(made))
    assert opened.mode == "RGB" and is_whole_png(made) and stays_as_it_is(made)
    assert tf.io.decode_png(made).shape == (16, 16, 3)


def test_a_palette_must_be_there() -> None:
    buffer = io.BytesIO()
    picture(60).quantize(16).save(buffer, "PNG")
    content = buffer.getvalue()
    place = content.index(b"PLTE") - 4
    length = 12 + int.from_bytes(content[place : place + 4], "big")
    assert is_whole_png(content) and not is_whole_png(content[:place] + content[place + length :])


def test_a_phones_photo_with_further_pictures_behind_it_is_kept_as_the_jpeg_that_it_is(folder: Path) -> None:
    picture(70, (64, 48)).save(folder / "rose" / "phone.jpg", "MPO", save_all=True, append_images=[picture(71)])
    assert Image.open(folder / "rose" / "phone.jpg").format == "MPO"
    content = read(folder)[1]["rose/phone.jpg"]
    assert content == (folder / "rose" / "phone.jpg").read_bytes()
    assert tf.io.decode_jpeg(content).shape == (48, 64, 3)


def test_too_few_different_images_are_refused(folder: Path) -> None:
    picture(0).save(folder / "rose" / "1.png")
    with pytest.raises(ThawError, match="'rose' has 7 different images"):
        read(folder)


def test_ids_and_order_do_not_depend_on_the_names_of_files(folder: Path) -> None:
    before, pngs = read(folder)
    for number in range(8):
        (folder / "rose" / f"{number}.png").rename(folder / "rose" / f"x{7 - number}.png")
    after, pngs_after = read(folder)
    assert [one.image_id for one in before.images] == [one.image_id for one in after.images]
    assert list(pngs.values()) == list(pngs_after.values())


def test_reading_keeps_no_image_in_memory(folder: Path) -> None:
    for number in range(100, 180):
        picture(number, (96, 96)).save(folder / "rose" / f"{number}.bmp")
    read(folder)  # what Pillow keeps once
    files = find_images(folder)
    headers = image_headers(files)
    with reading_journal(None) as journal:
        tracemalloc.start()
        read_pictures(files, headers, journal, reduce=False)
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak_bytes < journal.written.seek(0, 2) / 2


def test_large_pictures_are_reduced_where_all_would_take_too_much(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    smooth = picture(1, (9, 12)).resize((900, 1200), Image.Resampling.BICUBIC)
    smooth.save(folder / "rose" / "large.jpg")
    smooth.convert("RGBA").save(folder / "rose" / "large.png")
    headers = image_headers(find_images(folder))
    assert not reduces(headers, keep_originals=False)
    monkeypatch.setattr(picture_reading, "MOST_BYTES", sum(header.size_bytes for header in headers) - 1)
    assert reduces(headers, keep_originals=False) and not reduces(headers, keep_originals=True)
    found, contents = read(folder, reduce=True)
    small = Image.open(io.BytesIO(contents["rose/large.jpg"]))
    assert (found.reduced, small.size, small.format) == (2, (448, 597), "JPEG")
    difference = np.asarray(small, np.float32) - np.asarray(smooth.resize(small.size, Image.Resampling.BOX), np.float32)
    assert abs(difference).mean() < 1.5
    assert contents["tulip/0.png"] == (folder / "tulip" / "0.png").read_bytes()


def test_an_interrupted_reading_goes_on(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    picture(60, (20, 20)).save(folder / "rose" / "old.bmp")
    whole = read(folder)

    def interrupt(done: int) -> None:
        if done == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        read(folder, journal=tmp_path / "journal", on_progress=interrupt)
    notes = tmp_path / "journal" / "notes.jsonl"
    with notes.open("ab") as file:
        file.write(b'["cut off", "')
    decoded = []
    reader = picture_reading.read_picture
    monkeypatch.setattr(picture_reading, "read_picture", lambda *args: decoded.append(args) or reader(*args))
    os.utime(folder / "rose" / "2.png", (1, 1))  # changed since
    again = read(folder, journal=tmp_path / "journal")
    assert again[1] == whole[1] and [one.image_id for one in again[0].images] == [
        one.image_id for one in whole[0].images
    ]
    np.testing.assert_array_equal(again[0].fingerprints, whole[0].fingerprints)
    assert len(decoded) == 17 - 9 + 1
    assert not (tmp_path / "journal").exists()


def test_a_journal_in_use_is_left_alone(tmp_path: Path) -> None:
    with reading_journal(tmp_path / "journal") as first, reading_journal(tmp_path / "journal") as second:
        assert first.note("key", ("id", b"f", 1, 3), b"abc") == 0 and second.known("key") is None
        assert len(first) == len(second) == 0


def test_a_file_that_is_changed_after_it_was_read_is_named(folder: Path) -> None:
    files = find_images(folder)
    with tempfile.TemporaryFile() as kept, reading_journal(None) as journal:
        found = read_pictures(files, image_headers(files), journal, reduce=False)
        picture(99).save(found.images[0].source.path)
        with pytest.raises(ThawError, match="changed while Thaw read it"):
            found.images[0].encoded(kept)
        found.images[0].source.path.unlink()
        with pytest.raises(ThawError, match="can no longer be read"):
            found.images[0].encoded(kept)
