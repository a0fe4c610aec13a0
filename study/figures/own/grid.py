"""The full grid, beyond the lecture: every initial value × activation × regulariser.

Here are its learning curves (G-d), and the list of its figures that are drawn by hand.
"""

from collections.abc import Sequence
from itertools import product
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.analysis.declarations import recommended
from study.analysis.frames import Results, once
from study.analysis.grid import Grid
from study.analysis.intervals import t_interval
from study.figures import style
from study.figures.levels import factor_name, setting
from study.figures.own.grid_cells import METRIC, diverged_text, known, nothing
from study.figures.own.grid_effects import (
    draw_interactions,
    facts_interactions,
    table_interactions,
)
from study.figures.own.grid_ranking import draw_ranking, facts_ranking, table_ranking
from study.figures.spec import FigureSpec
from study.figures.style import Translate
from study.records.cells import CELL

ROLES = ("recommended", "the same without batch norm", "all other cells")
PANELS = ("activation", "batchnorm")  # a row and a column of panels for each level, if they vary


@once
def _curves(grid: Grid) -> pd.DataFrame:
    """Learning curves with ``number`` and ``role`` of their cell; diverged runs at chance."""
    panels = [factor for factor in PANELS if factor in grid.factors]
    kept = [*panels, "seed", "step", "epoch", METRIC]  # of many runs each column counts
    parts = [
        rows[kept].assign(
            number=number, role=_role(grid, dict(zip(grid.factors, cell, strict=True)))
        )
        for number, (cell, rows) in enumerate(grid.by_cell(grid.curves))
    ]
    return pd.concat(parts) if parts else grid.curves.assign(number=0, role="")


def _role(grid: Grid, cell: dict[str, Any]) -> str:
    if grid.is_recommended(cell):
        return ROLES[0]
    return ROLES[1] if grid.is_recommended(cell, batchnorm=True) else ROLES[2]


def _panels(grid: Grid) -> list[tuple[list[Any], list[Any]]]:
    """For rows and columns of panels: the factor, if it varies, and its levels."""
    return [
        ([factor], grid.levels[factor]) if factor in grid.factors else ([], [None])
        for factor in PANELS
    ]


def _inside(frame: pd.DataFrame, factors: list[str], levels: tuple[Any, ...]) -> pd.DataFrame:
    """The rows of a panel."""
    chosen = pd.Series(True, frame.index)
    for factor, level in zip(factors, levels, strict=True):
        chosen &= frame[factor] == level
    return frame[chosen]


def draw_curves(grid: Grid, tr: Translate) -> Figure:
    """Every cell's mean curve in faint ink, the recommended ones in colour."""
    curves = _curves(grid)
    if curves.empty:
        return nothing(tr)
    (down, rows), (across, columns) = _panels(grid)
    figure, places = style.new_figure(
        len(rows), len(columns), height=0.8 + 1.9 * len(rows), sharex=True, sharey=True
    )
    ink = mpl.rcParams["text.color"]
    looks: dict[str, dict[str, Any]] = {
        ROLES[0]: {"color": style.colour("on"), "linewidth": 2.2, "zorder": 4},
        ROLES[1]: {"color": style.colour("off"), "linewidth": 2.2, "zorder": 3,
                   "linestyle": style.line_style("off")},
        ROLES[2]: {"color": ink, "linewidth": 1.0, "alpha": 0.35, "zorder": 2},
    }  # fmt: skip
    for levels, axes in zip(product(rows, columns), places.flat, strict=True):
        factors = [*down, *across]
        varied = tuple(level for level in levels if level is not None)
        own = _inside(curves, factors, varied)
        for _, cell in own.groupby("number", sort=False):
            mean = cell.groupby("step")[["epoch", METRIC]].mean()
            axes.plot(mean["epoch"], mean[METRIC], **looks[cell["role"].iloc[0]])
        mark = diverged_text(_inside(grid.runs, factors, varied), tr)
        title = " · ".join(setting(*each, tr) for each in zip(factors, varied, strict=True))
        axes.set_title("   ".join(filter(None, (title, mark))))
        if own.empty:
            style.empty(axes, tr("no finished run"))
        style.percent(axes)
    for axes in places[-1]:
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5, integer=True))
        axes.set_xlabel(tr("epoch"))
    for axes in places[:, 0]:
        axes.set_ylabel(tr("test accuracy"))
    present = [role for role in ROLES if (curves["role"] == role).any()]
    figure.legend(
        [Line2D([], [], **looks[role]) for role in present], [tr(role) for role in present],
        loc="outside upper center", ncols=3, fontsize=10,
    )  # fmt: skip
    return figure


