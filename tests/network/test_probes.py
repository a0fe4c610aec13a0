"""Measurements on values, networks and distributions whose answers are known."""

import itertools

import numpy as np
import pytest

from study.network.activations import ReLU, Sigmoid, Tanh
from study.network.initializers import Constant, RandomNormal
from study.network.layers import Affine, Dropout
from study.network.losses import SoftmaxCrossEntropy
from study.network.network import Network
from study.network.optimizer import SGD
from study.network.probes import (
    PROBES,
    ProbeInput,
    distinct_units,
    effective_units,
    gradients,
    layer_statistics,
    loss_by_size,
    minibatch_noise,
    normalisation,
    trace,
    unit_correlations,
    unit_inputs,
    voting,
    weight_histogram,
    weights,
)
from study.network.probes import correlations as correlations_probe
from study.network.probes import histograms as histograms_probe
from study.network.recorder import Recorder
from study.network.streams import RngStreams
from study.network.trainer import evaluate


@pytest.fixture
def probe_input(make_batch):
    def make(*, seed=0, dtype=float, features=20, n=300):
        return ProbeInput(
            make_batch(n, features=features, dtype=dtype),
            make_batch(80, features=features, dtype=dtype, seed=1),
            RngStreams.from_seed(seed).probe,
        )

    return make


def train(network, batch, steps=5):
    loss = SoftmaxCrossEntropy(network.num_classes, network.dtype)
    optimizer = SGD(network, lr=0.1)
    for _ in range(steps):
        loss.forward(network.forward(batch.images, training=True), batch.labels)
        network.backward(loss.backward())
        optimizer.step()


class TestEffectiveUnits:
    def test_counts_independent_units(self):
        """A sample covariance of n rows adds units/n to the ratio's denominator."""
        values = np.random.default_rng(0).standard_normal((100_000, 20))
        assert effective_units(values) == pytest.approx(20, rel=0.01)

    @pytest.mark.parametrize("spectrum", [[1, 1, 1, 1], [4, 1, 1], [1, 0, 0], [9, 4, 1, 0.25]])
    def test_is_the_participation_ratio_of_a_known_covariance(self, spectrum):
        """(Σλ)² / Σλ² whatever the rotation; the values have exactly this covariance."""
        rng = np.random.default_rng(1)
        whitened = rng.standard_normal((50, len(spectrum)))
        whitened -= whitened.mean(axis=0)
        whitened = np.linalg.qr(whitened)[0]
        rotation = np.linalg.qr(rng.standard_normal((len(spectrum),) * 2))[0]
        values = whitened * np.sqrt(spectrum) @ rotation + 3
        expected = np.sum(spectrum) ** 2 / np.sum(np.square(spectrum))
        assert effective_units(values) == pytest.approx(expected, rel=1e-10)

    def test_copies_count_once(self):
        column = np.random.default_rng(0).standard_normal((100, 1))
        assert effective_units(np.hstack([column, -2 * column, column + 1])) == pytest.approx(1)

    @pytest.mark.parametrize("size", [1e-200, 1e-30, 1e30])
    def test_does_not_depend_on_the_size_of_the_values(self, size):
        values = np.random.default_rng(0).standard_normal((100, 7))
        assert effective_units(size * values) == pytest.approx(effective_units(values))

    @pytest.mark.parametrize("constant", [0.0, 0.1, 1 / 3])
    def test_is_zero_where_nothing_varies(self, constant):
        """The mean of equal numbers may be off by a rounding error, which is no variation."""
        assert effective_units(np.full((999, 6), constant)) == 0
        assert effective_units(np.tile(constant * np.arange(1, 7), (999, 1))) == 0


