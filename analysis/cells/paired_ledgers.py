"""Checks ledgers and pairs them with their baselines. Imports no TensorFlow."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from experiment.errors import ThawError
from ledger.cell_selection import Cell, rows_by_cell
from ledger.rows import Header, Row

BASELINE_PREFIX = "baseline__"


@dataclasses.dataclass(frozen=True)
class Sweep:
    """One ledger: `header` and its `cells`, each with its rows in the order of their draws."""

    header: Header
    cells: Mapping[Cell, Sequence[Row]]

    @property
    def rows(self) -> list[Row]:
        """All rows, ordered by cell and draw."""
        return [row for group in self.cells.values() for row in group]

    @functools.cached_property
    def labels(self) -> np.ndarray:
        """int [test images]."""
        return np.asarray(self.header.test_labels)

    @functools.cached_property
    def groups(self) -> np.ndarray | None:
        """int [test images]; images of one number depend on each other. None: no image depends on another."""
        return np.asarray(self.header.test_groups) if self.header.test_groups else None

    @property
    def effective_images(self) -> float:
        """Of the test images, see effective_images."""
        images = len(self.header.test_labels)
        return images if self.groups is None else effective_images(self.groups)

    def called(self, rows: Iterable[Row]) -> np.ndarray:
        """int [draws, test images]: the most probable class of each image."""
        return np.stack([np.argmax(row.test_probabilities, axis=1) for row in rows])

    def correct(self, rows: Iterable[Row]) -> np.ndarray:
        """bool [draws, test images]: where the most probable class is the label."""
        return np.asarray(self.called(rows) == self.labels)


def effective_images(groups: np.ndarray) -> float:
    """The effective number of independent images if the images of a group are all alike.

    Kish, Survey Sampling, 1965, ch. 5: I^2 / sum of squares of the groups' sizes.

    Args:
      groups: int [images], one image or more.
    """
    return len(groups) ** 2 / float((np.bincount(groups) ** 2.0).sum())


@dataclasses.dataclass(frozen=True)
class Ledgers:
    """All sweeps of a run: transfers by id, baselines by architecture, both in the order given."""

    transfers: Mapping[str, Sweep]
    baselines: Mapping[str, Sweep]

    @property
    def data(self) -> str:
        """Name of the data, the same in every ledger."""
        return next(iter(self.transfers.values())).header.data

    def baseline_of(self, sweep: Sweep) -> Sweep:
        """The baseline of a sweep."""
        return self.baselines[sweep.header.baseline]

    def baseline_rows(self, sweep: Sweep, rows: Iterable[Row]) -> list[Row]:
        """For each row of a transfer, the baseline's row of the same n, fine_tune and draw.

        Raises:
          ThawError: the baseline has no such row.
        """
        pairs = []
        for row, baseline_row in self.known_baseline_rows(sweep, rows):
            if baseline_row is None:
                raise ThawError(
                    f"The ledger of {self.baseline_of(sweep).header.sweep} has no execution with n={row.n}, "
                    f"fine_tune={row.fine_tune}, draw={row.draw}, which {sweep.header.sweep} is compared "
                    "with. Run the same configuration again: finished executions are not repeated."
                )
            pairs.append(baseline_row)
        return pairs

    def known_baseline_rows(self, sweep: Sweep, rows: Iterable[Row]) -> list[tuple[Row, Row | None]]:
        """Each row of a transfer with the baseline's row of the same n, fine_tune and draw; None if it is missing."""
        by_draw = {(row.n, row.fine_tune, row.draw): row for row in self.baseline_of(sweep).rows}
        return [(row, by_draw.get((row.n, row.fine_tune, row.draw))) for row in rows]


