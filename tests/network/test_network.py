"""The network as a whole: layout, modes, copies, buffers, precision."""

import itertools
import tracemalloc

import numpy as np
import pytest

from study.network.activations import ReLU, Sigmoid, Tanh
from study.network.initializers import Constant
from study.network.layers import Affine, BatchNorm, Dropout, Rows
from study.network.losses import SoftmaxCrossEntropy
from study.network.network import EVALUATION_ROWS
from study.network.optimizer import SGD
from study.network.streams import RngStreams
from study.network.trainer import evaluate


def train_step(network, batch, optimizer=None):
    loss = SoftmaxCrossEntropy(network.num_classes, network.dtype)
    value = loss.forward(network.forward(batch.images, training=True), batch.labels)
    network.backward(loss.backward())
    if optimizer:
        optimizer.step()
    return value


def snapshot(network):
    return [array.copy() for array in (*network.state(), network.gradients)]


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("batchnorm", "dropout", "hidden_block"),
    [
        (False, 0.0, [Affine, Sigmoid]),
        (True, 0.0, [Affine, BatchNorm, Sigmoid]),
        (False, 0.2, [Affine, Sigmoid, Dropout]),
        (True, 0.2, [Affine, BatchNorm, Sigmoid, Dropout]),
    ],
)
def test_layers_stand_in_the_lectures_order(make_network, batchnorm, dropout, hidden_block):
    network = make_network((5, 4), activation=Sigmoid, batchnorm=batchnorm, dropout=dropout)
    assert [[type(layer) for layer in block] for block in network.blocks] == [
        hidden_block,
        hidden_block,
        [Affine],
    ]
    assert [("bias" in affine.params) for affine in network.affines] == [not batchnorm] * 2 + [True]


def test_widths_are_those_asked_for(make_network):
    network = make_network((7, 3), features=11, classes=4)
    shapes = [affine.params["weight"].shape for affine in network.affines]
    assert shapes == [(11, 7), (7, 3), (3, 4)]
    assert network.num_classes == 4


@pytest.mark.parametrize("batchnorm", [False, True])
def test_fresh_biases_and_beta_are_zero_and_gamma_is_one(make_network, batchnorm):
    fresh = {"bias": 0, "beta": 0, "gamma": 1}
    names = set()
    for layer in make_network(batchnorm=batchnorm).layers:
        for name in layer.params.keys() & fresh.keys():
            np.testing.assert_array_equal(layer.params[name], fresh[name])
            names.add(name)
    assert names == ({"bias", "beta", "gamma"} if batchnorm else {"bias"})


@pytest.mark.parametrize("kind", ["params", "grads"])
@pytest.mark.parametrize("batchnorm", [False, True])
def test_layers_hold_views_that_tile_one_vector_with_the_weights_first(
    make_network, batchnorm, kind
):
    network = make_network(batchnorm=batchnorm, dropout=0.1)
    vector = network.parameters if kind == "params" else network.gradients
    vector[:] = np.arange(vector.size)
    entries = {"weight": [], "other": []}
    for layer in network.layers:
        for name, array in getattr(layer, kind).items():
            entries["weight" if name == "weight" else "other"].extend(array.ravel())
    assert sorted(entries["weight"]) == list(range(network.num_weights))
    assert sorted(entries["other"]) == list(range(network.num_weights, vector.size))


def test_softmax_regression_needs_no_hidden_layer(make_network, make_batch):
    network = make_network(())
    batch = make_batch()
    optimizer = SGD(network, lr=0.5)
    losses = [train_step(network, batch, optimizer) for _ in range(50)]
    assert losses[-1] < 0.3 * losses[0]
    expected = batch.images @ network.affines[0].params["weight"]
    expected += network.affines[0].params["bias"]
    np.testing.assert_allclose(network.predict(batch.images), expected, rtol=1e-12)


