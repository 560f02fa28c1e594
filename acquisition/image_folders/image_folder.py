"""Finds a user's images in class folders, also below folders of splits. Imports image_files, no TensorFlow."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from acquisition.image_folders.image_files import Header, image_header
from acquisition.image_folders.labelled_files import (
    NAMED,
    Grouping,
    LabelledFile,
    check_grouped,
    check_splits,
    composed,
    in_words,
)
from acquisition.splits.names import LEAST, OTHER_NAMES
from experiment.errors import ThawError, counted

LEAST_TRAIN, LEAST_VAL, LEAST_TEST = LEAST.values()
LEAST_IMAGES = LEAST_TRAIN + LEAST_VAL + LEAST_TEST
"""Fewest images of a class: for the smallest training, for the choice, and for the test."""
SIDES_PX = (96, 128, 160, 192, 224)
"""Sides of the squares that networks see if images differ in size or are larger: those of MobileNetV2's training."""
MOST_PIXELS = 1.3e8
"""Most pixels of all images together at the chosen side: records of 2 GiB, which MobileNetV2 reads in minutes."""
KEPT_PX = (16, 96)
"""Images of one size keep it if both sides lie between these."""

IMAGE_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff")
"""Endings, in lowercase, of files that a user regards as images; the last two get a message of their own."""
_OF_THE_SYSTEM = ("Thumbs.db", "desktop.ini", "__MACOSX", "@eaDir", "$RECYCLE.BIN")


def find_images(folder: Path, grouping: Grouping | None = None) -> list[LabelledFile]:
    """The image files of the class folders, class by class; opens none of them.

    Class folders may lie in folders named like splits, which are then kept. Hidden files and files of the operating
    system are ignored, and so are files next to the class folders that are not images.

    Args:
      folder: of the class folders.
      grouping: how groups are found; `folder` lets class folders hold folders.

    Raises:
      ThawError: the folder is missing or empty; images lie next to the class folders, or folders within them; there are
        fewer than two classes, or one has too few images; or check_splits or check_grouped finds a fault.
    """
    if not folder.is_dir():
        state = "is a file" if folder.exists() else "does not exist"
        raise ThawError(f"{folder} {state}. Give a folder with a subfolder of images for each class, or a CSV file "
                        "(*.csv) with the columns file and label.")  # fmt: skip
    classes = _subfolders(folder)
    if not classes and (loose := _loose(folder)):
        raise ThawError(f"{_named(loose)} in {folder}, which has no subfolders. Expected a subfolder of images for "
                        f"each class. If {folder.name!r} is itself a class, give its parent folder, {folder.parent}; "
                        "else move the images into subfolders, or list files and classes in a CSV file.")  # fmt: skip
    if classes and {path.name.lower() for path in classes} <= OTHER_NAMES.keys():
        files = _in_splits(folder, classes, grouping)
    else:
        files = [one for path in classes for one in _of_class(folder, path, grouping, None)]
    names = sorted({path.name for path in classes} if not files or files[0].split is None else
                   {one.class_name for one in files})  # fmt: skip
    check_classes(str(folder), names, files)
    check_grouped(files, grouping)
    check_splits(files)
    return sorted(files, key=lambda one: (one.class_name, one.file))


def hidden_images(folder: Path) -> list[str]:
    """Images that find_images ignores since they, or a folder above them, are hidden; not what macOS adds to files."""
    found = [path.relative_to(folder) for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES]
    return sorted(
        str(path)
        for path in found
        if not path.name.startswith("._") and any(part.startswith(".") for part in path.parts)
    )


def check_classes(place: str, names: Sequence[str], files: Sequence[LabelledFile]) -> None:
    """Checks that there are two classes or more, each with enough images and a printable name.

    Raises:
      ThawError: a class is missing, too small or has an unprintable name.
    """
    counts = Counter(one.class_name for one in files)
    looks: dict[str, str] = {}
    for name in names:
        looked = composed(name).strip().casefold()
        if not looked:
            raise ThawError(f"A class in {place} has the name {name!r}. Expected visible characters; rename it.")
        if looked in looks:
            raise ThawError(f"Two classes in {place} look the same: {looks[looked]!a} and {name!a}. Expected "
                            "names that differ in more than case, spaces or how a letter is encoded. Give both the "
                            "same name, or different ones.")  # fmt: skip
        looks[looked] = name
    for name in names:
        if not name.isprintable():
            raise ThawError(
                f"The class {name!r} in {place} has a name with characters that can't be printed. Rename the class."
            )
        check_count(place, name, counts[composed(name)], "image")
    if len(names) < 2:
        found = f"one class, {names[0]!r}" if names else "no class"
        raise ThawError(f"{place} holds {found}. Expected two or more classes, each with a folder of images (or rows "
                        "of a CSV file). Add a class.")  # fmt: skip


