"""Activation functions (lecture 1.2.2–1.2.4), each an element-wise layer.

A new activation is a subclass with two methods, ``value`` and ``derivative``, and a YAML file in
``conf/activation``.
"""

from typing import Any, ClassVar

import numpy as np

from study.network.layers import Array, Layer, Rows, constant


class Activation(Layer):
    """An element-wise function with its derivative.

    Args:
        width: number of units.
        dtype: precision of all arrays.

    Attributes:
        needs_input: whether ``derivative`` looks at x; if not, a network stores y in its place.
        limits: values at which the function is flat; the share of units near them is recorded.
        range: interval of the histograms of its values, as in the lecture.
    """

    needs_input: ClassVar[bool] = True
    limits: ClassVar[tuple[float, ...]] = ()
    range: ClassVar[tuple[float, float]] = (-1.0, 1.0)

    def __init__(self, width: int, dtype: Any) -> None:
        super().__init__()
        self._x = np.empty((0, width), dtype)
        self.out = Rows(width, dtype)
        self.grad_in = Rows(width, dtype)

    def write_over(self, buffer: Rows) -> None:
        """y takes the place of x where nobody looks at x again."""
        if not self.needs_input:
            self.out = buffer

    def value(self, x: Array, out: Array) -> None:
        """Write f(x) into ``out``, which may be ``x`` itself unless ``needs_input``."""
        raise NotImplementedError

    def derivative(self, x: Array, y: Array, out: Array) -> None:
        """Write f′(x) into ``out``, from the input x or the value y = f(x)."""
        raise NotImplementedError

    def forward(self, x: Array, *, training: bool) -> Array:
        """Return f(x)."""
        self._x = x
        out = self.out(len(x))
        self.value(x, out)
        return out

    def backward(self, grad_out: Array) -> Array:
        """∂L/∂x = g f′(x)."""
        rows = len(grad_out)
        grad_in = self.grad_in(rows)
        self.derivative(self._x, self.out(rows), grad_in)
        grad_in *= grad_out
        return grad_in


class Sigmoid(Activation):
    """σ(x) = 1 / (1 + e⁻ˣ), flat at 0 and 1."""

    needs_input = False
    limits = (0.0, 1.0)
    range = (0.0, 1.0)

    def value(self, x: Array, out: Array) -> None:
        """Write σ(x); where it would fall below the smallest normal number, x is held.

        There eˣ is that number and e⁻ˣ a quarter of the largest one: neither leaves the range.
        """
        np.maximum(x, np.log(np.finfo(x.dtype).tiny), out=out)
        np.negative(out, out=out)
        np.exp(out, out=out)
        out += 1
        np.reciprocal(out, out=out)

    def derivative(self, x: Array, y: Array, out: Array) -> None:
        """σ′ = y (1 − y), at most 1/4."""
        np.subtract(1, y, out=out)
        out *= y


class Tanh(Activation):
    """tanh(x), flat at −1 and 1."""

    needs_input = False
    limits = (-1.0, 1.0)
    range = (-1.0, 1.0)

    def value(self, x: Array, out: Array) -> None:
        """Write tanh(x)."""
        np.tanh(x, out=out)

    def derivative(self, x: Array, y: Array, out: Array) -> None:
        """tanh′ = 1 − y²."""
        np.multiply(y, y, out=out)
        np.subtract(1, out, out=out)


class ReLU(Activation):
    """max(x, 0), flat at 0."""

    needs_input = False
    limits = (0.0,)
    range = (0.0, 1.0)

    def value(self, x: Array, out: Array) -> None:
        """Write max(x, 0)."""
        np.maximum(x, constant(0, x.shape, x.dtype), out=out)

    def derivative(self, x: Array, y: Array, out: Array) -> None:
        """1 where x > 0, else 0."""
        np.greater(y, constant(0, y.shape, y.dtype), out=out)
