"""AdvisedOracle: searches the cells of all transfers at a part of the grid's cost. Imports KerasTuner."""

from __future__ import annotations

import copy
import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import keras_tuner
import numpy as np
from keras_tuner.engine.trial import Trial, TrialStatus

from experiment.random_streams import Stream, stream_generator
from trainer_module.oracles.gaussian_process import Beliefs, SearchPoint, logits, points

SAMPLES = 512
"""Number of posterior samples; each has a best cell."""
TOLERANCE_POINTS = 0.5
"""The search ends when the expected loss of taking the leading cell is below this."""


@dataclasses.dataclass(frozen=True)
class SearchCandidate:
    """A cell that may be trained.

    Attributes:
      place: its index among the candidates.
      freeze_count: of the cell.
      seconds: expected duration of one training.
      estimates: estimators of the source's features at this freeze count; any unit, higher is better.
    """

    place: SearchPoint
    freeze_count: int
    seconds: float
    estimates: tuple[float, ...]


class AdvisedOracle(keras_tuner.Oracle):
    """Orders and prunes the cells of one n by estimates and by the trainings so far.

    It begins with each transfer's first cell by the estimates, if the budget allows it, and then ignores them: they
    order freeze counts no better than chance (docs/prediction.md). From then on every step samples the posterior of all
    cells (Beliefs) and trains one more draw of the cell that is best in the most samples per second of training:
    Thompson sampling (Russo et al. 2018, section 4). Cells that are never best are never trained. It ends when the
    leading cell has `draws` trainings and the samples lose less than TOLERANCE_POINTS by it on average, or when
    `budget_seconds` are spent.

    Args:
      candidates: the cells.
      draws: at most this many trainings a cell.
      budget_seconds: of expected seconds; no training begins that would exceed it.
      seed: of the samples.
    """

    def __init__(self, candidates: Sequence[SearchCandidate], draws: int, budget_seconds: float, seed: int):
        self.candidates = list(candidates)
        self.draws = draws
        self.budget_seconds = budget_seconds
        self.done: dict[tuple[int, int], float] = {}  # (candidate, draw) -> accuracy on val in points
        self.spent_seconds = 0.0
        self.expected_loss = math.inf
        self._seconds = np.array([candidate.seconds for candidate in self.candidates])
        estimates = standardised(np.array([candidate.estimates for candidate in self.candidates], float))
        self._prior = estimates.sum(axis=1)  # [candidates]
        self._beliefs = Beliefs([candidate.place for candidate in self.candidates])
        self._places = {(one.place.transfer, one.freeze_count, one.place.fine_tune): place
                        for place, one in enumerate(self.candidates)}  # fmt: skip
        self._random = stream_generator(seed, Stream.ORACLE)
        self._seed = seed
        self._given: dict[str, tuple[int, int]] = {}
        space = keras_tuner.HyperParameters()
        space.Choice("transfer", sorted({one.place.transfer for one in self.candidates}))
        space.Choice("freeze_count", sorted({one.freeze_count for one in self.candidates}))
        space.Boolean("fine_tune")
        space.Choice("draw", list(range(draws)))
        super().__init__(
            objective=keras_tuner.Objective("val_accuracy", "max"), max_trials=len(self.candidates) * draws,
            hyperparameters=space, allow_new_entries=False, tune_new_entries=False, seed=seed,
        )  # fmt: skip
        self.verbose = 0

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        chosen = self._next()
        if chosen is None:
            waiting = any(given not in self.done for given in self._given.values())
            return {"status": TrialStatus.IDLE if waiting else TrialStatus.STOPPED, "values": {}}
        self._given[trial_id] = chosen
        candidate = self.candidates[chosen[0]]
        self.spent_seconds += candidate.seconds
        values = {"transfer": candidate.place.transfer, "freeze_count": candidate.freeze_count,
                  "fine_tune": candidate.place.fine_tune, "draw": chosen[1]}  # fmt: skip
        return {"status": TrialStatus.RUNNING, "values": values}

    def end_trial(self, trial: Trial) -> None:
        super().end_trial(trial)
        self.learn(*self._given[trial.trial_id], accuracy=self.trials[trial.trial_id].score)

    def learn(self, candidate: int, draw: int, accuracy: float) -> None:
        """Records a training, also one that was not requested, such as the phase before fine-tuning.

        Args:
          candidate: its place in `candidates`.
          draw: that it was trained on.
          accuracy: on val, a fraction.
        """
        self.done[candidate, draw] = 100 * accuracy

    def place_of(self, transfer: str, freeze_count: int, fine_tune: bool) -> int | None:
        """The place in `candidates` of a cell; None if it is not a candidate."""
        return self._places.get((transfer, freeze_count, fine_tune))

    def best(self) -> int:
        """The place of the candidate to take: of those with the most trainings, the one with the best mean on val.

        Ties go to the cell with more frozen layers, then to the one without fine-tuning, as in selection.best_cell.

        Raises:
          ValueError: nothing was trained.
        """
        if not self.done:
            raise ValueError("Nothing was trained: the budget is too small for one training.")
        counts = self._counts()
        return max(np.flatnonzero(counts == counts.max()).tolist(), key=self._merit)

    def _merit(self, place: int) -> tuple[float, int, bool]:
        accuracies = [accuracy for (trained, _), accuracy in self.done.items() if trained == place]
        one = self.candidates[place]
        return round(float(np.mean(accuracies)), 9), one.freeze_count, not one.place.fine_tune

    def affordable(self) -> list[tuple[int, int]]:
        """Candidates and draws that may still be requested: as many of the others as the budget allows.

        The cheapest come first, so this is the largest number possible. The search can end sooner.
        """
        taken, left = {*self.done, *self._given.values()}, self.budget_seconds - self.spent_seconds
        found = []
        for place in np.argsort(self._seconds, kind="stable").tolist():
            for draw in (draw for draw in range(self.draws) if (place, draw) not in taken):
                if self._seconds[place] <= left:
                    left -= self._seconds[place]
                    found.append((place, draw))
        return found

    def foreseen(self) -> list[tuple[int, int]]:
        """Candidates and draws that this search will request if each training gives the expected result.

        The posterior mean replaces a result (Kriging believer; Ginsbourger et al. 2010, section 4.1). If nothing was
        trained, these are all that the budget allows. No choice depends on this.
        """
        if not self.done:
            return self.affordable()
        ahead = copy.copy(self)
        ahead.done, ahead._given, ahead._beliefs = dict(self.done), dict(self._given), copy.copy(self._beliefs)
        ahead._random = stream_generator(self._seed, Stream.FORESIGHT)
        asked: list[tuple[int, int]] = []
        while True:
            expected = points(ahead._posterior()[0])
            ahead.done |= {one: float(expected[one[0]]) for one in ahead._given.values() if one not in ahead.done}
            chosen = ahead._next()
            if chosen is None:
                return asked
            ahead._given[f"ahead {len(asked)}"] = chosen
            ahead.spent_seconds += self.candidates[chosen[0]].seconds
            asked.append(chosen)

    def _next(self) -> tuple[int, int] | None:
        begun = {place for place, _ in self._given.values()} | {place for place, _ in self.done}
        for place in self.first_of_each_transfer():
            if place not in begun and (first := self._if_affordable(place)) is not None:
                return first
        if not self.done:  # other workers have the requested ones
            return None
        mean, covariance = self._posterior()
        samples = points(self._beliefs.samples(mean, covariance, SAMPLES, self._random))  # [samples, candidates]
        transfers = {self.candidates[place].place.transfer for place in begun}  # all, if the budget allows their first
        reached = np.array([one.place.transfer in transfers for one in self.candidates])
        leader = int(np.argmax(np.where(reached, mean, -math.inf)))
        self.expected_loss = float(np.mean(samples.max(axis=1) - samples[:, leader]))
        counts = self._counts()
        if self.expected_loss < TOLERANCE_POINTS and counts[leader] >= self.draws:
            return None
        wins = np.bincount(samples.argmax(axis=1), minlength=len(mean)).astype(float)
        worth = np.where([self._free_draw(place) is not None for place in range(len(mean))], wins / self._seconds, 0)
        chosen = int(np.argmax(worth)) if worth.any() else leader
        due = self._seconds[leader] * (self.draws - counts[leader])
        if self.spent_seconds + self._seconds[chosen] + due > self.budget_seconds:
            chosen = leader  # the rest is for draws of the cell that will be taken
        return self._if_affordable(chosen)

    def _if_affordable(self, place: int) -> tuple[int, int] | None:
        draw = self._free_draw(place)
        if draw is None or self.spent_seconds + self._seconds[place] > self.budget_seconds:
            return None
        return place, draw

    def _free_draw(self, place: int) -> int | None:
        """The first draw on which a candidate was neither trained nor is being trained."""
        taken = {*self.done, *self._given.values()}
        return next((draw for draw in range(self.draws) if (place, draw) not in taken), None)

    def first_of_each_transfer(self) -> list[int]:
        """For each transfer the cell that the estimates rank first, without fine-tuning if there is such a cell."""

        def rank(candidate: int) -> tuple[bool, float, float]:
            place = self.candidates[candidate].place
            return place.fine_tune, -self._prior[candidate], abs(place.share - 0.5)

        firsts: dict[str, int] = {}
        for candidate in sorted(range(len(self.candidates)), key=rank):
            firsts.setdefault(self.candidates[candidate].place.transfer, candidate)
        return list(firsts.values())

    def _counts(self) -> np.ndarray:
        return np.bincount([place for place, _ in self.done], minlength=len(self.candidates))

    def _posterior(self) -> tuple[np.ndarray, np.ndarray]:
        places, draws = np.array(list(self.done)).T
        return self._beliefs.posterior(places, draws, logits(np.array(list(self.done.values())) / 100))


def standardised(values: np.ndarray) -> np.ndarray:
    """Columns with mean 0 and standard deviation 1; a column that is constant becomes 0."""
    spread = values.std(axis=0)
    return (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1)
