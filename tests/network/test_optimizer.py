"""SGD by numbers small enough to check by hand."""

import numpy as np
import pytest

from study.network.layers import Affine
from study.network.network import Network
from study.network.optimizer import SGD


def network_of(weight, bias, grad_weight, grad_bias, dtype=np.float64):
    network = Network([[Affine(np.array([[weight]], dtype))]])
    network.parameters[1] = bias
    network.gradients[:] = [grad_weight, grad_bias]
    return network


def test_plain_sgd_walks_down_the_gradient():
    network = network_of(2.0, 1.0, 4.0, -2.0)
    SGD(network, lr=0.1).step()
    np.testing.assert_allclose(network.parameters, [1.6, 1.2], rtol=1e-15)


def test_decay_pulls_weights_but_no_biases_to_zero():
    network = network_of(2.0, 1.0, 0.0, 0.0)
    SGD(network, lr=0.1, weight_decay=0.5).step()
    np.testing.assert_allclose(network.parameters, [1.9, 1.0], rtol=1e-15)


def test_decay_leaves_gamma_and_beta_alone(make_network):
    network = make_network(batchnorm=True, perturb=True)
    before = network.parameters.copy()
    network.gradients[:] = 0
    SGD(network, lr=0.1, weight_decay=0.5).step()
    for layer in network.layers:
        for name, array in layer.params.items():
            start = (array.ctypes.data - network.parameters.ctypes.data) // array.itemsize
            old = before[start : start + array.size].reshape(array.shape)
            factor = 0.95 if name == "weight" else 1.0
            np.testing.assert_allclose(array, factor * old, rtol=1e-14)


def test_momentum_adds_up_steps_in_one_direction():
    network = network_of(0.0, 0.0, 0.0, 0.0)
    optimizer = SGD(network, lr=1.0, momentum=0.5)
    path = []
    for _ in range(3):
        network.gradients[:] = [1.0, -1.0]
        optimizer.step()
        path.append(network.parameters.copy())
    np.testing.assert_allclose(path, [[-1, 1], [-2.5, 2.5], [-4.25, 4.25]])


def test_momentum_approaches_the_step_of_a_larger_rate():
    network = network_of(0.0, 0.0, 0.0, 0.0)
    optimizer = SGD(network, lr=0.01, momentum=0.9)
    for _ in range(301):
        before = network.parameters[0]
        network.gradients[:] = [1.0, 0.0]
        optimizer.step()
    assert before - network.parameters[0] == pytest.approx(0.01 / (1 - 0.9), rel=1e-9)


@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_step_leaves_views_and_precision_alone(momentum, dtype):
    network = network_of(2.0, 1.0, 4.0, -2.0, dtype)
    view = network.layers[0].params["weight"]
    optimizer = SGD(network, lr=0.1, momentum=momentum, weight_decay=0.1)
    optimizer.step()
    assert network.parameters.dtype == network.gradients.dtype == dtype
    assert np.shares_memory(view, network.parameters)
    assert view[0, 0] == network.parameters[0] != 2.0


# -- the bound on incoming weights


def bounded(make_network, max_norm, **options):
    """A network before and after one update with gradients of 0 and that bound."""
    network = make_network(perturb=True, **options)
    before = network.parameters.copy()
    network.gradients[:] = 0
    SGD(network, lr=0.1, max_norm=max_norm).step()
    return network, before


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("batchnorm", [False, True])
def test_weights_into_a_hidden_unit_are_scaled_back_to_the_bound(make_network, batchnorm, dtype):
    """Longer columns are projected on the ball: the same direction, the length of the bound."""
    network, before = bounded(make_network, 1.4, batchnorm=batchnorm, dtype=dtype)
    eps = np.finfo(dtype).eps
    start, longer = 0, 0
    for affine in network.affines[:-1]:
        weight = affine.params["weight"]
        old = before[start : start + weight.size].reshape(weight.shape)
        start += weight.size
        norms = np.linalg.norm(old.astype(float), axis=0)
        for unit, norm in enumerate(norms):
            if norm <= 1.4:
                np.testing.assert_array_equal(weight[:, unit], old[:, unit])
            else:
                longer += 1
                expected = old[:, unit] * (1.4 / norm)
                np.testing.assert_allclose(weight[:, unit], expected, rtol=10 * eps)
    assert 0 < longer < 48
    np.testing.assert_array_equal(network.parameters[start:], before[start:])  # all the others


def test_a_bound_that_no_unit_reaches_changes_no_bit(make_network):
    network, before = bounded(make_network, 1e3)
    np.testing.assert_array_equal(network.parameters, before)


def test_the_bound_holds_after_the_update_and_leaves_the_velocity_alone(make_network):
    network, free = make_network(), make_network()
    optimizers = [
        SGD(each, lr=0.1, momentum=0.9, max_norm=bound)
        for each, bound in ((network, 1.0), (free, None))
    ]
    for _ in range(3):
        for each, optimizer in zip((network, free), optimizers, strict=True):
            each.gradients[:] = np.random.default_rng(0).standard_normal(len(each.gradients))
            optimizer.step()
        for affine in network.affines[:-1]:
            assert np.linalg.norm(affine.params["weight"], axis=0).max() < 1 + 1e-12
    np.testing.assert_array_equal(optimizers[0]._velocity, optimizers[1]._velocity)


def test_the_bound_holds_where_a_square_is_too_large_for_the_precision(make_network):
    network = make_network(dtype=np.float32)
    network.parameters[: network.num_weights] *= np.float32(1e25)
    network.gradients[:] = 0
    with np.errstate(over="ignore"):
        SGD(network, lr=0.1, max_norm=2.0).step()
    for affine in network.affines[:-1]:
        np.testing.assert_allclose(np.linalg.norm(affine.params["weight"], axis=0), 2, rtol=1e-5)


def test_what_is_not_finite_stays_so_under_a_bound(make_network):
    network = make_network()
    network.affines[0].params["weight"][0, 0] = np.inf
    network.gradients[:] = 0
    with np.errstate(invalid="ignore"):
        SGD(network, lr=0.1, max_norm=2.0).step()
    assert not np.isfinite(network.affines[0].params["weight"][0, 0])
