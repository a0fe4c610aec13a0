"""What decides whether a piece of advice helps: its effect against each axis of the space.

Settings are independent draws, their axes too, so that each axis has a test of its own: is the
effect the same whatever its value? That is Spearman's rank correlation where values are ordered,
and Kruskal and Wallis' test where they are names. Both are of ranks: one setting in which a network
diverges is no more than the largest effect.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import special

from study.analysis.intervals import LEVEL, Estimate, holm, t_interval

FEWEST = 6  # settings with a value: fewer say nothing
SPAN = 0.75  # share of the settings that a point of the trend looks at
WIDE = 4.0  # an axis that ends at less than 4 times where it begins is shown as it is

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Strength:
    """How much an axis decides.

    Attributes:
        axis: its name.
        n: settings that have a value on it.
        correlation: Spearman's ρ of effect and axis, in [−1, 1]; NaN where its values are names.
        strength: |ρ|; of names √(H/(n − 1)) with Kruskal and Wallis' H, the correlation ratio of
            the ranks, which of two names is |ρ| with 0 and 1. In [0, 1]; NaN where the axis does
            not vary or too few settings have a value.
        p: that there is no dependence; NaN as ``strength``.
        p_corrected: the same after Holm's correction for the number of axes.
    """

    axis: str
    n: int
    correlation: float
    strength: float
    p: float
    p_corrected: float


def strengths(effect: ArrayLike, axes: pd.DataFrame) -> list[Strength]:
    """How much each axis decides, the strongest first.

    Args:
        effect: of each setting, finite.
        axes: a row for each setting, a column for each axis; None and NaN where it has no value.
    """
    values = np.asarray(effect, dtype=float)
    found = {str(name): _strength(values, axes[name]) for name in axes}
    corrected = holm([p for *_, p in found.values()])
    listed = [
        Strength(name, n, correlation, strength, p, float(p_corrected))
        for (name, (n, correlation, strength, p)), p_corrected in zip(
            found.items(), corrected, strict=True
        )
    ]
    return sorted(listed, key=lambda each: -np.nan_to_num(each.strength, nan=-1.0))


def _strength(effect: Floats, axis: pd.Series) -> tuple[int, float, float, float]:
    """n, correlation, strength and p of one axis."""
    from scipy import stats  # takes half a second, which only a map waits for

    known = axis.notna().to_numpy()
    effect, axis = effect[known], axis[known]
    n, ordered = len(effect), is_ordered(axis)
    if n < FEWEST or axis.map(level).nunique() < 2:
        return n, np.nan, np.nan, np.nan
    if np.ptp(effect) == 0:  # the same everywhere: nothing decides
        return n, 0.0 if ordered else np.nan, 0.0, 1.0
    if ordered:
        result = stats.spearmanr(effect, axis.to_numpy(float))
        return n, float(result.statistic), abs(float(result.statistic)), float(result.pvalue)
    names = axis.map(level).to_numpy()
    result = stats.kruskal(*(effect[names == name] for name in dict.fromkeys(names)))
    return n, np.nan, float(np.sqrt(result.statistic / (n - 1))), float(result.pvalue)


def is_ordered(axis: pd.Series) -> bool:
    """Whether all known values are numbers; switches are names."""
    known = axis.dropna()
    return all(isinstance(value, int | float) and not isinstance(value, bool) for value in known)


def level(value: Any) -> Any:
    """A value as one that can be counted: lists of widths as text."""
    return str(value) if isinstance(value, list) else value


def by_level(effect: ArrayLike, axis: pd.Series) -> dict[Any, Estimate]:
    """Mean effect at each value of an axis with its t interval; ordered, or as the values come."""
    values = pd.Series(np.asarray(effect, dtype=float))
    names = axis.map(level).reset_index(drop=True)
    levels = list(dict.fromkeys(names.dropna()))
    if is_ordered(axis):
        levels = sorted(levels)
    return {name: t_interval(values[(names == name).to_numpy()]) for name in levels}


# --- the trend ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Trend:
    """A smooth curve of effect against an axis.

    Attributes:
        x: places on the axis, ascending.
        mean: the curve there.
        low, high: its pointwise 95 % band.
    """

    x: Floats
    mean: Floats
    low: Floats
    high: Floats


def is_wide(x: ArrayLike) -> bool:
    """Whether a logarithmic scale shows values better: they are drawn evenly on it.

    Then their median is nearer the geometric mean of the ends than the arithmetic one.
    """
    values = np.asarray(x, dtype=float)
    values = values[np.isfinite(values)]
    if not len(values) or values.min() <= 0 or values.max() < WIDE * values.min():
        return False
    ends = np.array([values.min(), values.max()])
    middle = np.log(np.median(values))
    return bool(abs(middle - np.log(ends).mean()) < abs(middle - np.log(ends.mean())))


def trend(x: ArrayLike, effect: ArrayLike, points: int = 60) -> Trend | None:
    """Local linear regression with tricube weights (loess; Cleveland, 1979).

    Where x ``is_wide`` it is of log x.

    Args:
        x: of each setting; what is not finite is left out.
        effect: of each setting, finite.
        points: of the curve.

    Returns:
        None with fewer than ``FEWEST`` settings, or fewer than four values: see ``by_level``.
    """
    places, values = np.asarray(x, dtype=float), np.asarray(effect, dtype=float)
    known = np.isfinite(places)
    places, values = places[known], values[known]
    if len(places) < FEWEST or len(np.unique(places)) < 4:
        return None
    wide = is_wide(places)
    scaled = np.log(places) if wide else places
    own = _smoother(scaled, scaled)
    residuals = values - own @ values
    # degrees of freedom of a linear smoother whose errors are independent (ibid.)
    degrees = float(len(values) - 2 * np.trace(own) + (own**2).sum())
    at = np.linspace(scaled.min(), scaled.max(), points)
    rows = _smoother(scaled, at)
    mean = rows @ values
    error = np.sqrt((residuals**2).sum() / max(degrees, 1.0) * (rows**2).sum(axis=1))
    half = special.stdtrit(max(degrees, 1.0), (1 + LEVEL) / 2) * error
    return Trend(np.exp(at) if wide else at, mean, mean - half, mean + half)


def _smoother(x: Floats, at: Floats) -> Floats:
    """The rows that make of values at ``x`` the curve at ``at``; shape (len(at), len(x))."""
    distance = np.abs(at[:, None] - x[None, :])
    nearest = int(np.ceil(SPAN * len(x)))
    # at least two values of x must have weight, however often the nearest one is there
    second = np.array([np.unique(row)[1] for row in distance])
    reach = np.maximum(np.sort(distance, axis=1)[:, nearest - 1], second) * (1 + 1e-9)
    weight = (1 - np.minimum(distance / reach[:, None], 1) ** 3) ** 3 + 1e-12
    centred = x[None, :] - at[:, None]
    s0, s1, s2 = (np.sum(weight * centred**k, axis=1, keepdims=True) for k in (0, 1, 2))
    rows: Floats = weight * (s2 - s1 * centred) / (s0 * s2 - s1**2)
    return rows


def axis_columns(settings: pd.DataFrame, of: Sequence[int] | pd.Series) -> pd.DataFrame:
    """The axes of the settings ``of``, in this order (``Results.settings`` has a row for each)."""
    return settings.set_index("setting").loc[list(of)].reset_index(drop=True)
