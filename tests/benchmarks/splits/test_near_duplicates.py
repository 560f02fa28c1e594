"""What the benchmark of near-duplicates prints of a few drawn photos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks.splits.near_duplicates import CHANGES, main, measure


def test_every_change_has_a_line_with_what_was_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(40):
        place = tmp_path / f"class_{number % 2}"
        place.mkdir(exist_ok=True)
        coarse = np.random.default_rng(number).integers(0, 256, (9, 12, 3), np.uint8)
        Image.fromarray(coarse).resize((120, 90), Image.Resampling.BICUBIC).save(place / f"{number}.png")
    measure(tmp_path)
    first, *lines = capsys.readouterr().out.splitlines()
    assert first.startswith("40 photos, 780 pairs") and first.endswith("joined: []")
    assert [line.split(":")[0] for line in lines] == list(CHANGES)
    assert all("40 of 40 found" in line and "; 0 sets" in line for line in lines[:8])


def test_without_a_folder_it_says_how_it_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([])
    assert "folder" in capsys.readouterr().err
