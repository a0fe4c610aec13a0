"""Where a piece of advice holds: arms compared in many settings drawn at random.

A setting is the unit of replication. Settings are independent draws from a declared space, each
with its own seed and training subset, so that intervals over them speak of the space: of how often
somebody who draws a setting, and a network in it, gains from the advice. (The specification curve:
Simonsohn, Simmons and Nelson, 2020, Nature Human Behaviour 4; drawn settings: Bell et al., 2022.)

Frames are tidy, of runs with the columns ``setting``, ``arm``, ``lr``, ``valid_accuracy``, as
``frames.count_diverged(results.runs(experiment))`` has them; what diverged counts at chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from study.analysis.findings import LEARNED
from study.analysis.intervals import LEVEL, Estimate, t_interval
from study.errors import ConfigError

MARGIN = 0.01  # the smallest effect on an accuracy that matters: one point
LOW, HIGH = "low", "high"
HELPS, NONE, HARMS = "helps", "no_effect", "harms"

_ROUNDING = 1e-9  # 0.57 − 0.56 is a point
_CARRIED = ("test_accuracy", "train_accuracy", "valid_accuracy", "lr", "arm")


def best_rates(runs: pd.DataFrame) -> pd.DataFrame:
    """The run of each setting and arm at its best learning rate, chosen on validation samples.

    Of several rates with the same validation accuracy it is the one nearest the middle of the
    list, of two as near the smaller, so that a plateau is no edge.

    Args:
        runs: one for each setting, arm and rate. The validation accuracy may lack (NaN) where
            there is just one rate.

    Returns:
        The chosen rows, by setting and in the order in which the arms come; besides their columns
        ``rates``, how many there were, and ``edge``: ``low`` or ``high`` where the best is the
        smallest or the largest of several, else None.

    Raises:
        ConfigError: there is nothing to choose by, or a rate is there twice.
    """
    if runs.duplicated(["setting", "arm", "lr"]).any():
        raise ConfigError("lr", "each rate once for each setting and arm", "one twice")
    chosen: list[object] = []
    edges: list[str | None] = []
    counts: list[int] = []
    ordered = runs.sort_values("lr", kind="stable")
    for _, group in ordered.groupby(["setting", "arm"], sort=False):
        place = _best(group["valid_accuracy"].to_numpy(float))
        last = len(group) - 1
        chosen.append(group.index[place])
        edges.append({0: LOW, last: HIGH}.get(place) if last else None)
        counts.append(len(group))
    found = runs.loc[chosen].assign(rates=np.array(counts, dtype="int64"))
    found["edge"] = pd.Series(edges, index=found.index, dtype=object)
    order = {arm: i for i, arm in enumerate(dict.fromkeys(runs["arm"]))}
    by = pd.DataFrame({"setting": found["setting"], "arm": found["arm"].map(order)})
    return found.loc[by.sort_values(["setting", "arm"]).index].reset_index(drop=True)


def _best(valid: NDArray[np.float64]) -> int:
    """The place of the best of ``valid``, which go by rate."""
    if len(valid) == 1:
        return 0
    if np.isnan(valid).any():
        raise ConfigError("valid_accuracy", "a number for each of several rates", float("nan"))
    middle = (len(valid) - 1) / 2
    return int(min(np.flatnonzero(valid == valid.max()), key=lambda place: abs(place - middle)))


def effects(
    best: pd.DataFrame,
    treatment: Sequence[str],
    control: Sequence[str],
    metric: str = "test_accuracy",
) -> pd.DataFrame:
    """What following the advice changes in each setting: the one side minus the other.

    A side is a family of arms, of which the best by validation accuracy stands for it; of equals
    the first of the family.

    Args:
        best: the result of ``best_rates``; with the column ``chance`` it is told where nothing
            learns.
        treatment, control: the arms of the two sides.
        metric: the column that is compared.

    Returns:
        One row for each setting that has all these arms: ``setting``; ``effect``; of each side,
        as ``treatment_…`` and ``control_…``, ``value`` (of ``metric``), ``arm``, ``lr``, ``edge``
        and the accuracies; ``neither_learns``, whether no side is 5 points above chance on its
        training samples.

    Raises:
        ConfigError: an arm is on both sides, or there is none.
    """
    if not treatment or not control or set(treatment) & set(control):
        expected = "two sides without an arm in common"
        raise ConfigError("arms", expected, [list(treatment), list(control)])
    arms = [*treatment, *control]
    own = best[best["arm"].isin(arms)]
    counts = own.groupby("setting")["arm"].nunique()
    own = own[own["setting"].isin(counts.index[counts == len(arms)])]
    sides = []
    for name, family in (("treatment", treatment), ("control", control)):
        of = own[own["arm"].isin(family)].copy()
        of["rank"] = of["arm"].map({arm: i for i, arm in enumerate(family)})
        if len(family) > 1 and of["valid_accuracy"].isna().any():
            raise ConfigError("valid_accuracy", "a number for each arm", float("nan"))
        of = of.sort_values(["setting", "valid_accuracy", "rank"], ascending=[True, False, True])
        of = of.drop_duplicates("setting").set_index("setting")
        columns = [column for column in (*_CARRIED, "edge", "chance") if column in of]
        side = of[columns].assign(value=of[metric].astype(float))
        sides.append(side.add_prefix(f"{name}_"))
    found = sides[0].join(sides[1])
    learned = pd.Series(False, index=found.index)
    for name in ("treatment", "control"):
        if f"{name}_chance" in found:
            above = found[f"{name}_train_accuracy"] - found.pop(f"{name}_chance")
            learned |= above >= LEARNED
        else:
            learned |= True
    found.insert(0, "effect", found["treatment_value"] - found["control_value"])
    return found.assign(neither_learns=~learned).reset_index()


# --- how often, and by how much -----------------------------------------------------------------


@dataclass(frozen=True)
class Share:
    """A share of settings.

    Attributes:
        count: of ``n`` settings.
        low, high: ends of its 95 % interval (Wilson, 1927), NaN for no settings.
    """

    count: int
    n: int
    low: float
    high: float

    @property
    def share(self) -> float:
        """In [0, 1]; NaN for no settings."""
        return self.count / self.n if self.n else float("nan")


def share(count: int, n: int, level: float = LEVEL) -> Share:
    """The share ``count`` of ``n`` with its Wilson interval."""
    from scipy import stats  # takes half a second, which only a map waits for

    if not n:
        return Share(0, 0, float("nan"), float("nan"))
    interval = stats.binomtest(count, n).proportion_ci(level, method="wilson")
    return Share(count, n, float(interval.low), float(interval.high))


def outcomes(effect: ArrayLike, margin: float = MARGIN) -> NDArray[np.str_]:
    """``helps`` where an effect is at least the margin, ``harms`` where it is at most minus the
    margin, else ``no_effect``."""
    values = np.asarray(effect, dtype=float)
    edge = margin - _ROUNDING
    return np.where(values >= edge, HELPS, np.where(values <= -edge, HARMS, NONE))


@dataclass(frozen=True)
class Summary:
    """How often the advice helps, and by how much.

    Attributes:
        helps, no_effect, harms: the shares of settings in which it gains at least the margin,
            makes no difference that matters, costs at least the margin.
        mean: of the effects over the settings, with Student's t interval.
    """

    helps: Share
    no_effect: Share
    harms: Share
    mean: Estimate


def summary(effect: ArrayLike, margin: float = MARGIN) -> Summary:
    """Shares and mean of the effects of independent settings.

    Raises:
        ConfigError: an effect is not finite.
    """
    values = np.asarray(effect, dtype=float)
    if not np.isfinite(values).all():
        raise ConfigError("effect", "a finite number in each setting", values)
    found = outcomes(values, margin)
    n = len(values)
    shares = [share(int((found == name).sum()), n) for name in (HELPS, NONE, HARMS)]
    return Summary(shares[0], shares[1], shares[2], t_interval(values))
