"""Many paired comparisons at once: which means moved, corrected for their number.

Everything is *harm*: now minus before in the direction that is worse, logarithms where the metric
is compared by its ratio. One family of tests, Student's t of the paired differences, Holm's
correction; a regression also has to exceed its margin.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]


class Moves(NamedTuple):
    """One entry for each comparison.

    Attributes:
        mean: harm; NaN without a pair.
        low, high: its interval at the level that Holm's correction leaves this comparison: it
            leaves zero out just where ``p_holm`` is at most α.
        p: two-sided; NaN with fewer than two pairs.
        p_holm: corrected, at most 1.
        worse, better: whether the mean exceeds the margin and the interval leaves zero out.
    """

    mean: Floats
    low: Floats
    high: Floats
    p: Floats
    p_holm: Floats
    worse: NDArray[np.bool_]
    better: NDArray[np.bool_]


def moves(harms: Sequence[Floats], margins: Sequence[float], alpha: float) -> Moves:
    """Judge all comparisons together.

    Args:
        harms: of the pairs of each comparison; finite.
        margins: the smallest harm of each that matters, >= 0.
        alpha: chance of any false alarm.
    """
    n = np.array([len(harm) for harm in harms])
    mean = np.array([harm.mean() if len(harm) else np.nan for harm in harms])
    # equal values do not scatter, whatever their mean is rounded to
    error = np.array(
        [
            np.nan if len(harm) < 2 else harm.std(ddof=1) / np.sqrt(len(harm)) * (np.ptp(harm) > 0)
            for harm in harms
        ]
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(error > 0, mean / error, np.where(mean == 0, 0.0, np.inf))
        p = np.where(np.isnan(error), np.nan, 2 * special.stdtr(np.maximum(n - 1, 1), -np.abs(t)))
    factor, p_holm = _holm(p)
    reach = special.stdtrit(np.maximum(n - 1, 1), 1 - alpha / factor / 2)
    half = np.where(error > 0, reach * error, error)
    clear = p_holm <= alpha  # False for NaN
    bounds = np.asarray(margins, dtype=float)
    return Moves(
        mean, mean - half, mean + half, p, p_holm,
        clear & (mean > bounds), clear & (mean < -bounds),
    )  # fmt: skip


def _holm(p: Floats) -> tuple[Floats, Floats]:
    """By how much Holm's correction multiplies each p-value, and the corrected values.

    The factor is that of the p-value's rank, or more where a smaller one was not rejected.
    """
    factor, corrected = np.ones(len(p)), np.full(len(p), np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    ranks = len(order) - np.arange(len(order), dtype=float)
    running = np.maximum.accumulate(ranks * p[order]) if len(order) else ranks
    positive = p[order] > 0
    factor[order] = np.where(positive, running / np.where(positive, p[order], 1.0), ranks)
    corrected[order] = np.minimum(running, 1.0)
    return factor, corrected
