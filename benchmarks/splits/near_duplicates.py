"""Which altered copies of a folder's photos are found as near-duplicates, and which different photos are grouped.

`python -m benchmarks.splits.near_duplicates FOLDER` prints a line for each alteration. Imports only acquisition.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from acquisition.image_folders.image_files import load_image
from acquisition.image_folders.image_folder import find_images
from acquisition.splits.fingerprints import fingerprint, mirrored
from acquisition.splits.near_duplicates import find_near_duplicates

Change = Callable[[Image.Image], Image.Image]


def saved(quality: int) -> Change:
    """As JPEG of that quality."""

    def change(image: Image.Image) -> Image.Image:
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=quality)
        return load_image(buffer.getvalue(), "copy")

    return change


def scaled(factor: float) -> Change:
    """At that share of its sides."""
    return lambda image: image.resize((round(image.width * factor), round(image.height * factor)))


def moved(share: float, right: float, down: float) -> Change:
    """Cropped by that share of width and height: so much of it on the left and at the top, the rest opposite."""

    def change(image: Image.Image) -> Image.Image:
        left, top = int(image.width * share * right), int(image.height * share * down)
        return image.crop((left, top, left + int(image.width * (1 - share)), top + int(image.height * (1 - share))))

    return change


def turned(degrees: float) -> Change:
    """Rotated, and cropped to leave out the empty corners."""
    return lambda image: moved(0.05, 0.5, 0.5)(image.rotate(degrees, Image.Resampling.BICUBIC))


CHANGES: dict[str, Change] = {
    "quality 90": saved(90), "quality 50": saved(50), "quality 20": saved(20), "half": scaled(0.5),
    "quarter": scaled(0.25), "mirrored": ImageOps.mirror, "15% brighter": lambda image:
    ImageEnhance.Brightness(image).enhance(1.15), "moved by 2%": moved(0.02, 0, 1), "moved by 4%": moved(0.04, 1, 0.3),
    "moved by 8%": moved(0.08, 0.2, 0.9), "turned by 1 degree": turned(1), "turned by 2 degrees": turned(2),
}  # fmt: skip


def measure(folder: Path) -> None:
    """Prints which photos are joined, first alone, then together with one altered copy each."""
    files = find_images(folder)
    names = sorted({one.class_name for one in files})
    labels = [names.index(one.class_name) for one in files]
    photos = [load_image(one.path, one.file) for one in files]
    found = np.stack([fingerprint(photo) for photo in photos])
    alike = np.maximum(found @ found.T, found @ mirrored(found).T) - 2 * np.eye(len(found))
    sets = find_near_duplicates(found, labels).sets
    print(f"{len(files)} photos, {len(files) * (len(files) - 1) // 2} pairs, the most alike {alike.max():.2f}; joined: "
          f"{[[files[place].file for place in places] for places in sets]}")  # fmt: skip
    for name, change in CHANGES.items():
        copies = np.stack([fingerprint(change(photo)) for photo in photos])
        together = find_near_duplicates(np.concatenate([found, copies]), labels * 2).sets
        number = {place: position for position, places in enumerate(together) for place in places}
        hits = sum(number.get(place, -1) == number.get(place + len(files), -2) for place in range(len(files)))
        mixed = sum(len({place % len(files) for place in places}) > 1 for places in together)
        print(f"{name}: {hits} of {len(files)} found ({hits / len(files):.1%}), the least alike "
              f"{(found * copies).sum(1).min():.2f}; {mixed} sets hold different photos")  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Reads the command line and measures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("folder", type=Path, help="has a folder of photos for each class")
    measure(parser.parse_args(arguments).folder)


if __name__ == "__main__":
    main()
