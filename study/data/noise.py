"""Labels that are wrong on purpose."""

import numpy as np
from numpy.typing import NDArray


def noisy_labels(
    labels: NDArray[np.int64], share: float, num_classes: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """A copy of ``labels`` of which a share is wrong.

    Which ones is drawn without replacement, round(share · n) of them; each becomes one of the other
    classes, all equally likely. With the same ``rng`` those of a smaller share are among those of a
    larger one, with the same wrong labels. (Zhang et al. 2017, section 2.1, decide for each label
    by itself and draw from all classes: there a share 1/``num_classes`` of them stays right.)

    Args:
        labels: class ids in [0, num_classes), shape ``(n,)``.
        share: in [0, 1].
        num_classes: >= 2.
        rng: decides which, and by what they are replaced.
    """
    wrong = rng.permutation(len(labels))[: round(share * len(labels))]
    shift = rng.integers(1, num_classes, len(labels))
    noisy = labels.copy()
    noisy[wrong] = (labels[wrong] + shift[wrong]) % num_classes
    return noisy
