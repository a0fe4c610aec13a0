"""Interval estimates: Student-t for a few paired runs, a clustered bootstrap for the grid."""

import functools
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

LEVEL = 0.95
BOOTSTRAP_SEED = 0
BOOTSTRAP_DRAWS = 2000
EVIDENCE_DRAWS = 20_000  # p-values have to be known in their tails
RESOLVED_TAIL = 0.001  # the share of the draws that is enough to place a quantile


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
    """Mean and Student-t interval of independent values; values that are not finite are left out.

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
    if np.ptp(array) == 0:  # the mean of equal values may round, and they would seem to scatter
        return Estimate(float(array[0]), float(array[0]), float(array[0]), n)
    half = float(_t_quantile(n - 1, level) * array.std(ddof=1) / np.sqrt(n))
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
    return Estimate(float(np.exp(mean)), float(np.exp(low)), float(np.exp(high)), n, "log t")


def pairs(
    frame: pd.DataFrame, metric: str, factor: str, treatment: object, control: object,
    pair_by: Sequence[str] = ("seed",),
) -> pd.DataFrame:  # fmt: skip
    """Both sides of each pair: columns ``pair_by``, ``treatment``, ``control``, ``difference``.

    A pair is what agrees in all of ``pair_by`` (NaN agrees with NaN); several runs on one side of
    it are averaged, so that they count once. Without both sides there is no pair.
    """
    by = list(pair_by)
    known = frame[np.isfinite(frame[metric].to_numpy(float, na_value=np.nan))]
    treated, controls = (
        known[known[factor] == level].groupby(by, dropna=False)[metric].mean().rename(name)
        for level, name in ((treatment, "treatment"), (control, "control"))
    )
    paired: pd.DataFrame = treated.reset_index().merge(controls.reset_index(), on=by)
    return paired.assign(difference=paired["treatment"] - paired["control"])


def paired_difference(
    frame: pd.DataFrame, metric: str, factor: str, treatment: object, control: object,
    pair_by: Sequence[str] = ("seed",),
) -> Estimate:  # fmt: skip
    """t interval of ``metric`` at ``factor == treatment`` minus at ``factor == control``.

    Only pairs that have both sides count (see ``pairs``); ``pair_by`` names what the two have in
    common. Diverged runs have to be counted (``frames.count_diverged``) before.
    """
    return t_interval(pairs(frame, metric, factor, treatment, control, pair_by)["difference"])


def summarise(frame: pd.DataFrame, by: str | Sequence[str], metrics: Sequence[str]) -> pd.DataFrame:
    """A table of ``Estimate`` for each metric and group, groups in order of first appearance."""
    keys = [by] if isinstance(by, str) else list(by)
    groups = frame.groupby(keys, sort=False, dropna=False, observed=True)
    table = groups.size().reset_index()[keys]
    parts = [group for _, group in groups]
    for metric in metrics:
        table[metric] = pd.Series([t_interval(part[metric]) for part in parts], dtype=object)
    return table


def clustered_bootstrap(
    values: pd.Series, clusters: pd.Series,
    statistic: Callable[[np.ndarray], Any] = np.mean,
    *, draws: int = BOOTSTRAP_DRAWS, seed: int = BOOTSTRAP_SEED, level: float = LEVEL,
) -> Estimate:  # fmt: skip
    """Percentile bootstrap that draws whole clusters (cells of the grid) with replacement.

    Runs of one cell share everything but the seed, so they are not independent evidence. Values
    that are not finite are left out. Uses its own generator; equal input gives equal intervals,
    and the order of the rows does not matter. ``n`` is the number of clusters.

    The plain percentile interval of k clusters is too short, by the factor √((k − 1)/k) and for
    using the normal instead of the t distribution. The quantiles are therefore taken further out,
    at Φ(−√(k/(k − 1)) · t), the *expanded percentile interval* of Hesterberg (2015, What teachers
    should know about the bootstrap, section 5.3).
    """
    finite = values[np.isfinite(values.to_numpy(float, na_value=np.nan))].astype(float)
    groups = [
        np.sort(group.to_numpy())
        for _, group in finite.groupby(clusters.loc[finite.index], sort=True, dropna=False)
    ]
    k = len(groups)
    if k == 0:
        return Estimate(np.nan, np.nan, np.nan, 0, "bootstrap")
    centre = float(statistic(np.concatenate(groups)))
    if k == 1:
        return Estimate(centre, np.nan, np.nan, 1, "bootstrap")
    if statistic is np.mean:
        _, replicates = _mean_replicates(groups, draws, seed)
    else:
        chosen = _draws(k, draws, seed)
        replicates = np.array([statistic(np.concatenate([groups[i] for i in r])) for r in chosen])
    low, high = np.quantile(replicates, _expanded_tails(k, level))
    return Estimate(centre, float(low), float(high), k, "bootstrap")


@functools.lru_cache(maxsize=4)
def _draws(k: int, draws: int, seed: int) -> np.ndarray:
    """Which of k clusters each bootstrap sample holds, shape ``(draws, k)``."""
    return np.random.default_rng(seed).integers(k, size=(draws, k))


def _mean_replicates(
    groups: Sequence[np.ndarray], draws: int, seed: int
) -> tuple[float, np.ndarray]:
    """Mean of all values, and means of bootstrap samples of their clusters.

    From sums: a thousand times faster than joining the clusters.
    """
    sums, counts = np.array([(group.sum(), len(group)) for group in groups]).T
    chosen = _draws(len(groups), draws, seed)
    replicates = sums[chosen].sum(axis=1) / counts[chosen].sum(axis=1)
    return float(sums.sum() / counts.sum()), replicates


def _expanded_tails(k: int, level: float) -> tuple[float, float]:
    """Where the expanded percentile interval of k clusters takes its quantiles."""
    tail = float(special.ndtr(-np.sqrt(k / (k - 1)) * _t_quantile(k - 1, level)))
    return tail, 1 - tail


def _t_quantile(degrees: int, level: float) -> float:
    """Upper end of the central ``level`` of Student's t distribution."""
    return float(special.stdtrit(degrees, (1 + level) / 2))  # stats.t.ppf takes fifty times as long


