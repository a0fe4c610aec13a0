"""A rule of thumb for a piece of advice, found on one half of the settings, tested on the other.

A rule is a tree with at most two splits (three leaves) that predicts the effect. All such trees
are tried: with six axes and 40 settings they are some ten thousand, a few matrix products. Whether
one split or two, cross-validation within the fitting half decides. On the other half the rule is
said only if it predicts better than the fitting half's mean does, and if a permutation test of 5 %
says that effects go with its predictions. These are fixed there, so that whatever was tried on the
fitting half cannot make a rule of nothing: ``benchmarks/map.py`` measures how often it does.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from study.analysis.deciding import is_ordered, level
from study.analysis.intervals import Estimate, t_interval

FEWEST = 12  # settings in all
ALPHA = 0.05
FOLDS = 5
PERMUTATIONS = 1999
MOST_NAMES = 6  # of an axis for which every division of them is tried; of more, one against all
_SEED = 0  # of the halves and the permutations

Floats = NDArray[np.float64]
Switches = NDArray[np.bool_]


@dataclass(frozen=True)
class Condition:
    """What the settings of a leaf have in common.

    Attributes:
        axis: its name.
        at_most: the largest number; None where the values are names.
        among: the names; empty where they are numbers.
        negated: whether it is the others that are meant, those without a value among them.
    """

    axis: str
    at_most: float | None
    among: tuple[Any, ...] = ()
    negated: bool = False

    def holds(self, axes: pd.DataFrame) -> Switches:
        """For which rows of ``axes`` it holds."""
        column = axes[self.axis]
        if self.at_most is not None:
            inside: Switches = column.to_numpy(float, na_value=np.nan) <= self.at_most
        else:
            inside = column.map(level).isin(self.among).to_numpy()
        return ~inside if self.negated else inside

    def __invert__(self) -> "Condition":
        return Condition(self.axis, self.at_most, self.among, not self.negated)


@dataclass(frozen=True)
class Leaf:
    """A part of the space in a rule.

    Attributes:
        conditions: that hold there, one or two.
        predicted: mean effect of its settings in the fitting half.
        effect: mean effect of those in the judging half, which had no say in the rule, with its
            t interval.
    """

    conditions: tuple[Condition, ...]
    predicted: float
    effect: Estimate


@dataclass(frozen=True)
class Rule:
    """A rule of thumb and whether it may be said.

    Attributes:
        leaves: two or three; none where there are too few settings, or no axis divides them.
        gain: by which share the rule's squared error on the judging half is less than that of
            the fitting half's mean; NaN without leaves.
        p: of the permutation test there; NaN without leaves.
        fitted, judged: how many settings each half has.
    """

    leaves: tuple[Leaf, ...]
    gain: float
    p: float
    fitted: int
    judged: int

    @property
    def said(self) -> bool:
        """Whether it beats the constant on the judging half, beyond chance."""
        return bool(self.gain > 0 and self.p <= ALPHA)


def rule_of_thumb(effect: ArrayLike, axes: pd.DataFrame, seed: int = _SEED) -> Rule:
    """The best rule for the effects of settings, and what it is worth.

    Args:
        effect: of each setting, finite.
        axes: a row for each setting, a column for each axis; None and NaN where it has no value.
        seed: draws the halves and the permutations.
    """
    values, rng = np.asarray(effect, dtype=float), np.random.default_rng(seed)
    order = rng.permutation(len(values))
    fit, judge = np.sort(order[::2]), np.sort(order[1::2])
    if len(values) < FEWEST:
        return Rule((), np.nan, np.nan, len(fit), len(judge))
    chosen = _fitted(values[fit], axes.iloc[fit].reset_index(drop=True))
    if not chosen:
        return Rule((), np.nan, np.nan, len(fit), len(judge))
    leaves, predicted = [], np.empty(len(judge))
    for conditions in chosen:
        inside = np.all([condition.holds(axes) for condition in conditions], axis=0)
        mean = float(values[fit][inside[fit]].mean())
        predicted[inside[judge]] = mean
        leaves.append(Leaf(conditions, mean, t_interval(values[judge][inside[judge]])))
    gain, p = _judged(values[judge], predicted, float(values[fit].mean()), rng)
    return Rule(tuple(leaves), gain, p, len(fit), len(judge))


def _judged(
    effect: Floats, predicted: Floats, constant: float, rng: np.random.Generator
) -> tuple[float, float]:
    """The gain on the judging half, and the p-value of a permutation test.

    Of the difference of the squared errors only Σ effect · prediction depends on which effect is
    whose; without dependence every order of the effects is as likely.
    """
    total = float(((effect - constant) ** 2).sum())
    gain = 1 - float(((effect - predicted) ** 2).sum()) / total if total else 0.0
    shuffled = rng.permuted(np.tile(effect, (PERMUTATIONS, 1)), axis=1)
    observed = float(effect @ predicted)
    rounding = 1e-12 * float(np.abs(effect) @ np.abs(predicted))
    as_good = int((shuffled @ predicted >= observed - rounding).sum())
    return gain, (1 + as_good) / (1 + PERMUTATIONS)


# --- fitting ------------------------------------------------------------------------------------


def _fitted(effect: Floats, axes: pd.DataFrame) -> list[tuple[Condition, ...]]:
    """The leaves of the tree with one split, or with two if that predicts better by more than a
    standard error (Breiman et al., 1984); none where nothing divides the settings."""
    conditions = list(_conditions(axes))
    if not conditions:
        return []
    inside = np.array([condition.holds(axes) for condition in conditions])
    folds = np.arange(len(effect)) % FOLDS
    errors = np.empty((2, len(effect)))
    for fold in range(FOLDS):
        kept, left = folds != fold, folds == fold
        for splits in (1, 2):
            tree = _best_tree(effect[kept], inside[:, kept], splits)
            predicted = _predictions(tree, effect[kept], inside[:, kept], inside[:, left])
            errors[splits - 1, left] = (effect[left] - predicted) ** 2
    better = errors[0] - errors[1]
    clearly = better.mean() > better.std(ddof=1) / np.sqrt(len(better))
    tree = _best_tree(effect, inside, 2 if clearly else 1)
    return [
        tuple(conditions[i] if yes else ~conditions[i] for i, yes in leaf) for leaf in tree if leaf
    ]


# A leaf: which conditions hold (True) or do not (False) there; without a split there is one.
_Leaf = tuple[tuple[int, bool], ...]


def _best_tree(effect: Floats, inside: Switches, splits: int) -> list[_Leaf]:
    """Of all trees with so many splits the one with the smallest squared error.

    That is the one with the largest Σ (sum of a leaf)² / (its size). With fewer splits where no
    tree has enough settings in each leaf: an eighth, and at least three.

    Args:
        inside: whether each condition holds in each setting, shape (conditions, settings).
    """
    n = len(effect)
    fewest, total = max(3, n // 8), effect.sum()
    counts, sums = inside.sum(axis=1), inside @ effect
    first = _score(sums, counts, fewest) + _score(total - sums, n - counts, fewest)
    if first.max() == -np.inf:
        return [()]
    i = int(first.argmax())
    one: list[_Leaf] = [((i, True),), ((i, False),)]
    if splits == 1:
        return one
    # the leaf that is split again: where a condition holds, then where it does not
    again = np.vstack([inside, ~inside]).astype(float)
    sizes, whole = again.sum(axis=1), again @ effect
    count = again @ inside.T
    sum_ = (again * effect) @ inside.T
    second = (
        _score(sum_, count, fewest)
        + _score(whole[:, None] - sum_, sizes[:, None] - count, fewest)
        + _score(total - whole, n - sizes, fewest)[:, None]
    )
    if second.max() == -np.inf:
        return one
    a, b = np.unravel_index(int(second.argmax()), second.shape)
    outer, holds = int(a) % len(inside), int(a) < len(inside)
    return [
        ((outer, holds), (int(b), True)),
        ((outer, holds), (int(b), False)),
        ((outer, not holds),),
    ]


def _score(sums: Floats, counts: NDArray[Any], fewest: int) -> Floats:
    enough = counts >= fewest
    scores: Floats = np.where(enough, sums**2 / np.where(enough, counts, 1), -np.inf)
    return scores


def _predictions(
    tree: Sequence[_Leaf], effect: Floats, fitted: Switches, inside: Switches
) -> Floats:
    """The mean effect of the leaf of each setting in ``inside``."""
    predicted = np.empty(inside.shape[1])
    for leaf in tree:
        rows = [(fitted[i] == yes, inside[i] == yes) for i, yes in leaf]
        own = np.logical_and.reduce([a for a, _ in rows]) if rows else np.ones(len(effect), bool)
        there = np.logical_and.reduce([b for _, b in rows]) if rows else slice(None)
        predicted[there] = effect[own].mean()
    return predicted


def _conditions(axes: pd.DataFrame) -> Iterator[Condition]:
    """Every way of dividing the settings by one axis."""
    for name in axes:
        column = axes[name]
        known = list(dict.fromkeys(column.dropna().map(level)))
        if is_ordered(column):
            ascending = sorted(known)
            for below, above in pairwise(ascending):
                yield Condition(str(name), between(below, above))
            if column.isna().any() and known:
                yield Condition(str(name), float(ascending[-1]))
            continue
        lacks = bool(column.isna().any())
        largest = len(known) // 2 if len(known) <= MOST_NAMES else 1
        largest = len(known) if lacks and len(known) <= MOST_NAMES else largest
        for size in range(1, largest + 1):
            for names in combinations(known, size):
                half = 2 * size == len(known) and not lacks
                if (half and known[0] not in names) or (size == len(known) and not lacks):
                    continue  # the other side of one that is there
                yield Condition(str(name), None, names)


def between(below: float, above: float) -> float:
    """The shortest number x with below <= x < above, near their middle."""
    middle = (below * above) ** 0.5 if below > 0 else (below + above) / 2
    for digits in range(1, 18):
        number = float(f"{middle:.{digits}g}")
        if below <= number < above:
            return number
    return float(below)