class TestDistinctUnits:
    @pytest.mark.parametrize("offset", [0.0, 100.0])
    def test_planted_copies_count_once(self, offset):
        values = np.random.default_rng(0).standard_normal((200, 12)) + offset
        values[:, 7] = values[:, 2]
        values[:, [9, 11]] = values[:, [3]]
        assert distinct_units(values) == 9

    @pytest.mark.parametrize(("distance", "expected"), [(0.9e-6, 1), (1.1e-6, 2)])
    @pytest.mark.parametrize("size", [1e-100, 1.0, 1e100])
    def test_threshold_is_relative_to_the_layers_size(self, size, distance, expected):
        """Near copies at 0.9 and 1.1 times the threshold, on top of a value they share."""
        column = np.where(np.arange(400) % 2, 1.0, -1.0)
        values = size * np.stack([column, column * (1 + distance)], axis=1)
        assert distinct_units(values) == expected

    def test_counts_as_comparing_each_unit_with_those_counted_before_does(self):
        rng = np.random.default_rng(2)
        values = rng.standard_normal((50, 1)) + 1e-6 * rng.standard_normal((50, 30))
        rms = np.sqrt(np.square(values).mean())
        counted = []
        for column in values.T / rms:
            if all(np.square(column - other).mean() > 1e-12 for other in counted):
                counted.append(column)
        assert 1 < len(counted) < 30
        assert distinct_units(values) == len(counted)

    def test_a_silent_layer_has_one_distinct_unit(self):
        assert distinct_units(np.zeros((10, 5))) == 1
        assert distinct_units(np.full((10, 5), 0.3)) == 1

    def test_a_single_loud_unit_hides_no_other(self):
        values = np.zeros((50, 1000))
        values[:, 0] = 1e3
        values[:, 1] = np.linspace(1, 2, 50)
        assert distinct_units(values) == 3


class TestUnitCorrelations:
    def test_planted_correlations_are_found(self):
        """One shared part: corr(i, j) = wᵢ wⱼ, exactly for orthonormal parts."""
        rng = np.random.default_rng(0)
        parts = rng.standard_normal((60, 4))
        parts = np.linalg.qr(parts - parts.mean(axis=0))[0]
        loading = np.array([0.9, -0.5, 0.2])
        values = 5 + parts[:, :1] * loading + parts[:, 1:] * np.sqrt(1 - loading**2)
        expected = [0.9 * -0.5, 0.9 * 0.2, -0.5 * 0.2]
        np.testing.assert_allclose(unit_correlations(values), expected, atol=1e-12)

    def test_units_that_do_not_vary_take_no_part(self):
        values = np.random.default_rng(0).standard_normal((40, 5))
        values[:, 2] = 0.1
        assert len(unit_correlations(values)) == 6
        np.testing.assert_array_equal(
            unit_correlations(values), unit_correlations(np.delete(values, 2, axis=1))
        )

    @pytest.mark.parametrize("values", [np.zeros((9, 4)), np.full((9, 4), 0.1), np.ones((9, 0))])
    def test_without_two_varying_units_there_is_no_pair(self, values):
        assert unit_correlations(values).shape == (0,)


class TestTrace:
    @pytest.mark.parametrize("batchnorm", [False, True])
    def test_values_are_those_of_a_training_pass_without_dropout(
        self, make_network, make_batch, batchnorm
    ):
        network = make_network(activation=Tanh, batchnorm=batchnorm, dropout=0.5, perturb=True)
        batch, layers = make_batch(70), trace(network, make_batch(70))
        x = batch.images
        for layer, block in zip(layers, network.blocks, strict=False):
            affine, norm = block[0].params, block[1].params
            z = x @ affine["weight"] + affine.get("bias", 0)
            np.testing.assert_allclose(layer.preactivation, z, rtol=1e-10, atol=1e-13)
            if batchnorm:
                z = norm["gamma"] * (z - z.mean(axis=0)) / np.sqrt(z.var(axis=0) + 1e-5)
                z += norm["beta"]
            np.testing.assert_allclose(layer.normalised, z, rtol=1e-10, atol=1e-13)
            np.testing.assert_allclose(layer.activation, np.tanh(z), rtol=1e-10, atol=1e-13)
            x = layer.activation
        assert len(layers) == 3

    @pytest.mark.parametrize("batchnorm", [False, True])
    def test_where_dropout_is_scaled_in_evaluation_layers_see_the_mean_of_its_masks(
        self, make_network, make_batch, batchnorm
    ):
        network = make_network(
            batchnorm=batchnorm, dropout=0.5, dropout_scaling="evaluation", perturb=True
        )
        batch, layers = make_batch(70), trace(network, make_batch(70))
        x = batch.images
        for layer, block in zip(layers, network.blocks, strict=False):
            affine = block[0].params
            z = x @ affine["weight"] + affine.get("bias", 0)
            np.testing.assert_allclose(layer.preactivation, z, rtol=1e-10, atol=1e-13)
            np.testing.assert_array_equal(layer.activation, np.maximum(layer.normalised, 0))
            x = layer.activation / 2
        assert len(layers) == 3

    def test_a_network_without_hidden_layers_has_nothing_to_trace(self, make_network, make_batch):
        assert trace(make_network(()), make_batch()) == []


