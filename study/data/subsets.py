"""Random parts of a data set in which every class has its share."""

import numpy as np
from numpy.typing import NDArray


def stratified(labels: NDArray[np.int64], n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of ``n`` samples drawn without replacement, stratified by class, in random order.

    A class that is the share s of ``labels`` gets n · s samples, rounded down, and what is left
    goes to the largest remainders; of equal ones chance decides, so that no class is favoured
    over the seeds. Every sample is as likely to be drawn as any other of its class.

    Args:
        labels: class ids from 0, shape ``(N,)``.
        n: in [0, N].
        rng: decides which, and their order.

    Returns:
        Indices into ``labels``, shape ``(n,)``.
    """
    counts = np.bincount(labels)
    own, remainders = np.divmod(counts * n, max(len(labels), 1))
    order = rng.permutation(len(counts))
    largest = order[np.argsort(-remainders[order], kind="stable")]
    own[largest[: n - own.sum()]] += 1
    drawn = [
        rng.choice(np.flatnonzero(labels == label), size, replace=False)
        for label, size in enumerate(own)
        if size
    ]
    rows: NDArray[np.int64] = rng.permutation(np.concatenate([np.empty(0, np.int64), *drawn]))
    return rows
