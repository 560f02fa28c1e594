"""Reports which classes of the target have too few images to be judged. Imports inspection's results, no TensorFlow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from acquisition.tfrecords.inspection import Inspection, val_images
from experiment.config import ExperimentConfig
from experiment.errors import counted, worded

FEWEST = 10
"""Test or val images of one class: below this, one image more or less is over 10 points of accuracy on that class."""
FEWEST_VAL = 100
"""Val images of all classes together: below this, the standard error of an accuracy is up to 5 points."""
FEWEST_INDEPENDENT = 50
"""Test images as which those in groups count if all of a group are alike: below this, intervals are some 11 points
wide to each side, or more."""
MOST_NAMED = 5
"""Most classes that get a sentence each; more share one sentence."""


def scarce_classes(inspection: Inspection, config: ExperimentConfig) -> Iterator[str]:
    """Sentences on few groups of test images, and on target classes with fewer than FEWEST test or val images."""
    yield from _few_groups(inspection, config)
    sentences = list(_sentences(inspection, config))
    if len(sentences) <= MOST_NAMED:
        yield from sentences
        return
    names = config.target.classes
    tested = [inspection.test_counts[name] for name in names]
    if few := sum(count < FEWEST for count in tested):
        have, them = worded(few, "has", "have"), worded(few, "it", "them")
        yield (f"{few} of {len(names)} classes {have} fewer than {FEWEST} test images (the fewest: {min(tested)}). "
               "That is too few to measure the accuracy of such a class; accuracy on all classes together is not "
               f"affected. Add images of {them}.")  # fmt: skip
    val = sum(val_images(inspection, config.data, name) for name in names)
    if val < FEWEST_VAL:
        yield f"The classes have {val} val images together. That is too few to choose a cell reliably. Add images."


def _few_groups(inspection: Inspection, config: ExperimentConfig) -> Iterator[str]:
    groups = Counter(number for name in config.target.classes for number in inspection.test_groups.get(name, ()))
    images = groups.total()
    independent = images**2 / max(1, sum(count**2 for count in groups.values()))  # Kish: analysis.cells.paired_ledgers
    if groups and independent < FEWEST_INDEPENDENT and 2 * independent < images:
        yield (f"The {images:,} test images are in {len(groups):,} groups. If those of a group are alike, they have "
               f"the information of {independent:.0f} images, and only large gains can be distinguished from chance. "
               "Add images of other groups.")  # fmt: skip


def _sentences(inspection: Inspection, config: ExperimentConfig) -> Iterator[str]:
    for name in config.target.classes:
        test, val = inspection.test_counts[name], val_images(inspection, config.data, name)
        if test < FEWEST:
            yield (f"The class {name!r} has {_images(test, 'test')} and {val} on val. That is too few to "
                   f"measure the accuracy of this class: one image is {100 / max(test, 1):.0f} points, and intervals "
                   "are wide. Add images of it.")  # fmt: skip
        elif val < FEWEST:
            yield (f"The class {name!r} has {_images(val, 'val')}. That is too few to choose a cell reliably. "
                   "Add images of it.")  # fmt: skip


def _images(count: int, kind: str) -> str:
    return counted(count, f"{kind} image")
