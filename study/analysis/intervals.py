"""Interval estimates: Student-t for a few paired runs, a clustered bootstrap for the grid."""

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import special

from study.errors import StudyError

LEVEL = 0.95
BOOTSTRAP_SEED = 0
BOOTSTRAP_DRAWS = 10_000
ROUNDING = 1e-12  # relative; what means of equal values differ by


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
    """A table of ``Estimate`` for each metric and group, groups in order of first appearance.

    Raises:
        StudyError: a group has several runs with the same seed, so that it is not one cell.
    """
    keys = [by] if isinstance(by, str) else list(by)
    if "seed" in frame and frame.duplicated([*keys, "seed"]).any():
        raise StudyError(f"several runs with one seed agree in {', '.join(keys)}: not one cell")
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
    """Bootstrap interval that draws whole clusters (cells of the grid) with replacement.

    Runs of one cell share everything but the seed, so they are not independent evidence. Values
    that are not finite are left out. Uses its own generator; equal input gives equal intervals,
    whatever the order of the rows and the names of the clusters. ``n`` is the number of clusters.

    The plain percentile interval of k clusters is too short, by the factor √((k − 1)/k) and for
    using the normal instead of the t distribution. The quantiles are therefore taken further out,
    at Φ(−√(k/(k − 1)) · t), the *expanded percentile interval* of Hesterberg (2015, What teachers
    should know about the bootstrap, section 5.3). Replicates of few clusters have no tails that
    far out (of 6 clusters the interval would cover 92 %), so each end is at least as far from the
    mean as in a t interval with the bootstrap's standard error: √(k/(k − 1)) · t times the
    standard deviation of the replicates.
    """
    return _bootstrap(_clusters(values, clusters), statistic, draws, seed, level)[0]


def _bootstrap(
    groups: Sequence[np.ndarray], statistic: Callable[[np.ndarray], Any], draws: int, seed: int,
    level: float = LEVEL,
) -> tuple[Estimate, np.ndarray]:  # fmt: skip
    """The estimate and the replicates that it comes from; none of these of less than two groups."""
    k = len(groups)
    centre = float(statistic(np.concatenate(groups))) if k else np.nan
    if k < 2:
        return Estimate(centre, np.nan, np.nan, k, "bootstrap"), np.empty(0)
    replicates = _replicates(groups, statistic, draws, seed)
    if np.ptp(replicates) <= ROUNDING * abs(centre):  # equal clusters: their means differ by that
        return Estimate(centre, centre, centre, k, "bootstrap"), replicates
    reach = np.sqrt(k / (k - 1)) * _t_quantile(k - 1, level)
    tail = float(special.ndtr(-reach))
    low, high = np.quantile(replicates, [tail, 1 - tail])
    half = reach * replicates.std()
    ends = float(min(low, centre - half)), float(max(high, centre + half))
    return Estimate(centre, *ends, k, "bootstrap"), replicates


def _clusters(values: pd.Series, clusters: pd.Series) -> list[np.ndarray]:
    """The finite values of each cluster, in an order that depends on nothing but the values."""
    finite = values[np.isfinite(values.to_numpy(float, na_value=np.nan))].astype(float)
    grouped = finite.groupby(clusters.loc[finite.index], sort=False, dropna=False)
    groups = [np.sort(group.to_numpy()) for _, group in grouped]
    return sorted(groups, key=lambda group: group.tolist())


def _replicates(
    groups: Sequence[np.ndarray], statistic: Callable[[np.ndarray], Any], draws: int, seed: int
) -> np.ndarray:
    """The statistic of each bootstrap sample of the clusters."""
    if statistic is np.mean:  # from sums: a thousand times faster than joining the clusters
        return _means(tuple((float(group.sum()), len(group)) for group in groups), draws, seed)
    chosen = _draws(len(groups), draws, seed)
    return np.array([statistic(np.concatenate([groups[i] for i in drawn])) for drawn in chosen])


@functools.lru_cache(maxsize=256)  # a figure, its table and its sentence ask for the same ones
def _means(clusters: tuple[tuple[float, int], ...], draws: int, seed: int) -> np.ndarray:
    """The mean of each bootstrap sample of clusters with these sums and counts; read-only."""
    sums, counts = np.array(clusters).T
    chosen = _draws(len(clusters), draws, seed)
    means = np.asarray(sums[chosen].sum(axis=1) / counts[chosen].sum(axis=1))
    means.flags.writeable = False
    return means


@functools.lru_cache(maxsize=4)
def _draws(k: int, draws: int, seed: int) -> np.ndarray:
    """Which of k clusters each bootstrap sample holds, shape ``(draws, k)``."""
    return np.random.default_rng(seed).integers(k, size=(draws, k))


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
    values: pd.Series, clusters: pd.Series, *,
    draws: int = BOOTSTRAP_DRAWS, seed: int = BOOTSTRAP_SEED,
) -> Evidence:  # fmt: skip
    """``clustered_bootstrap`` of the mean with the p-values that its interval belongs to.

    Each end of that interval is the further one of two, so each p-value is the larger one of two.
    A bound that the share F of the replicates do not exceed lies −Φ⁻¹(F) standard errors below
    the mean, another distance in standard errors is that to the mean itself; shortened by
    √((k − 1)/k), both are looked up in Student's t distribution with k − 1 degrees of freedom.
    """
    estimate, replicates = _bootstrap(_clusters(values, clusters), np.mean, draws, seed)
    k, centre = estimate.n, estimate.mean
    if k < 2:
        return Evidence(estimate, _unknown, _unknown)
    if estimate.low == estimate.high:
        return t_evidence([centre, centre])._replace(estimate=estimate)
    replicates = np.sort(replicates)
    return Evidence(
        estimate,
        lambda bound: _bootstrap_p(replicates, centre, bound, k),
        lambda bound: _bootstrap_p(-replicates[::-1], -centre, -bound, k),
    )


def _bootstrap_p(replicates: np.ndarray, centre: float, bound: float, k: int) -> float:
    """One-sided p-value of a mean at most ``bound``, from sorted replicates of k clusters."""
    below = np.searchsorted(replicates, bound, side="right") / len(replicates)
    z = max(float(special.ndtri(below)), (bound - centre) / float(replicates.std()))
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
