"""Every gradient against central differences in float64.

(f(p + h) − f(p − h)) / 2h with h = 1e-6: the truncation error is of order h², rounding leaves
about 1e-16 / h of the function's size. Dropout masks are held fixed, and activations with a kink
are checked away from it.
"""

import itertools

import numpy as np
import pytest

from study.network.activations import Activation, ReLU, Sigmoid, Tanh
from study.network.layers import Affine, BatchNorm, Dropout, Scale
from study.network.losses import SoftmaxCrossEntropy
from study.network.network import Network
from study.network.optimizer import SGD
from study.network.probes import trace
from study.network.streams import RngStreams

H = 1e-6
DROPOUTS = [(0.0, "training"), (0.3, "training"), (0.3, "evaluation")]


def central_differences(function, array, indices=None):
    """∂function/∂array at ``indices`` of the flattened array (all by default), moved in place."""
    flat = array.reshape(-1)
    assert np.shares_memory(flat, array)
    gradient = []
    for index in range(flat.size) if indices is None else indices:
        kept = flat[index]
        flat[index] = kept + H
        above = function()
        flat[index] = kept - H
        below = function()
        flat[index] = kept
        gradient.append((above - below) / (2 * H))
    return np.array(gradient)


def assert_close(analytic, numeric, tolerance):
    """The largest error relative to the largest entry."""
    assert np.abs(numeric).max() > 1e-8  # a gradient of zeros would agree with anything
    error = np.abs(np.ravel(analytic) - np.ravel(numeric)).max() / np.abs(numeric).max()
    assert error < tolerance


class Sine(Activation):
    """A user's own: the derivative looks at the input, which must still be there."""

    def value(self, x, out):
        np.sin(x, out=out)

    def derivative(self, x, y, out):
        np.cos(x, out=out)


LAYERS = {
    "affine": lambda: Affine(np.random.default_rng(0).standard_normal((5, 4))),
    "affine without bias": lambda: Affine(np.full((5, 4), 0.3), bias=False),
    "batch norm": lambda: BatchNorm(5, np.float64, eps=1e-3),
    "dropout": lambda: Dropout(5, np.float64, rate=0.4, rng=RngStreams.from_seed(0).dropout),
    "dropout scaled in evaluation": lambda: Dropout(
        5, np.float64, rate=0.4, rng=RngStreams.from_seed(0).dropout, scaling="evaluation"
    ),
    "scale": lambda: Scale(5, np.float64, 0.6),
    "sigmoid": lambda: Sigmoid(5, np.float64),
    "tanh": lambda: Tanh(5, np.float64),
    "relu": lambda: ReLU(5, np.float64),
}


@pytest.mark.parametrize("rows", [2, 7])
@pytest.mark.parametrize("name", LAYERS)
def test_layer_backward_equals_central_differences(name, rows):
    """Of Σ output · R with a random R, by the input and by every parameter."""
    layer = LAYERS[name]()
    rng = np.random.default_rng(1)
    for param in layer.params.values():
        param += 0.5 * rng.standard_normal(param.shape)
    x = rng.standard_normal((rows, 5))
    x += np.where(x >= 0, 0.01, -0.01)  # 10,000 h away from ReLU's kink

    def forward():
        if isinstance(layer, Dropout):  # the same mask each time
            layer._rng = RngStreams.from_seed(0).dropout
        return layer.forward(x, training=True)

    weights = rng.standard_normal(forward().shape)
    grad_in = layer.backward(weights).copy()
    grads = {key: value.copy() for key, value in layer.grads.items()}

    def objective():
        return float((forward() * weights).sum())

    assert_close(grad_in, central_differences(objective, x), 1e-7)
    assert grads.keys() == layer.params.keys()
    for key, param in layer.params.items():
        assert_close(grads[key], central_differences(objective, param), 1e-7)


def test_batchnorm_of_two_rows_has_almost_no_input_gradient():
    """x̂ = ±1 whatever the two rows are; only ε lets a gradient through. The formula knows it."""
    layer = BatchNorm(1, np.float64, eps=1e-12)
    layer.forward(np.array([[1.0], [3.0]]), training=True)
    assert np.abs(layer.backward(np.array([[1.0], [-2.0]]))).max() < 1e-11


def test_loss_gradient_equals_central_differences():
    rng = np.random.default_rng(2)
    logits, labels = 2 * rng.standard_normal((9, 6)), rng.integers(0, 6, 9)
    loss = SoftmaxCrossEntropy(6, np.float64)
    loss.forward(logits, labels)
    grad = loss.backward().copy()
    numeric = central_differences(lambda: loss.forward(logits, labels), logits)
    assert_close(grad, numeric, 1e-7)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