def pair_ledgers(ledgers: Iterable[tuple[Header, list[Row]]]) -> Ledgers:
    """Checks ledgers and sorts them into transfers and baselines, each by name.

    Raises:
      ThawError: no transfer among them; a sweep comes twice or is empty; a (cell, draw) comes twice; a row's
        probabilities don't fit the header; data (by name or content) or stacks differ; a transfer's baseline is
        missing, or was tested on other images.
    """
    transfers: dict[str, Sweep] = {}
    baselines: dict[str, Sweep] = {}
    # TFX's order of inputs varies; what is written, or wins a tie, must not depend on it.
    for header, rows in sorted(ledgers, key=lambda one: one[0].sweep):
        is_baseline = header.sweep.startswith(BASELINE_PREFIX)
        group, name = (baselines, header.architecture) if is_baseline else (transfers, header.sweep)
        if name in group:
            raise ThawError(
                f"Two ledgers of {header.sweep} were given. Expected one for each sweep. Remove one of them."
            )
        _check_rows(header, rows)
        group[name] = Sweep(header, rows_by_cell(rows))
    if not transfers:
        raise ThawError(
            "There is no ledger of a transfer, so there is nothing to report. Add a transfer to the "
            "configuration whose source is available."
        )
    found = Ledgers(transfers, baselines)
    _check_pairs(found)
    return found


def _check_rows(header: Header, rows: list[Row]) -> None:
    if not rows:
        raise ThawError(f"The ledger of {header.sweep} has no execution. Run the same configuration again.")
    expected = (len(header.test_labels), len(header.classes))
    seen = set()
    for row in rows:
        place = f"{header.sweep}, n={row.n}, freeze_count={row.freeze_count}, fine_tune={row.fine_tune}"
        place += f", held_from={row.held_from}" if row.held_from else ""
        where = f"{place}, draw={row.draw}"
        if row.test_probabilities.shape != expected:
            raise ThawError(
                f"The ledger row {where} holds test probabilities of shape {row.test_probabilities.shape}, "
                f"but its header names {expected[0]} test images and {expected[1]} classes. Delete that "
                "ledger to compute the sweep again."
            )
        cell_draw = (Cell.of_row(row), row.draw)
        if cell_draw in seen:
            raise ThawError(
                f"The ledger contains {where} twice. Pass the rows of one configuration and one version of the code."
            )
        seen.add(cell_draw)


def _check_pairs(ledgers: Ledgers) -> None:
    for name, sweep in ledgers.transfers.items():
        header = sweep.header
        if header.baseline not in ledgers.baselines:
            raise ThawError(
                f"The transfer {name} has no baseline: the ledger {BASELINE_PREFIX}{header.baseline} is "
                "missing. Run the same configuration again."
            )
        baseline = ledgers.baselines[header.baseline].header
        if (header.test_ids_hash, header.test_labels, header.test_groups) != (
            baseline.test_ids_hash,
            baseline.test_labels,
            baseline.test_groups,
        ):
            raise ThawError(
                f"{name} and {baseline.sweep} were tested on different images (test_ids_hash "
                f"{header.test_ids_hash[:12]} and {baseline.test_ids_hash[:12]}), so no gain can be "
                "computed. Delete both ledgers and run again."
            )
    headers = [sweep.header for sweep in (*ledgers.baselines.values(), *ledgers.transfers.values())]
    if len({(header.data, header.content_hash) for header in headers}) > 1:
        raise ThawError(f"The ledgers were made from different data: {_by_value(headers, 'data', 'content_hash')}. "
                        "Report on one data set at a time: run the same configuration again.")  # fmt: skip
    if len({header.stack for header in headers}) > 1:
        raise ThawError("The ledgers were computed by different stacks, so a difference may come from the stack and "
                        f"not from the transfer: {_by_value(headers, 'stack')}. Run the same configuration again with "
                        "one of them.")  # fmt: skip


def _by_value(headers: Iterable[Header], *names: str) -> str:
    """Which sweeps have which values of some fields of their headers."""
    sweeps: dict[str, list[str]] = {}
    for header in headers:
        values = [header.stack.in_words if name == "stack" else getattr(header, name) for name in names]
        sweeps.setdefault(" ".join(values), []).append(header.sweep)
    return "; ".join(f"{value} ({', '.join(group)})" for value, group in sweeps.items())
