"""The layers of a fully connected network, each with its forward and backward pass.

A layer is ``forward(x, *, training)`` and ``backward(grad_out) -> grad_in``. ``params`` and
``grads`` are what the optimiser sees; ``state`` is what training leaves behind and evaluation
needs (running statistics), which the optimiser never touches.

All arrays have shape ``(rows, features)``. Results are written into buffers that the layer owns
and overwrites at its next call: copy what must outlive the step.
"""

import functools
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

# float32 or float64; the precision is chosen once, by the arrays a layer is built with.
Array = NDArray[Any]


class Rows:
    """A buffer of a fixed width that hands out its first ``n`` rows without allocating.

    It grows to the largest ``n`` asked for; the last view is kept because a training loop asks
    for the same ``n`` thousands of times.
    """

    def __init__(self, width: int, dtype: Any) -> None:
        self._buffer = np.empty((0, width), dtype)
        self._view = self._buffer

    def __call__(self, n: int) -> Array:
        if len(self._view) != n:
            if len(self._buffer) < n:
                self._buffer = np.empty((n, self._buffer.shape[1]), self._buffer.dtype)
            self._view = self._buffer[:n]
        return self._view


@functools.lru_cache(maxsize=64)
def constant(value: float, shape: tuple[int, ...], dtype: Any) -> Array:
    """A read-only array of ``value``, the same one at each call.

    ``ones @ x`` sums a batch faster than ``x.sum(axis=0)``, and NumPy compares two arrays three
    times faster than an array and a number.
    """
    array = np.full(shape, value, dtype)
    array.flags.writeable = False
    return array


class Layer:
    """What all layers share: parameters, their gradients, and state, by name."""

    def __init__(self) -> None:
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self.state: dict[str, Array] = {}

    def forward(self, x: Array, *, training: bool) -> Array:
        """Compute the output for ``x``."""
        raise NotImplementedError

    def backward(self, grad_out: Array) -> Array | None:
        """From ∂L/∂output of the last training forward, fill ``grads`` and return ∂L/∂input."""
        raise NotImplementedError


class Affine(Layer):
    """y = x W + b.

    Args:
        weight: initial W of shape ``(fan_in, fan_out)``.
        bias: whether to add b (zeros at first). A batch norm that follows subtracts the mean and
            with it any b (Ioffe & Szegedy 2015, section 3.2), so there it is left out.
        first: the first layer of a network: nothing needs the gradient of its input.
    """

    def __init__(self, weight: Array, *, bias: bool = True, first: bool = False) -> None:
        super().__init__()
        fan_in, fan_out = weight.shape
        self.params["weight"] = weight
        self.grads["weight"] = np.zeros_like(weight)
        if bias:
            self.params["bias"] = np.zeros(fan_out, weight.dtype)
            self.grads["bias"] = np.zeros(fan_out, weight.dtype)
        self.first = first
        self._x = weight[:0]
        self._out = Rows(fan_out, weight.dtype)
        self._grad_in = Rows(fan_in, weight.dtype)

    def forward(self, x: Array, *, training: bool) -> Array:
        """Return x W + b, shape ``(rows, fan_out)``."""
        self._x = x
        out = np.dot(x, self.params["weight"], out=self._out(len(x)))
        if "bias" in self.params:
            out += self.params["bias"]
        return out

    def backward(self, grad_out: Array) -> Array | None:
        """∂L/∂W = xᵀ g, ∂L/∂b = Σ g over the batch, ∂L/∂x = g Wᵀ (None for the first layer)."""
        np.dot(self._x.T, grad_out, out=self.grads["weight"])
        if "bias" in self.params:
            ones = constant(1, (len(grad_out),), grad_out.dtype)
            np.dot(ones, grad_out, out=self.grads["bias"])
        if self.first:
            return None
        return np.dot(grad_out, self.params["weight"].T, out=self._grad_in(len(grad_out)))


