"""Factorial arithmetic: what each factor of a grid does, and what two of them do together.

Everything is paired: runs are compared within a *block*, the runs that share the seed and every
factor but those under study. A block that lacks a run is left out whole, and with it its seed where
other seeds have that block, so that missing cells cannot pass for an effect. The grid is fixed and
only seeds are drawn at random: an estimate is the mean over the blocks of each seed, with Student's
t interval over the seeds (none for a single one).

The frames are those of ``frames.runs_frame``, with diverged runs counted (``count_diverged``).
"""

import math
from collections.abc import Hashable, Sequence
from typing import Any

import pandas as pd

from study.analysis.intervals import Estimate, t_interval

GRAND_MEAN = "mean of all"


def levels(frame: pd.DataFrame, factor: str) -> list[Any]:
    """Values of ``factor``: names in order of first appearance, numbers by size; None last.

    Names that are numbers, but for one such as ``full``, go by size, too.
    """
    found = list(pd.unique(frame[factor]))
    values = [value for value in found if not pd.isna(value)]
    texts = [value for value in values if isinstance(value, str)]
    if not texts:
        values.sort()
    elif sum(text.isdecimal() for text in texts) >= max(len(texts) - 1, 1):
        values.sort(key=lambda text: int(text) if text.isdecimal() else math.inf)
    return values + [None] * (len(values) < len(found))


def compared(frame: pd.DataFrame, factor: str) -> list[Any]:
    """The levels of ``factor`` that can be compared: without None, which is no level of it."""
    return [level for level in levels(frame, factor) if level is not None]


def is_switch(values: Sequence[Any]) -> bool:
    """Whether a factor has just an off (False, 0) and an on."""
    numbers = not any(value is None or isinstance(value, str) for value in values)
    return len(values) == 2 and numbers and min(values) == 0


def blocks(
    frame: pd.DataFrame, metric: str, factor: str | Sequence[str], factors: Sequence[str]
) -> pd.DataFrame:  # fmt: skip
    """The complete blocks of the complete seeds.

    Args:
        frame: one row for each run.
        metric: its column.
        factor: the factor or factors that vary within a block.
        factors: all factors of the grid.

    Returns:
        Values of ``metric``: a row for each block, a column for each level (or combination of
        levels); the index holds the remaining factors and the seed.
    """
    varied = [factor] if isinstance(factor, str) else list(factor)
    others = [name for name in factors if name not in varied]
    if frame.empty:
        return pd.DataFrame()
    wide = frame.assign(**{name: _known(frame[name]) for name in others}).pivot_table(
        index=[*others, "seed"], columns=varied, values=metric
    )
    # A combination that no run has is missing from every block.
    every = pd.MultiIndex.from_product([compared(frame, name) for name in varied], names=varied)
    wide = wide.reindex(columns=every.get_level_values(0) if len(varied) == 1 else every)
    wide = wide[wide.notna().all(axis=1)]
    return wide[wide.index.get_level_values("seed").isin(complete_seeds(wide.index))]


def _known(column: pd.Series) -> pd.Series:
    """The column, or the number of each level where some runs have none: that is one, too."""
    return pd.Series(pd.factorize(column)[0], column.index) if column.hasnans else column


def complete_seeds(blocks: pd.Index) -> list[Hashable]:
    """The seeds that have every block that any seed has; ``seed`` is a level of the index."""
    table = blocks.to_frame(index=False)
    cells = [name for name in table.columns if name != "seed"]
    count = table.groupby("seed").size()
    every = len(table[cells].drop_duplicates()) if cells else 1
    return count.index[count == every].tolist()


def over_seeds(values: pd.Series) -> Estimate:
    """Mean over the blocks of each seed, then over the complete seeds, with its t interval.

    ``values`` has the index of ``blocks``.
    """
    kept = values[values.index.get_level_values("seed").isin(complete_seeds(values.index))]
    return t_interval(kept.groupby(level="seed").mean())


