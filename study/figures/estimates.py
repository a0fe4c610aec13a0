"""From rows to what is drawn of them: a mean with its interval for each cell, and counts."""

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.intervals import Estimate, log_t_interval, t_interval
from study.figures import rows
from study.figures.plot import METRIC, Plot
from study.records.cells import CELL


def estimates(plot: Plot, found: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """``estimate``, ``runs`` and ``diverged`` of each combination of ``plot.keys`` and measure.

    In the order in which it is drawn. The counts are of the runs of that combination, also of
    those without a value; a combination without any value has a row without one.
    """
    interval = log_t_interval if plot.log("y") else t_interval
    keys = list(dict.fromkeys([*plot.keys, METRIC]))
    groups = found.groupby(keys, dropna=False, sort=False)["value"]
    cells = [(*key, interval(values.to_numpy())) for key, values in groups]
    table = pd.DataFrame(cells, columns=[*keys, "estimate"])
    own = [key for key in keys if key in CELL]
    counts = counted(runs, own)
    if len(own) == len(keys) - 1:  # runs themselves: those without a value have a place, too
        names = pd.DataFrame({METRIC: [measure.name for measure in plot.y]})
        every = counts[own].merge(names, how="cross")
        # types of columns without any row are no types to merge on
        table = every.merge(table, on=keys, how="left") if len(table) else every.assign(estimate=0)
        nothing = interval([])
        known = [each if isinstance(each, Estimate) else nothing for each in table["estimate"]]
        table["estimate"] = pd.Series(known, index=table.index, dtype=object)
    if table.empty:
        return table.assign(runs=pd.Series(dtype=int), diverged=pd.Series(dtype=int))
    table = table.merge(counts, on=own, how="left") if own else table.merge(counts, how="cross")
    for key in reversed(keys):  # stable: the first key counts most
        order = rows.levels(plot, runs if key in own else table, key)
        place_of = {_hashable(value): place for place, value in enumerate(order)}
        places = np.array([place_of[_hashable(value)] for value in table[key]])
        table = table.iloc[np.argsort(places, kind="stable")]
    return table.reset_index(drop=True)


def _hashable(value: Any) -> Hashable:
    return None if value is None or value is pd.NA or value != value else value


def counted(runs: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """How many runs there are and how many diverged, by the columns ``by``."""
    lost = runs.assign(lost=runs["status"] == "diverged")
    if not by:
        return pd.DataFrame({"runs": [len(runs)], "diverged": [int(lost["lost"].sum())]})
    groups = lost.groupby(list(by), dropna=False, sort=False)["lost"]
    return groups.agg(runs="size", diverged="sum").reset_index()


def lines_of(plot: Plot) -> list[str]:
    """The keys that one line has a value of each: all but x, and the measure."""
    return list(dict.fromkeys([*(key for key in plot.keys if key != plot.x), METRIC]))


def best(plot: Plot, cells: pd.DataFrame) -> pd.DataFrame:
    """The cell of each line with the best mean, where just one has it."""
    means = np.array([estimate.mean for estimate in cells["estimate"]], float)
    sign = -1 if plot.y[0].name.endswith("loss") or plot.y[0].name == "gap" else 1
    table = cells.assign(mean=sign * means)
    top = table.groupby(lines_of(plot), dropna=False)["mean"].transform("max")
    one = (table["mean"] == top).groupby([table[k] for k in lines_of(plot)], dropna=False)
    return cells[(table["mean"] == top) & (one.transform("sum") == 1)]