class BatchNorm(Layer):
    """Batch normalisation over the rows (lecture 1.3; Ioffe & Szegedy 2015, algorithm 1).

    In training μ and σ² are those of the batch, and the running statistics follow them:
    ``running = (1 − momentum) · running + momentum · batch``, with the unbiased variance
    (m − 1 in the denominator) for ``running_var``. Evaluation uses the running statistics.

    Args:
        width: number of features.
        dtype: precision of all arrays.
        eps: ε, added to the variance *inside* the root.
        momentum: weight of the new batch in the running statistics, in (0, 1].
    """

    eps: float
    momentum: float

    def __init__(self, width: int, dtype: Any, *, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.eps = eps
        self.momentum = momentum
        self.params = {"gamma": np.ones(width, dtype), "beta": np.zeros(width, dtype)}
        self.grads = {"gamma": np.zeros(width, dtype), "beta": np.zeros(width, dtype)}
        self.state = {"running_mean": np.zeros(width, dtype), "running_var": np.ones(width, dtype)}
        self._centred = Rows(width, dtype)
        self._out = Rows(width, dtype)
        self._grad_in = Rows(width, dtype)
        self._inverse_std = np.ones(width, dtype)
        self._scale = np.ones(width, dtype)

    def forward(self, x: Array, *, training: bool) -> Array:
        """Return γ x̂ + β, x̂ = (x − μ) / √(σ² + ε), with the batch's or the running μ and σ².

        γ and 1/√(σ² + ε) are numbers of a feature, not of a value: their product scales x − μ.
        """
        out = self._out(len(x))
        if training:
            var = self._centre(x, scratch=out)
            self._rescale(var)
            np.multiply(self._centred(len(x)), self._scale, out=out)
            out += self.params["beta"]
        else:  # γ x̂ + β = scale · x + (β − scale · μ): two passes
            self._rescale(self.state["running_var"])
            np.multiply(x, self._scale, out=out)
            out += self.params["beta"] - self._scale * self.state["running_mean"]
        return out

    def _centre(self, x: Array, scratch: Array) -> Array:
        """Keep x − μ of the batch, move the running statistics, return the variance.

        One row has no unbiased variance (m − 1 = 0), so it leaves ``running_var`` as it is.
        """
        rows = len(x)
        ones, centred = constant(1, (rows,), x.dtype), self._centred(rows)
        mean = np.dot(ones, x)
        mean /= rows
        np.subtract(x, mean, out=centred)
        np.multiply(centred, centred, out=scratch)
        var: Array = np.dot(ones, scratch)
        var /= rows
        self._follow("running_mean", mean)
        if rows > 1:
            self._follow("running_var", var * (rows / (rows - 1)))
        return var

    def _follow(self, name: str, batch: Array) -> None:
        """Move ``running`` by the share ``momentum`` of its distance from ``batch``."""
        running = self.state[name]
        running += self.momentum * (batch - running)

    def _rescale(self, var: Array) -> None:
        np.sqrt(var + self.eps, out=self._inverse_std)
        np.reciprocal(self._inverse_std, out=self._inverse_std)
        np.multiply(self.params["gamma"], self._inverse_std, out=self._scale)

    def backward(self, grad_out: Array) -> Array:
        """Gradient through the batch's own mean and variance (Ioffe & Szegedy 2015, section 3).

        With m rows and g = ∂L/∂out:
        ∂L/∂β = Σ g, ∂L/∂γ = Σ g x̂, ∂L/∂x = γ/σ · (g − (∂L/∂β + x̂ ∂L/∂γ) / m).
        """
        rows = len(grad_out)
        ones = constant(1, (rows,), grad_out.dtype)
        centred, grad_in = self._centred(rows), self._grad_in(rows)
        grad_gamma, grad_beta = self.grads["gamma"], self.grads["beta"]
        np.multiply(grad_out, centred, out=grad_in)
        np.dot(ones, grad_in, out=grad_gamma)
        grad_gamma *= self._inverse_std
        np.dot(ones, grad_out, out=grad_beta)
        np.multiply(centred, grad_gamma * self._inverse_std / -rows, out=grad_in)
        grad_in -= grad_beta / rows
        grad_in += grad_out
        grad_in *= self._scale
        return grad_in


class Dropout(Layer):
    """Inverted dropout (lecture 1.4.2; Srivastava et al. 2014): evaluation is the identity.

    In training each unit is dropped with probability ``rate`` and the kept ones are divided by
    the probability of keeping, so that the expected output is the input.

    A mask costs one 16-bit number per unit: the probability is a multiple of 1/65536, and the
    scale uses that exact probability (0.2 becomes 0.2 − 3·10⁻⁶).

    Args:
        width: number of units.
        dtype: precision of all arrays.
        rate: probability of dropping, in [0, 1).
        rng: the stream of the masks.
    """

    LEVELS: ClassVar[int] = 2**16

    def __init__(self, width: int, dtype: Any, *, rate: float, rng: np.random.Generator) -> None:
        super().__init__()
        self.rate = rate
        self._threshold = np.uint16(min(round(rate * self.LEVELS), self.LEVELS - 1))
        self._scale = np.asarray(1 / (1 - int(self._threshold) / self.LEVELS), dtype)
        self._rng = rng
        self._mask = Rows(width, dtype)
        self._out = Rows(width, dtype)
        self._grad_in = Rows(width, dtype)

    def sample_mask(self, rows: int, rng: np.random.Generator | None = None) -> Array:
        """Draw a new mask of shape ``(rows, width)``: 0 (dropped) or 1/(1 − rate) (kept).

        A measurement passes its own ``rng``, which leaves the masks of training as they would be.
        """
        mask = self._mask(rows)
        words = (rng or self._rng).bit_generator.random_raw(-(-mask.size // 4))
        kept = words.view(np.uint16)[: mask.size].reshape(mask.shape) >= self._threshold
        np.multiply(kept, self._scale, out=mask)
        return mask

    def forward(self, x: Array, *, training: bool) -> Array:
        """Return x times a new mask in training, x itself in evaluation."""
        if not training:
            return x
        return np.multiply(x, self.sample_mask(len(x)), out=self._out(len(x)))

    def backward(self, grad_out: Array) -> Array:
        """∂L/∂x = g times the mask of the last training forward."""
        rows = len(grad_out)
        return np.multiply(grad_out, self._mask(rows), out=self._grad_in(rows))