class TestLayerStatistics:
    def test_numbers_are_those_of_the_traced_values(self, make_network, make_batch):
        network, batch = make_network(activation=Sigmoid, perturb=True), make_batch(90)
        rows, layers = layer_statistics(network, batch), trace(network, batch)
        assert [row["layer"] for row in rows] == [1, 2, 3, 4]
        assert [row["hidden"] for row in rows] == [True, True, True, False]
        for row, layer, affine in zip(rows, layers, network.affines, strict=False):
            a, w = layer.activation, affine.params["weight"]
            assert row["activation_mean"] == pytest.approx(a.mean())
            assert row["activation_sd"] == pytest.approx(a.std())
            assert row["activation_mean_square"] == pytest.approx((a**2).mean())
            assert row["activation_skew"] == pytest.approx(
                ((a - a.mean()) ** 3).mean() / a.std() ** 3
            )
            assert row["saturated_share"] == np.mean((a <= 0.05) | (a >= 0.95))
            assert row["unit_spread"] == (a.max(axis=1) - a.min(axis=1)).max()
            assert row["gradient_norm"] == pytest.approx(np.sqrt((layer.gradient**2).sum()))
            assert row["weight_norm"] == pytest.approx(np.sqrt((w**2).sum()))
            assert row["weight_max"] == np.abs(w).max()
            assert row["weight_kurtosis"] == pytest.approx(
                ((w - w.mean()) ** 4).mean() / w.var() ** 2
            )

    def test_only_exact_zeros_count_as_saturated_for_relu(self, make_network, make_batch):
        network, batch = make_network(initializer=RandomNormal(0.01)), make_batch(90)
        for row, layer in zip(
            layer_statistics(network, batch), trace(network, batch), strict=False
        ):
            assert row["saturated_share"] == (layer.activation == 0).mean()
            assert 0.2 < row["saturated_share"] < 0.8  # all values are below 0.05

    @pytest.mark.parametrize("dtype", [np.float32, np.float64])
    @pytest.mark.parametrize("batchnorm", [False, True])
    @pytest.mark.parametrize("value", [0.0, 0.01, 0.1, -1.0])
    @pytest.mark.parametrize("activation", [Sigmoid, Tanh, ReLU])
    def test_dead_and_constant_units_give_no_warning(
        self, make_network, make_batch, activation, value, batchnorm, dtype
    ):
        network = make_network(
            activation=activation, initializer=Constant(value), batchnorm=batchnorm, dtype=dtype
        )
        for row in layer_statistics(network, make_batch(50, dtype=dtype)):
            assert np.isnan(row["weight_kurtosis"])  # a constant matrix has none
            if row["hidden"]:
                assert row["distinct_units"] == 1
                assert 0 <= row["effective_units"] < 1.001

    def test_a_layer_of_constants_has_no_effective_unit_and_no_skew(self, make_network, make_batch):
        """What follows a dead layer: each unit repeats its bias."""
        network = make_network(activation=ReLU)
        network.blocks[0][0].params["bias"][:] = -1e6
        network.blocks[1][0].params["bias"][:] = 0.1
        silent, constant, *_ = layer_statistics(network, make_batch(77))
        for row in (silent, constant):
            assert row["effective_units"] == 0
            assert np.isnan(row["activation_skew"])
            assert np.isnan(row["mean_abs_correlation"])

    def test_weights_alone_describe_a_network_without_hidden_layers(self, make_network, make_batch):
        (row,) = layer_statistics(make_network(()), make_batch())
        assert row["hidden"] is False
        assert "activation_mean" not in row


