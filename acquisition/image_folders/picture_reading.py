"""Decodes every picture once, on every core, and continues where it stopped. Imports image_files, no TensorFlow."""

from __future__ import annotations

import zlib
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from acquisition.image_folders.image_files import (
    Header,
    content_id,
    jpeg_bytes,
    load_image,
    png_bytes,
    reduced,
    stays_as_it_is,
)
from acquisition.image_folders.image_folder import check_count, refuse
from acquisition.image_folders.labelled_files import LabelledFile
from acquisition.image_folders.own_images import OwnImage, PicturesRead
from acquisition.image_folders.reading_journal import ReadingJournal
from acquisition.splits.fingerprints import LENGTH, fingerprint
from acquisition.splits.names import SPLITS, TEST
from acquisition.splits.units import joined_groups
from experiment.errors import ThawError
from experiment.machine import usable_cores

MOST_BYTES = 700 * 2**20
"""Most bytes of all records together; above it, large pictures are reduced. A workspace holds records twice
(ImportExampleGen)."""
REDUCED_PX = 448
"""Shorter side of a reduced picture: twice the 224 pixels that pre-trained networks see at most. At 224 px it differs
from the resized original by 1.1 grey levels of 255 in the mean (JPEG of quality 95: 0.9, and a third more bytes; 20
noisy photos of 3 megapixels)."""
_PIXELS_AT_ONCE = 48 * 10**6
"""Pixels that all threads decode at a time, with 9 bytes each; a larger picture is decoded alone."""
_WAITING = 4
"""Pictures read ahead for each core."""


@dataclass(frozen=True)
class Picture:
    """The result of reading one file.

    Attributes:
      image_id: see OwnImage.
      fingerprint: float32 [LENGTH] as bytes.
      checksum, size_bytes: see OwnImage.
      written: the re-encoded PNG or JPEG; none: the file itself is kept.
    """

    image_id: str
    fingerprint: bytes
    checksum: int
    size_bytes: int
    written: bytes | None


def reduces(headers: Sequence[Header], keep_originals: bool) -> bool:
    """Whether pictures whose shorter side is over REDUCED_PX are reduced: all together would take over MOST_BYTES."""
    return not keep_originals and sum(header.size_bytes for header in headers) > MOST_BYTES


def read_pictures(
    files: Sequence[LabelledFile], headers: Sequence[Header], journal: ReadingJournal, *, reduce: bool,
    on_progress: Callable[[int], None] | None = None,
) -> PicturesRead:  # fmt: skip
    """Decodes every picture once; a few are in memory at a time.

    A PNG or JPEG that TensorFlow decodes as a viewer shows it is kept unchanged. Any other is turned upright, put on a
    white background and kept as PNG. A reduced picture is kept as JPEG.

    Args:
      files: to read.
      headers: of the files.
      journal: the pictures read earlier, and the place for re-encoded ones.
      reduce: see reduces.
      on_progress: called with the number of pictures read so far.

    Raises:
      ThawError: names the files that can't be decoded, or two of different classes with the same content; or a class
        has too few different images.
    """
    found: dict[str, tuple[OwnImage, bytes]] = {}
    groups: dict[str, set[str]] = {}
    repeated: list[str] = []
    copied: set[str] = set()
    problems: list[str] = []
    small = 0
    for done, (one, result) in enumerate(_all_read(files, headers, journal, reduce), start=1):
        if on_progress:
            on_progress(done)
        if isinstance(result, ThawError):
            problems.append(str(result))
            continue
        picture, start = result
        image = OwnImage(picture.image_id, one, start, picture.size_bytes, picture.checksum)
        small += _is_reduced(headers[done - 1], reduce)
        groups.setdefault(image.image_id, set()).update([one.group] if one.group is not None else [])
        other, _ = found.setdefault(image.image_id, (image, picture.fingerprint))
        if other.source.class_name != one.class_name:
            problems.append(f"{one.path}: the same image is in {other.source.path}; leave one of them out")
        elif other is not image:
            kept, left_out = sorted((other, image), key=_rank, reverse=True)
            found[image.image_id] = kept, picture.fingerprint
            repeated.append(left_out.source.file)
            if kept.source.split == TEST != left_out.source.split:
                copied.add(image.image_id)
    refuse(problems)
    for name, count in Counter(image.source.class_name for image, _ in found.values()).items():
        check_count("your images", name, count, "different image")
    ordered = sorted(found)
    prints = b"".join(found[image_id][1] for image_id in ordered)
    name_of = joined_groups(groups.values())
    return PicturesRead(
        [found[image_id][0] for image_id in ordered],
        [next((name_of[group] for group in groups[image_id]), None) for image_id in ordered],
        np.frombuffer(prints, np.float32).reshape(-1, LENGTH), repeated, len(copied), small,
    )  # fmt: skip


def _rank(image: OwnImage) -> int:
    """Of two equal files the one in the later split is kept, so that training sees no test image."""
    return SPLITS.index(image.source.split) if image.source.split else 0


def _is_reduced(header: Header, reduce: bool) -> bool:
    return reduce and min(header.width, header.height) > REDUCED_PX


Read = tuple[Picture, int | None] | ThawError
"""A picture, and the journal's place of its re-encoded bytes; or what is wrong with it."""


def _all_read(
    files: Sequence[LabelledFile], headers: Sequence[Header], journal: ReadingJournal, reduce: bool
) -> Iterator[tuple[LabelledFile, Read]]:
    """Each file in turn with the result of reading it."""
    cores = usable_cores()
    waiting: deque[tuple[LabelledFile, str, int, Future[Picture]]] = deque()
    pixels_ahead = 0
    with ThreadPoolExecutor(cores) as pool:
        try:
            for one, header in zip(files, headers, strict=True):
                shrinks = _is_reduced(header, reduce)
                key = journal.key(one.path, shrinks)
                pixels = header.width * header.height
                while waiting and (len(waiting) >= _WAITING * cores or pixels_ahead + pixels > _PIXELS_AT_ONCE):
                    first, first_key, first_pixels, future = waiting.popleft()
                    pixels_ahead -= first_pixels
                    yield first, _result(future, journal, first_key)
                known = journal.known(key)
                future = pool.submit(Picture, *known[0]) if known else pool.submit(read_picture, one, shrinks)
                waiting.append((one, key, 0 if known else pixels, future))
                pixels_ahead += 0 if known else pixels
            while waiting:
                first, first_key, _, future = waiting.popleft()
                yield first, _result(future, journal, first_key)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _result(future: Future[Picture], journal: ReadingJournal, key: str) -> Read:
    try:
        picture = future.result()
    except ThawError as problem:
        return problem
    known = journal.known(key)
    values = picture.image_id, picture.fingerprint, picture.checksum, picture.size_bytes
    return picture, known[1] if known else journal.note(key, values, picture.written)


def read_picture(one: LabelledFile, shrinks: bool) -> Picture:
    """Decodes a picture.

    Args:
      one: its file.
      shrinks: whether it is reduced.

    Raises:
      ThawError: it can't be decoded.
    """
    try:
        content = one.path.read_bytes()
    except OSError as error:
        raise ThawError(f"{one.path}: it can't be read ({error.strerror}). Correct its permissions.") from error
    image = load_image(content, str(one.path), REDUCED_PX if shrinks else None)
    if shrinks:
        image = reduced(image, REDUCED_PX)
        written: bytes | None = jpeg_bytes(image)
    else:
        written = None if stays_as_it_is(content) else png_bytes(image)
    stored = content if written is None else written
    return Picture(content_id(image), fingerprint(image).tobytes(), zlib.crc32(stored), len(stored), written)
