"""A run's event files for TensorBoard: curves of sources and candidates, executions in HParams. Imports no TFX."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api as hparams
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from ledger.cell_selection import Cell
from ledger.rows import Header, Row

VAL_ACCURACY = "val accuracy"
HPARAMS = ("sweep", "source", "architecture", "n", "freeze_count", "fine_tune", "held_from", "draw", "data")

Curve = Sequence[tuple[int, float]]
"""(step, val accuracy)."""


def write_run(folder: Path, sources: Mapping[str, Curve], sweeps: Iterable[tuple[Header, Sequence[Row]]]) -> None:
    """Writes event files for `tensorboard --logdir`; only val, because users choose models in TensorBoard.

    Args:
      folder: made when absent.
      sources: curve of each source's training, by name.
      sweeps: header and rows of every ledger.
    """
    sweeps = list(sweeps)
    if any(rows for _, rows in sweeps):
        _write(folder, [_described(sweeps)])
    for name, curve in sources.items():
        _write(folder / "sources" / name, _scalars(curve))
    for header, rows in sweeps:
        for row in rows:
            tuned = "fine_tuned" if row.fine_tune else "frozen"
            name = f"n={row.n} k={Cell.of_row(row).layers} {tuned} draw={row.draw}"
            place = folder / "sweeps" / header.sweep / name
            _write(place, [_chosen(header, row, trial_id=row.key), *_scalars(row.curve)])


def source_curves(models: Mapping[str, str]) -> dict[str, Curve]:
    """Curves of the sources that were trained, from the card next to each model.

    Args:
      models: folder of each source's exported model, by name; ImageNet's weights have no curve.
    """
    cards = {
        name: json.loads((Path(folder) / "thaw.json").read_text(encoding="utf-8")) for name, folder in models.items()
    }
    return {name: card["val_accuracy_by_step"] for name, card in cards.items() if "val_accuracy_by_step" in card}


def _described(sweeps: Sequence[tuple[Header, Sequence[Row]]]) -> Event:
    """The HParams dashboard's configuration: every hyperparameter with its values."""
    values = {
        name: sorted({_hparams(header, row)[name] for header, rows in sweeps for row in rows}) for name in HPARAMS
    }
    pb = hparams.hparams_config_pb(
        hparams=[hparams.HParam(name, hparams.Discrete(found)) for name, found in values.items()],
        metrics=[hparams.Metric(VAL_ACCURACY, display_name=VAL_ACCURACY)],
    )
    return Event(summary=_as_summary(pb))


def _chosen(header: Header, row: Row, trial_id: str) -> Event:
    return Event(summary=_as_summary(hparams.hparams_pb(_hparams(header, row), trial_id=trial_id)))


def _hparams(header: Header, row: Row) -> dict[str, str | int | bool]:
    return {
        "sweep": header.sweep, "source": header.source or "none", "architecture": header.architecture, "n": row.n,
        "freeze_count": row.freeze_count, "fine_tune": row.fine_tune, "held_from": row.held_from,
        "draw": row.draw, "data": header.data,
    }  # fmt: skip


def _scalars(curve: Curve) -> list[Event]:
    return [
        Event(step=step, summary=Summary(value=[Summary.Value(tag=VAL_ACCURACY, simple_value=accuracy)]))
        for step, accuracy in curve
    ]


def _as_summary(message: Summary) -> Summary:
    return Summary.FromString(message.SerializeToString())


def _write(folder: Path, events: Iterable[Event]) -> None:
    writer = EventFileWriter(str(folder))
    for event in events:
        writer.add_event(event)
    writer.close()