@pytest.mark.parametrize("activation", [Sigmoid, Tanh, ReLU])
def test_evaluation_uses_running_statistics_and_no_dropout(make_network, make_batch, activation):
    """Recomputed from the parameters alone, with the textbook's formulas."""
    network = make_network(activation=activation, batchnorm=True, dropout=0.5, perturb=True)
    batch = make_batch(64)
    for _ in range(5):
        train_step(network, batch, SGD(network, lr=0.1))
    function = {
        Sigmoid: lambda z: 1 / (1 + np.exp(-z)),
        Tanh: np.tanh,
        ReLU: lambda z: np.where(z > 0, z, 0),
    }[activation]
    x = batch.images
    for affine, norm, *_ in network.blocks[:-1]:
        z = x @ affine.params["weight"]
        z = (z - norm.state["running_mean"]) / np.sqrt(norm.state["running_var"] + norm.eps)
        x = function(norm.params["gamma"] * z + norm.params["beta"])
    x = x @ network.affines[-1].params["weight"] + network.affines[-1].params["bias"]
    np.testing.assert_allclose(network.predict(batch.images), x, rtol=1e-10, atol=1e-12)


def test_evaluation_changes_neither_the_network_nor_the_dropout_stream(make_network, make_batch):
    streams = RngStreams.from_seed(0)
    network = make_network(batchnorm=True, dropout=0.3, streams=streams)
    train_step(network, make_batch())
    before, masks = snapshot(network), streams.dropout.bit_generator.state
    evaluate(network, make_batch(777, seed=1))
    network.accuracy(make_batch(30).images, make_batch(30).labels)
    assert_same(before, snapshot(network))
    assert str(streams.dropout.bit_generator.state) == str(masks)


@pytest.mark.parametrize("scaling", ["training", "evaluation"])
@pytest.mark.parametrize("batchnorm", [False, True])
def test_evaluation_between_steps_leaves_no_trace_in_training(
    make_network, make_batch, batchnorm, scaling
):
    """Buffers are shared between training and evaluation, with other numbers of rows."""
    options = {"batchnorm": batchnorm, "dropout": 0.3, "dropout_scaling": scaling}
    plain, disturbed = (make_network(**options) for _ in range(2))
    optimizers = [SGD(network, lr=0.1) for network in (plain, disturbed)]
    for step, rows in enumerate([100, 100, 30, 100, 1, 100]):
        batch = make_batch(rows, seed=step)
        train_step(plain, batch, optimizers[0])
        for evaluated in (3, rows, 1200):
            disturbed.predict(make_batch(evaluated, seed=50).images)
        train_step(disturbed, batch, optimizers[1])
        assert_same(snapshot(plain), snapshot(disturbed))


@pytest.mark.parametrize("rows", [1, EVALUATION_ROWS, EVALUATION_ROWS + 1, 3 * EVALUATION_ROWS - 7])
def test_prediction_of_many_rows_is_that_of_each_row(make_network, make_batch, rows):
    network, images = make_network(batchnorm=True), make_batch(rows).images
    logits = network.predict(images)
    assert logits.shape == (rows, 10)
    for row in {0, rows // 2, rows - 1}:
        np.testing.assert_allclose(network.predict(images[row : row + 1])[0], logits[row], 1e-12)


def test_predictions_outlive_the_next_call(make_network, make_batch):
    network = make_network()
    one = network.predict(make_batch(20, seed=1).images)
    kept = one.copy()
    network.predict(make_batch(20, seed=2).images)
    np.testing.assert_array_equal(one, kept)


@pytest.mark.parametrize("dropout", [0.0, 0.2])
@pytest.mark.parametrize("batchnorm", [False, True])
def test_gradient_buffers_are_two_by_width_and_no_layer_writes_what_it_reads(
    make_network, batchnorm, dropout
):
    network = make_network((18, 18, 18), batchnorm=batchnorm, dropout=dropout)
    for below, above in itertools.pairwise(network.layers):
        assert below.grad_in is not above.grad_in
    assert len({id(layer.grad_in) for layer in network.layers if layer.grad_in.width == 18}) == 2


def test_constants_reach_every_layer(make_network):
    network = make_network(
        batchnorm=True, batchnorm_eps=0.25, batchnorm_momentum=0.5,
        dropout=0.3, dropout_scaling="evaluation",
    )  # fmt: skip
    norms = [layer for layer in network.layers if isinstance(layer, BatchNorm)]
    assert [(norm.eps, norm.momentum) for norm in norms] == [(0.25, 0.5)] * 3
    dropouts = [layer for layer in network.layers if isinstance(layer, Dropout)]
    assert [set(np.unique(layer.sample_mask(9))) for layer in dropouts] == [{0.0, 1.0}] * 3


@pytest.mark.parametrize("scaling", ["training", "evaluation"])
def test_dropout_leaves_the_mean_of_a_linear_networks_logits(make_network, make_batch, scaling):
    """Of a network with one hidden layer of ReLU: after the masks nothing is curved."""
    network = make_network((400,), dropout=0.4, dropout_scaling=scaling)
    images = make_batch(5).images
    draws = np.array([network.forward(images, training=True).copy() for _ in range(4000)])
    standard_error = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - network.predict(images)) < 5 * standard_error).all()


