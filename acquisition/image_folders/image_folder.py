"""Reads a folder of class folders of images and splits them by their content. Imports image_files, no TensorFlow."""

from __future__ import annotations

import hashlib
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from PIL import Image

from acquisition.image_folders.image_files import image_size, load_image, png_bytes
from acquisition.tfrecords.image_checks import header_problem
from experiment.errors import ThawError

LEAST_TRAIN, LEAST_VAL, LEAST_TEST = 5, 1, 2
LEAST_IMAGES = LEAST_TRAIN + LEAST_VAL + LEAST_TEST
"""Of a class: to train the smallest experiment on, to choose on, and to test on."""
TEST_FRACTION = 0.25
SIDES_PX = (96, 128, 160, 192, 224)
"""Of squares that networks see of images of different or larger sizes: those that MobileNetV2 was trained at."""
MOST_PIXELS = 3e8
"""Of all images together at the side that is chosen: MobileNetV2 walks them in some minutes on two cores."""
KEPT_PX = (16, 96)
"""Images that are all of one size keep it where both sides lie between these."""
NAMED = 5
"""Files that a message names; it counts the others."""

RGB = (0, 0, 3)
"""Shape of any image in colour, for header_problem."""
_IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
_OF_THE_SYSTEM = ("Thumbs.db", "desktop.ini", "__MACOSX")
_SPLITS = {"train", "training", "val", "valid", "validation", "test", "testing", "eval"}


@dataclass(frozen=True)
class OwnImage:
    """One image of the user's, kept in a file with all others.

    Attributes:
      image_id: hash of its pixels, the same for any file that gives them.
      class_name: its folder.
      file: relative to the folder of class folders.
      start, size_bytes: where its bytes lie in that file.
    """

    image_id: str
    class_name: str
    file: str
    start: int
    size_bytes: int

    def encoded(self, kept: BinaryIO) -> bytes:
        """Its bytes, PNG or JPEG, from the file that read_images wrote."""
        kept.seek(self.start)
        return kept.read(self.size_bytes)


def find_images(folder: Path) -> dict[str, list[Path]]:
    """The image files of each class, by the names of the class folders; opens none of them.

    Hidden files and what systems leave behind are passed over, and so are files beside the class folders that no one
    would take for images.

    Raises:
      ThawError: the folder is missing or empty; images lie beside the class folders or folders within them; there are
        fewer than two classes, or one has too few images.
    """
    if not folder.is_dir():
        state = "is a file" if folder.exists() else "does not exist"
        raise ThawError(f"{folder} {state}. Give a folder that holds a folder of images for each class.")
    entries = _visible(folder)
    loose = [path for path in entries if not path.is_dir() and path.suffix.lower() in _IMAGE_SUFFIXES]
    if loose:
        raise ThawError(f"{_named(loose)} in {folder}, beside the class folders: of which class? Put every image into "
                        "a folder with the name of its class.")  # fmt: skip
    classes = {path.name: _visible(path) for path in entries if path.is_dir()}
    if classes and {name.lower() for name in classes} <= _SPLITS:
        raise ThawError(f"{folder} is split already, into {', '.join(classes)}. Thaw splits images itself, by "
                        "their content: give a folder with one folder of images for each class, all splits "
                        "together.")  # fmt: skip
    for name, paths in classes.items():
        _check_class(folder / name, paths)
    if len(classes) < 2:
        found = f"one class, {next(iter(classes))!r}" if classes else "nothing that is a class"
        raise ThawError(f"{folder} holds {found}. Expected two or more folders, each with the images of one class.")
    return classes


def image_sizes(classes: Mapping[str, Sequence[Path]]) -> Counter[tuple[int, int]]:
    """How many images have each (width, height) in pixels, from the files' heads alone.

    Raises:
      ThawError: names the files that can't be used.
    """
    sizes: Counter[tuple[int, int]] = Counter()
    problems: list[str] = []
    for paths in classes.values():
        for path in paths:
            try:
                sizes[image_size(path)] += 1
            except ThawError as problem:
                problems.append(str(problem))
    _refuse(problems)
    return sizes


def choose_size(sizes: Mapping[tuple[int, int], int], asked: int | None) -> tuple[tuple[int, int], str]:
    """The (height, width) in pixels at which networks see the images, and why in a few words.

    Args:
      sizes: images by (width, height).
      asked: side of a square that the user wants; none: one is chosen.
    """
    if asked is not None:
        return (asked, asked), "as asked for"
    if len(sizes) == 1:
        [(width, height)] = sizes
        if KEPT_PX[0] <= min(width, height) and max(width, height) <= KEPT_PX[1]:
            return (height, width), "all images have it"
    shorter = statistics.median_low([min(size) for size, count in sizes.items() for _ in range(count)])
    useful = min((side for side in SIDES_PX if side >= shorter), default=SIDES_PX[-1])
    images = sum(sizes.values())
    side = max((side for side in SIDES_PX if side <= useful and images * side**2 <= MOST_PIXELS), default=SIDES_PX[0])
    why = f"half of the images are {shorter} pixels or more on their shorter side"
    return (side, side), why + (f"; more takes long for {images:,} images (--image-size)" if side < useful else "")