class Evidence(NamedTuple):
    """A mean, its interval, and the p-values that agree with it.

    An interval lies wholly above a bound just where ``p_greater`` of the bound is below half of
    what the level leaves (0.025 for 95 %), and wholly below where ``p_less`` is.

    Attributes:
        estimate: with its interval.
        p_greater: one-sided p-value of the hypothesis that the true mean is at most a bound;
            NaN where there is no interval.
        p_less: the same, at least a bound.
    """

    estimate: Estimate
    p_greater: Callable[[float], float]
    p_less: Callable[[float], float]


def t_evidence(values: ArrayLike) -> Evidence:
    """``t_interval`` with the p-values of Student's t test. Equal values leave no doubt: 0 or 1."""
    estimate = t_interval(values)
    error = estimate.half_width / _t_quantile(estimate.n - 1, LEVEL) if estimate.n > 1 else np.nan

    def p_beyond(distance: float) -> float:
        if error == 0:
            return 0.0 if distance > 0 else 1.0
        return float(special.stdtr(estimate.n - 1, -distance / error))

    if np.isnan(error):
        return Evidence(estimate, _unknown, _unknown)
    mean = estimate.mean
    return Evidence(
        estimate, lambda bound: p_beyond(mean - bound), lambda bound: p_beyond(bound - mean)
    )


def bootstrap_evidence(
    values: ArrayLike, clusters: Sequence[Hashable], *,
    draws: int = EVIDENCE_DRAWS, seed: int = BOOTSTRAP_SEED,
) -> Evidence:  # fmt: skip
    """``clustered_bootstrap`` of the mean with the p-values that its interval belongs to.

    The expanded percentile interval takes the quantiles of the replicates at Φ(z) with
    z = −√(k/(k − 1)) · t. Read backwards: a bound that the share F of the replicates do not exceed
    lies t = −√((k − 1)/k) · Φ⁻¹(F) standard errors below the mean, and Student's distribution with
    k − 1 degrees of freedom has its p-value.

    Draws cannot show how small an F below one in a thousand is. There Φ⁻¹(F) is continued in
    proportion to the distance from the mean (the tail of a normal distribution, of the width that
    the replicates have at that quantile), so that a clear effect survives the correction for
    many tests.
    """
    array = np.asarray(values, dtype=float)
    finite = np.isfinite(array)
    groups: dict[Hashable, list[float]] = {}
    for value, cluster, known in zip(array.tolist(), clusters, finite.tolist(), strict=True):
        if known:
            groups.setdefault(cluster, []).append(value)
    k = len(groups)
    if k < 2 or np.ptp(array[finite]) == 0:
        one_each = t_evidence([t_interval(group).mean for group in groups.values()])
        return one_each._replace(estimate=one_each.estimate._replace(method="bootstrap"))
    # Sorted, so that the order of the rows does not matter.
    ordered = [np.sort(groups[cluster]) for cluster in sorted(groups, key=repr)]
    centre, replicates = _mean_replicates(ordered, draws, seed)
    replicates.sort()
    low, high = np.quantile(replicates, _expanded_tails(k, LEVEL))
    return Evidence(
        Estimate(centre, float(low), float(high), k, "bootstrap"),
        lambda bound: _bootstrap_p(replicates, centre, bound, k),
        lambda bound: _bootstrap_p(-replicates[::-1], -centre, -bound, k),
    )


def _bootstrap_p(replicates: np.ndarray, centre: float, bound: float, k: int) -> float:
    """One-sided p-value of a mean at most ``bound``, from sorted replicates of k clusters."""
    draws = len(replicates)
    outermost = max(int(RESOLVED_TAIL * draws), 1)
    edge = float(replicates[outermost - 1])
    if bound < edge and edge < centre:
        z = special.ndtri(outermost / draws) * (centre - bound) / (centre - edge)
    else:
        below = int(np.searchsorted(replicates, bound, side="right"))
        z = special.ndtri(below / draws)  # ±inf at the ends
    return float(special.stdtr(k - 1, np.sqrt((k - 1) / k) * z))


def _unknown(bound: float) -> float:
    """There is no p-value."""
    return np.nan


def holm(p_values: ArrayLike) -> np.ndarray:
    """p-values corrected for their number (Holm, 1979); NaN stay and do not count.

    Rejecting what is at most α keeps the chance of any false rejection among all at most α,
    whatever the dependence of the tests.
    """
    p = np.asarray(p_values, dtype=float)
    corrected = np.full(len(p), np.nan)
    known = np.flatnonzero(np.isfinite(p))
    order = known[np.argsort(p[known], kind="stable")]
    factors = len(order) - np.arange(len(order))
    corrected[order] = np.minimum(np.maximum.accumulate(factors * p[order]), 1.0)
    return corrected
