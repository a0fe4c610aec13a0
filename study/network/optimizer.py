"""Stochastic gradient descent with momentum and weight decay."""

import numpy as np

from study.network.layers import Array
from study.network.network import Network


class SGD:
    """w ← w − lr · v, v ← momentum · v + ∂L/∂w + weight_decay · w.

    Without momentum this is the lecture's plain SGD. Decay is the gradient of (λ/2) Σ w²
    (lecture 1.4.1) and acts on weight matrices only, never on biases, γ or β.

    Args:
        network: whose ``parameters`` are updated from its ``gradients``.
        lr: learning rate, > 0.
        momentum: in [0, 1).
        weight_decay: λ, >= 0.
    """

    def __init__(
        self, network: Network, *, lr: float, momentum: float = 0.0, weight_decay: float = 0.0
    ) -> None:
        self._parameters = network.parameters
        self._gradients = network.gradients
        self._weights = network.parameters[: network.num_weights]
        self._velocity = np.zeros_like(network.parameters) if momentum else None
        self.lr = lr
        self.momentum = momentum
        self.weight_decay = weight_decay

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

    def _accumulate(self, velocity: Array) -> None:
        velocity *= self.momentum
        velocity += self._gradients
        if self.weight_decay:
            decay = self._gradients[: len(self._weights)]  # added above, free now
            np.multiply(self._weights, self.weight_decay, out=decay)
            velocity[: len(self._weights)] += decay
