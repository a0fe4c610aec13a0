"""The fully connected classifier: blocks of layers over one vector of parameters."""

import copy
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.network.activations import Activation
from study.network.initializers import Initializer
from study.network.layers import Affine, Array, BatchNorm, Dropout, Layer, Rows
from study.network.streams import RngStreams

# Rows per block in evaluation: large enough for full matrix-product speed, small enough that a
# block's activations stay in the processor's cache.
EVALUATION_ROWS = 500


class Network:
    """(Dropout), blocks of Affine → (BatchNorm) → activation → (Dropout), an Affine to the logits.

    All parameters lie in one contiguous vector, weight matrices first, and all gradients in
    another; the layers hold views of them. The optimiser updates a network in a few passes over
    two vectors, and weight decay is a slice.

    Args:
        blocks: the layers of each hidden layer, then those of the output layer.
        inputs: layers without parameters that the input goes through first.

    Attributes:
        parameters: all parameters, shape ``(P,)``.
        gradients: ∂L/∂parameters of the last ``backward``, shape ``(P,)``; a step uses them up.
        num_weights: how many leading entries belong to weight matrices, where decay acts.
    """

    def __init__(self, blocks: Sequence[Sequence[Layer]], *, inputs: Sequence[Layer] = ()) -> None:
        self.blocks = [list(block) for block in blocks]
        self.inputs = list(inputs)
        self._learning = [layer for block in self.blocks for layer in block]
        self.layers = [*self.inputs, *self._learning]
        owners = [(layer, name) for layer in self.layers for name in layer.params]
        owners.sort(key=lambda owner: owner[1] != "weight")  # stable: weights first, in order
        self.num_weights = sum(
            layer.params[name].size for layer, name in owners if name == "weight"
        )
        self.parameters = self._gather(owners, "params")
        self.gradients = self._gather(owners, "grads")
        self._share_buffers()

    @staticmethod
    def _gather(owners: list[tuple[Layer, str]], kind: str) -> Array:
        """Move the arrays of ``owners`` into one vector and leave views of it behind."""
        vector = np.concatenate([getattr(layer, kind)[name].ravel() for layer, name in owners])
        start = 0
        for layer, name in owners:
            arrays = getattr(layer, kind)
            stop = start + arrays[name].size
            arrays[name] = vector[start:stop].reshape(arrays[name].shape)
            start = stop
        return vector

    def _share_buffers(self) -> None:
        """Let layers write over what nobody reads any more: the less memory, the more in cache.

        Only the layer below reads ∂L/∂input, so that none but neighbours must have different
        buffers. The output of a layer is free for one that does not look back at its input.
        """
        shared: dict[tuple[int, bool], Rows] = {}
        for place, layer in enumerate(self.layers):
            turn = (layer.grad_in.width, place % 2 == 0)
            layer.grad_in = shared.setdefault(turn, layer.grad_in)
        for below, layer in itertools.pairwise(self.layers):
            if isinstance(below, Affine | BatchNorm):
                layer.write_over(below.out)

    @classmethod
    def build(
        cls,
        *,
        num_features: int,
        hidden: Sequence[int],
        num_classes: int,
        initializer: Initializer,
        activation: type[Activation],
        batchnorm: bool,
        dropout: float,
        streams: RngStreams,
        batchnorm_eps: float = 1e-5,
        batchnorm_momentum: float = 0.1,
        dropout_scaling: str = "training",
        input_dropout: float = 0.0,
        output_initializer: Initializer | None = None,
        dtype: Any = np.float32,
    ) -> "Network":
        """Build a network with fresh weights.

        Args:
            num_features: width of the input.
            hidden: width of each hidden layer; empty for softmax regression.
            num_classes: number of logits.
            initializer: scheme of the weight matrices; biases and β start at 0, γ at 1.
            activation: class of the hidden activations.
            batchnorm: whether a BatchNorm stands before each activation.
            dropout: probability of dropping a hidden unit, in [0, 1); 0 leaves the layer out.
            streams: ``init`` draws the weights, ``dropout`` and ``input_dropout`` the masks.
            batchnorm_eps, batchnorm_momentum: ``eps`` and ``momentum`` of each BatchNorm.
            dropout_scaling: ``scaling`` of each Dropout.
            input_dropout: probability of dropping a feature of the input, in [0, 1).
            output_initializer: scheme of the output layer; None for ``initializer``.
            dtype: float32 or float64. Weights are drawn in float64 and rounded once.
        """

        def masks(width: int, rate: float, rng: np.random.Generator) -> list[Layer]:
            if rate == 0:
                return []
            return [Dropout(width, dtype, rate=rate, rng=rng, scaling=dropout_scaling)]

        blocks: list[list[Layer]] = []
        fan_in = num_features
        for width in [*hidden, num_classes]:
            is_output = len(blocks) == len(hidden)
            scheme = output_initializer if is_output and output_initializer else initializer
            weight = scheme.sample(streams.init, fan_in, width).astype(dtype)
            normalised = batchnorm and not is_output
            block: list[Layer] = [Affine(weight, bias=not normalised, first=not blocks)]
            if normalised:
                block.append(
                    BatchNorm(width, dtype, eps=batchnorm_eps, momentum=batchnorm_momentum)
                )
            if not is_output:
                block.append(activation(width, dtype))
                block += masks(width, dropout, streams.dropout)
            blocks.append(block)
            fan_in = width
        return cls(blocks, inputs=masks(num_features, input_dropout, streams.input_dropout))

    @property
    def dtype(self) -> Any:
        """Precision of the parameters."""
        return self.parameters.dtype

    @property
    def num_classes(self) -> int:
        """Number of logits."""
        return int(self.affines[-1].params["weight"].shape[1])

    @property
    def affines(self) -> list[Affine]:
        """The affine layers from input to output."""
        return [layer for layer in self.layers if isinstance(layer, Affine)]

    def forward(self, x: Array, *, training: bool) -> Array:
        """Return the logits of ``x``, shape ``(n, num_classes)``, in a reused buffer."""
        for layer in self.layers:
            x = layer.forward(x, training=training)
        return x

    def backward(self, grad_logits: Array) -> None:
        """Fill ``gradients`` from ∂L/∂logits of the last training forward."""
        grad: Array | None = grad_logits
        for layer in reversed(self._learning):
            assert grad is not None  # only the first layer, visited last, returns None
            grad = layer.backward(grad)

    def predict(self, x: Array) -> Array:
        """Logits of ``x`` in evaluation mode, computed block by block; a new array."""
        blocks = [
            self.forward(x[start : start + EVALUATION_ROWS], training=False).copy()
            for start in range(0, len(x), EVALUATION_ROWS)
        ]
        return np.concatenate(blocks)

    def accuracy(self, x: Array, labels: NDArray[np.int64]) -> float:
        """Share of ``x`` classified as ``labels`` in evaluation mode, in [0, 1]."""
        return float((self.predict(x).argmax(axis=1) == labels).mean())

    def without_dropout(self) -> "Network":
        """An independent copy that drops nothing, for measurements that must not train it.

        In evaluation it computes what this network does: where the masks are not scaled, their
        mean stands in for them, in training too.
        """

        def kept(layers: Sequence[Layer]) -> list[Layer]:
            averaged = (each.average if isinstance(each, Dropout) else each for each in layers)
            return [copy.deepcopy(layer) for layer in averaged if layer is not None]

        return Network([kept(block) for block in self.blocks], inputs=kept(self.inputs))

    def state(self) -> Iterator[Array]:
        """Every array that training changes: parameters and running statistics."""
        yield self.parameters
        for layer in self.layers:
            yield from layer.state.values()
