"""The lecture's theory of initial values as laws that the network must obey (1.2.1–1.2.4)."""

import numpy as np
import pytest

from study.network.activations import ReLU, Sigmoid, Tanh
from study.network.initializers import Constant, RandomNormal, VarianceScaling
from study.network.optimizer import SGD
from study.network.probes import distinct_units, layer_statistics, trace
from study.network.streams import RngStreams
from study.network.trainer import Trainer

XAVIER, HE = VarianceScaling(1.0), VarianceScaling(2.0)


def growth_per_layer(make_network, activation, scheme, *, depth=25, width=400, size=1.0):
    """Geometric mean factor of the mean-square activation from one layer to the next.

    One layer's factor has a relative sd of about √(5/width), so 4 seeds × 24 layers leave 1 %.
    """
    rng = np.random.default_rng(0)
    logs = []
    for seed in range(4):
        network = make_network(
            (width,) * depth,
            features=width,
            activation=activation,
            initializer=scheme,
            dtype=np.float32,
            seed=seed,
        )
        x = (size * rng.standard_normal((8, width))).astype(np.float32)
        squares = []
        for layer in network.layers[:-1]:
            x = layer.forward(x, training=True)
            if isinstance(layer, activation):
                squares.append(np.square(x, dtype=np.float64).mean())
        logs.append(np.log(squares[-1] / squares[0]) / (depth - 1))
    return np.exp(np.mean(logs))


def test_he_keeps_the_mean_square_of_relu_activations_over_25_layers(make_network):
    """E a² = ½ Var z = ½ · fan_in · (2/fan_in) · E a²_before (He et al. 2015, eq. 10)."""
    assert growth_per_layer(make_network, ReLU, HE) == pytest.approx(1, abs=0.05)


def test_xavier_halves_the_mean_square_of_relu_activations_in_every_layer(make_network):
    assert growth_per_layer(make_network, ReLU, XAVIER) == pytest.approx(0.5, abs=0.025)


def test_doubling_the_standard_deviation_of_xavier_would_double_relu_in_every_layer(make_network):
    """The erratum: He doubles the variance of Xavier. Doubling the sd gives variance 4/fan_in."""
    growth = growth_per_layer(make_network, ReLU, VarianceScaling(4.0))
    assert growth == pytest.approx(2, abs=0.1)


def test_xavier_keeps_the_mean_square_of_tanh_where_tanh_is_linear(make_network):
    growth = growth_per_layer(make_network, Tanh, XAVIER, size=1e-3)
    assert growth == pytest.approx(1, abs=0.05)


def test_he_keeps_the_norm_of_relu_gradients_on_the_way_back(make_network, make_batch):
    """Equal widths: fan_in = fan_out, so the backward factor is 1 too."""
    network = make_network((300,) * 15, features=300, activation=ReLU, initializer=HE)
    norms = [np.linalg.norm(layer.gradient) for layer in trace(network, make_batch(features=300))]
    growth = (norms[0] / norms[-1]) ** (1 / (len(norms) - 1))
    assert growth == pytest.approx(1, abs=0.1)


@pytest.fixture
def lecture_probe(make_network, make_batch):
    """1,000 inputs of 100 features from N(0, 1) through 5 layers of 100 units."""

    def statistics(activation, scheme):
        network = make_network(
            (100,) * 5, features=100, activation=activation, initializer=scheme, seed=1
        )
        batch = make_batch(1000, features=100)
        return layer_statistics(network, batch)[:5]

    return statistics


def test_sigmoid_saturates_with_standard_deviation_one(lecture_probe):
    """Layer 1: z ~ N(0, 100), P(σ(z) within 0.05 of 0 or 1) = P(|z| > ln 19) = 0.768."""
    rows = lecture_probe(Sigmoid, RandomNormal(1.0))
    assert rows[0]["saturated_share"] == pytest.approx(0.768, abs=0.02)
    assert all(row["saturated_share"] > 0.6 for row in rows)


