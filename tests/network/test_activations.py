"""Values, extremes and derivatives of the activation functions."""

import numpy as np
import pytest

from study.network.activations import ReLU, Sigmoid, Tanh

ACTIVATIONS = [Sigmoid, Tanh, ReLU]
EXTREMES = [-np.inf, -1e30, -1e4, -750.0, -104.0, -88.8, -1.0, 0.0, 1.0, 88.8, 1e4, 1e30, np.inf]


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        (Sigmoid, [0.2689414213699951, 0.5, 0.8807970779778823]),
        (Tanh, [-0.7615941559557649, 0.0, 0.9640275800758169]),
        (ReLU, [0.0, 0.0, 2.0]),
    ],
)
def test_activation_has_the_textbook_values(activation, expected):
    out = activation(3, np.float64).forward(np.array([[-1.0, 0.0, 2.0]]), training=True)
    np.testing.assert_allclose(out[0], expected, rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activation_never_overflows_whatever_the_preactivation(activation, dtype):
    x = np.array([EXTREMES], dtype)
    layer = activation(x.shape[1], dtype)
    with np.errstate(all="raise", under="ignore"):
        out = layer.forward(x, training=True).copy()
        grad = layer.backward(np.ones_like(x))
    assert (np.diff(out[0]) >= 0).all()  # all three are monotonic
    assert np.isfinite(grad).all()
    if activation is not ReLU:
        low, high = layer.limits
        assert low <= out.min() <= low + 1e-37
        assert out.max() == high


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sigmoid_is_accurate_in_its_whole_range(dtype):
    x = np.linspace(-80, 80, 4001, dtype=dtype)[np.newaxis]
    out = Sigmoid(x.shape[1], dtype).forward(x, training=False)
    exact = 1 / (1 + np.exp(-x.astype(np.longdouble)))
    np.testing.assert_allclose(out, exact, rtol=4 * float(np.finfo(dtype).eps))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_nan_stays_a_nan(activation):
    out = activation(2, np.float32).forward(np.array([[np.nan, 1.0]], np.float32), training=True)
    assert np.isnan(out[0, 0])
    assert np.isfinite(out[0, 1])


def test_relu_passes_no_gradient_at_zero_and_below():
    layer = ReLU(4, np.float64)
    layer.forward(np.array([[-1.0, 0.0, -0.0, 1e-300]]), training=True)
    np.testing.assert_array_equal(layer.backward(np.full((1, 4), 3.0)), [[0.0, 0.0, 0.0, 3.0]])


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_neither_pass_changes_its_input(activation):
    x = np.random.default_rng(0).standard_normal((5, 4))
    grad_out = np.random.default_rng(1).standard_normal((5, 4))
    x_before, grad_before = x.copy(), grad_out.copy()
    layer = activation(4, np.float64)
    layer.forward(x, training=True)
    layer.backward(grad_out)
    np.testing.assert_array_equal(x, x_before)
    np.testing.assert_array_equal(grad_out, grad_before)