@pytest.mark.parametrize("scaling", ["training", "evaluation"])
def test_copy_without_dropout_is_independent(make_network, make_batch, scaling):
    network = make_network(batchnorm=True, dropout=0.4, dropout_scaling=scaling, perturb=True)
    train_step(network, make_batch())
    before = snapshot(network)
    copy = network.without_dropout()
    assert not any(isinstance(layer, Dropout) for layer in copy.layers)
    images = make_batch(30, seed=5).images
    np.testing.assert_array_equal(copy.predict(images), network.predict(images))
    for _ in range(3):
        train_step(copy, make_batch(40, seed=2), SGD(copy, lr=0.5))
    assert_same(before, snapshot(network))
    assert not np.array_equal(copy.predict(images), network.predict(images))


def test_copy_without_dropout_is_trained_through_its_own_vector(make_network, make_batch):
    copy = make_network(batchnorm=True, dropout=0.4).without_dropout()
    for layer in copy.layers:
        for name in layer.params:
            assert np.shares_memory(layer.params[name], copy.parameters)
            assert np.shares_memory(layer.grads[name], copy.gradients)


def test_the_same_seed_builds_the_same_network_and_another_seed_another(make_network):
    np.testing.assert_array_equal(make_network(seed=1).parameters, make_network(seed=1).parameters)
    assert not np.array_equal(make_network(seed=1).parameters, make_network(seed=2).parameters)


def test_single_precision_weights_are_the_rounded_double_ones(make_network):
    single, double = make_network(dtype=np.float32), make_network(dtype=np.float64)
    np.testing.assert_array_equal(single.parameters, double.parameters.astype(np.float32))


def arrays_of(owner):
    """Every float array an object holds, buffers and dictionaries included."""
    for name, value in vars(owner).items():
        if isinstance(value, dict):
            yield from ((f"{name}.{key}", array) for key, array in value.items())
        elif isinstance(value, Rows):
            yield name, value(1)
        elif isinstance(value, np.ndarray) and value.dtype.kind == "f":
            yield name, value


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("momentum", [0.0, 0.9])
@pytest.mark.parametrize("activation", [Sigmoid, Tanh, ReLU])
def test_every_array_keeps_the_networks_precision(
    make_network, make_batch, activation, momentum, dtype
):
    network = make_network(activation=activation, batchnorm=True, dropout=0.3, dtype=dtype)
    optimizer = SGD(network, lr=0.1, momentum=momentum, weight_decay=0.01)
    loss = SoftmaxCrossEntropy(10, dtype)
    for rows in (100, 37):
        batch = make_batch(rows, dtype=dtype)
        x = batch.images
        for layer in network.layers:
            x = layer.forward(x, training=True)
            assert x.dtype == dtype
        loss.forward(x, batch.labels)
        grad = loss.backward()
        for layer in reversed(network.layers):
            assert grad.dtype == dtype
            grad = layer.backward(grad)
        optimizer.step()
        assert network.predict(batch.images).dtype == dtype
    checked = 0
    for owner in (*network.layers, optimizer, loss, network):
        for name, array in arrays_of(owner):
            assert array.dtype == dtype, f"{type(owner).__name__}.{name}"
            checked += 1
    assert checked > 50


