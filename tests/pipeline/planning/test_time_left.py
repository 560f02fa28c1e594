"""The time left that sweeps show, on finished runs: their trainings' seconds, in the order of search and pool."""

from __future__ import annotations

import heapq
import json
import math
from pathlib import Path

import pytest

from experiment.changes import changed
from experiment.config import ExperimentConfig
from experiment.loading import PRESETS, load_config
from experiment.machine import Machine
from experiment.training_settings import SweepSettings
from ledger.cell_selection import Cell
from pipeline.planning.plan import plan_run
from pipeline.planning.run_costs import RunCosts
from terminal.time_left import TimeLeft
from trainer_module.sweep.expected_work import JointWork, pieces
from trainer_module.sweep.units import LONG_S, group_units
from trainer_module.tuners.cell_search import search_cells

RUNS = json.loads((Path(__file__).parent / "finished_runs.json").read_text(encoding="utf-8"))
"""Of each sweep: n, freeze_count, fine_tune, draw, seconds and val accuracy of its rows. 28 and 29 November 2026, 2
cores of an AMD EPYC, other work beside: `quick` on CIFAR-10, 398 photos of ants and bees, 2,062 of hand signs."""
WORKERS = 2


def photos(side, sizes, classes):
    """As many operations as what `thaw init` made of photos then: 240 steps of 64 pixels from scratch."""
    return ExperimentConfig.model_validate({
        "name": "photos", "sizes": sizes, "draws": 1, "fine_tune": [False], "freeze_counts": {"mobilenet_v2": [13, 18]},
        "data": {"image_shape": [side, side, 3], "resize": True, "classes": classes, "val_key": "in_val"},
        "target": {"name": "photos", "classes": classes}, "sources": {"imagenet": {}},
        "transfers": [{"source": "imagenet", "architecture": "mobilenet_v2"}],
        "backbones": {"mobilenet_v2": {"family": "MobileNetV2", "image_size_px": side, "alpha": 1.0}},
        "baselines": {"mobilenet_v2": "original"}, "augmentation": {"noisy_copies": 0}, "search": "bayesian",
        "schedule": {"epochs": 120, "max_steps": 960},
    })  # fmt: skip


CONFIGS = {
    "quick": (changed(load_config(PRESETS / "quick.yaml"), sizes=(50, 100, 200)), 60_000),
    "ants": (photos(224, [10, 40, 200], ["ants", "bees"]), 398),
    "signs": (photos(128, [50, 200, 1000], [f"sign {number}" for number in range(10)]), 2_062),
}


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


class Shown:
    """The time left that was shown while trainings ended.

    Attributes:
      shown: moments at which a round began or a training ended, with the seconds left that were shown from then on.
      ends: moments at which trainings ended.
    """

    def __init__(self):
        self.clock, self.shown, self.ends = Clock(), [], []

    def follow(self, left, ended, end):
        """Goes from one end of a training to the next; `ended` has the moments, and `end` is told of each training."""
        self.shown.append((self.clock.now, left.seconds))
        for self.clock.now, execution in sorted(ended, key=lambda one: one[0]):
            end(execution)
            self.ends.append(self.clock.now)
            self.shown.append((self.clock.now, left.seconds))

    def moments(self):
        """Seconds left that were shown, and those that were left, at every second after a tenth of the time."""
        whole, found = self.clock.now, []
        for second in range(int(whole / 10) + 1, int(whole)):
            known = [(at, left) for at, left in self.shown if at <= second]
            found.append((max(0.0, known[-1][1] - (second - known[-1][0])) if known else None, whole - second))
        return found


class Replay(Shown):
    """One sweep's executions again, each as long as it took then."""

    def __init__(self, expected, took):
        super().__init__()
        self.expected, self.took = expected, took
        self.left = TimeLeft(WORKERS, self.clock)

    def train(self, executions, later=()):
        free = [(self.clock.now, worker) for worker in range(WORKERS)]
        ended = []
        for unit in group_units(executions):
            moment, worker = heapq.heappop(free)
            for execution in unit.executions:
                moment += self.took[execution]
                ended.append((moment, execution))
            heapq.heappush(free, (moment, worker))
        self.left.plan(pieces(self.expected, executions), list(pieces(self.expected, later).values()))
        self.follow(self.left, ended, lambda execution: self.left.ended(execution, self.took[execution]))


class Known(dict):
    """The recorded executions; for one that only today's search requests, the nearest one."""

    def __init__(self, recorded, by_nearest):
        super().__init__(recorded)
        self._recorded, self._by_nearest = list(recorded), by_nearest

    def __missing__(self, asked):
        (cell, _), ways = asked, lambda one: (one.freeze_count, one.fine_tune)
        near = min(self._recorded, key=lambda one: (
            abs(one[0].freeze_count - cell.freeze_count), ways(one[0]) != ways(cell), abs(math.log(one[0].n / cell.n)),
        ))  # fmt: skip
        self[asked] = self._by_nearest(asked, near)
        return self[asked]


def executions(rows):
    return {(Cell(n, count, tuned), draw): seconds for n, count, tuned, draw, seconds, _ in rows}


