"""The options of the command line for a new experiment, typed. Imports the sections of the configuration; reads no
image."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from acquisition.image_folders.labelled_files import composed
from experiment.backbones import FAMILIES, MOBILENET_V2, Backbone, is_backbone
from experiment.domains import MOST_LETTERS
from experiment.errors import ThawError, home_expanded
from pipeline.new_experiment.picture_options import PictureOptions

DEFAULT_BACKBONE = "mobilenet_v2"
"""Always used if images have three channels."""


KEYS = ("image", "label", "id", "val", "group")
"""Meanings of the features of TFRecords."""


@dataclasses.dataclass(frozen=True)
class Wanted:
    """The user's choices in addition to the folder.

    Attributes:
      name: of the experiment.
      target: classes to tell apart; empty: all.
      image_size_px: side of the square that images are fitted to; none: Thaw chooses it.
      classes: names of the classes of TFRecords by label; empty: `class_0` and on.
      keys: names of the features of TFRecords, by their meaning (KEYS). None: Thaw finds image, label and id; there is
        no val and no group.
      backbones: families and .keras files to transfer from, in addition to MobileNetV2, by name.
      pictures: options for pictures that are not TFRecords.
      mirror: whether mirror images are added to the training images; none: the images decide.
    """

    name: str
    target: tuple[str, ...] = ()
    image_size_px: int | None = None
    classes: tuple[str, ...] = ()
    keys: Mapping[str, str | None] = dataclasses.field(default_factory=lambda: dict.fromkeys(KEYS))
    backbones: Mapping[str, Backbone] = dataclasses.field(default_factory=dict)
    pictures: PictureOptions = dataclasses.field(default_factory=PictureOptions)
    mirror: bool | None = None


_NAME = re.compile(r'\s*"((?:[^"]|"")*)"\s*(?:,|$)|(?!\s*")([^,]*)(?:,|$)')
"""A name, with or without double quotes, and the comma after it."""


def names_in(text: str | None) -> tuple[str, ...]:
    """Composed names with commas between them, as in CSV: one in double quotes may contain commas, and spaces at its
    ends.

    Args:
      text: none: no names.

    Raises:
      ThawError: a quote is not closed, or something follows it; the text has no name, as that of an unset variable.
    """
    if text is None:
        return ()
    text, names, place = composed(text), [], 0
    while place < len(text):
        found = _NAME.match(text, place)
        if found is None:
            raise ThawError(f"Can't read the names in {text!r} from {text[place:].strip()!r} on. Expected names with "
                            "commas between them, such as rose,tulip; put one with a comma, or a space at its "
                            """end, in double quotes: '"rose, red",tulip'.""")  # fmt: skip
        names.append(found[2].strip() if found[1] is None else found[1].replace('""', '"'))
        place = found.end()
    if not any(names):
        raise ThawError(f"{text!r} has no name. Expected names with commas between them, such as rose,tulip; leave the "
                        "option out to have none.")  # fmt: skip
    return tuple(filter(None, names))


def wanted_from(name: str, asked: Mapping[str, Any]) -> Wanted:
    """What the command line asks for.

    Args:
      name: of the experiment.
      asked: `target` and `classes`, see names_in; `image_size`, `image_key` and the like, for each of KEYS;
        `backbone`, families and files, and `scale`, what the files' pixels are; `mirror`.

    Raises:
      ThawError: the name is not one that the configuration takes, names can't be read, a backbone is neither
        a family nor a .keras file, or there is a scale without a file.
    """
    if name != name_from(name):
        raise ThawError(f"{name!r} can't be the name of an experiment. Give a name of lowercase letters, digits and "
                        f"single underscores with --name, such as {name_from(name)}.")  # fmt: skip
    target, classes = (names_in(asked[key]) for key in ("target", "classes"))
    keys = {key: asked[f"{key}_key"] for key in KEYS}
    backbones = _backbones(asked["backbone"], asked["scale"])
    return Wanted(name, target, asked["image_size"], classes, keys, backbones, mirror=asked["mirror"])


def _backbones(asked: Sequence[str], scale: str | None) -> dict[str, Backbone]:
    """Families and .keras files by names for the configuration."""
    found: dict[str, Backbone] = {}
    settings: dict[str, str | None]
    for one in asked:
        if one in FAMILIES:
            name, settings = name_from(one), {"family": one}
        elif one.endswith(".keras"):
            name, settings = name_from(Path(one).stem), {"model": str(home_expanded(one).absolute()), "scale": scale}
        elif one.endswith((".h5", ".hdf5")):
            raise ThawError(f"--backbone {one} names a file of weights, or a model in Keras's older format. Expected a "
                            "family of keras.applications, or a .keras file. Give weights of a family to the run: "
                            f"`thaw run --set backbones.<name>.weights={one}`, with the backbone's name in config.yaml "
                            f"(MobileNetV2's: --weights {one}). Save a whole model with model.save('mine.keras') and "
                            "give that file.")  # fmt: skip
        else:
            raise ThawError(f"--backbone {one} is neither a .keras file nor a family that Thaw knows. Expected a file "
                            f"that model.save writes, or one of {', '.join(FAMILIES)}.")  # fmt: skip
        if one == MOBILENET_V2:
            continue  # it is used in any case
        if name in (*found, DEFAULT_BACKBONE) or not is_backbone(name):
            name += "_model"
        if name in found:
            raise ThawError(
                f"Two --backbone options would get the name {name}. Give each backbone once, and files with different "
                "names."
            )
        found[name] = Backbone.model_validate(settings)
    if scale and not any(one.model for one in found.values()):
        raise ThawError("--scale says what the pixels of the .keras files are, but no --backbone is one. Give both, or "
                        "neither.")  # fmt: skip
    return found


def name_from(text: str) -> str:
    """A name that the configuration accepts: lowercase letters, digits and single underscores, a letter first."""
    slug = re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[: MOST_LETTERS - len("own_")].rstrip("_")
    # A set named `synthetic` would look like images that Thaw generated.
    return slug if re.match(r"[a-z]", slug) and slug != "synthetic" else f"own_{slug}".rstrip("_")
