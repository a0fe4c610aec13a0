"""The layers of a fully connected network, each with its forward and backward pass.

A layer is ``forward(x, *, training)`` and ``backward(grad_out) -> grad_in``. ``params`` and
``grads`` are what the optimiser sees; ``state`` is what training leaves behind and evaluation
needs (running statistics), which the optimiser never touches.

All arrays have shape ``(rows, features)``. Results are written into buffers: an output lives until
the layer's next call, a gradient until the layer below has used it. Copy what must live longer.
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
        self.width = width
        self._buffer = np.empty((0, width), dtype)
        self._view = self._buffer

    def __call__(self, n: int) -> Array:
        if len(self._view) != n:
            if len(self._buffer) < n:
                self._buffer = np.empty((n, self.width), self._buffer.dtype)
            self._view = self._buffer[:n]
        return self._view


@functools.lru_cache(maxsize=32)
def constant(value: float, shape: tuple[int, ...], dtype: Any) -> Array:
    """A read-only array of ``value``, the same one at each call.

    ``ones @ x`` sums a batch faster than ``x.sum(axis=0)``, and NumPy compares two arrays three
    times faster than an array and a number.
    """
    array = np.full(shape, value, dtype)
    array.flags.writeable = False
    return array


class Layer:
    """What all layers share: parameters, their gradients, and state, by name.

    Attributes:
        params, grads, state: arrays by name.
        out, grad_in: the buffers that ``forward`` and ``backward`` return; a network lets its
            layers share them.
    """

    out: Rows
    grad_in: Rows

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

    def write_over(self, buffer: Rows) -> None:
        """Take ``buffer``, which holds the input of ``forward``, for own results if that does."""


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
        self.out = Rows(fan_out, weight.dtype)
        self.grad_in = Rows(fan_in, weight.dtype)

    def forward(self, x: Array, *, training: bool) -> Array:
        """Return x W + b, shape ``(rows, fan_out)``."""
        self._x = x
        out = np.dot(x, self.params["weight"], out=self.out(len(x)))
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
        return np.dot(grad_out, self.params["weight"].T, out=self.grad_in(len(grad_out)))


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

    def __init__(self, width: int, dtype: Any, *, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        # as arrays: for vectors of 100 features NumPy takes longer to convert a number than to add
        self.eps = np.asarray(eps, dtype)
        self.momentum = np.asarray(momentum, dtype)
        self.params = {"gamma": np.ones(width, dtype), "beta": np.zeros(width, dtype)}
        self.grads = {"gamma": np.zeros(width, dtype), "beta": np.zeros(width, dtype)}
        self.state = {"running_mean": np.zeros(width, dtype), "running_var": np.ones(width, dtype)}
        self._centred = Rows(width, dtype)
        self.out = Rows(width, dtype)
        self.grad_in = Rows(width, dtype)
        self._std = np.ones(width, dtype)
        self._scale = np.ones(width, dtype)  # γ/√(σ² + ε)

    def forward(self, x: Array, *, training: bool) -> Array:
        """Return γ x̂ + β, x̂ = (x − μ) / √(σ² + ε), with the batch's or the running μ and σ².

        x̂ itself is never stored: γ/√(σ² + ε) is one number per feature and scales x − μ.
        """
        gamma, beta, out = self.params["gamma"], self.params["beta"], self.out(len(x))
        if training:
            centred = self._centre(x, scratch=out)
            np.divide(gamma, self._std, out=self._scale)
            np.multiply(centred, self._scale, out=out)
            out += beta
        else:  # γ x̂ + β = scale · x + (β − scale · μ): two passes
            scale = gamma / np.sqrt(self.state["running_var"] + self.eps)
            np.multiply(x, scale, out=out)
            out += beta - scale * self.state["running_mean"]
        return out

    def write_over(self, buffer: Rows) -> None:
        """x itself is not needed once x − μ is there."""
        self._centred = buffer

    def _centre(self, x: Array, scratch: Array) -> Array:
        """Return x − μ of the batch, keep √(σ² + ε) and move the running statistics.

        One row has no unbiased variance (m − 1 = 0), so it leaves ``running_var`` as it is.
        """
        rows = len(x)
        average = constant(1 / rows, (rows,), x.dtype)
        mean: Array = np.dot(average, x)
        centred = np.subtract(x, mean, out=self._centred(rows))
        var: Array = np.dot(average, np.multiply(centred, centred, out=scratch))
        np.sqrt(var + self.eps, out=self._std)
        self._follow("running_mean", mean)
        if rows > 1:
            var *= rows / (rows - 1)
            self._follow("running_var", var)
        return centred

    def _follow(self, name: str, batch: Array) -> None:
        """Move ``running`` by the share ``momentum`` of its distance from ``batch``."""
        running = self.state[name]
        batch -= running
        batch *= self.momentum
        running += batch

    def backward(self, grad_out: Array) -> Array:
        """Gradient through the batch's own mean and variance (Ioffe & Szegedy 2015, section 3).

        With m rows and g = ∂L/∂out:
        ∂L/∂β = Σ g, ∂L/∂γ = Σ g x̂, ∂L/∂x = γ/σ · (g − (∂L/∂β + x̂ ∂L/∂γ) / m).
        """
        rows = len(grad_out)
        ones = constant(1, (rows,), grad_out.dtype)
        centred, grad_in = self._centred(rows), self.grad_in(rows)
        grad_gamma, grad_beta = self.grads["gamma"], self.grads["beta"]
        np.dot(ones, grad_out, out=grad_beta)
        np.dot(ones, np.multiply(grad_out, centred, out=grad_in), out=grad_gamma)
        grad_gamma /= self._std
        np.multiply(centred, grad_gamma / (self._std * -rows), out=grad_in)
        grad_in -= grad_beta / rows
        grad_in += grad_out
        grad_in *= self._scale
        return grad_in


class Scale(Layer):
    """y = factor · x: what dropout does on average, where its masks are not scaled.

    Args:
        width: number of features.
        dtype: precision of all arrays.
        factor: any number.
    """

    def __init__(self, width: int, dtype: Any, factor: float) -> None:
        super().__init__()
        self.factor: Array = np.asarray(factor, dtype)
        self.out = Rows(width, dtype)
        self.grad_in = Rows(width, dtype)

    def forward(self, x: Array, *, training: bool) -> Array:
        """Return factor · x, in training and in evaluation."""
        return np.multiply(x, self.factor, out=self.out(len(x)))

    def backward(self, grad_out: Array) -> Array:
        """∂L/∂x = factor · g."""
        return np.multiply(grad_out, self.factor, out=self.grad_in(len(grad_out)))


class Dropout(Layer):
    """Dropout (lecture 1.4.2; Srivastava et al. 2014), inverted or as the paper has it.

    In training each unit is dropped with probability ``rate``. The next layer must get in
    evaluation what it gets in training on average; one of the two is scaled for that:

    ==============  ==========================  ====================  ========================
    ``scaling``     a kept unit, in training    in evaluation         source
    ==============  ==========================  ====================  ========================
    ``training``    x / (1 − rate)              x                     *inverted* dropout
    ``evaluation``  x                           (1 − rate) · x        the paper, figure 2; the
                                                                      lecture's textbook
    ==============  ==========================  ====================  ========================

    The two are not the same training: with ``evaluation`` every layer above sees values, and
    every weight gradients, that are 1 − rate times as large.

    A mask costs one 16-bit number per unit: the probability is a multiple of 1/65536, and the
    scale uses that exact probability (0.2 becomes 0.2 − 3·10⁻⁶).

    Args:
        width: number of units.
        dtype: precision of all arrays.
        rate: probability of dropping, in [0, 1).
        rng: the stream of the masks.
        scaling: ``training`` or ``evaluation``.
    """

    LEVELS: ClassVar[int] = 2**16

    def __init__(
        self,
        width: int,
        dtype: Any,
        *,
        rate: float,
        rng: np.random.Generator,
        scaling: str = "training",
    ) -> None:
        super().__init__()
        self.rate = rate
        threshold = min(round(rate * self.LEVELS), self.LEVELS - 1)
        keep = 1 - threshold / self.LEVELS
        self._threshold = np.asarray(threshold, np.uint16)
        self._scale = np.asarray(1 / keep, dtype) if scaling == "training" else None
        # what stands in for the masks where nothing is dropped; None for the identity
        self.average = Scale(width, dtype, keep) if scaling == "evaluation" else None
        self._rng = rng
        self._mask = Rows(width, dtype)
        self.out = Rows(width, dtype)
        self.grad_in = Rows(width, dtype)

    def sample_mask(self, rows: int, rng: np.random.Generator | None = None) -> Array:
        """Draw a new mask of shape ``(rows, width)``: 0 (dropped), or 1/(1 − rate) or 1 (kept).

        A measurement passes its own ``rng``, which leaves the masks of training as they would be.
        """
        mask = self._mask(rows)
        words = (rng or self._rng).bit_generator.random_raw(-(-mask.size // 4))
        numbers: Array = np.ndarray(mask.shape, np.uint16, buffer=words)
        np.greater_equal(numbers, self._threshold, out=mask)
        if self._scale is not None:
            mask *= self._scale
        return mask

    def forward(self, x: Array, *, training: bool) -> Array:
        """Return x times a new mask in training, x times the masks' mean in evaluation."""
        if not training:
            if self.average is not None:
                return self.average.forward(x, training=False)
            return x
        return np.multiply(x, self.sample_mask(len(x)), out=self.out(len(x)))

    def backward(self, grad_out: Array) -> Array:
        """∂L/∂x = g times the mask of the last training forward."""
        rows = len(grad_out)
        return np.multiply(grad_out, self._mask(rows), out=self.grad_in(rows))
