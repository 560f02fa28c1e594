"""Forms of learning curves: values worked out by hand, and what holds for any parameters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import logit

from analysis.label_curves.forms import FORMS

PARAMETERS = st.tuples(st.floats(-8, 3), st.floats(0, 9), st.floats(-3, 1.2))


def parameters(asymptote, start, slope):
    return np.array([[logit(asymptote), np.log(start), np.log(slope)]])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("power", [0.2 + 0.8 * 2**-0.5, 0.2 + 0.8 * 4**-0.5]),
        ("mmf", [0.2 + 0.8 / 2, 0.2 + 0.8 / (1 + 3**0.5)]),
        ("exponential", [0.2 + 0.8 * np.exp(-1), 0.2 + 0.8 * np.exp(-(3**0.5))]),
        ("piecewise", [0.2, 0.2 * 3**-0.5]),
    ],
)
def test_a_form_is_its_papers_formula(name, expected):
    found = FORMS[name].left(parameters(0.2, 100, 0.5), np.array([100, 300]))
    np.testing.assert_allclose(found, [expected], rtol=1e-12)


def test_far_from_its_start_the_power_law_is_an_asymptote_and_a_power_of_n():
    left = FORMS["power"].left(parameters(0.1, 1, 0.5), np.array([1e8, 4e8]))[0] - 0.1
    assert left[0] / left[1] == pytest.approx(2, rel=1e-6)


def test_the_piecewise_form_has_equal_slopes_on_both_sides_of_its_switch():
    ln_n = np.log(100) + np.array([-2e-4, -1e-4, 1e-4, 2e-4])
    slopes = np.diff(np.log(FORMS["piecewise"].left(parameters(0.3, 100, 0.7), np.exp(ln_n))[0]))[[0, 2]] / 1e-4
    np.testing.assert_allclose(slopes, -0.7, rtol=1e-3)


@pytest.mark.parametrize("name", FORMS)
@given(values=PARAMETERS)
def test_a_form_begins_at_chance_never_rises_and_never_goes_below_no_error(name, values):
    left = FORMS[name].left(np.array([values]), np.geomspace(1e-12, 1e7, 60))[0]
    assert np.all(np.isfinite(left)) and np.all((left >= 0) & (left <= 1))
    assert np.all(np.diff(left) <= 1e-12)
    if values[2] > -1:  # a slower slope is at chance for still fewer images
        assert left[0] > 0.99