@pytest.mark.parametrize("scaling", ["training", "evaluation"])
@pytest.mark.parametrize("batchnorm", [False, True])
@pytest.mark.parametrize("name", ["layer_statistics", *PROBES])
def test_measuring_leaves_the_network_and_its_streams_bit_identical(
    make_network, make_batch, probe_input, name, batchnorm, scaling
):
    """Two networks train alike, one of them measured in between."""
    results = []
    for measured in (False, True):
        streams = RngStreams.from_seed(0)
        network = make_network(
            batchnorm=batchnorm, dropout=0.3, dropout_scaling=scaling, streams=streams
        )
        train(network, make_batch())
        if measured and name == "layer_statistics":
            layer_statistics(network, make_batch(33))
        elif measured:
            PROBES[name].measure(network, probe_input())
        gradients = network.gradients.copy()
        state = [array.copy() for array in network.state()]
        train(network, make_batch())
        results.append([gradients, *state, *(array.copy() for array in network.state())])
        results[-1].append(streams.batches.random(3))
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", PROBES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("hidden", [(), (9,), (9, 8, 7)], ids=str)
def test_every_probe_works_at_every_depth_and_repeats_itself(
    make_network, probe_input, hidden, dtype, name
):
    network = make_network(hidden, batchnorm=True, dropout=0.2, dtype=dtype)
    one, other = (
        PROBES[name].measure(network, probe_input(dtype=dtype, features=20)) for _ in range(2)
    )
    np.testing.assert_equal(one, other)
    assert one


class TestHistograms:
    @pytest.mark.parametrize("activation", [Sigmoid, Tanh, ReLU])
    def test_every_value_is_counted_inside_below_or_above(
        self, make_network, probe_input, activation
    ):
        network = make_network(activation=activation, initializer=RandomNormal(3.0))
        given = probe_input()
        measured, layers = histograms_probe(network, given), trace(network, given.sample)
        outside = 0
        for kind, histogram_list in measured.items():
            for histogram, layer in zip(histogram_list, layers, strict=True):
                values = getattr(layer, kind)
                inside = histogram["counts"].sum()
                assert inside + histogram["below"] + histogram["above"] == values.size
                low, high = histogram["edges"][[0, -1]]
                assert inside == ((values >= low) & (values <= high)).sum()
                assert histogram["above"] == (values > high).sum()
                outside += histogram["below"] + histogram["above"]
        assert outside > 0

    def test_bins_and_ranges_are_the_lectures(self, make_network, probe_input):
        for activation, ends in ((Sigmoid, (0, 1)), (ReLU, (0, 1)), (Tanh, (-1, 1))):
            network = make_network(activation=activation)
            for histogram in histograms_probe(network, probe_input())["activation"]:
                np.testing.assert_allclose(histogram["edges"], np.linspace(*ends, 31), atol=1e-15)

    def test_every_pair_of_units_is_counted_in_the_correlations(self, make_network, probe_input):
        network = make_network((6, 5), activation=Tanh)
        for histogram, pairs in zip(
            correlations_probe(network, probe_input())["layers"], (15, 10), strict=True
        ):
            assert histogram["counts"].sum() == pairs
            assert histogram["below"] == histogram["above"] == 0


