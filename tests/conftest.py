"""What TensorFlow reads while it is imported, set before any test does so; mutated input. Imports nothing of ours."""

import os
import random
import re
import resource
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

os.environ["TF_USE_LEGACY_KERAS"] = "0"  # tensorflow_transform sets it to 1 where it is unset
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

WHOLE_FILE_MARK = re.compile(r"^pytestmark = \[?pytest\.mark\.(component|e2e|slow)\b", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leaves out files that `-m "not <mark>"` deselects as a whole: importing TFX takes longer than the quick tests."""
    if collection_path.suffix != ".py":
        return None
    mark = WHOLE_FILE_MARK.search(collection_path.read_text())
    return True if mark and f"not {mark[1]}" in config.option.markexpr else None


MOST_BYTES = 2 << 30
"""Memory that a process may take whatever its input."""
MOST_SECONDS = 30.0
"""What one input may take; far more than any does, for machines that are busy."""


def mutated(samples: Sequence[bytes], number: int) -> bytes:
    """The sample number `number` % len(samples), damaged in one to four places; the same for the same number."""
    dice = random.Random(number)
    content = bytearray(samples[number % len(samples)])
    for _ in range(dice.choice((1, 1, 1, 2, 4))):
        start = dice.randrange(len(content) + 1)
        stop = min(len(content), start + dice.choice((1, 2, 4, 8, 64, 1024)))
        noise = dice.randbytes(stop - start)
        other = dice.choice(samples)
        content[start:stop] = dice.choice(
            (
                noise,
                bytes(byte ^ (1 << dice.randrange(8)) for byte in content[start:stop]),
                b"",
                content[start:stop] * 2,
                b"\xff" * (stop - start),
                bytes(stop - start),
                dice.choice((0, 1, 2**31 - 1, 2**32 - 1)).to_bytes(4, "big"),
                other[start:stop],
                noise + content[start:stop],
            )
        )
        if dice.random() < 0.05:
            del content[dice.randrange(len(content) + 1) :]
    return bytes(content)


@pytest.fixture(scope="session")
def mutations() -> Callable[..., Iterator[bytes]]:
    """A function that yields damaged samples, and fails where one took too long or the process grew too large."""

    def mutations(samples: Sequence[bytes], numbers: range) -> Iterator[bytes]:
        limit_kib = max(MOST_BYTES // 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        for number in numbers:
            content = mutated(samples, number)
            began = time.monotonic()
            yield content
            assert time.monotonic() - began < MOST_SECONDS, f"mutation {number} took too long"
            taken_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            assert taken_kib <= limit_kib, f"mutation {number} took {taken_kib} KiB of memory"

    return mutations