@pytest.mark.parametrize("input_dropout", [0.0, 0.2])
@pytest.mark.parametrize(("dropout", "scaling"), DROPOUTS)
@pytest.mark.parametrize("batchnorm", [False, True])
@pytest.mark.parametrize("activation", [Sigmoid, Tanh, ReLU, Sine])
def test_update_follows_the_gradient_of_the_loss_with_decay(
    make_network, make_batch, activation, batchnorm, dropout, scaling, input_dropout, weight_decay
):
    """One step of SGD with lr = 1 against ∂/∂p (L + λ/2 Σ w²), w the weight matrices only.

    100 rows; 40 random parameters, and 5 of each kind, among them biases, γ and β.
    """
    streams = RngStreams.from_seed(1)
    network = make_network(
        activation=activation,
        batchnorm=batchnorm,
        batchnorm_eps=1e-3,
        dropout=dropout,
        dropout_scaling=scaling,
        input_dropout=input_dropout,
        streams=streams,
        perturb=True,
    )
    batch = make_batch(100)
    loss = SoftmaxCrossEntropy(10, np.float64)
    generators = [rng.bit_generator for rng in (streams.dropout, streams.input_dropout)]
    masks = [generator.state for generator in generators]

    def objective():
        for generator, state in zip(generators, masks, strict=True):
            generator.state = state
        value = loss.forward(network.forward(batch.images, training=True), batch.labels)
        matrices = [affine.params["weight"] for affine in network.affines]
        return value + weight_decay / 2 * sum(float(np.square(w).sum()) for w in matrices)

    objective()
    network.backward(loss.backward())
    indices = chosen_parameters(network, np.random.default_rng(3))
    numeric = central_differences(objective, network.parameters, indices)
    before = network.parameters.copy()
    SGD(network, lr=1.0, weight_decay=weight_decay).step()
    update = (before - network.parameters)[indices]
    assert_close(update, numeric, 1e-6)


def chosen_parameters(network, rng):
    """Positions in ``network.parameters``: 40 anywhere and 5 in each parameter array."""
    positions = set(rng.choice(network.parameters.size, 40, replace=False).tolist())
    start = network.parameters.__array_interface__["data"][0]
    for layer in network.layers:
        for array in layer.params.values():
            offset = (array.__array_interface__["data"][0] - start) // array.itemsize
            positions |= {offset + int(index) for index in rng.integers(0, array.size, 5)}
    return sorted(positions)


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_momentum_accumulates_the_decayed_gradient(make_network, make_batch, weight_decay):
    """v₁ = d₁, v₂ = m v₁ + d₂ with d = ∂(L + λ/2 Σ w²), each d by hand from the gradients."""
    network, batch = make_network(perturb=True), make_batch(100)
    loss = SoftmaxCrossEntropy(10, np.float64)
    optimizer = SGD(network, lr=0.1, momentum=0.9, weight_decay=weight_decay)
    velocity = np.zeros_like(network.parameters)
    is_weight = np.arange(velocity.size) < network.num_weights
    for _ in range(5):
        loss.forward(network.forward(batch.images, training=True), batch.labels)
        network.backward(loss.backward())
        before = network.parameters.copy()
        velocity = 0.9 * velocity + network.gradients + weight_decay * before * is_weight
        optimizer.step()
        np.testing.assert_allclose(network.parameters, before - 0.1 * velocity, rtol=1e-12)


@pytest.mark.parametrize("input_dropout", [0.0, 0.2])
@pytest.mark.parametrize(("dropout", "scaling"), DROPOUTS)
@pytest.mark.parametrize("batchnorm", [False, True])
@pytest.mark.parametrize("activation", [Sigmoid, Tanh, ReLU])
def test_trace_gradients_equal_central_differences(
    make_network, make_batch, activation, batchnorm, dropout, scaling, input_dropout
):
    """∂L/∂activation by moving one hidden value and running only the layers above it."""
    network = make_network(
        activation=activation,
        batchnorm=batchnorm,
        dropout=dropout,
        dropout_scaling=scaling,
        input_dropout=input_dropout,
        perturb=True,
    )
    batch = make_batch(60)
    layers = trace(network, batch)
    copy = network.without_dropout()
    loss = SoftmaxCrossEntropy(10, np.float64)
    rng = np.random.default_rng(4)
    for depth, layer in enumerate(layers):
        hidden = layer.activation.copy()

        def above(hidden=hidden, depth=depth):
            x = hidden
            average = [part for part in copy.blocks[depth] if isinstance(part, Scale)]
            for part in itertools.chain(average, *copy.blocks[depth + 1 :]):
                x = part.forward(x, training=True)
            return loss.forward(x, batch.labels)

        indices = rng.choice(hidden.size, 30, replace=False)
        numeric = central_differences(above, hidden, indices)
        assert_close(layer.gradient.ravel()[indices], numeric, 1e-5)


def test_trace_keeps_the_weight_gradients_of_the_whole_batch(make_network, make_batch):
    network, batch = make_network(batchnorm=True, perturb=True), make_batch(60)
    layers = trace(network, batch)
    loss = SoftmaxCrossEntropy(10, np.float64)
    loss.forward(network.forward(batch.images, training=True), batch.labels)
    network.backward(loss.backward())
    for layer, affine in zip(layers, network.affines, strict=False):
        np.testing.assert_array_equal(layer.weight_gradient, affine.grads["weight"])


def test_the_first_layer_computes_no_gradient_of_its_input(make_network):
    network: Network = make_network()
    first, *others = network.affines
    x = np.ones((3, first.params["weight"].shape[0]))
    first.forward(x, training=True)
    assert first.backward(np.ones((3, first.params["weight"].shape[1]))) is None
    assert [affine.first for affine in others] == [False] * len(others)