class TestWeights:
    def test_ranks_show_a_planted_deficiency(self, make_network, probe_input):
        network = make_network((12, 11))
        network.affines[1].params["weight"][:, 5:] = network.affines[1].params["weight"][:, :1]
        measured = weights(network, probe_input())
        assert measured["ranks"] == [12, 5, 10]

    def test_constant_weights_have_rank_one_in_single_precision(self, make_network, probe_input):
        network = make_network(initializer=Constant(0.01), dtype=np.float32)
        assert weights(network, probe_input())["ranks"] == [1, 1, 1, 1]

    def test_first_two_matrices_are_kept(self, make_network, probe_input):
        network = make_network()
        measured = weights(network, probe_input())
        for kept, affine in zip(measured["matrices"], network.affines, strict=False):
            np.testing.assert_allclose(kept, affine.params["weight"], rtol=1e-3, atol=1e-6)
        assert len(measured["matrices"]) == 2

    def test_every_weight_and_nothing_else_is_counted(self, make_network, probe_input):
        network = make_network(initializer=RandomNormal(0.4), perturb=True)
        histogram = weight_histogram(network, probe_input())
        total = histogram["counts"].sum() + histogram["below"] + histogram["above"]
        assert total == network.num_weights
        assert histogram["below"] > 0
        assert histogram["above"] > 0


def network_with_losses(losses, make_batch):
    """A network and samples whose losses are exactly ``losses``: logits (0, x), label 0."""
    network = Network([[Affine(np.array([[0.0, 1.0]]))]])
    batch = make_batch(len(losses), features=1)
    batch.images[:, 0] = np.log(np.expm1(losses))  # log(1 + eˣ) is the loss
    batch.labels[:] = 0
    return network, batch


class TestLossBySize:
    def test_all_samples_give_the_full_mean_and_fewer_scatter_around_it(self, make_batch):
        losses = np.random.default_rng(0).exponential(size=2000)
        network, batch = network_with_losses(losses, make_batch)
        given = ProbeInput(batch, batch.first(5), np.random.default_rng(1))
        measured = loss_by_size(network, given)
        sizes, means = measured["sizes"], measured["means"]
        assert (sizes[0], sizes[-1]) == (10, 2000)
        assert (np.diff(sizes) > 0).all()
        assert means.shape == (len(sizes), 20)
        np.testing.assert_allclose(means[-1], losses.mean(), rtol=1e-12)
        standard_error = losses.std() / np.sqrt(sizes[:-1] * 20)
        assert (np.abs(means[:-1].mean(axis=1) - losses.mean()) < 4 * standard_error).all()

    def test_fewer_than_ten_samples_are_enough(self, make_batch):
        network, batch = network_with_losses(np.array([0.5, 1.0, 2.0]), make_batch)
        given = ProbeInput(batch, batch, np.random.default_rng(1))
        measured = loss_by_size(network, given)
        np.testing.assert_array_equal(measured["sizes"], [3])
        np.testing.assert_allclose(measured["means"], np.full((1, 20), 3.5 / 3))