def read_images(
    folder: Path, classes: Mapping[str, Sequence[Path]], kept: BinaryIO,
    on_progress: Callable[[int], None] | None = None,
) -> tuple[list[OwnImage], list[str]]:  # fmt: skip
    """Decodes every image once; one is in memory at a time.

    A PNG or JPEG that TensorFlow decodes as a viewer shows it is kept as it is. Any other is turned upright, laid on
    white and kept as PNG.

    Args:
      folder: of the class folders.
      classes: files by class.
      kept: an empty file; the images are written there, encoded.
      on_progress: told the images read so far.

    Returns:
      The images, each content once, ordered by id; and the files left out because another of the class is the same.

    Raises:
      ThawError: names the files that can't be decoded, or two of different classes with the same content; or a class
        has too few different images.
    """
    images: dict[str, OwnImage] = {}
    repeated: list[str] = []
    problems: list[str] = []
    done = 0
    for name, paths in classes.items():
        for path in paths:
            done += 1
            if on_progress:
                on_progress(done)
            try:
                image = load_image(path, str(path))
            except ThawError as problem:
                problems.append(str(problem))
                continue
            file, image_id = str(path.relative_to(folder)), content_id(image)
            if image_id not in images:
                start, size = kept.tell(), kept.write(_decodable(path, image))
                images[image_id] = OwnImage(image_id, name, file, start, size)
            other = images[image_id]
            if other.class_name != name:
                problems.append(f"{path}: the very same image is in {folder / other.file}; leave one of them out")
            elif other.file != file:
                repeated.append(file)
    _refuse(problems)
    for name, count in Counter(image.class_name for image in images.values()).items():
        _check_count(folder / name, count, "different images")
    return sorted(images.values(), key=lambda image: image.image_id), repeated


def _decodable(path: Path, image: Image.Image) -> bytes:
    """The file's bytes where TensorFlow decodes them as a viewer shows them; else the image as PNG."""
    content = path.read_bytes()
    return content if header_problem(content, RGB, resize=True) is None else png_bytes(image)


def content_id(image: Image.Image) -> str:
    """Hash of an RGB image's size and pixels."""
    return hashlib.sha256(f"{image.width}x{image.height}".encode() + image.tobytes()).hexdigest()[:32]


def chosen_for_test(ids: Iterable[str]) -> set[str]:
    """Which images of one class are the test split: the first quarter by id, and two at least.

    The choice looks at this class alone. Whoever adds m images to it moves m of the others at most.
    """
    ordered = sorted(ids)
    return set(ordered[: max(LEAST_TEST, round(TEST_FRACTION * len(ordered)))])


def _visible(folder: Path) -> list[Path]:
    try:
        paths = sorted(folder.iterdir())
        for path in paths[:1]:
            path.lstat()  # a folder may be listed and yet be closed
    except OSError as error:
        raise ThawError(f"The folder {folder} can't be read: {error.strerror}. Put its permissions right.") from error
    return [path for path in paths if not path.name.startswith(".") and path.name not in _OF_THE_SYSTEM]


def _check_class(folder: Path, paths: Sequence[Path]) -> None:
    if not folder.name.isprintable():
        raise ThawError(f"The class folder {str(folder)!r} has a name that can't be printed. Rename it.")
    nested = [path for path in paths if path.is_dir()]
    if nested:
        raise ThawError(f"{nested[0]} is a folder within the class {folder.name!r}. Expected images alone in the "
                        "folder of a class; move them up, or leave the folder out.")  # fmt: skip
    _check_count(folder, len(paths), "images")


def _check_count(folder: Path, count: int, what: str) -> None:
    if count < LEAST_IMAGES:
        raise ThawError(
            f"The class {folder.name!r} has {count} {what} in {folder}. Expected {LEAST_IMAGES} at least: "
            f"{LEAST_TRAIN} to train on, {LEAST_VAL} to choose on and {LEAST_TEST} to test on. Add some, or leave the "
            "class out."
        )


def _refuse(problems: Sequence[str]) -> None:
    if problems:
        more = f"\nand {len(problems) - NAMED} more" if len(problems) > NAMED else ""
        count = "1 file" if len(problems) == 1 else f"{len(problems)} files"
        raise ThawError(f"{count} can't be used:\n" + "\n".join(problems[:NAMED]) + more)


def _named(paths: Sequence[Path]) -> str:
    names = ", ".join(path.name for path in paths[:NAMED])
    return (
        f"{names} and {len(paths) - NAMED} more lie" if len(paths) > NAMED else f"{names} lie" + "s" * (len(paths) == 1)
    )
