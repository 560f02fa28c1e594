"""TFMA results as rows. Results made by hand, in the layout that TFMA's loader gives."""

import pytest
import tensorflow_model_analysis as tfma

from components.sweep_evaluator.reading import SliceFigure, figures_by_slice

pytestmark = pytest.mark.slow  # importing TFMA takes seconds

BOUNDED = {"boundedValue": {"value": 0.75, "lowerBound": 0.5, "upperBound": 0.875}}


def result(*slices):
    made = [(key, {"": metrics}) for key, metrics in slices]
    return tfma.EvalResult(
        slicing_metrics=made,
        plots=[],
        attributions=[],
        config=None,
        data_location="",
        file_format="",
        model_location="",
    )


RESULT = result(
    ((("brightness_xf", "dark"),), {"": {"accuracy": {"doubleValue": 0.5}, "example_count": {"doubleValue": 3.0}}}),
    ((("contrast_xf", "low"),), {"": {"example_count": {"doubleValue": 9.0}}}),
    (
        (("brightness_xf", "dark"), ("contrast_xf", "high")),
        {"": {"accuracy": BOUNDED}, "classId:1": {"auc": {"doubleValue": 0.25}}},
    ),
    ((), {"": {"accuracy": BOUNDED, "example_count": {"boundedValue": {"value": 40.0}}}}),
)


def test_all_images_come_first_and_slices_in_order_each_with_its_bounds():
    assert figures_by_slice(RESULT, "accuracy") == [
        SliceFigure("", "", 40, 0.75, 0.5, 0.875),
        SliceFigure("brightness", "dark", 3, 0.5, None, None),
        SliceFigure("brightness x contrast", "dark x high", None, 0.75, 0.5, 0.875),
    ]


def test_a_metric_of_one_class_is_found_by_its_label():
    [found] = figures_by_slice(RESULT, "auc", class_id=1)
    assert found.estimate == 0.25
    assert figures_by_slice(RESULT, "auc") == figures_by_slice(RESULT, "auc", class_id=0) == []


@pytest.mark.parametrize(("place", "name"), [(0, "all test images"), (1, "brightness dark")])
def test_slices_have_names(place, name):
    assert figures_by_slice(RESULT, "accuracy")[place].name == name