class TestMinibatchNoise:
    @pytest.fixture
    def measured(self, make_batch):
        losses = np.random.default_rng(0).exponential(size=3000)
        network, batch = network_with_losses(losses, make_batch)
        given = ProbeInput(batch, batch.first(5), np.random.default_rng(1))
        return losses, minibatch_noise(network, given)

    def test_population_is_described_exactly(self, measured):
        losses, noise = measured
        assert noise["full_loss"] == pytest.approx(losses.mean(), rel=1e-12)
        assert noise["sigma"] == pytest.approx(losses.std(), rel=1e-12)
        assert noise["population"] == 3000
        np.testing.assert_array_equal(noise["batch_sizes"], [1, 10, 100, 1000])

    def test_batch_loss_is_unbiased_and_its_error_falls_as_the_root_of_the_batch(self, measured):
        """sd = σ/√B · √((N − B)/(N − 1)), drawn without replacement; an sd of 500 is ±3 % sure."""
        losses, noise = measured
        for size, drawn in zip(noise["batch_sizes"], noise["losses"], strict=True):
            sd = losses.std() / np.sqrt(size) * np.sqrt((3000 - size) / 2999)
            assert abs(drawn.mean() - losses.mean()) < 4 * sd / np.sqrt(500)
            # exponential losses: a sample sd of 500 is less sure, ±√(8/4/500), at B = 1
            assert drawn.std() == pytest.approx(sd, rel=0.2 if size == 1 else 0.13)

    def test_gradients_of_larger_batches_point_more_in_the_full_direction(
        self, make_network, probe_input
    ):
        noise = minibatch_noise(make_network(), probe_input(n=1000))
        cosines = noise["cosines"]
        assert cosines.shape == (4, 50)
        assert (np.diff(cosines.mean(axis=1)) > 0).all()
        np.testing.assert_allclose(cosines[-1], 1, rtol=1e-12)  # B = N: the full gradient
        assert np.abs(cosines).max() <= 1 + 1e-12

    def test_full_gradient_is_that_of_one_pass_over_all_samples(self, make_network, probe_input):
        """2,500 samples are accumulated in blocks; a batch of one must be weighed against them."""
        network, given = make_network(), probe_input(n=2500)
        noise = minibatch_noise(network, given)
        loss, rng = SoftmaxCrossEntropy(10, np.float64), RngStreams.from_seed(0).probe

        def gradient(rows):
            loss.forward(
                network.forward(given.train.images[rows], training=True), given.train.labels[rows]
            )
            network.backward(loss.backward())
            return network.gradients.copy()

        full = gradient(np.arange(2500))
        draws = [rng.choice(2500, 1, replace=False) for _ in range(500)]
        for rows, cosine in zip(draws[:50], noise["cosines"][0], strict=True):
            one = gradient(rows)
            expected = one @ full / np.linalg.norm(one) / np.linalg.norm(full)
            assert cosine == pytest.approx(expected, rel=1e-9)


