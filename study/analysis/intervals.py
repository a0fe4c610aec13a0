"""Interval estimates: Student-t for a few paired runs, a clustered bootstrap for the grid."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

LEVEL = 0.95
BOOTSTRAP_SEED = 0
BOOTSTRAP_DRAWS = 2000


class Estimate(NamedTuple):
    """A mean with its interval.

    Attributes:
        mean: of the finite values.
        low, high: ends of the 95 % interval; NaN for fewer than two values.
        n: how many values (runs, pairs or cells).
        method: ``t``, ``log t`` or ``bootstrap``.
    """

    mean: float
    low: float
    high: float
    n: int
    method: str = "t"

    @property
    def half_width(self) -> float:
        """Half the length of the interval."""
        return (self.high - self.low) / 2


def t_interval(values: ArrayLike, level: float = LEVEL) -> Estimate:
    """Mean and Student-t interval of independent values; NaNs are left out.

    For few runs the t interval covers what it says, where a percentile bootstrap of 5 runs covers
    84 % instead of 95 %.
    """
    array = np.asarray(values, dtype=float)
    array = array[np.isfinite(array)]
    n = len(array)
    if n == 0:
        return Estimate(np.nan, np.nan, np.nan, 0)
    mean = float(array.mean())
    if n == 1:
        return Estimate(mean, np.nan, np.nan, 1)
    half = float(stats.t.ppf((1 + level) / 2, n - 1) * array.std(ddof=1) / np.sqrt(n))
    return Estimate(mean, mean - half, mean + half, n)


def log_t_interval(values: ArrayLike, level: float = LEVEL) -> Estimate:
    """Geometric mean and the t interval of the logarithms, for values over orders of magnitude.

    Values that are not all positive have no logarithms: they get the plain ``t_interval``.
    """
    array = np.asarray(values, dtype=float)
    array = array[np.isfinite(array)]
    if (array <= 0).any():
        return t_interval(array, level)
    mean, low, high, n, _ = t_interval(np.log(array), level)
    return Estimate(*(float(np.exp(end)) for end in (mean, low, high)), n, "log t")


def paired_difference(
    frame: pd.DataFrame, metric: str, factor: str, treatment: object, control: object,
    pair_by: Sequence[str] = ("seed",),
) -> Estimate:  # fmt: skip
    """t interval of ``metric`` at ``factor == treatment`` minus at ``factor == control``.

    Only pairs that have both sides count; ``pair_by`` names what the two have in common.
    """
    wide = frame.pivot_table(index=list(pair_by), columns=factor, values=metric)
    if treatment not in wide or control not in wide:
        return Estimate(np.nan, np.nan, np.nan, 0)
    return t_interval((wide[treatment] - wide[control]).dropna())


def summarise(frame: pd.DataFrame, by: str | Sequence[str], metrics: Sequence[str]) -> pd.DataFrame:
    """A table of ``Estimate`` for each metric and group, groups in order of first appearance."""
    groups = frame.groupby([by] if isinstance(by, str) else list(by), sort=False, dropna=False)
    return groups[list(metrics)].agg(t_interval).reset_index()


def clustered_bootstrap(
    values: pd.Series, clusters: pd.Series,
    statistic: Callable[[np.ndarray], float] = np.mean,
    *, draws: int = BOOTSTRAP_DRAWS, seed: int = BOOTSTRAP_SEED, level: float = LEVEL,
) -> Estimate:  # fmt: skip
    """Percentile bootstrap that draws whole clusters (cells of the grid) with replacement.

    Runs of one cell share everything but the seed, so they are not independent evidence. Uses its
    own generator; equal input gives equal intervals.
    """
    groups = [group.to_numpy(float) for _, group in values.groupby(clusters, sort=True)]
    if len(groups) < 2:
        return Estimate(float(statistic(values.to_numpy(float))), np.nan, np.nan, len(groups),
                        "bootstrap")  # fmt: skip
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(groups), size=(draws, len(groups)))
    replicates = [statistic(np.concatenate([groups[i] for i in row])) for row in chosen]
    low, high = np.quantile(replicates, [(1 - level) / 2, (1 + level) / 2])
    centre = float(statistic(values.to_numpy(float)))
    return Estimate(centre, float(low), float(high), len(groups), "bootstrap")
