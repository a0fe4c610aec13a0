"""What the page's explorer shows of the grid: every cell with its runs, means and curves.

All statistics are done here, from stored runs; in the browser values of cells are averaged at
most. Shares are in per cent with three decimals, so that the page stays small.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.colors import to_hex, to_rgb

from study.analysis.effects import FACTORS, levels
from study.analysis.frames import Results, count_diverged
from study.figures import style
from study.figures.own import parts
from study.figures.own.grid_cells import (
    EXPERIMENT,
    METRIC,
    NAMES,
    by_cell,
    cell_of,
    cell_table,
    is_recommended,
    plain,
    rows_of,
)
from study.figures.own.grid_ranking import ranking
from study.records.cells import label as label_of
from study.records.cells import overrides_for
from study.records.record import RunSummary

ACCURACIES = (METRIC, "train_accuracy", "gap")
SEEDS_SHOWN = 20  # runs of a cell, a column each
SHADES = 33  # of the colour scale; neighbours differ by three accuracy points
# Luminance against which black and white text stand out alike, both by 4.58 to 1.
EQUAL_CONTRAST = 0.179
LINE_WIDTH = 2  # of the explorer's curves
DASHES = {"-": (), "--": (4, 2), "-.": (6, 2, 1.5, 2), ":": (1.5, 2)}  # in line widths


def explorer_data(results: Results) -> dict[str, Any]:
    """Factors with their levels, metrics, and all cells in the order of ``cell_table``.

    A cell has ``at`` (the number of its level of each factor), how many runs there are of each
    status, an ``Estimate`` for each of ``ACCURACIES``, ``runs`` (seed, test accuracy, train
    accuracy, gap, status; of ``seeds``) and ``curves`` (for each of ``ACCURACIES`` its mean over
    runs at each of ``epochs``). ``seeds`` are the first ``SEEDS_SHOWN`` of ``num_seeds``.
    """
    table = cell_table(results)
    runs = results.runs(EXPERIMENT)
    values = {factor: levels(table, factor) for factor in FACTORS}
    counted = dict(by_cell(count_diverged(runs)))
    seeds = sorted(int(seed) for seed in runs["seed"].unique())
    shown = seeds[:SEEDS_SHOWN]
    stored = dict(by_cell(runs[runs["seed"].isin(shown)]))
    curves = parts.accuracy_curves(results, EXPERIMENT)
    epochs = sorted(curves["epoch"].unique())
    curve_of = {cell: _curves(group, epochs) for cell, group in by_cell(curves)}
    cells = [
        {
            "at": [values[factor].index(row[factor]) for factor in FACTORS],
            **{name: row[name] for name in ("n", "completed", "diverged", "failed", *ACCURACIES)},
            "missing": missing,
            "runs": _runs(stored.get(cell_of(row)), counted.get(cell_of(row))),
            "curves": curve_of.get(cell_of(row)),
        }
        for row, missing in zip(rows_of(table), missing_runs(results, table), strict=True)
    ]
    records = results.of(EXPERIMENT)
    return {
        "factors": [
            {
                "id": factor,
                "name": NAMES[factor],
                "levels": [_level(factor, value, records) for value in values[factor]],
            }
            for factor in FACTORS
        ],
        "seeds": shown,
        "num_seeds": len(seeds),
        "epochs": [float(epoch) for epoch in epochs],
        "gaps": _gap_range(cells),
        "scale": colour_scale(),
        "cells": cells,
    }


def missing_runs(results: Results, table: pd.DataFrame) -> list[int]:
    """How many runs each cell of ``cell_table`` lacks: every cell should have every seed."""
    if not results.missing(EXPERIMENT):
        return [0] * len(table)
    seeds = results.runs(EXPERIMENT)["seed"].nunique()
    present = table["completed"] + table["diverged"] + table["failed"]
    return [max(seeds - int(count), 0) for count in present]


def ranking_data(results: Results) -> list[dict[str, Any]]:
    """The rows of ``ranking`` with ``recommended``, ``missing``, and ``cell``, its number."""
    table = cell_table(results)
    number = {cell_of(row): index for index, row in enumerate(rows_of(table))}
    missing = missing_runs(results, table)
    return [
        row
        | {
            "cell": number[cell_of(row)],
            "missing": missing[number[cell_of(row)]],
            "recommended": is_recommended(cell_of(row)),
        }
        for row in rows_of(ranking(results))
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
    """Mean over runs of each of ``ACCURACIES`` at each of ``epochs``."""
    means = group.groupby("epoch")[list(ACCURACIES)].mean().reindex(list(epochs))
    return [[per_cent(value) for value in means[name]] for name in ACCURACIES]


def _gap_range(cells: Iterable[Mapping[str, Any]]) -> tuple[float, float]:
    """Whole fives of points around all gaps, at the end and on the way there."""
    gaps = [100 * cell["gap"].mean for cell in cells]
    gaps += [
        gap for cell in cells if cell["curves"] for gap in cell["curves"][2] if gap is not None
    ]
    finite = [gap for gap in gaps if math.isfinite(gap)] or [0.0]
    low, high = 5 * math.floor(min(0.0, *finite) / 5), 5 * math.ceil(max(5.0, *finite) / 5)
    return float(low), float(high)


def _level(factor: str, value: Any, records: Iterable[RunSummary]) -> dict[str, Any]:
    """A level with its colour, its dashes, and the overrides that choose it."""
    numeric = not isinstance(value, str)
    thing = ("on" if value else "off") if numeric else value
    line = style.line_style(thing)
    dashes = line[1] if isinstance(line, tuple) else DASHES.get(line, ())
    return {
        "value": value,
        "colour": style.colour(thing),
        "dashes": " ".join(f"{LINE_WIDTH * length:g}" for length in dashes),
        "words": _init_words(value, records) if factor == "init" else [f"{factor}={_typed(value)}"],
    }


def _typed(value: Any) -> str:
    """A level as it is typed on the command line."""
    return {"on": "true", "off": "false"}.get(plain(value), plain(value))


def _init_words(label: str, records: Iterable[RunSummary]) -> list[str]:
    """The overrides of an initial value."""
    for record in records:
        if label_of(record.config["init"]) == label:
            return overrides_for("init", record.config)
    return [f"init={label}"]