class TestVoting:
    @pytest.fixture
    def by_hand(self, make_batch):
        """Two units of value 1, each dropped with probability ½; class 0 wins if either is kept.

        Logits are (4 (h₁ + h₂), 1): 0 against 1 when both are dropped, 8 or 16 against 1 else.
        """
        rng = RngStreams.from_seed(3).dropout
        network = Network(
            [
                [
                    Affine(np.eye(2), first=True),
                    ReLU(2, np.float64),
                    Dropout(2, np.float64, rate=0.5, rng=rng),
                ],
                [Affine(np.array([[4.0, 0.0], [4.0, 0.0]]))],
            ]
        )
        network.affines[-1].params["bias"][:] = [0.0, 1.0]
        batch = make_batch(30, features=2)
        batch.images[:] = 1
        batch.labels[:] = 0
        return network, ProbeInput(batch, batch, np.random.default_rng(0))

    def test_one_mask_holds_for_all_samples_of_a_thinned_network(self, by_hand):
        measured = voting(*by_hand)
        assert set(measured["single"]) == {0.0, 1.0}  # the samples are equal: all right or none

    def test_single_networks_err_as_often_as_both_units_are_dropped(self, by_hand):
        single = voting(*by_hand, voters=2000)["single"]
        assert single.mean() == pytest.approx(0.75, abs=5 * np.sqrt(0.75 * 0.25 / 2000))

    def test_the_vote_of_many_is_right_where_the_mean_probability_is(self, by_hand):
        network, given = by_hand
        measured = voting(network, given, voters=100)
        assert measured["ensemble"][0] == measured["single"][0]
        assert measured["ensemble"][-1] == 1.0
        assert measured["full"] == 1.0
        right = 1 / (1 + np.exp(-7.0))  # one unit kept; both kept is as good as certain
        wrong = 1 / (1 + np.exp(1.0))
        votes = np.cumsum(np.where(measured["single"] == 1, right, wrong))
        majority = votes / np.arange(1, 101) > 0.5
        np.testing.assert_array_equal(measured["ensemble"], majority.astype(float))

    def test_thinned_networks_are_not_scaled_where_evaluation_is(self, by_hand):
        """Logits (2 (h₁ + h₂), 1): kept units count 1, in the full network 1/2 each."""
        network, given = by_hand
        dropout = Dropout(
            2, np.float64, rate=0.5, rng=RngStreams.from_seed(3).dropout, scaling="evaluation"
        )
        network.layers[2] = dropout
        network.affines[-1].params["weight"][:, 0] = 2.0
        measured = voting(network, given, voters=2000)
        share = measured["single"].mean()  # right with one unit (2 > 1) or two kept
        assert share == pytest.approx(0.75, abs=5 * np.sqrt(0.75 * 0.25 / 2000))
        assert measured["full"] == 1.0  # 2 (1/2 + 1/2) > 1
        network.affines[-1].params["bias"][:] = [0.0, 3.0]
        measured = voting(network, given, voters=2000)
        share = measured["single"].mean()  # only both kept are enough: 4 > 3
        assert share == pytest.approx(0.25, abs=5 * np.sqrt(0.75 * 0.25 / 2000))
        assert measured["full"] == 0.0  # 2 < 3

    def test_masks_are_those_of_the_first_thinned_network(self, by_hand):
        network, given = by_hand
        measured = voting(network, given, voters=1)
        (mask,) = measured["masks"]
        assert set(np.unique(mask)) <= {0, 1}
        assert measured["single"][0] == float(mask.any())

    def test_masks_come_from_the_probe_stream(self, by_hand):
        network, given = by_hand
        one = voting(network, given)["single"]
        same = voting(network, ProbeInput(given.train, given.sample, np.random.default_rng(0)))
        other = voting(network, ProbeInput(given.train, given.sample, np.random.default_rng(1)))
        np.testing.assert_array_equal(one, same["single"])
        assert not np.array_equal(one, other["single"])

    def test_without_dropout_all_voters_agree(self, make_network, probe_input):
        given, network = probe_input(), make_network()
        measured = voting(network, given, voters=5)
        accuracy = evaluate(network, given.sample)[1]
        for name in ("single", "ensemble", "full"):
            np.testing.assert_array_equal(measured[name], accuracy)


class TestNormalisation:
    @pytest.mark.parametrize(("dtype", "bound"), [(np.float32, 1e-5), (np.float64, 1e-12)])
    def test_errors_are_those_of_floating_point(
        self, make_network, make_batch, probe_input, dtype, bound
    ):
        network = make_network(batchnorm=True, perturb=True, dtype=dtype)
        train(network, make_batch(dtype=dtype))
        measured = normalisation(network, probe_input(dtype=dtype))
        assert len(measured["mean_error"]) == len(measured["variance_error"]) == 3
        errors = list(itertools.chain(*measured.values()))
        assert max(errors) < bound
        assert min(errors) >= 0

    def test_a_wrong_epsilon_would_be_seen(self, make_network, probe_input):
        """The measured variance is compared with σ²/(σ² + ε), not with 1."""
        network = make_network(batchnorm=True, initializer=RandomNormal(0.01))
        given = probe_input()
        assert max(normalisation(network, given)["variance_error"]) < 1e-12
        first = trace(network, given.sample)[0]
        assert first.normalised.var(axis=0).max() < 0.999

    @pytest.mark.parametrize("eps", [1e-6, 0.5])
    def test_epsilon_is_that_of_the_network(self, make_network, probe_input, eps):
        network = make_network(batchnorm=True, batchnorm_eps=eps)
        given = probe_input()
        assert max(normalisation(network, given)["variance_error"]) < 1e-12
        traced = trace(network, given.sample)[0]
        variance = traced.preactivation.var(axis=0)
        np.testing.assert_allclose(
            traced.normalised.var(axis=0), variance / (variance + eps), rtol=1e-10
        )

    def test_without_batchnorm_there_is_nothing_to_measure(self, make_network, probe_input):
        measured = normalisation(make_network(), probe_input())
        assert measured == {"mean_error": [], "variance_error": []}


