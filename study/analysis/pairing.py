"""Two sides of a comparison, seed by seed, so that what is missing cannot pass for an effect.

A *pair* is what agrees in the columns of ``paired_by``: a seed, or a seed and further columns. In a
pair each side is one run, or several that a reduction makes one number of; its levels are the same
for every seed. Nothing is averaged unasked: two different cells of one side in one pair are an
error. The pairs of one seed are averaged last (``by_seed``), because the cells of a grid are fixed
and only seeds are drawn at random.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.declarations import RECOMMENDED, Part, Reduction, mask, recommended
from study.analysis.metrics import METRICS
from study.records.cells import CELL, COLUMNS

Key = tuple[Hashable, ...]
Values = dict[Key, Any]

_SPREADS: dict[str, Callable[[np.ndarray], Any]] = {
    "range": np.ptp,
    "sd": lambda values: values.std(ddof=1) if len(values) > 1 else math.nan,
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
    "regret": lambda values: values.max() - values.mean(),
    "difference": lambda values: values[1] - values[0] if len(values) == 2 else math.nan,
}


class MergedCells(ValueError):
    """Two different cells of one side are in the same pair.

    Attributes:
        columns: in which they differ.
    """

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__(f"several cells in one pair: they differ in {', '.join(columns)}")
        self.columns = tuple(columns)


@dataclass
class Side:
    """One side of a comparison.

    Attributes:
        numbers: by pair; NaN where there is none.
        rows: the runs that its values come from: those of the chosen levels where it chooses.
        levels: what was chosen, each combination of values once; empty where nothing was.
        edge: whether a level is the smallest or the largest of a list of numbers.
    """

    numbers: Values
    rows: pd.DataFrame
    levels: list[Key] = field(default_factory=list)
    edge: bool = False


NUMBER = "cell"  # of the cell of a run, the same for all its seeds
FURTHER = (RECOMMENDED, NUMBER)


def prepared(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame of a metric with the columns ``FURTHER``, and None for what is not available.

    None equals itself, so that runs without a value are in the same pair.
    """
    further: dict[str, Any] = {name: _plain(frame[name]) for name in COLUMNS}
    further[NUMBER] = frame.groupby(list(CELL), dropna=False, sort=False).ngroup()
    further[RECOMMENDED] = mask(recommended(), frame)
    kept = {name: frame[name] for name in frame.columns if name not in further}
    # of a dictionary, which puts columns of one type together
    return pd.DataFrame(kept | further, index=frame.index)


def _plain(column: pd.Series) -> pd.Series:
    """Names, and what is missing in places, as objects: many rows are selected many times."""
    if not column.hasnans and column.dtype != "str":
        return column
    places, values = pd.factorize(column)
    found = np.array([*values.tolist(), None], object)[places]
    return pd.Series(found, column.index, dtype=object)


