"""Stochastic gradient descent with momentum, weight decay and a bound on the weights."""

import numpy as np

from study.network.layers import Array, constant
from study.network.network import Network


class SGD:
    """w ← w − lr · v, v ← momentum · v + ∂L/∂w + weight_decay · w.

    Without momentum this is the lecture's plain SGD. Decay is the gradient of (λ/2) Σ w²
    (lecture 1.4.1) and acts on weight matrices only, never on biases, γ or β.

    With ``max_norm`` the weights into each hidden unit, a column of its matrix, are scaled back to
    that length after an update that made them longer (Srivastava et al. 2014, section 5.1). The
    velocity stays as it is.

    Args:
        network: whose ``parameters`` are updated from its ``gradients``.
        lr: learning rate, > 0; it may change from step to step.
        momentum: in [0, 1).
        weight_decay: λ, >= 0.
        max_norm: largest length of the weights into a hidden unit, > 0; None for no bound.
    """

    def __init__(
        self,
        network: Network,
        *,
        lr: float,
        momentum: float = 0.0,
        weight_decay: float = 0.0,
        max_norm: float | None = None,
    ) -> None:
        self._parameters = network.parameters
        self._gradients = network.gradients
        self._weights = network.parameters[: network.num_weights]
        self._velocity = np.zeros_like(network.parameters) if momentum else None
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay
        self.max_norm = max_norm
        self._bounded = [] if max_norm is None else network.affines[:-1]

    def step(self) -> None:
        """Update all parameters from the gradients and use these up.

        Their vector takes what is subtracted: another one of its size would push parameters and
        gradients out of the cache.
        """
        if self._velocity is None:
            if self.weight_decay:
                # w − lr (g + λ w) = (1 − lr λ) w − lr g
                self._weights *= 1 - self.lr * self.weight_decay
            self._gradients *= self.lr
        else:
            self._accumulate(self._velocity)
            np.multiply(self._velocity, self.lr, out=self._gradients)
        self._parameters -= self._gradients
        for affine in self._bounded:
            self._bound(affine.params["weight"], affine.grads["weight"])

    def _accumulate(self, velocity: Array) -> None:
        velocity *= self.momentum
        velocity += self._gradients
        if self.weight_decay:
            decay = self._gradients[: len(self._weights)]  # added above, free now
            np.multiply(self._weights, self.weight_decay, out=decay)
            velocity[: len(self._weights)] += decay

    def _bound(self, weight: Array, scratch: Array) -> None:
        """Scale columns that are longer than ``max_norm`` to that length; the others keep bits."""
        assert self.max_norm is not None
        ones = constant(1, (len(weight),), weight.dtype)
        norm = np.sqrt(ones @ np.square(weight, out=scratch))
        if not np.isfinite(norm).all():  # a square may be too large where its root is not
            norm = np.linalg.norm(weight.astype(np.float64), axis=0)
        if norm.max() > self.max_norm:
            weight *= (self.max_norm / np.maximum(norm, self.max_norm)).astype(weight.dtype)