# -- at the points of the learning curve


@pytest.mark.parametrize("scaling", ["training", "evaluation"])
@pytest.mark.parametrize("batchnorm", [False, True])
def test_unit_inputs_are_percentiles_of_what_trace_sees(
    make_network, probe_input, batchnorm, scaling
):
    network = make_network(
        batchnorm=batchnorm, dropout=0.3, input_dropout=0.2, dropout_scaling=scaling, perturb=True
    )
    given = probe_input()
    found = unit_inputs(network, given)["percentiles"]
    assert found.shape == (3, 3)
    for layer, row in zip(trace(network, given.sample), found, strict=True):
        inputs = np.sort(layer.normalised[:, 0])
        np.testing.assert_allclose(row, np.percentile(inputs, [15, 50, 85]), rtol=1e-10)
        assert (inputs < row[1]).mean() == pytest.approx(0.5, abs=0.01)
        assert (inputs < row[2]).mean() == pytest.approx(0.85, abs=0.02)


def test_a_normalised_units_input_is_a_standard_normals_where_the_images_are_normal(
    make_network, make_batch
):
    """Percentiles 15 and 85 of N(0, 1) are ∓1.0364; standard errors are below 0.007."""
    samples = make_batch(60_000)
    network = make_network((4,), batchnorm=True)
    given = ProbeInput(samples, samples, RngStreams.from_seed(0).probe)
    found = unit_inputs(network, given)["percentiles"]
    np.testing.assert_allclose(found, [[-1.0364, 0, 1.0364]], atol=0.03)


@pytest.mark.parametrize("batchnorm", [False, True])
def test_gradients_at_a_point_are_those_of_the_layer_statistics(
    make_network, probe_input, batchnorm
):
    network, given = make_network(batchnorm=batchnorm, dropout=0.3, perturb=True), probe_input()
    found = gradients(network, given)
    for index, row in enumerate(layer_statistics(network, given.sample)[:3]):
        for name in ("gradient_norm", "weight_gradient_norm"):
            assert found[name][index] == row[name]
        size = network.affines[index].params["weight"].size
        root_mean_square = found["weight_gradient_norm"][index] / np.sqrt(size)
        assert 0.5 * root_mean_square < found["weight_gradient_sd"][index] <= root_mean_square


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_recorder_keeps_each_point_in_the_networks_precision(
    make_network, make_batch, probe_input, dtype
):
    network, given = make_network(dtype=dtype), probe_input(dtype=dtype)
    recorder = Recorder(["gradients", "weights", "unit_inputs"], network, given)
    assert recorder.names == ["gradients", "unit_inputs"]
    expected = []
    for step in (0, 5, 10):
        recorder(step)
        expected.append(gradients(network, given)["gradient_norm"])
        train(network, make_batch(dtype=dtype))
    found = recorder.results()
    assert found.keys() == {"gradients", "unit_inputs"}
    assert found["gradients"]["step"].tolist() == [0, 5, 10]
    assert found["unit_inputs"]["percentiles"].shape == (3, 3, 3)
    np.testing.assert_array_equal(
        found["gradients"]["gradient_norm"], np.array(expected).astype(dtype)
    )
    assert found["gradients"]["gradient_norm"].dtype == dtype
    assert len(np.unique(found["gradients"]["gradient_norm"])) == 9  # each point is another one
    assert recorder.seconds > 0


def test_without_a_point_there_are_no_results(make_network, probe_input):
    assert Recorder(["gradients"], make_network(), probe_input()).results() == {}


def test_thinned_networks_drop_the_input_too_and_masks_are_of_the_hidden_layers(
    make_network, probe_input
):
    network = make_network(dropout=0.2, input_dropout=0.5)
    found = voting(network, probe_input(), voters=20)
    assert [len(mask) for mask in found["masks"]] == [18, 16, 14]
    without = make_network(dropout=0.2)
    assert not np.array_equal(found["single"], voting(without, probe_input(), voters=20)["single"])
