"""Named random streams: each source of randomness moves alone."""

from dataclasses import fields

import numpy as np
import pytest

from study.network.activations import ReLU, Sigmoid
from study.network.initializers import Constant, RandomNormal, VarianceScaling
from study.network.streams import STREAMS, RngStreams
from study.network.trainer import minibatches


def draws(rng: np.random.Generator) -> list[float]:
    return rng.standard_normal(1000).tolist()


def test_streams_are_named_in_the_order_of_their_spawn_keys():
    assert tuple(item.name for item in fields(RngStreams)) == STREAMS


def test_streams_that_came_later_leave_the_others_as_they_were():
    sequences = (np.random.SeedSequence(7, spawn_key=(index,)) for index in range(6))
    before = [np.random.Generator(np.random.SFC64(sequence)) for sequence in sequences]
    for one, other in zip(before, generators(RngStreams.from_seed(7)), strict=False):
        assert draws(one) == draws(other)


def test_the_same_seed_gives_the_same_streams():
    for one, other in zip(
        generators(RngStreams.from_seed(3)), generators(RngStreams.from_seed(3)), strict=True
    ):
        assert draws(one) == draws(other)


def test_another_seed_gives_other_streams():
    for one, other in zip(
        generators(RngStreams.from_seed(3)), generators(RngStreams.from_seed(4)), strict=True
    ):
        assert draws(one) != draws(other)


@pytest.mark.parametrize("name", STREAMS)
def test_no_two_seeds_share_a_stream(name):
    """Also those that agree in their last digits or in their low bits."""
    seeds = [*range(130), 1000, 2**31, 2**32, 2**32 + 1, 2**64, 10**30]
    first = {seed: getattr(RngStreams.from_seed(seed), name).integers(2**62) for seed in seeds}
    assert len(set(first.values())) == len(seeds)


def test_streams_of_one_seed_are_uncorrelated():
    samples = np.array([draws(rng) for rng in generators(RngStreams.from_seed(0))])
    correlation = np.corrcoef(samples)[np.triu_indices(len(samples), k=1)]
    assert np.abs(correlation).max() < 5 / np.sqrt(1000)


@pytest.mark.parametrize("drained", STREAMS)
def test_drawing_from_one_stream_moves_no_other(drained):
    untouched, moved = RngStreams.from_seed(1), RngStreams.from_seed(1)
    getattr(moved, drained).standard_normal(12345)
    for name in STREAMS:
        same = draws(getattr(untouched, name)) == draws(getattr(moved, name))
        assert same == (name != drained)


@pytest.mark.parametrize(
    "change",
    [
        {"initializer": RandomNormal(1.0)},
        {"initializer": Constant(0.01)},
        {"activation": Sigmoid},
        {"batchnorm": True},
        {"dropout": 0.5},
        {"input_dropout": 0.5},
        {"output_initializer": RandomNormal(1.0)},
        {"hidden": (50, 40)},
    ],
    ids=str,
)
def test_changing_the_network_keeps_the_mini_batch_order(make_network, make_batch, change):
    orders = []
    for options in ({}, change):
        streams = RngStreams.from_seed(7)
        network = make_network(streams=streams, **options)
        network.forward(make_batch().images, training=True)
        batches = minibatches(streams.batches, 250, 100)
        orders.append(np.concatenate([next(batches) for _ in range(9)]))
    np.testing.assert_array_equal(orders[0], orders[1])


@pytest.mark.parametrize(
    "change",
    [{"activation": Sigmoid}, {"batchnorm": True}, {"dropout": 0.5}, {"input_dropout": 0.5}],
    ids=str,
)
def test_changing_anything_but_the_scheme_keeps_the_initial_weights(make_network, change):
    one, other = make_network(seed=5), make_network(seed=5, **change)
    for a, b in zip(one.affines, other.affines, strict=True):
        np.testing.assert_array_equal(a.params["weight"], b.params["weight"])


def test_changing_the_scheme_keeps_the_dropout_masks(make_network):
    kept = []
    for scheme in (VarianceScaling(2.0), RandomNormal(1.0)):
        network = make_network(initializer=scheme, activation=ReLU, dropout=0.4, seed=2)
        masks = [layer.sample_mask(50).copy() for layer in network.layers if has_mask(layer)]
        kept.append(np.concatenate([mask.ravel() for mask in masks]))
    np.testing.assert_array_equal(kept[0], kept[1])


def test_changing_the_output_layers_scheme_keeps_the_weights_of_the_hidden_layers(make_network):
    one, other = make_network(seed=5), make_network(seed=5, output_initializer=RandomNormal(1.0))
    for a, b in zip(one.affines[:-1], other.affines[:-1], strict=True):
        np.testing.assert_array_equal(a.params["weight"], b.params["weight"])
    last, own = one.affines[-1].params["weight"], other.affines[-1].params["weight"]
    np.testing.assert_allclose(own * np.sqrt(2 / 14), last, rtol=1e-12)  # the same directions


def test_dropping_the_input_keeps_the_masks_of_the_hidden_layers(make_network, make_batch):
    kept = []
    for share in (0.0, 0.3):
        network = make_network(dropout=0.4, input_dropout=share, seed=2)
        network.forward(make_batch().images, training=True)
        masks = [layer.sample_mask(50).copy() for layer in network.layers if has_mask(layer)]
        kept.append(np.concatenate([mask.ravel() for mask in masks[-3:]]))
    np.testing.assert_array_equal(kept[0], kept[1])


def has_mask(layer) -> bool:
    return hasattr(layer, "sample_mask")


def generators(streams: RngStreams) -> list[np.random.Generator]:
    return [getattr(streams, name) for name in STREAMS]