def _in_splits(folder: Path, places: Sequence[Path], grouping: Grouping | None) -> list[LabelledFile]:
    by_split: dict[str, Path] = {}
    for path in places:
        split = OTHER_NAMES[path.name.lower()]
        if split in by_split:
            raise ThawError(f"{by_split[split].name} and {path.name} in {folder} are both your {split} split. Expected "
                            "one folder for each split. Merge them.")  # fmt: skip
        by_split[split] = path
    files = []
    for split, place in by_split.items():
        classes = _subfolders(place)
        if not classes:
            raise ThawError(f"{place} has the name of a split, but no class folders. Expected a folder of images for "
                            "each class in it; or, if it is itself a class, another name.")  # fmt: skip
        files += [one for path in classes for one in _of_class(folder, path, grouping, split)]
    return files


def _subfolders(folder: Path) -> list[Path]:
    """The subfolders of a folder.

    Raises:
      ThawError: images lie next to them.
    """
    found = [path for path in _visible(folder) if path.is_dir()]
    if found and (loose := _loose(folder)):
        raise ThawError(f"{_named(loose)} in {folder}, next to the class folders. Expected every image in the folder "
                        "of its class. Move the images there, or list files and classes in a CSV file.")  # fmt: skip
    return found


def _loose(folder: Path) -> list[Path]:
    """Images directly in a folder."""
    return [path for path in _visible(folder) if not path.is_dir() and path.suffix.lower() in IMAGE_SUFFIXES]


def _of_class(folder: Path, place: Path, grouping: Grouping | None, split: str | None) -> list[LabelledFile]:
    paths = _visible(place)
    nested = [path for path in paths if path.is_dir()]
    if nested and grouping is not None and grouping.pattern is None:
        deeper = [(group, _visible(group)) for group in nested]
        nested = [path for _, inside in deeper for path in inside if path.is_dir()]
        paths = [path for path in paths if not path.is_dir()] + [path for _, inside in deeper for path in inside]
    if nested:
        raise ThawError(f"{nested[0]} is a folder within the class {place.name!r}. Expected only images in the "
                        f"folder of a class. If the folders in it are classes, give {place} instead; if they are "
                        "groups that belong together, use `--group folder`; else move their images up.")  # fmt: skip
    return [
        LabelledFile(
            path, str(path.relative_to(folder)), composed(place.name),
            None if grouping is None else grouping.of(path.relative_to(place)), split,
        )
        for path in paths
    ]  # fmt: skip


def image_headers(
    files: Sequence[LabelledFile], on_progress: Callable[[int], None] | None = None
) -> list[Header]:  # fmt: skip
    """What each file's header declares.

    Raises:
      ThawError: names the files that can't be used.
    """
    headers: list[Header] = []
    problems: list[str] = []
    for done, one in enumerate(files, start=1):
        try:
            headers.append(image_header(one.path))
        except ThawError as problem:
            problems.append(str(problem))
        if on_progress:
            on_progress(done)
    refuse(problems)
    return headers


def sizes_of(headers: Sequence[Header]) -> Counter[tuple[int, int]]:
    """How many images have each (width, height) in pixels."""
    return Counter((header.width, header.height) for header in headers)


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


def _visible(folder: Path) -> list[Path]:
    try:
        paths = sorted(folder.iterdir())
        for path in paths[:1]:
            path.lstat()  # a folder that is listed may still be unreadable
    except OSError as error:
        raise ThawError(
            f"The folder {folder} can't be read: {error.strerror}. Expected a folder that you may "
            "read. Correct its permissions."
        ) from error
    return [path for path in paths if not path.name.startswith(".") and path.name not in _OF_THE_SYSTEM]


def check_count(place: str, name: str, count: int, what: str) -> None:
    """Checks that a class has enough images for every split.

    Raises:
      ThawError: it has too few.
    """
    if count < LEAST_IMAGES:
        raise ThawError(
            f"The class {name!r} has {counted(count, what)} in {place}. Expected at least {LEAST_IMAGES}: "
            f"{LEAST_TRAIN} for train, {LEAST_VAL} for val and {LEAST_TEST} for test. Add some, or leave the class out."
        )


def refuse(problems: Sequence[str]) -> None:
    """Raises ThawError with the first problems and the count of the others, if there are any."""
    if problems:
        more = f"\nand {len(problems) - NAMED} more" if len(problems) > NAMED else ""
        raise ThawError(f"{counted(len(problems), 'file')} can't be used:\n" + "\n".join(problems[:NAMED]) + more)


def _named(paths: Sequence[Path]) -> str:
    return f"{in_words([path.name for path in paths])} lie" + "s" * (len(paths) == 1)
