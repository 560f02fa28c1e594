"""The measured speedup of bfloat16 if other work interrupts the measurement. Trains nothing."""

import time

import pytest
import tensorflow as tf

from trainer_module.training import step_speed


class Steps:
    """A program whose step takes the processor so long, and is interrupted for so long."""

    def __init__(self, busy_s: float, interrupted_s: float):
        self.busy_s, self.interrupted_s = busy_s, interrupted_s

    def train(self, *_):
        until = time.process_time() + self.busy_s
        while time.process_time() < until:
            pass
        time.sleep(self.interrupted_s)


def test_what_interrupts_every_step_of_one_precision_does_not_count(monkeypatch):
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("a GPU's steps are timed by the clock")
    programs = {"float32": Steps(0.02, 0.0), "bfloat16": Steps(0.01, 0.03)}
    monkeypatch.setattr(step_speed, "_program", lambda *given: programs[given[-1]])
    assert step_speed.bfloat16_speedup("original", (8, 8, 3), None, 2) == pytest.approx(2, abs=0.5)
