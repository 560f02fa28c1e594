"""Estimates the time left: the expected times of the pieces, corrected by those that ended. Imports nothing.

Pieces of one kind share a start that each worker makes once, such as a program that it compiles.
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

OF_ALL_S = 1.0
"""Weight of the speed of all work, in expected seconds, against the ended pieces of one kind."""
AT_ONCE_S = 0.05


@dataclasses.dataclass(frozen=True)
class Piece:
    """What one worker does in one go.

    Attributes:
      name: pieces of one name take the same time, except for the start.
      kind: what shares a start.
      seconds: expected time without the start.
      start: expected extra seconds of a worker's first piece of its kind.
    """

    name: Hashable
    kind: Hashable
    seconds: float
    start: float = 0.0


@dataclasses.dataclass(frozen=True)
class _Ended:
    piece: Piece
    started: bool
    seconds: float


class TimeLeft:
    """Seconds until all pieces have ended, the longest of a round being done first.

    Once a piece has ended, only ratios of what was expected count.

    Args:
      workers: how many pieces are done side by side.
      clock: seconds.
      starts: how often the start of a kind is made; none: by every worker.

    Attributes:
      done: pieces that have ended.
    """

    def __init__(self, workers: int, clock: Callable[[], float] = time.monotonic, starts: int | None = None):
        self._workers, self._clock, self._starts = workers, clock, starts or workers
        self._waiting: dict[Any, Piece] = {}
        self._later: Collection[Piece] = ()
        self._ended: list[_Ended] = []
        self._before: list[_Ended] = []
        self._began, self._taken = clock(), 0.0
        self._free_since = [self._began] * workers
        self._kinds: list[set[Hashable]] = [set() for _ in range(workers)]

    def learn(self, pieces: Iterable[tuple[Piece, float]]) -> None:
        """Takes the machine's speed from pieces that ended elsewhere, in their order, and the seconds they took."""
        begun = Counter(one.piece.kind for one in self._before if one.started)
        for piece, seconds in pieces:
            self._before.append(_Ended(piece, begun[piece.kind] < self._workers, seconds))
            begun[piece.kind] += 1

    def plan(self, pieces: Mapping[Any, Piece], later: Collection[Piece] = ()) -> None:
        """Begins a round; all pieces of the last one have ended.

        Args:
          pieces: of the round, by what `ended` will call them.
          later: of rounds after it.
        """
        self._waiting, self._later = dict(pieces), later
        self._began, self._taken = self._clock(), 0.0

    def ended(self, name: Hashable, seconds: float) -> None:
        """A piece of the round has ended, after so many seconds of its worker."""
        piece, now = self._waiting.pop(name), self._clock()
        # A worker continues at once, so that the one whose last piece ended just before this one began has done it.
        free = [worker for worker, since in enumerate(self._free_since) if since <= now - seconds + AT_ONCE_S]
        worker = max(free or range(self._workers), key=lambda one: self._free_since[one])
        self._ended.append(_Ended(piece, piece.kind not in self._kinds[worker], seconds))
        self._kinds[worker].add(piece.kind)
        self._free_since[worker] = now
        self._taken += seconds

    @property
    def seconds(self) -> float:
        """Seconds left."""
        costs, made = _Costs(self._ended, self._before), Counter(kind for kinds in self._kinds for kind in kinds)
        now = sorted(self._with_starts(costs, self._waiting.values(), made), reverse=True)
        later = sum(self._with_starts(costs, self._later, made))
        # All workers but the one whose piece ended last are in the middle of one.
        others = max(1, self._workers - 1)
        in_hand, untouched = now[:others], now[others:]
        spent = max(0.0, self._workers * (self._clock() - self._began) - self._taken)
        done = min(spent, sum(in_hand))
        longest = max([cost - done / len(in_hand) for cost in in_hand] + untouched[:1], default=0.0)
        return max((sum(now) - done) / self._workers, longest, 0.0) + later / self._workers

    def _with_starts(self, costs: _Costs, pieces: Collection[Piece], made: Counter[Hashable]) -> Iterator[float]:
        """Seconds of each, the longest first: these include the starts that workers still have to make; `made`
        counts."""
        for piece in sorted(pieces, key=costs.of, reverse=True):
            yield costs.of(piece) + (costs.start(piece) if made[piece.kind] < self._starts else 0.0)
            made[piece.kind] += 1


class _Costs:
    """Forecasts what pieces take, from those that ended."""

    def __init__(self, ended: Sequence[_Ended], before: Sequence[_Ended]):
        expected, taken = defaultdict[Hashable, float](float), defaultdict[Hashable, float](float)
        self._same = defaultdict[Hashable, list[float]](list)
        for one in (*before, *ended):
            expected[one.piece.kind] += one.piece.seconds + one.started * one.piece.start
            taken[one.piece.kind] += one.seconds
        for one in ended:
            if not one.started:
                self._same[one.piece.name].append(one.seconds)
        whole = sum(expected.values())
        self._speed = sum(taken.values()) / whole if whole else 1.0
        self._speeds = {kind: (taken[kind] + OF_ALL_S * self._speed) / (expected[kind] + OF_ALL_S) for kind in expected}

    def of(self, piece: Piece) -> float:
        if found := self._same.get(piece.name):
            return sum(found) / len(found)
        return piece.seconds * self._speeds.get(piece.kind, self._speed)

    def start(self, piece: Piece) -> float:
        return piece.start * self._speeds.get(piece.kind, self._speed)