@pytest.mark.parametrize(("dropout", "bytes_per_value"), [(0.0, 2), (0.2, 4)])
@pytest.mark.parametrize("batchnorm", [False, True])
def test_a_step_allocates_no_array_of_a_layers_size(
    make_network, make_batch, batchnorm, dropout, bytes_per_value
):
    """A layer's output takes 4 bytes a value; a mask draws 2 and compares into 1 before it."""
    width, rows = 300, 200
    network = make_network((width,) * 3, batchnorm=batchnorm, dropout=dropout, dtype=np.float32)
    optimizer, loss = SGD(network, lr=0.1), SoftmaxCrossEntropy(10, np.float32)
    batch = make_batch(rows, dtype=np.float32)

    def step():
        loss.forward(network.forward(batch.images, training=True), batch.labels)
        network.backward(loss.backward())
        optimizer.step()

    step()
    tracemalloc.start()
    try:
        step()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < bytes_per_value * width * rows


# -- dropout of the input, a scheme of the output layer


@pytest.mark.parametrize("scaling", ["training", "evaluation"])
def test_dropping_the_input_leaves_the_mean_of_softmax_regressions_logits(
    make_network, make_batch, scaling
):
    """Logits are linear in the input, so that the mean over the masks is exact."""
    network = make_network((), input_dropout=0.3, dropout_scaling=scaling)
    images = make_batch(5).images
    draws = np.array([network.forward(images, training=True).copy() for _ in range(4000)])
    standard_error = draws.std(axis=0) / np.sqrt(len(draws))
    assert (np.abs(draws.mean(axis=0) - network.predict(images)) < 5 * standard_error).all()
    keep = 1 - round(0.3 * Dropout.LEVELS) / Dropout.LEVELS if scaling == "evaluation" else 1
    weight = network.affines[0].params["weight"]
    np.testing.assert_allclose(network.predict(images), keep * images @ weight, rtol=1e-12)


def test_the_variance_that_dropping_the_input_adds_is_the_binomials(make_network, make_batch):
    """Var = p / (1 − p) · Σ (x w)² for inverted dropout of independent features."""
    network = make_network((), input_dropout=0.4)
    images, weight = make_batch(5).images, network.affines[0].params["weight"]
    draws = np.array([network.forward(images, training=True).copy() for _ in range(8000)])
    expected = 0.4 / 0.6 * np.square(images) @ np.square(weight)
    np.testing.assert_allclose(draws.var(axis=0), expected, rtol=0.1)


@pytest.mark.parametrize("scaling", ["training", "evaluation"])
def test_the_images_and_what_is_copied_without_dropout_stay_as_they_are(
    make_network, make_batch, scaling
):
    network = make_network(input_dropout=0.4, dropout=0.2, dropout_scaling=scaling, perturb=True)
    batch = make_batch(30)
    batch.images.setflags(write=False)
    train_step(network, batch)
    copy = network.without_dropout()
    assert not any(isinstance(layer, Dropout) for layer in copy.layers)
    np.testing.assert_array_equal(copy.predict(batch.images), network.predict(batch.images))


def test_the_output_layer_has_a_scheme_of_its_own_where_there_is_one(make_network):
    network = make_network(initializer=Constant(0.5), output_initializer=Constant(0.25))
    values = [set(affine.params["weight"].ravel()) for affine in network.affines]
    assert values == [{0.5}, {0.5}, {0.5}, {0.25}]
