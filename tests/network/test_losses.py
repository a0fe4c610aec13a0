"""Softmax cross-entropy: the lecture's formula, its gradient, and its extremes."""

import numpy as np
import pytest

from study.network.losses import SoftmaxCrossEntropy, cross_entropy


def test_loss_is_the_lectures_formula():
    """E = −(1/N) Σₙ Σₖ tₙₖ log yₙₖ with one-hot t."""
    rng = np.random.default_rng(0)
    logits, labels = 3 * rng.standard_normal((40, 10)), rng.integers(0, 10, 40)
    y = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    t = np.eye(10)[labels]
    expected = -(t * np.log(y)).sum() / 40
    assert SoftmaxCrossEntropy(10, np.float64).forward(logits, labels) == pytest.approx(
        expected, rel=1e-13
    )
    assert cross_entropy(logits, labels).mean() == pytest.approx(expected, rel=1e-13)


def test_indifferent_logits_cost_the_logarithm_of_the_number_of_classes():
    loss = SoftmaxCrossEntropy(10, np.float64).forward(np.full((5, 10), 7.0), np.arange(5))
    assert loss == pytest.approx(np.log(10), rel=1e-14)


def test_gradient_is_softmax_minus_target_over_the_batch_size():
    rng = np.random.default_rng(1)
    logits, labels = rng.standard_normal((8, 4)), rng.integers(0, 4, 8)
    loss = SoftmaxCrossEntropy(4, np.float64)
    loss.forward(logits, labels)
    y = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(loss.backward(), (y - np.eye(4)[labels]) / 8, atol=1e-16)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [1e4, 1e30])
def test_extreme_logits_neither_overflow_nor_warn(dtype, size):
    rng = np.random.default_rng(2)
    logits = (size * rng.choice([-1.0, 0.0, 1.0], (50, 10))).astype(dtype)
    labels = rng.integers(0, 10, 50)
    loss = SoftmaxCrossEntropy(10, dtype)
    with np.errstate(all="raise", under="ignore"):
        value = loss.forward(logits, labels)
        grad = loss.backward()
        single = cross_entropy(logits, labels)
    assert np.isfinite(value)
    assert np.isfinite(grad).all()
    assert (single >= 0).all()
    largest = logits.max(axis=1)
    ties = (logits == largest[:, np.newaxis]).sum(axis=1)  # all other exponentials vanish
    exact = np.log(ties) + (largest - logits[np.arange(50), labels])
    np.testing.assert_allclose(single, exact, rtol=1e-6)
    assert value == pytest.approx(single.mean(dtype=np.float64), rel=1e-5)


def test_a_certain_and_right_answer_costs_nothing():
    logits = np.array([[1e4, -1e4, 0.0]], np.float32)
    loss = SoftmaxCrossEntropy(3, np.float32)
    assert loss.forward(logits, np.array([0])) == 0.0
    np.testing.assert_array_equal(loss.backward(), [[0.0, 0.0, 0.0]])


def test_a_certain_and_wrong_answer_costs_the_margin():
    logits = np.array([[1e4, -1e4, 0.0]], np.float32)
    loss = SoftmaxCrossEntropy(3, np.float32)
    assert loss.forward(logits, np.array([1])) == 2e4
    np.testing.assert_array_equal(loss.backward(), [[1.0, -1.0, 0.0]])


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_logit_that_is_not_finite_gives_a_loss_that_is_not_finite(bad):
    logits = np.zeros((3, 4))
    logits[1, 2] = bad
    with np.errstate(invalid="ignore"):
        assert not np.isfinite(SoftmaxCrossEntropy(4, np.float64).forward(logits, np.zeros(3, int)))
        assert np.isnan(cross_entropy(logits, np.zeros(3, int))).tolist() == [False, True, False]


def test_batches_of_changing_size_do_not_disturb_each_other():
    rng = np.random.default_rng(3)
    reused = SoftmaxCrossEntropy(5, np.float64)
    for rows in (10, 3, 10, 50, 1):
        logits, labels = rng.standard_normal((rows, 5)), rng.integers(0, 5, rows)
        fresh = SoftmaxCrossEntropy(5, np.float64)
        assert reused.forward(logits, labels) == fresh.forward(logits, labels)
        np.testing.assert_array_equal(reused.backward(), fresh.backward())


def test_logits_are_left_as_they_were():
    logits = np.random.default_rng(4).standard_normal((6, 3))
    before = logits.copy()
    loss = SoftmaxCrossEntropy(3, np.float64)
    loss.forward(logits, np.zeros(6, int))
    loss.backward()
    cross_entropy(logits, np.zeros(6, int))
    np.testing.assert_array_equal(logits, before)
