"""Sets what TensorFlow reads while it is imported, before any test does so. Imports nothing of ours."""

import os
import re
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
