"""What the page's explorer shows of a grid: every cell with its runs, means and curves.

All statistics are done here, from stored runs; in the browser values of cells are averaged at
most. Shares are in per cent with three decimals, so that the page stays small.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.colors import to_hex, to_rgb

from study.analysis.grid import ACCURACIES, OUTCOMES, Grid
from study.figures.levels import factor_name, typed
from study.figures.looks import Look, looks
from study.records.cells import COLUMNS, overrides_for

SEEDS_SHOWN = 20  # runs of a cell, a column each
SHADES = 33  # of the colour scale; neighbours differ by three accuracy points
# Luminance against which black and white text stand out alike, both by 4.58 to 1.
EQUAL_CONTRAST = 0.179
LINE_WIDTH = 2  # of the explorer's curves
DASHES = {"-": (), "--": (4, 2), "-.": (6, 2, 1.5, 2), ":": (1.5, 2)}  # in line widths


def explorer_data(grid: Grid) -> dict[str, Any]:
    """Factors with their levels, metrics, and all cells in the order of ``Grid.cells``.

    A cell has ``at`` (the number of its level of each factor), how many runs there are of each
    status, an ``Estimate`` for each of ``ACCURACIES``, ``runs`` (seed, test accuracy, train
    accuracy, gap, status; of ``seeds``) and ``curves`` (for each of ``ACCURACIES`` its mean over
    runs at each of ``epochs``). ``seeds`` are the first ``SEEDS_SHOWN`` of ``num_seeds``.
    """
    runs = grid.runs
    counted = dict(grid.by_cell(grid.counted))
    seeds = sorted(int(seed) for seed in runs["seed"].unique())
    shown = seeds[:SEEDS_SHOWN]
    stored = dict(grid.by_cell(runs[runs["seed"].isin(shown)]))
    epochs = sorted(grid.curves["epoch"].unique())
    curve_of = {cell: _curves(group, epochs) for cell, group in grid.by_cell(grid.curves)}
    cells = []
    for row in grid.cells:
        cell = grid.cell_of(row)
        cells.append(
            {
                "at": [grid.levels[factor].index(row[factor]) for factor in grid.factors],
                **{name: row[name] for name in ("n", *OUTCOMES, "missing", *ACCURACIES)},
                "runs": _runs(stored.get(cell), counted.get(cell)),
                "curves": curve_of.get(cell),
            }
        )
    return {
        "factors": [
            {"id": factor, "name": factor_name(factor), "levels": _levels(grid, factor)}
            for factor in grid.factors
        ],
        "seeds": shown,
        "num_seeds": len(seeds),
        "epochs": [float(epoch) for epoch in epochs],
        "gaps": _gap_range(cells),
        "scale": colour_scale(),
        "cells": cells,
    }


def ranking_data(grid: Grid) -> list[dict[str, Any]]:
    """The rows of ``Grid.ranking`` with ``recommended`` and ``cell``, its number."""
    return [
        row | {"cell": grid.number[grid.cell_of(row)], "recommended": grid.is_recommended(row)}
        for row in grid.ranking
    ]


def colour_scale() -> list[tuple[str, str]]:
    """Viridis from low to high as pairs: a colour, and black or white for text on it."""
    colours = [to_hex(mpl.colormaps["viridis"](i / (SHADES - 1))) for i in range(SHADES)]
    return [
        (colour, "#000" if _luminance(colour) > EQUAL_CONTRAST else "#fff") for colour in colours
    ]


def _luminance(colour: str) -> float:
    """Relative luminance of WCAG 2."""
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def per_cent(value: float) -> float | None:
    """A share as per cent with three decimals; None where it is not known."""
    return round(100 * float(value), 3) if math.isfinite(value) else None


def _runs(stored: pd.DataFrame | None, counted: pd.DataFrame | None) -> list[list[Any]]:
    """Seed, accuracies and status of each run of a cell; a failed run has no accuracies."""
    if stored is None:
        return []
    rows = stored.sort_values("seed", kind="stable")
    known = stored.iloc[:0] if counted is None else counted
    found = known.set_index("address")[list(ACCURACIES)].reindex(rows["address"]).astype(float)
    return [
        [int(seed), *map(per_cent, accuracies), str(status)]
        for seed, status, accuracies in zip(
            rows["seed"], rows["status"], found.to_numpy(), strict=True
        )
    ]


def _curves(group: pd.DataFrame, epochs: Sequence[float]) -> list[list[float | None]]:
    """Mean over runs of each of ``ACCURACIES`` at each of ``epochs``.

    Between the moments of the cell's own, which are others where batch sizes differ, on the line
    from one to the next; None after its end.
    """
    means = group.groupby("epoch")[list(ACCURACIES)].mean()
    return [
        [
            per_cent(value)
            for value in np.interp(epochs, means.index, means[name], left=np.nan, right=np.nan)
        ]
        for name in ACCURACIES
    ]


def _gap_range(cells: Iterable[Mapping[str, Any]]) -> tuple[float, float]:
    """Whole fives of points around all gaps, at the end and on the way there."""
    gaps = [100 * cell["gap"].mean for cell in cells]
    gaps += [
        gap for cell in cells if cell["curves"] for gap in cell["curves"][2] if gap is not None
    ]
    finite = [gap for gap in gaps if math.isfinite(gap)] or [0.0]
    low, high = 5 * math.floor(min(0.0, *finite) / 5), 5 * math.ceil(max(5.0, *finite) / 5)
    return float(low), float(high)


def _levels(grid: Grid, factor: str) -> list[dict[str, Any]]:
    """The levels of a factor, each with colour, dashes, and the overrides that choose it."""
    own = grid.levels[factor]
    styles = looks(factor, own)
    words = _overrides(grid, factor)
    return [
        {
            "value": level,
            "colour": styles[level].colour,
            "dashes": _dashes(styles[level]),
            "words": words[level],
        }
        for level in own
    ]


def _dashes(look: Look) -> str:
    lengths = look.line[1] if isinstance(look.line, tuple) else DASHES.get(look.line, ())
    return " ".join(f"{LINE_WIDTH * length:g}" for length in lengths)


def _overrides(grid: Grid, factor: str) -> dict[Any, list[str]]:
    """By level, the overrides that choose it, as of the first run that has it."""
    # Depth or width alone do not say all widths of a network.
    shape = {"depth", "width"} <= set(grid.factors)
    key = factor if shape and factor in ("depth", "width") else COLUMNS[factor].key
    first = grid.runs.drop_duplicates(factor)
    found: dict[Any, list[str]] = {}
    for level, address in zip(first[factor], first["address"], strict=True):
        own = None if pd.isna(level) else level
        short = not (own is None or isinstance(own, str) or key == "hidden")
        config = grid.results.records[address].config
        found[own] = [f"{key}={typed(own)}"] if short else overrides_for(factor, config)
    return found
