"""Histograms of several runs as one."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Pooled(NamedTuple):
    """Histogram of the values of several runs together.

    Attributes:
        shares: of all values, in each bin.
        edges: of the bins.
        outside: share of the values that lie in no bin.
        total: how many values.
    """

    shares: NDArray[np.float64]
    edges: NDArray[np.float64]
    outside: float
    total: int


def pool(
    histograms: Sequence[Mapping[str, Any]], limits: tuple[float, float] | None = None
) -> Pooled | None:
    """Add up histograms with equal bins; None where there are no values.

    Args:
        limits: keep only bins within them; what they leave out counts as outside.
    """
    if not histograms:
        return None
    counts = np.sum([np.asarray(histogram["counts"]) for histogram in histograms], axis=0)
    outside = sum(int(histogram["below"]) + int(histogram["above"]) for histogram in histograms)
    total = int(counts.sum()) + outside
    edges = np.asarray(histograms[0]["edges"], float)
    if total == 0:
        return None
    if limits is not None:
        tolerance = 1e-9 * float(np.ptp(edges))
        inside = (edges[:-1] >= limits[0] - tolerance) & (edges[1:] <= limits[1] + tolerance)
        kept = np.flatnonzero(inside)
        counts, edges = counts[inside], edges[kept[0] : kept[-1] + 2]
        outside = total - int(counts.sum())
    return Pooled(counts / total, edges, outside / total, total)
