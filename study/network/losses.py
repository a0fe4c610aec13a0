"""The loss (lecture 1.1): softmax followed by the mean cross-entropy."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from study.network.layers import Array, Rows


def cross_entropy(logits: Array, labels: NDArray[np.int64]) -> Array:
    """Loss of each sample, −log softmax(logits)[label], shape ``(n,)``.

    The largest logit of a row is subtracted first, so that no exponential overflows and the sum
    inside the logarithm is at least 1.
    """
    shifted = logits - logits.max(axis=1, keepdims=True)
    loss: Array = np.log(np.exp(shifted).sum(axis=1))
    loss -= shifted[np.arange(len(labels)), labels]
    return loss


class SoftmaxCrossEntropy:
    """E = −(1/N) Σₙ log yₙ[labelₙ] with y = softmax(logits), and its gradient (y − t)/N.

    Args:
        num_classes: number of logits, >= 2.
        dtype: precision of all arrays.
    """

    def __init__(self, num_classes: int, dtype: Any) -> None:
        self._probabilities = Rows(num_classes, dtype)
        self._labels = np.empty(0, np.int64)
        self._index = np.empty(0, np.int64)

    def forward(self, logits: Array, labels: NDArray[np.int64]) -> float:
        """Return the mean loss over the rows of ``logits``, shape ``(n, num_classes)``."""
        n = len(logits)
        if len(self._index) != n:
            self._index = np.arange(n)
        self._labels = labels
        probabilities = self._probabilities(n)
        np.subtract(logits, logits.max(axis=1, keepdims=True), out=probabilities)
        label_logits = probabilities[self._index, labels]
        np.exp(probabilities, out=probabilities)
        total = probabilities.sum(axis=1, keepdims=True)
        probabilities /= total
        return float(np.log(total).sum() - label_logits.sum()) / n

    def backward(self) -> Array:
        """Return ∂E/∂logits of the last forward, shape ``(n, num_classes)``; overwrites y."""
        n = len(self._labels)
        grad = self._probabilities(n)
        grad[self._index, self._labels] -= 1
        grad /= n
        return grad
