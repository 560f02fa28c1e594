"""Options of `thaw init` for folders and CSV files of images. Imports no TensorFlow."""

from __future__ import annotations

from collections.abc import Callable

import click

from pipeline.new_experiment.picture_options import NEAR_DUPLICATES, TOGETHER


def picture_options(command: Callable[..., None]) -> Callable[..., None]:
    """Adds the options of `thaw init` for images that are not TFRecords."""
    options = (
        click.option("--group", metavar="HOW",
                     help="Images that belong in one split, such as one person's: `folder` (each folder in a class "
                          "folder is a group), or a regular expression with one group, searched for in file names. "
                          "A CSV file's column `group` needs no option."),
        click.option("--near-duplicates", type=click.Choice(NEAR_DUPLICATES), default=TOGETHER, show_default=True,
                     help="Images that are nearly the same (saved again, re-scaled, mirrored, frames of a burst): "
                          "keep each set in one split, or do not look for them."),
        click.option("--keep-originals", is_flag=True,
                     help="Do not reduce large images, even if all records together take more than 700 MiB."),
        click.option("--file-column", metavar="NAME", help="CSV: column with the files.  [default: file, path, ...]"),
        click.option("--label-column", metavar="NAME", help="CSV: column with the classes.  [default: label, ...]"),
        click.option("--group-column", metavar="NAME", help="CSV: column with the groups.  [default: group]"),
        click.option("--split-column", metavar="NAME",
                     help="CSV: column with train, val or test; Thaw keeps that split.  [default: split, ...]"),
        click.option("--ignore-column", metavar="NAME", multiple=True,
                     help="CSV: a column to ignore. Repeat the option for more."),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command
