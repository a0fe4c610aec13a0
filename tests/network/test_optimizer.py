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