def test_sigmoid_crowds_at_one_half_with_standard_deviation_one_hundredth(lecture_probe):
    rows = lecture_probe(Sigmoid, RandomNormal(0.01))
    for row in rows:
        assert row["activation_mean"] == pytest.approx(0.5, abs=0.01)
        assert row["activation_sd"] < 0.03
        assert row["saturated_share"] == 0


def test_small_weights_do_make_the_gradient_vanish(lecture_probe):
    """Each layer back multiplies its norm by σ′(0) · std · √units = 0.25 · 0.01 · √100 = 1/40.

    The lecture says that with std = 0.01 no gradient vanishes.
    """
    norms = np.array([row["gradient_norm"] for row in lecture_probe(Sigmoid, RandomNormal(0.01))])
    np.testing.assert_allclose(norms[:-1] / norms[1:], 0.025, rtol=0.1)


def test_xavier_spreads_sigmoid_activations_wider_than_small_weights(lecture_probe):
    small, xavier = (lecture_probe(Sigmoid, s) for s in (RandomNormal(0.01), XAVIER))
    assert all(
        x["activation_sd"] > 5 * s["activation_sd"] for s, x in zip(small, xavier, strict=True)
    )
    assert all(row["saturated_share"] < 0.05 for row in xavier)


def test_tanh_saturates_with_one_and_not_with_xavier(lecture_probe):
    assert all(row["saturated_share"] > 0.6 for row in lecture_probe(Tanh, RandomNormal(1.0)))
    assert all(row["saturated_share"] < 0.2 for row in lecture_probe(Tanh, XAVIER))


def test_half_of_a_fresh_relu_layer_is_silent(lecture_probe):
    for row in lecture_probe(ReLU, HE):
        assert row["saturated_share"] == pytest.approx(0.5, abs=0.12)


def train(network, batch, streams, steps=40, lr=0.1):
    trainer = Trainer(network, SGD(network, lr=lr), batch, batch_size=100, rng=streams.batches)
    return [trainer.step() for _ in range(steps)]


@pytest.mark.parametrize("batchnorm", [False, True])
@pytest.mark.parametrize("value", [0.0, 0.01, 0.5])
@pytest.mark.parametrize("activation", [Sigmoid, Tanh, ReLU])
def test_equal_weights_stay_equal_through_training(
    make_network, make_batch, activation, value, batchnorm
):
    streams, batch = RngStreams.from_seed(0), make_batch(250)
    network = make_network(
        activation=activation, initializer=Constant(value), batchnorm=batchnorm, streams=streams
    )
    before = network.parameters.copy()
    losses = train(network, batch, streams)
    assert not np.array_equal(network.parameters, before)
    assert np.isfinite(losses).all()
    for layer in trace(network, batch):
        assert distinct_units(layer.activation) == 1
        assert np.ptp(layer.weight_gradient, axis=1).max() <= 1e-12


def test_dropout_breaks_the_symmetry_that_equal_weights_keep(make_network, make_batch):
    streams, batch = RngStreams.from_seed(0), make_batch(250)
    network = make_network(initializer=Constant(0.1), dropout=0.2, streams=streams)
    train(network, batch, streams)
    units = [distinct_units(layer.activation) for layer in trace(network, batch)]
    assert units == [18, 16, 14]


def test_zero_weights_block_every_gradient_but_that_of_the_last_bias(make_network, make_batch):
    streams, batch = RngStreams.from_seed(0), make_batch(250)
    network = make_network(initializer=Constant(0.0), streams=streams)
    train(network, batch, streams)
    assert (network.affines[-1].params["bias"] != 0).all()
    assert np.count_nonzero(network.parameters) == 10


def test_equal_weights_make_width_worthless(make_network, make_batch):
    """S2: logits of 10 and of 1,000 equal units span the same one dimension."""
    batch = make_batch(100)
    for width in (10, 1000):
        network = make_network((width,), initializer=Constant(0.01), dtype=np.float64)
        assert np.linalg.matrix_rank(trace(network, batch)[0].activation, rtol=1e-10) == 1