def selected(part: Part, frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each side; ``frame`` is ``prepared``."""
    both = mask(part.where, frame)
    return {name: frame[both & mask(side, frame)] for name, side in part.sides.items()}


def sides(
    part: Part, rows: Mapping[str, pd.DataFrame], chooser: Mapping[str, float]
) -> dict[str, Side]:
    """Each side's number for each pair.

    Args:
        rows: of each side, as ``selected``.
        chooser: by address, what a reduction with ``by`` chooses by; the higher the better.

    Raises:
        MergedCells: a side has several cells in one pair that no reduction tells apart.
    """
    reductions = {"treatment": part.reduce, "control": part.reduce_control}
    return {name: _side(part, own, reductions[name], chooser) for name, own in rows.items()}


def _side(
    part: Part, rows: pd.DataFrame, reduction: Reduction | None, chooser: Mapping[str, float]
) -> Side:
    over = reduction.over if reduction is not None else ()
    keys = _tuples(rows, part.paired_by)
    levels = _tuples(rows, over)
    _check_single(rows, list(zip(keys, levels, strict=True)))
    values = rows["value"].tolist()
    if reduction is None:
        return Side(dict(zip(keys, values, strict=True)), rows)
    table: dict[Key, dict[Key, Any]] = {}
    for key, level, value in zip(keys, levels, values, strict=True):
        table.setdefault(key, {})[level] = value
    if reduction.function in _SPREADS:
        spread = _SPREADS[reduction.function]
        return Side(
            {
                key: float(spread(np.array([own[level] for level in sorted(own, key=_orders)])))
                for key, own in table.items()
            },
            rows,
        )
    return _chosen(part, rows, reduction, table, chooser)


def _check_single(rows: pd.DataFrame, places: list[Key]) -> None:
    """Raise MergedCells unless each place has one run."""
    if len(set(places)) == len(places):
        return
    first: dict[Key, Key] = {}
    differing: set[str] = set()
    for place, cell in zip(places, _tuples(rows, [*COLUMNS, "address"]), strict=True):
        other = first.setdefault(place, cell)
        if other is not cell:
            differing |= {
                name
                for name, one, two in zip(COLUMNS, other, cell, strict=False)
                if _order(one) != _order(two)
            } or {"address"}
    if differing:
        raise MergedCells([name for name in (*COLUMNS, "address") if name in differing])


def lacking(rows: pd.DataFrame) -> int:
    """How many runs are lacking for every seed to have the same cells.

    A mean over the cells of a seed that lacks one would be another mean.
    """
    there = rows[["seed", NUMBER]].drop_duplicates()
    return int(there["seed"].nunique() * there[NUMBER].nunique()) - len(there)


def _chosen(
    part: Part,
    rows: pd.DataFrame,
    reduction: Reduction,
    table: Mapping[Key, Mapping[Key, float]],
    chooser: Mapping[str, float],
) -> Side:
    """The value at the level with the best mean over the seeds, for each group of pairs.

    Pairs of one *group* differ in the seed only. The mean is that of ``by`` on the validation
    samples, or, held out, of the metric itself over the other seeds. Of equal levels the first
    counts; a level without a number for some seed is not chosen.
    """
    if reduction.by is None:
        judges: Mapping[Key, Mapping[Key, float]] = table
        highest = not METRICS[part.metric].lower_is_better
    else:
        found: dict[Key, dict[Key, float]] = {}
        keys, levels = _tuples(rows, part.paired_by), _tuples(rows, reduction.over)
        for key, level, address in zip(keys, levels, rows["address"], strict=True):
            found.setdefault(key, {})[level] = chooser.get(address, math.nan)
        judges, highest = found, True
    if reduction.function == "worst":
        highest = not highest
    seed = part.paired_by.index("seed")
    groups: dict[Key, list[Key]] = {}
    for key in table:
        groups.setdefault(key[:seed] + key[seed + 1 :], []).append(key)
    values: Values = {}
    choice: dict[Key, Key] = {}
    for members in groups.values():
        for key in members:
            others = [other for other in members if not (reduction.held_out and other == key)]
            choice[key] = _best(table[key], [judges[other] for other in others], highest)
            values[key] = table[key].get(choice[key], math.nan)
    kept = [
        choice[key] == level
        for key, level in zip(
            _tuples(rows, part.paired_by), _tuples(rows, reduction.over), strict=True
        )
    ]
    taken = sorted(set(choice.values()) - {()}, key=_orders)
    every = sorted({level for own in table.values() for level in own}, key=_orders)
    ends = {every[0], every[-1]} if len(every) > 2 and _is_scale(every) else set()
    return Side(values, rows[np.array(kept, bool)], taken, bool(ends & set(taken)))


def _best(levels: Iterable[Key], judges: Sequence[Mapping[Key, float]], highest: bool) -> Key:
    """The level with the best mean over ``judges``; the empty one where there is none."""
    means = {
        level: float(np.mean([judge.get(level, math.nan) for judge in judges]))
        for level in sorted(levels, key=_orders)
        if judges
    }
    known = {level: mean for level, mean in means.items() if not math.isnan(mean)}
    if not known:
        return ()
    return (max if highest else min)(known, key=known.__getitem__)


def _is_scale(levels: Iterable[Key]) -> bool:
    """Whether levels are numbers of one column, so that there is something beyond the last one."""
    return all(
        len(level) == 1 and isinstance(level[0], int | float) and not isinstance(level[0], bool)
        for level in levels
    )


def pairs(part: Part, own: Mapping[str, Side]) -> pd.DataFrame:
    """Columns ``paired_by``, ``treatment`` and ``control``, a row for each pair, NaN among them.

    Both sides of every pair that one of them has; of a part that compares with a constant, that is
    the control of every pair.
    """
    treatment = own["treatment"].numbers
    if part.control is None:
        rows = [[*key, value, part.against] for key, value in treatment.items()]
    else:
        control = own["control"].numbers
        match = METRICS[part.metric].match
        rows = []
        for key in dict.fromkeys([*treatment, *control]):
            both = treatment.get(key, math.nan), control.get(key, math.nan)
            if match is not None:
                known = key in treatment and key in control
                both = match(*both) if known else (math.nan, math.nan)
            rows.append([*key, *both])
    rows.sort(key=lambda row: _orders(tuple(row[: len(part.paired_by)])))
    table = pd.DataFrame(rows, columns=[*part.paired_by, "treatment", "control"])
    return table.astype({"treatment": float, "control": float})


def by_seed(part: Part, table: pd.DataFrame) -> pd.DataFrame:
    """Means over the pairs of each seed: columns ``seed`` and the numbers of ``table``.

    A seed that lacks a number in one of its pairs has none.
    """
    numbers = [name for name in table.columns if name not in part.paired_by]
    means = table.groupby("seed", sort=True)[numbers].mean()
    complete = table[numbers].notna().groupby(table["seed"], sort=True).all()
    return means.where(complete).reset_index()


def _tuples(rows: pd.DataFrame, columns: Sequence[str]) -> list[Key]:
    """Rows as tuples."""
    lists = [rows[name].tolist() for name in columns]
    return list(zip(*lists, strict=True)) if lists else [()] * len(rows)


def _order(value: Any) -> tuple[bool, bool, Any]:
    """Sorts numbers by size, then names, then what is not available."""
    return value is None, isinstance(value, str), 0 if value is None else value


def _orders(level: Key) -> list[tuple[bool, bool, Any]]:
    return [_order(value) for value in level]