def confirmed(name, folder):
    """The fresh draws of all sweeps, in the order of a JointPool."""
    config, images = CONFIGS[name]
    costs = RunCosts(config, images, 120.0, WORKERS)
    Machine(expected={sweep: costs.expected(sweep) for sweep in RUNS[name]}).write(folder)
    took = {sweep: executions(rows["confirmed"]) for sweep, rows in RUNS[name].items()}
    before = {sweep: executions(rows["searched"]) for sweep, rows in RUNS[name].items()}
    waiting = {sweep: group_units(list(took[sweep])) for sweep in took}
    replay, ended, own = Shown(), [], dict[int, str]()
    free = [(0.0, worker) for worker in range(WORKERS)]
    while any(waiting.values()):
        moment, worker = heapq.heappop(free)
        longest = {sweep: took[sweep][units[0].executions[0]] for sweep, units in waiting.items() if units}
        order = sorted(longest, key=lambda sweep: -longest[sweep])
        begin = [sweep for sweep in order if sweep not in own.values() or longest[sweep] >= LONG_S] or order
        sweep = own[worker] = own[worker] if own.get(worker) in order else begin[0]
        for execution in waiting[sweep].pop(0).executions:
            moment += took[sweep][execution]
            ended.append((moment, (sweep, execution)))
        heapq.heappush(free, (moment, worker))
    work = JointWork(folder, before, WORKERS, replay.clock)
    work.begin(took)
    replay.follow(work.time_left, ended, lambda one: work.ended(one[0], *one[1], took[one[0]][one[1]]))
    return replay


def searched(name, sweep, folder):
    config, images = CONFIGS[name]
    run = RUNS[name][sweep]
    expected = RunCosts(config, images, 120.0, WORKERS).expected(sweep)
    costs = {Cell(*one[:4]): one[4] for one in expected.cells}
    recorded = executions(run["searched"])
    took = Known(recorded, lambda asked, near: recorded[near] * costs[asked[0]] / costs[near[0]])
    accuracies = {(Cell(*row[:3]), row[3]): row[5] for row in run["searched"]}
    val = Known(accuracies, lambda asked, near: accuracies[near])
    replay = Replay(expected, took)
    if sweep.startswith("baseline__"):
        replay.train(list(recorded))
        return replay
    pair = next(one for one in config.transfers if one.id == sweep)
    settings = SweepSettings(
        role="transfer", name=sweep, source=pair.source, architecture=pair.architecture, data_name="", code="",
        classes=config.target.classes, image_shape=config.data.image_shape, image_key="image",
        schedule=config.schedule, seed=config.seed, sizes=config.sizes, search="bayesian",
        freeze_counts=config.freeze_counts[pair.architecture],
        fine_tune=config.fine_tune, draws=1, deployed_size=config.deployed_size, ledger_dir=folder,
    )  # fmt: skip
    done, later = set(), []

    def train(plan):
        new = [one for one in plan if one not in done]
        done.update(new)
        replay.train(new, [one for one in later if one not in done])
        return True

    search_cells(settings, run["most_frozen"], run["val_images"], train, lambda *one: val[one], folder,
                 lambda foreseen: later.__setitem__(slice(None), foreseen))  # fmt: skip
    return replay


def by_count(replay, planned):
    """The same moments, with the time left by what was counted alone: as long for each training as for those so far."""
    ends = replay.ends
    whole, found = replay.clock.now, []
    for second in range(int(whole / 10) + 1, int(whole)):
        done = sum(end <= second for end in ends)
        found.append((second * max(0, planned - done) / done if done else None, whole - second))
    return found


def share_within_a_third(moments):
    right = [shown is not None and abs(shown - left) <= max(left / 3, 3.0) for shown, left in moments]
    return sum(right) / len(right)


@pytest.mark.parametrize(("name", "least"), [("quick", 0.75), ("ants", 0.8), ("signs", 0.8)])
def test_the_time_left_is_mostly_right_within_a_third_after_a_tenth_of_the_work(name, least, tmp_path):
    replays = [(confirmed(name, tmp_path), sum(len(rows["confirmed"]) for rows in RUNS[name].values()))]
    for sweep, rows in RUNS[name].items():
        replays.append((searched(name, sweep, tmp_path / sweep), len(rows["searched"])))
    moments = [moment for replay, _ in replays for moment in replay.moments()]
    counted = [moment for replay, planned in replays for moment in by_count(replay, planned)]
    share, of_counting = share_within_a_third(moments), share_within_a_third(counted)
    print(f"{name}: {share:.0%} of the time within a third; by counting {of_counting:.0%}")
    assert share > least
    assert share > of_counting + 0.2


TOOK_S = [("quick", 763), ("quick", 883), ("ants", 458), ("ants", 310), ("signs", 589)]
"""Whole runs with these settings, nothing cached, on the same machine."""


@pytest.mark.parametrize(("name", "took"), TOOK_S)
def test_the_plans_minutes_are_within_a_quarter_of_what_runs_took(name, took):
    config, images = CONFIGS[name]
    planned = plan_run(config, images, 10**8, gflops=120.0, workers=WORKERS)
    print(f"{name}: {60 * planned.minutes:.0f} s planned, {took} s taken")
    assert 3 / 4 < 60 * planned.minutes / took < 5 / 4
