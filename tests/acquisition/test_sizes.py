"""n is compared with the data before training. Computes on counts alone and reads no file."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acquisition.tfrecords.inspection import Inspection
from acquisition.tfrecords.size_checks import check_sizes
from experiment.config import CIFAR10_CLASSES, ExperimentConfig
from experiment.errors import ThawError


def counted(train: int = 100, test: int = 10, **train_by_class: int) -> Inspection:
    train_counts = dict.fromkeys(CIFAR10_CLASSES, train) | train_by_class
    return Inspection(train_counts, dict.fromkeys(CIFAR10_CLASSES, test), True, "", 0)


def configured(config: ExperimentConfig, **settings: Any) -> ExperimentConfig:
    return ExperimentConfig.model_validate(config.model_dump() | settings)


def test_the_largest_possible_n_is_accepted(config: ExperimentConfig) -> None:
    # Of 100 a class, 20 are set apart: 80 in each of two classes.
    check_sizes(counted(), configured(config, sizes=[20, 160]))


def test_a_larger_n_is_refused_with_the_sizes_to_use(config: ExperimentConfig) -> None:
    with pytest.raises(ThawError, match=r"n = 500, but only 80 .*Expected n up to 160\. Use --set 'sizes=\[20,160\]'$"):
        check_sizes(counted(), configured(config, sizes=[20, 162, 500]))


def test_the_smaller_class_decides(config: ExperimentConfig) -> None:
    with pytest.raises(ThawError, match=r"only 40 .*Expected n up to 80\. Use --set 'sizes=\[80\]'$"):
        check_sizes(counted(truck=50), configured(config, sizes=[160]))


def test_a_candidate_size_that_falls_away_is_replaced(config: ExperimentConfig) -> None:
    wanted = configured(config, sizes=[20, 500], candidate_size=500)
    with pytest.raises(ThawError, match=r"Use --set 'sizes=\[20,160\]' --set candidate_size=160$"):
        check_sizes(counted(), wanted)


@pytest.mark.parametrize(("name", "place"), [("truck", "target"), ("ship", "source ships_planes")])
def test_a_class_without_training_images_is_named(config: ExperimentConfig, name: str, place: str) -> None:
    with pytest.raises(ThawError, match=f"class '{name}' of the {place} has no training images"):
        check_sizes(counted(**{name: 0}), config)


def test_a_class_without_test_images_is_named(config: ExperimentConfig) -> None:
    with pytest.raises(ThawError, match="class 'automobile' of the target has no test images"):
        check_sizes(counted(test=0), config)


def test_test_images_of_one_group_are_refused(config: ExperimentConfig) -> None:
    """Other classes' groups do not help."""
    groups = {"automobile": [7] * 10, "truck": [7] * 10, "ship": [8, 9] * 5}
    with pytest.raises(ThawError, match="All 20 test images of the target are of one group"):
        check_sizes(dataclasses.replace(counted(), test_groups=groups), configured(config, sizes=[20]))
    groups["truck"][0] = 3
    check_sizes(dataclasses.replace(counted(), test_groups=groups), configured(config, sizes=[20]))


def test_a_class_that_is_all_set_apart_is_named(config: ExperimentConfig) -> None:
    with pytest.raises(
        ThawError, match="'airplane' of the source ships_planes has 1 training image, and it is set apart"
    ):
        check_sizes(counted(airplane=1), config)


def test_what_the_records_say_of_val_is_not_to_be_corrected_by_a_fraction(config: ExperimentConfig) -> None:
    given = configured(config, data={**config.data.model_dump(), "val_key": "held_out"})
    counts = dataclasses.replace(counted(), val_counts=dict.fromkeys(CIFAR10_CLASSES, 20))
    check_sizes(counts, given)
    none = "no image that is set apart"
    for name, val, said in (("truck", 100, "100 training images, and all"), ("truck", 0, none), ("ship", 0, none)):
        found = dataclasses.replace(counts, val_counts={**counts.val_counts, name: val})
        with pytest.raises(ThawError, match=f"'{name}' of the .* has {said}.*correct the feature 'held_out'") as error:
            check_sizes(found, given)
        assert "val_fraction" not in str(error.value)


def test_classes_that_nothing_uses_may_be_empty(config: ExperimentConfig) -> None:
    check_sizes(counted(frog=0), config)


@given(per_class=st.integers(2, 3000), fraction=st.floats(0.01, 0.9), n=st.integers(1, 3000).map(lambda n: 2 * n))
def test_the_advice_is_accepted_and_the_largest(per_class: int, fraction: float, n: int) -> None:
    base = {
        "name": "test",
        "sources": {"ships_planes": {"classes": ["ship", "airplane"]}},
        "transfers": [{"source": "ships_planes", "architecture": "original"}],
        "freeze_counts": {"original": [0]},
        "data": {"val_fraction": fraction},
    }
    inspection = counted(per_class)
    try:
        check_sizes(inspection, ExperimentConfig.model_validate(base | {"sizes": [n]}))
    except ThawError as error:
        if "set apart" in str(error):
            assert round(fraction * per_class) >= per_class
            return
        found = re.search(r"sizes=\[(\d+)\]", str(error))
        assert found is not None
        largest = int(found[1])
        assert largest < n
        check_sizes(inspection, ExperimentConfig.model_validate(base | {"sizes": [largest]}))
        with pytest.raises(ThawError):
            check_sizes(inspection, ExperimentConfig.model_validate(base | {"sizes": [largest + 2]}))
