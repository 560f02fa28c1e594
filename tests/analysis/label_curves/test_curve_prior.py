"""What is learned from other curves, and that it is kept whole in its file."""

import numpy as np
import pytest
from scipy.special import logit
from scipy.stats import multivariate_normal

from analysis.label_curves.curve_prior import learn_prior, log_density, normal_samples, read_prior, write_prior
from analysis.label_curves.forms import FORMS
from tests.analysis.label_curves.simulated_curves import measured

SIZES = (10, 20, 50, 100, 200, 400, 800, 1600)


def mmf_curves(asymptote, start, slope, count, seed):
    rng, at = np.random.default_rng(seed), np.array(SIZES, float)
    found = []
    for _ in range(count):
        values = np.array([[logit(asymptote), np.log(start), np.log(slope)]]) + 0.1 * rng.standard_normal((1, 3))
        found.append(measured(FORMS["mmf"].left(values, at)[0], SIZES, noise=0.3, rng=rng))
    return found


def test_the_mean_of_simulated_curves_is_found_again():
    prior = learn_prior([mmf_curves(0.1, 60, 0.8, 6, 1), mmf_curves(0.1, 60, 0.8, 6, 2)], "simulated")
    mean = np.array([1, 0.5**4, 0]) @ prior.forms["mmf"].coefficients
    np.testing.assert_allclose(mean, [logit(0.1), np.log(60), np.log(0.8)], atol=0.3)
    assert prior.noise == pytest.approx(0.3, rel=0.2)


def test_a_group_counts_once_however_many_curves_it_has():
    few, many = mmf_curves(0.05, 60, 0.8, 2, 1), mmf_curves(0.4, 60, 0.8, 2, 2)
    ends = [
        (np.array([1, 0.5**4, 0]) @ learn_prior([few, many * copies], "").forms["mmf"].coefficients)[0]
        for copies in (1, 10)
    ]
    assert ends[0] == pytest.approx(ends[1], abs=1e-6)


def test_curves_of_one_draw_each_tell_no_noise():
    with pytest.raises(ValueError, match="two draws"):
        learn_prior([[measured([0.5, 0.4], (10, 20), draws=1)]], "")


def test_the_density_is_that_of_a_normal_distribution_less_its_constant():
    covariance = np.array([[1.0, 0.3, 0.1], [0.3, 0.5, 0.0], [0.1, 0.0, 0.4]])
    samples = normal_samples(np.zeros(3), covariance, 16, 0)
    expected = multivariate_normal(np.ones(3), covariance).logpdf(samples) + 1.5 * np.log(2 * np.pi)
    np.testing.assert_allclose(log_density(samples, np.ones((1, 3)), covariance)[0], expected)


def test_a_prior_is_read_as_it_was_written(tmp_path):
    prior = read_prior()
    write_prior(tmp_path / "prior.yaml", prior)
    again = read_prior(tmp_path / "prior.yaml")
    assert (again.noise, again.about) == (prior.noise, prior.about)
    for name in FORMS:
        np.testing.assert_array_equal(again.forms[name].coefficients, prior.forms[name].coefficients)
        assert np.all(np.linalg.eigvalsh(again.forms[name].covariance) > 0)
