"""``cells``: a heat map of two columns, in panels by all others that vary; every cell by itself."""

from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.declarations import EVERYTHING
from study.analysis.effects import is_switch
from study.analysis.findings import Measured
from study.analysis.grid import OUTCOMES, Grid
from study.analysis.intervals import Estimate, t_interval
from study.analysis.reading import Node, is_number
from study.figures import rows
from study.figures.labels import english
from study.figures.levels import factor_name, typed_cell
from study.figures.plot import METRIC, Plot, Summary
from study.records.cells import CELL, SWITCHES

REQUIRED = ("y",)
OPTIONAL = ("x", "down")
COLUMNS = ("down",)  # of the heat maps: what their rows are
ROWS = (rows.RUNS,)
FACTS = (
    "unit", "x", "y", "cells", "empty", "runs", "diverged", "highest", "highest_at", "lowest",
    "lowest_at", "above", "above_on", "above_off", "cells_on", "cells_off",
)  # fmt: skip
ACROSS = 8  # columns of heat maps beside each other that still have room for their numbers


def level(node: Node, plot: Plot) -> dict[str, Any]:
    """``{level: 0.5}``: how many cells are above; ``{level: {at: 0.5, by: batchnorm}}``: and by a
    switch, how many with it on and off.
    """
    if not isinstance(node.value, dict):
        node.check("a number", is_number(node.value))
        return {"at": float(node.value), "by": None}
    node.keys(("at",), ("by",))
    node.get("at").check("a number", is_number(node.value["at"]))
    by = node.get("by")
    by.check("a column that is on or off", by.value is None or by.value in CELL, SWITCHES)
    return {"at": float(node.value["at"]), "by": by.value}


MARKS = {"level": level}


def check(node: Node, plot: Plot) -> Plot:
    """One number of one experiment; its cells are taken apart in all columns there are."""
    node.get("experiment").check("one experiment", len(plot.experiments) == 1)
    node.get("y").check("one number", len(plot.y) == 1)
    return replace(plot, options={**plot.options, "by": CELL})


def summarise(plot: Plot, measured: Measured) -> Summary:
    """Every cell in the order of the grid, and where it is drawn."""
    grid = grid_of(plot, measured)
    measure = plot.y[0]
    frame = measured.metric(grid.experiment, measure.name, measure.options)
    found = grid.estimates(frame[frame["value"].notna()], "value")
    cells = pd.DataFrame(
        [
            {
                **{factor: row[factor] for factor in grid.factors},
                METRIC: measure.name,
                "estimate": found.get(grid.cell_of(row), t_interval([])),
                "runs": row["n"],
                **{name: row[name] for name in OUTCOMES},
            }
            for row in grid.cells
        ],
        columns=[*grid.factors, METRIC, "estimate", "runs", *OUTCOMES],
        dtype=object,
    )
    places = _places(plot, grid)
    data = {**places, "numbered": plot.where == EVERYTHING}
    return Summary(plot, cells, _table(plot, cells, grid), _facts(plot, cells, grid, places), data)


def grid_of(plot: Plot, measured: Measured) -> Grid:
    """The cells that a plot of one experiment shows."""
    (experiment,) = plot.experiments
    where = rows.resolved(plot.where, measured.runs(experiment))
    return Grid(measured.results, experiment, where=where)


def _places(plot: Plot, grid: Grid) -> dict[str, Any]:
    """The factor of the columns of each heat map (``x``), of its rows, of the columns of panels.

    As declared; those left open are the next factors that vary. All others are in ``rest``, whose
    combinations are the rows of panels. Each with ``levels``.
    """
    row, column = plot.panel
    declared = [plot.x, plot.options.get("down"), row, column]
    free = [factor for factor in grid.factors if factor not in declared]

    def place(name: str | None) -> str | None:
        if name is None and free:
            return free.pop(0)
        return name if name in grid.factors else None

    down = place(plot.options.get("down"))
    x = place(plot.x)
    if x is None:
        x, down = down, None
    if column is None and free:
        width = len(grid.levels[str(x)])
        fits = [f for f in free if width * len(grid.levels[f]) <= ACROSS]
        column = fits[0] if fits else None
    column = column if column in grid.factors else None
    rest = [f for f in grid.factors if f not in (x, down, column)]
    rest.sort(key=lambda factor: factor != row)
    return {
        "x": x, "down": down, "column": column, "rest": rest, "levels": grid.levels,
        "settings": list(product(*(grid.levels[factor] for factor in rest))),
    }  # fmt: skip


def _table(plot: Plot, cells: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    (measure,) = plot.y
    numbers = cells[["runs", *OUTCOMES]].astype(int).rename(columns={"runs": "n"})
    table = pd.concat([cells[list(grid.factors)], numbers], axis=1).rename(columns=factor_name)
    return table.assign(**{measure.label.get("en", english(measure.name)): cells["estimate"]})


def _facts(plot: Plot, cells: pd.DataFrame, grid: Grid, places: dict[str, Any]) -> dict[str, Any]:
    """What is highest and lowest; how many cells ran, and how many are above the marked level."""
    ran = cells[[np.isfinite(estimate.mean) for estimate in cells["estimate"]]]
    facts: dict[str, Any] = {
        "unit": plot.y[0].unit,
        "y": english(plot.y[0].name),
        "x": factor_name(places["x"]) if places["x"] else "–",
        "cells": len(ran),
        "empty": len(cells) - len(ran),
        "runs": int(cells["runs"].sum()),
        "diverged": int(cells["diverged"].sum()),
    }
    if ran.empty:
        return facts
    means = np.array([estimate.mean for estimate in ran["estimate"]])
    for name, index in (("highest", means.argmax()), ("lowest", means.argmin())):
        row = {str(key): value for key, value in ran.iloc[int(index)].items()}
        estimate: Estimate = row["estimate"]
        facts |= {name: estimate, f"{name}_at": typed_cell(row, grid)}
    mark = plot.mark("level")
    if mark is None:
        return facts
    above = means > mark.options["at"]
    facts["above"] = int(above.sum())
    by = mark.options["by"]
    if by in grid.factors and is_switch(grid.levels[by]):
        on = ran[by].to_numpy(bool)
        for name, side in (("on", on), ("off", ~on)):
            facts |= {f"above_{name}": int((above & side).sum()), f"cells_{name}": int(side.sum())}
    return facts
