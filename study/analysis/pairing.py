"""Two sides of a comparison, pair by pair, so that what is missing cannot pass for an effect.

A *pair* is what agrees in the columns of ``paired_by``, most often a seed. A side may have several
runs in a pair: they are reduced to one number, or averaged. A pair counts only if both sides have
all the cells there that they have for any other seed: the mean over a side that lacks its worst
cell would be too good.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.declarations import RECOMMENDED, Part, Reduction, mask
from study.analysis.metrics import METRICS
from study.analysis.recipe import is_recommended
from study.errors import StudyError
from study.records.cells import COLUMNS

Key = tuple[Hashable, ...]
Cells = dict[Key, Any]  # what a side has in one pair: values by cell

_SPREADS: dict[str, Callable[[np.ndarray], Any]] = {
    "range": np.ptp,
    "sd": lambda values: values.std(ddof=1) if len(values) > 1 else math.nan,
    "mean": np.mean,
    "max": np.max,
    "min": np.min,
    "regret": lambda values: values.max() - values.mean(),
    "difference": lambda values: values[1] - values[0] if len(values) == 2 else math.nan,
}


def prepared(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame of a metric with the column ``recommended``, and None for what is not available.

    None equals itself, so that runs without a value are in the same pair.
    """
    recipe = ["activation", "init", "batchnorm", "dropout", "weight_decay"]
    configs = list(zip(*(frame[name].tolist() for name in recipe), strict=True))
    follows = {config: is_recommended(dict(zip(recipe, config, strict=True))) for config in configs}
    plain = {
        name: frame[name].astype(object).where(frame[name].notna(), None)
        for name in COLUMNS
        if frame[name].hasnans
    }
    recommended = np.array([follows[config] for config in configs], bool)
    return frame.assign(**plain, **{RECOMMENDED: recommended})


