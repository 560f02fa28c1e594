"""The options of `thaw init` for a folder or CSV file of pictures. Imports acquisition."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from acquisition.image_folders.label_table import COLUMNS
from acquisition.image_folders.labelled_files import Grouping, grouping_from

TOGETHER, IGNORE = NEAR_DUPLICATES = ("together", "ignore")


@dataclasses.dataclass(frozen=True)
class PictureOptions:
    """The user's choices for pictures.

    Attributes:
      grouping: how groups are found; none: by a column of a CSV file, or not at all.
      columns: names of the CSV file's columns `file`, `label`, `group` and `split`; none: they are found.
      ignored: names of its columns to ignore.
      together: whether near-duplicates are kept in one split.
      keep_originals: whether all pictures keep their size.
    """

    grouping: Grouping | None = None
    columns: Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    together: bool = True
    keep_originals: bool = False

    @property
    def of_table(self) -> bool:
        """Whether an option is set that only fits a CSV file."""
        return any(self.columns.values()) or bool(self.ignored)

    @property
    def asked(self) -> bool:
        """Whether any option is set."""
        return self.grouping is not None or self.of_table or not self.together or self.keep_originals


def pictures_asked(asked: Mapping[str, Any]) -> PictureOptions:
    """The options of the command line.

    Args:
      asked: `group`, `near_duplicates`, `keep_originals`, `ignore_column` and `file_column` to `split_column`.

    Raises:
      ThawError: the grouping can't be read.
    """
    return PictureOptions(
        grouping_from(asked["group"]), {key: asked[f"{key}_column"] for key in COLUMNS}, tuple(asked["ignore_column"]),
        asked["near_duplicates"] == TOGETHER, asked["keep_originals"],
    )  # fmt: skip
