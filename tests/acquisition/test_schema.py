"""The curated schema passes valid records and reports bad ones. Runs TFDV in memory, no pipeline."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

SCHEMA = Path(__file__).resolve().parents[2] / "schema" / "schema.pbtxt"
SOUND: dict[str, list[Any]] = {
    "image": [b"image %d" % number for number in range(20)],
    "label": [number % 10 for number in range(20)],
    "id": [b"train_%05d" % number for number in range(20)],
}

pytestmark = pytest.mark.slow  # importing TFDV takes seconds


def anomalies(columns: dict[str, list[Any]]) -> dict[str, str]:
    """Short description of what TFDV finds, by feature."""
    import tensorflow_data_validation as tfdv

    statistics = tfdv.generate_statistics_from_dataframe(pd.DataFrame(columns), n_jobs=1)
    found = tfdv.validate_statistics(statistics, tfdv.load_schema_text(str(SCHEMA)))
    return {name: info.short_description for name, info in found.anomaly_info.items()}


def test_sound_records_pass() -> None:
    assert anomalies(SOUND) == {}


def test_records_without_ids_pass() -> None:
    assert anomalies({"image": SOUND["image"], "label": SOUND["label"]}) == {}


@pytest.mark.parametrize("label", [-1, 10])
def test_a_label_out_of_range_is_reported(label: int) -> None:
    assert anomalies(SOUND | {"label": [*SOUND["label"][:-1], label]}) == {"label": "Out-of-range values"}


def test_a_label_of_another_type_is_reported() -> None:
    assert anomalies(SOUND | {"label": [float(x) + 0.5 for x in SOUND["label"]]}) == {"label": "Unexpected data type"}


@pytest.mark.parametrize("name", ["image", "label"])
def test_a_missing_required_feature_is_reported(name: str) -> None:
    assert set(anomalies({key: value for key, value in SOUND.items() if key != name})) == {name}


def test_an_image_missing_from_one_record_is_reported() -> None:
    assert set(anomalies(SOUND | {"image": [None, *SOUND["image"][1:]]})) == {"image"}