def selected(part: Part, frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows of each side; ``frame`` is ``prepared``."""
    both = mask(part.where, frame)
    return {name: frame[both & mask(side, frame)] for name, side in part.sides.items()}


def pairs(part: Part, sides: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Columns ``paired_by``, ``treatment`` and ``control``, a row for each complete pair.

    Args:
        sides: rows of a metric for ``treatment``, and for ``control`` unless the part compares
            with a constant, which is then the control of every pair.

    Returns:
        Finite numbers only; rows in the order of their keys.
    """
    grouped = {name: _by_group(part, rows) for name, rows in sides.items()}
    rows: list[list[Any]] = []
    for group, treated in grouped["treatment"].items():
        if any(group not in groups for groups in grouped.values()):
            continue
        own = {name: grouped[name][group] for name in grouped} | {"treatment": treated}
        rows += _pairs_of_group(part, own)
    rows.sort(key=lambda row: [_order(value) for value in row[: len(part.paired_by)]])
    rows = [row for row in rows if np.isfinite(row[-2:]).all()]
    table = pd.DataFrame(rows, columns=[*part.paired_by, "treatment", "control"])
    return table.astype({"treatment": float, "control": float})


def _by_group(part: Part, rows: pd.DataFrame) -> dict[Key, dict[Key, Cells]]:
    """What a side has in each pair; rows without a number are not there.

    Pairs of one *group* differ in the seed only, and should have the same cells.
    """
    if METRICS[part.metric].match is None:
        rows = rows[np.isfinite(rows["value"].to_numpy(float))]
    keys = _tuples(rows, part.paired_by)
    groups = _tuples(rows, [name for name in part.paired_by if name != "seed"])
    cells = _tuples(rows, _cell_columns(part))
    found: dict[Key, dict[Key, Cells]] = {}
    addresses: dict[tuple[Key, Key], str] = {}
    for group, key, cell, value, address in zip(
        groups, keys, cells, rows["value"].tolist(), rows["address"].tolist(), strict=True
    ):
        own = found.setdefault(group, {}).setdefault(key, {})
        if cell in own:
            other = addresses[key, cell]
            raise StudyError(
                f"runs {other} and {address} of experiment {part.experiment!r} do not differ in"
                " any column: to compare them they need one (study/records/cells.py)"
            )
        own[cell], addresses[key, cell] = value, address
    return found


def _cell_columns(part: Part) -> list[str]:
    """What tells the runs of one side of a pair from each other."""
    return [name for name in (*COLUMNS, RECOMMENDED) if name not in part.paired_by]


def _tuples(rows: pd.DataFrame, columns: Sequence[str]) -> list[Key]:
    """Rows as tuples."""
    lists = [rows[name].tolist() for name in columns]
    return list(zip(*lists, strict=True)) if lists else [()] * len(rows)


def _pairs_of_group(part: Part, sides: Mapping[str, dict[Key, Cells]]) -> list[list[Any]]:
    """Key, treatment and control of each complete pair."""
    reductions = {"treatment": part.reduce, "control": part.reduce_control}
    chosen = _common_levels(part, sides)
    values = {
        name: _reduced(part, _complete(cells), reductions[name]) for name, cells in chosen.items()
    }
    if part.control is None:
        return [[*key, value, part.against] for key, value in values["treatment"].items()]
    match = METRICS[part.metric].match
    rows = []
    for key, treatment in values["treatment"].items():
        if key in values["control"]:
            control = values["control"][key]
            both = (treatment, control) if match is None else _matched(match, treatment, control)
            rows.append([*key, *both])
    return rows


def _common_levels(
    part: Part, sides: Mapping[str, dict[Key, Cells]]
) -> Mapping[str, dict[Key, Cells]]:
    """Only the levels of a reduction that every side has: a range over more levels is wider.

    Sides that are reduced over different columns keep all they have.
    """
    if len(sides) < 2 or part.reduce is None or part.reduce_control is None:
        return sides
    if part.reduce.over != part.reduce_control.over:
        return sides
    places = _places(part, part.reduce)
    common = set.intersection(
        *({_level(c, places) for cells in side.values() for c in cells} for side in sides.values())
    )
    return {
        name: {
            key: {c: value for c, value in cells.items() if _level(c, places) in common}
            for key, cells in side.items()
        }
        for name, side in sides.items()
    }


def _complete(cells_of: dict[Key, Cells]) -> dict[Key, Cells]:
    """The pairs in which this side has every cell that it has in any pair of the group."""
    every = set().union(*cells_of.values())
    return {key: cells for key, cells in cells_of.items() if len(cells) == len(every) > 0}


def _reduced(part: Part, cells_of: dict[Key, Cells], reduction: Reduction | None) -> dict[Key, Any]:
    """One number for each pair; a list of what is to be matched for a metric of two runs."""
    if METRICS[part.metric].match is not None:
        return {key: list(cells.values()) for key, cells in cells_of.items()}
    if reduction is None:
        return {key: float(np.mean(list(cells.values()))) for key, cells in cells_of.items()}
    places = _places(part, reduction)
    by_level = {key: _means(cells, places) for key, cells in cells_of.items()}
    if reduction.function in _SPREADS:
        spread = _SPREADS[reduction.function]
        return {
            key: float(spread(np.array([levels[level] for level in sorted(levels, key=_orders)])))
            for key, levels in by_level.items()
        }
    highest = (reduction.function == "best") != METRICS[part.metric].lower_is_better
    return _chosen(by_level, highest=highest, held_out=reduction.held_out)


def _chosen(
    by_level: Mapping[Key, Mapping[Key, float]], *, highest: bool, held_out: bool
) -> dict[Key, float]:
    """The value at the level with the highest (lowest) mean over all pairs of the group.

    With ``held_out`` over all others: a level is not chosen by the luck of the run that it is
    judged by. Of equal levels the first counts.
    """
    found = {}
    for key, own in by_level.items():
        judges = [levels for other, levels in by_level.items() if not (held_out and other == key)]
        if judges:
            levels = sorted(own, key=_orders)
            means = [np.mean([judge[level] for judge in judges]) for level in levels]
            found[key] = own[levels[int(np.argmax(means) if highest else np.argmin(means))]]
    return found


def _places(part: Part, reduction: Reduction) -> list[int]:
    """Where in a cell's tuple the columns of the reduction stand."""
    return [_cell_columns(part).index(name) for name in reduction.over]


def _level(cell: Key, places: Iterable[int]) -> Key:
    return tuple(cell[place] for place in places)


def _means(cells: Cells, places: Sequence[int]) -> dict[Key, float]:
    """Mean over the cells of each level."""
    values: dict[Key, list[float]] = {}
    for cell, value in cells.items():
        values.setdefault(_level(cell, places), []).append(value)
    return {level: float(np.mean(own)) for level, own in values.items()}


def _matched(
    match: Callable[[Any, Any], tuple[float, float]], treatment: list[Any], control: list[Any]
) -> tuple[float, float]:
    """Means over all combinations of the two sides' runs."""
    both = [match(one, other) for one, other in product(treatment, control)]
    return float(np.mean([one for one, _ in both])), float(np.mean([other for _, other in both]))


def _order(value: Any) -> tuple[bool, bool, Any]:
    """Sorts numbers by size, then names, then what is not available."""
    return value is None, isinstance(value, str), 0 if value is None else value


def _orders(level: Key) -> list[tuple[bool, bool, Any]]:
    return [_order(value) for value in level]
