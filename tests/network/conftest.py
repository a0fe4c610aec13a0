"""Small networks and batches, and PyTorch as the second opinion."""

import importlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from study.network.activations import Activation, ReLU
from study.network.initializers import Initializer, VarianceScaling
from study.network.network import Network
from study.network.streams import RngStreams


@dataclass(frozen=True)
class Batch:
    """Images and labels, as the trainer and the probes take them."""

    images: Any
    labels: Any

    def first(self, n: int) -> "Batch":
        """The first ``n`` samples."""
        return Batch(self.images[:n], self.labels[:n])


HE = VarianceScaling(scale=2.0)

MakeBatch = Callable[..., Batch]
MakeNetwork = Callable[..., Network]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """As in a run: matrices this small lose time to threads, and bits must not depend on them."""
    with threadpool_limits(1):
        yield


@pytest.fixture
def make_batch() -> MakeBatch:
    """Gaussian images with labels that a network can learn from them."""

    def make(
        rows: int = 100, *, features: int = 20, classes: int = 10, seed: int = 0, dtype: Any = float
    ) -> Batch:
        rng = np.random.default_rng(seed)
        images = rng.standard_normal((rows, features))
        labels = (images @ np.random.default_rng(99).standard_normal((features, classes))).argmax(1)
        return Batch(images.astype(dtype), labels)

    return make


@pytest.fixture
def make_network() -> MakeNetwork:
    """A small float64 network of any kind; ``perturb`` moves biases, γ and β off 0 and 1.

    ``options`` are further ones of ``Network.build``.
    """

    def make(
        hidden: Sequence[int] = (18, 16, 14),
        *,
        features: int = 20,
        classes: int = 10,
        initializer: Initializer = HE,
        activation: type[Activation] = ReLU,
        batchnorm: bool = False,
        dropout: float = 0.0,
        seed: int = 0,
        streams: RngStreams | None = None,
        dtype: Any = np.float64,
        perturb: bool = False,
        **options: Any,
    ) -> Network:
        network = Network.build(
            num_features=features,
            hidden=hidden,
            num_classes=classes,
            initializer=initializer,
            activation=activation,
            batchnorm=batchnorm,
            dropout=dropout,
            streams=streams or RngStreams.from_seed(seed),
            dtype=dtype,
            **options,
        )
        if perturb:
            others = network.parameters[network.num_weights :]
            others += 0.2 * np.random.default_rng(seed).standard_normal(len(others))
        return network

    return make


@pytest.fixture(scope="session")
def torch() -> Any:
    """PyTorch; on a developer's machine its absence skips, where ``CI`` is set it fails."""
    try:
        module = importlib.import_module("torch")
        module.set_num_threads(1)
        return module
    except ImportError as error:
        if os.environ.get("CI"):
            pytest.fail(f"PyTorch is needed to verify the network: {error}")
        pytest.skip(f"PyTorch is not installed: {error}")
