"""The two stacks of packages that Thaw runs on, and which one a version of Python uses. No imports from Thaw, no
TensorFlow.

Only this module distinguishes the stacks; all other code uses what both have.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping


@dataclasses.dataclass(frozen=True)
class SupportedStack:
    """Packages that are known to work together.

    Attributes:
      name: for messages, such as `TFX 1.21`.
      pythons: the versions of Python that it runs on, (major, minor), newest first.
      packages: exact versions by name, as pyproject.toml and uv.lock have them.
      advice: what its user should do; empty if its makers still support the stack.
    """

    name: str
    pythons: tuple[tuple[int, int], ...]
    packages: Mapping[str, str]
    advice: str = ""


CURRENT = SupportedStack(
    "TFX 1.21",
    ((3, 13), (3, 12), (3, 11)),
    {"tfx": "1.21.0", "tensorflow": "2.21.0", "keras": "3.15.1", "keras-tuner": "1.4.8"},
)
OLD = SupportedStack(
    # ml-metadata and tensorflow-data-validation of TFX 1.17 and later are built for glibc 2.39.
    "TFX 1.16",
    ((3, 10),),
    {"tfx": "1.16.0", "tensorflow": "2.16.2", "keras": "3.12.4", "keras-tuner": "1.4.8"},
    advice="Python 3.10 and this TFX no longer get security fixes (docs/advisories.md). On a system with glibc 2.39 "
    "or later (Ubuntu 24.04, Debian 13, RHEL 10), `make setup` takes a supported Python and TFX 1.21.",
)
STACKS = (CURRENT, OLD)


def stack_of(python: tuple[int, int]) -> SupportedStack | None:
    """The stack for a version of Python; None if no stack runs on it."""
    return next((stack for stack in STACKS if python in stack.pythons), None)
