"""The solved head: against scikit-learn's own, against hand-made problems, chosen on val alone. No TensorFlow."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from trainer_module.training.solved_head import STRENGTHS, solve_head


def clouds(per_class: int, classes: int, seed: int, apart: float = 2.0) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian clouds in eight dimensions, each around a corner."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), per_class)
    return rng.normal(size=(len(labels), 8)) + apart * np.eye(8)[labels], labels


@pytest.mark.parametrize("classes", [2, 3])
def test_it_is_the_optimum_of_the_penalised_likelihood(classes):
    x, y = clouds(30, classes, 0)
    head = solve_head(x, y, *clouds(50, classes, 1), classes)
    scale = np.sqrt(x.var(axis=0).mean())
    expected = LogisticRegression(C=head.strength / scale**2, max_iter=10_000, tol=1e-10).fit(x, y)
    np.testing.assert_allclose(head.kernel, expected.coef_.T, atol=2e-2)
    np.testing.assert_allclose(
        x @ head.kernel + head.bias, expected.decision_function(x).reshape(len(x), -1), atol=5e-2
    )
    assert head.kernel.shape == (8, 1 if classes == 2 else classes) and head.strength in STRENGTHS


def test_one_unit_is_the_logit_of_class_1():
    x, y = clouds(40, 2, 0, apart=4.0)
    head = solve_head(x, y, *clouds(40, 2, 1, apart=4.0), 2)
    probability = expit(x @ head.kernel + head.bias)[:, 0]
    assert ((probability > 0.5) == (y == 1)).mean() > 0.95


def test_labels_without_signal_get_the_strongest_penalty():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(20, 8)), np.tile([0, 1], 10)
    assert solve_head(x, y, rng.normal(size=(400, 8)), np.tile([0, 1], 200), 2).strength == STRENGTHS[0]


def test_the_strength_depends_on_val_and_the_optimum_on_train_alone():
    x, y = clouds(20, 2, 0)
    easy, hard = (
        solve_head(x, y, *clouds(100, 2, 1, apart=4.0), 2),
        solve_head(x, y, *clouds(100, 2, 2, apart=0.5), 2),
    )
    assert easy.strength > hard.strength


@pytest.mark.parametrize("factor", [1e-3, 1e3])
def test_the_scale_and_the_place_of_features_change_no_answer(factor):
    x, y = clouds(30, 3, 0)
    val_x, val_y = clouds(50, 3, 1)
    plain = solve_head(x, y, val_x, val_y, 3)
    moved = solve_head(factor * x + 5 * factor, y, factor * val_x + 5 * factor, val_y, 3)
    assert moved.strength == plain.strength
    logits = (factor * val_x + 5 * factor) @ moved.kernel + moved.bias
    np.testing.assert_allclose(logits, val_x @ plain.kernel + plain.bias, atol=2e-2)


def test_features_that_are_all_alike_give_a_head_that_can_not_tell():
    y = np.tile([0, 1], 5)
    head = solve_head(np.ones((10, 4)), y, np.ones((10, 4)), y, 2)
    np.testing.assert_allclose(np.ones((1, 4)) @ head.kernel + head.bias, 0, atol=1e-6)


def test_features_that_are_no_numbers_are_refused():
    x, y = clouds(10, 2, 0)
    x[0, 0] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        solve_head(x, y, x, y, 2)


def test_a_class_without_records_is_refused():
    x, y = clouds(10, 2, 0)
    with pytest.raises(ValueError, match="3 classes, got 2"):
        solve_head(x, y, x, y, 3)