def main_effects(frame: pd.DataFrame, metric: str, factors: Sequence[str]) -> pd.DataFrame:
    """What each factor does to ``metric``, averaged over all others.

    Returns:
        Columns ``factor``, ``level``, ``against``, ``mean`` and ``effect`` (``Estimate``), and
        ``blocks``, how many paired comparisons there are. A switch has one row, on against off;
        another factor a row for each level, against the mean over its levels. A factor that does
        not vary, or never within a block, has none.
    """
    rows: list[dict[str, Any]] = []
    for factor in factors:
        values = compared(frame, factor)
        if len(values) < 2:
            continue
        wide = blocks(frame, metric, factor, factors)
        if wide.empty:
            continue
        if is_switch(values):
            pairs = [(values[1], values[0], wide[values[0]])]
        else:
            pairs = [(value, GRAND_MEAN, wide.mean(axis=1)) for value in values]
        rows += [
            {
                "factor": factor,
                "level": level,
                "against": against,
                "mean": over_seeds(wide[level]),
                "effect": over_seeds(wide[level] - reference),
                "blocks": len(wide),
            }
            for level, against, reference in pairs
        ]
    return pd.DataFrame(rows, columns=["factor", "level", "against", "mean", "effect", "blocks"])


def switch_effect(
    frame: pd.DataFrame, metric: str, switch: str, factors: Sequence[str]
) -> dict[str, Any] | None:
    """What a factor of two levels does to ``metric``.

    Returns:
        ``off``, ``on`` (its smaller and larger level), ``difference`` (on minus off), all
        ``Estimate`` over the same pairs, and ``blocks``, how many pairs; None where there is no
        pair.
    """
    settings = compared(frame, switch)
    wide = blocks(frame, metric, switch, factors)
    if len(settings) != 2 or wide.empty:
        return None
    return _compared(wide[settings[0]], wide[settings[1]])


def interaction(
    frame: pd.DataFrame, metric: str, factor: str, switch: str, factors: Sequence[str]
) -> pd.DataFrame:
    """What ``switch`` does at each level of ``factor``.

    Returns:
        Columns ``level``; ``off``, ``on``, ``difference`` and ``blocks``, as in
        ``switch_effect``, at this level; and ``interaction``, the difference at this level minus
        its mean over all levels, from the blocks that have them all. A level without pairs has no
        row.
    """
    columns = ["level", "off", "on", "difference", "blocks", "interaction"]
    all_levels = blocks(frame, metric, (switch, factor), factors)
    rows: list[dict[str, Any]] = []
    for level in compared(frame, factor):
        at_level = switch_effect(frame[frame[factor] == level], metric, switch, factors)
        if at_level is None:
            continue
        row: dict[str, Any] = {"level": level, "interaction": t_interval([])} | at_level
        if not all_levels.empty:
            off, on = compared(frame, switch)
            differences = all_levels[on] - all_levels[off]
            row["interaction"] = over_seeds(differences[level] - differences.mean(axis=1))
        rows.append(row)
    return pd.DataFrame(rows, columns=columns)


def spread_by(
    frame: pd.DataFrame, metric: str, factor: str, switch: str, factors: Sequence[str]
) -> dict[str, Any] | None:
    """How far apart the levels of ``factor`` lie (largest minus smallest), ``switch`` off and on.

    Returns:
        As ``switch_effect``; None where there is nothing to compare.
    """
    settings = compared(frame, switch)
    wide = blocks(frame, metric, (switch, factor), factors)
    if len(settings) != 2 or frame[factor].nunique() < 2 or wide.empty:
        return None
    off, on = (wide[setting].max(axis=1) - wide[setting].min(axis=1) for setting in settings)
    return _compared(off, on)


def _compared(off: pd.Series, on: pd.Series) -> dict[str, Any]:
    return {
        "off": over_seeds(off),
        "on": over_seeds(on),
        "difference": over_seeds(on - off),
        "blocks": len(on),
    }