def table_curves(grid: Grid) -> pd.DataFrame:
    """Test accuracy by epoch: the recipe, the same without batch norm, and all other cells.

    The interval is over seeds, of each seed's mean over the cells; lowest and highest are cell
    means.
    """
    curves = _curves(grid)
    panels = _panels(grid)
    factors = [factor for own, _ in panels for factor in own]
    rows = []
    for *levels, role in product(*(levels for own, levels in panels if own), ROLES):
        shown = _inside(curves, [*factors, "role"], (*levels, role))
        named = {factor_name(f): level for f, level in zip(factors, levels, strict=True)}
        for epoch, group in shown.groupby("epoch"):
            cells = group.groupby("number")[METRIC].mean()
            rows.append(
                {
                    **named,
                    "cells": role,
                    "epoch": epoch,
                    "number of cells": len(cells),
                    "test accuracy": t_interval(group.groupby("seed")[METRIC].mean()),
                    "lowest cell": cells.min(),
                    "highest cell": cells.max(),
                }
            )
    columns = [*map(factor_name, factors), "cells", "epoch", "number of cells", "test accuracy",
               "lowest cell", "highest cell"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def facts_curves(grid: Grid) -> dict[str, Any]:
    """Test accuracy of recipe, recipe without batch norm and all others, early and at the end.

    The two moments are the first evaluation after the start, and the last. Each seed's mean over
    its cells is one value; ``lead`` is the recipe minus the others, paired by seed. Cases:
    ``curves``, ``nothing``.
    """
    curves = _curves(grid)
    cells = {role: group["number"].nunique() for role, group in curves.groupby("role")}
    # Where batch sizes differ, so do the moments; these are of all cells.
    moments = curves.groupby("epoch")["number"].nunique()
    epochs = sorted(moments.index[moments == moments.max()])
    if not epochs:
        return {"case": "nothing"}
    by_seed = curves.groupby(["role", "epoch", "seed"])[METRIC].mean()
    facts: dict[str, Any] = {"case": "curves", "cells": sum(cells.values())}
    early = epochs[min(1, len(epochs) - 1)]
    for moment, epoch in (("early", early), ("end", epochs[-1])):
        facts[f"{moment}_epoch"] = float(epoch)
        for name, role in zip(("recipe", "without", "others"), ROLES, strict=True):
            facts[f"{name}_cells"] = cells.get(role, 0)
            own = by_seed.get((role, epoch)) if (role, epoch) in by_seed.index else None
            facts[f"{name}_{moment}"] = known(None if own is None else t_interval(own))
    sides = [by_seed[role, epochs[-1]] for role in (ROLES[0], ROLES[2])
             if (role, epochs[-1]) in by_seed.index]  # fmt: skip
    paired = pd.concat(sides, axis=1, join="inner") if len(sides) == 2 else pd.DataFrame()
    lead = t_interval(paired.iloc[:, 0] - paired.iloc[:, 1]) if len(paired) else None
    return facts | {"lead": known(lead)}


def _of(results: Results, experiments: Sequence[str]) -> Grid:
    """The grid of the first experiment; the same one for table, facts and pictures."""
    name = experiments[0]
    return results.once(("grid", name), lambda: Grid(results, name, recommended()))


FIGURES = tuple(
    FigureSpec(name, (), *functions, by=CELL, of=_of)
    for name, functions in {
        "interactions": (draw_interactions, table_interactions, facts_interactions),
        "curves_of_cells": (draw_curves, table_curves, facts_curves),
        "ranking": (draw_ranking, table_ranking, facts_ranking),
    }.items()
)
