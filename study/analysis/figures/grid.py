"""The full grid, beyond the lecture: every initial value × activation × regulariser.

Here are its heat maps (G-a) and learning curves (G-d), and the list of all its figures.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from study.analysis.effects import (
    FACTORS,
    levels,
)
from study.analysis.figures import parts, style
from study.analysis.figures.grid_cells import (
    EXPERIMENT,
    METRIC,
    by_cell,
    cell_of,
    cell_table,
    diverged_text,
    is_recommended,
    named,
    nothing,
    rows_of,
    setting,
)
from study.analysis.figures.grid_effects import (
    draw_interactions,
    draw_main_effects,
    table_interactions,
    table_main_effects,
)
from study.analysis.figures.grid_ranking import draw_ranking, table_ranking
from study.analysis.figures.spec import FigureSpec
from study.analysis.figures.style import Translate
from study.analysis.frames import Results
from study.analysis.intervals import t_interval

EQUAL_CONTRAST = 0.19  # luminance against which dark and white text stand out alike


def draw_heatmaps(results: Results, tr: Translate) -> Figure:
    """Test accuracy, initial value × activation, one panel for each of the other settings."""
    table = cell_table(results)
    if not table["n"].sum():
        return nothing(tr)
    inits, activations, norms, dropouts, decays = (levels(table, factor) for factor in FACTORS)
    settings = list(product(dropouts, decays))
    height = 0.9 + len(settings) * (0.5 + 0.27 * len(inits))
    figure, grid = style.new_figure(len(settings), len(norms), height=height)
    by_cell = {cell_of(row): row for row in rows_of(table)}
    for (dropout, decay), row in zip(settings, grid, strict=True):
        for norm, axes in zip(norms, row, strict=True):
            panel = [[by_cell.get((init, activation, norm, dropout, decay))
                      for activation in activations] for init in inits]  # fmt: skip
            _heatmap(axes, panel)
            title = f"{setting('dropout', dropout, tr)} · {setting('weight_decay', decay, tr)}"
            if axes in grid[0]:
                title = f"{setting('batchnorm', norm, tr)}\n{title}"
            axes.set_title(title, fontsize=9.5)
            first, last = axes in grid[:, 0], axes in grid[-1]
            axes.set_yticks(
                np.arange(len(inits)) + 0.5, [tr(init) if first else "" for init in inits]
            )
            axes.set_xticks(
                np.arange(len(activations)) + 0.5,
                [tr(activation) if last else "" for activation in activations],
            )
            axes.tick_params(length=0, labelsize=9.5, rotation=0)
    bar = figure.colorbar(
        grid[0, 0].collections[0], ax=list(grid.flat), orientation="horizontal", aspect=45,
        fraction=0.03, pad=0.015,
    )  # fmt: skip
    bar.outline.set_visible(False)
    bar.ax.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
    note = [tr("test accuracy")]
    if table["diverged"].any():
        note.append(f"✕ {tr('runs that diverged')}")
    if (table["n"] == 0).any():
        note.append(f"▨ {tr('no finished run')}")
    bar.set_label(" · ".join(note))
    return figure


def _heatmap(axes: Axes, panel: Sequence[Sequence[dict[str, Any] | None]]) -> None:
    """One panel: whole per cents in the cells, ✕ and how many diverged, hatched where no run is."""
    filled = [[cell if cell and cell["n"] else None for cell in row] for row in panel]
    values = np.array(
        [[cell[METRIC].mean if cell else np.nan for cell in row] for row in filled], float
    )
    texts = [[_cell_text(cell) if cell else "" for cell in row] for row in filled]
    sns.heatmap(
        values, ax=axes, annot=np.array(texts), fmt="", mask=np.isnan(values), cbar=False,
        cmap="viridis", vmin=0, vmax=1, linewidths=0,
        annot_kws={"fontsize": 9.5},
    )  # fmt: skip
    colours = np.asarray(axes.collections[0].get_facecolor())[np.isfinite(values.ravel())]
    for text, colour in zip(axes.texts, colours, strict=True):
        bright = sns.utils.relative_luminance(colour)
        text.set_color("#111111" if bright > EQUAL_CONTRAST else "white")
    faint = mpl.rcParams["grid.color"]
    for y, x in zip(*np.nonzero(np.isnan(values)), strict=True):
        axes.add_patch(
            Rectangle((x, y), 1, 1, fill=False, hatch="////", linewidth=0, edgecolor=faint)
        )


def _cell_text(cell: Mapping[str, Any]) -> str:
    mark = f"  ✕{cell['diverged']}" if cell["diverged"] else ""
    return f"{100 * cell[METRIC].mean:.0f}{mark}"


def table_heatmaps(results: Results) -> pd.DataFrame:
    """Every cell in the order of the grid."""
    return named(cell_table(results)).drop(columns=["train accuracy", "gap"])


ROLES = ("recommended", "the same without batch norm", "all other cells")


def _curves(results: Results) -> pd.DataFrame:
    """Learning curves with the ``role`` of their cell; diverged runs at chance to the end."""
    curves = parts.accuracy_curves(results, EXPERIMENT)
    roles = []
    for cell in zip(*(curves[factor] for factor in FACTORS), strict=True):
        init, activation, _, dropout, decay = cell
        if is_recommended(cell):
            roles.append(ROLES[0])
        elif is_recommended((init, activation, True, dropout, decay)):
            roles.append(ROLES[1])
        else:
            roles.append(ROLES[2])
    return curves.assign(role=roles)


def draw_curves(results: Results, tr: Translate) -> Figure:
    """Every cell's mean curve in faint ink, the lecture's recipe in colour."""
    curves = _curves(results)
    runs = results.runs(EXPERIMENT)
    if curves.empty:
        return nothing(tr)
    activations, norms = levels(curves, "activation"), levels(curves, "batchnorm")
    figure, grid = style.new_figure(
        len(activations), len(norms), height=0.8 + 1.9 * len(activations), sharex=True, sharey=True
    )
    ink = mpl.rcParams["text.color"]
    looks: dict[str, dict[str, Any]] = {
        ROLES[0]: {"color": style.colour("on"), "linewidth": 2.2, "zorder": 4},
        ROLES[1]: {"color": style.colour("off"), "linewidth": 2.2, "zorder": 3,
                   "linestyle": style.line_style("off")},
        ROLES[2]: {"color": ink, "linewidth": 1.0, "alpha": 0.35, "zorder": 2},
    }  # fmt: skip
    for (activation, norm), axes in zip(product(activations, norms), grid.flat, strict=True):
        panel = (curves["activation"] == activation) & (curves["batchnorm"] == norm)
        for _, cell in by_cell(curves[panel]):
            mean = cell.groupby("step")[["epoch", METRIC]].mean()
            axes.plot(mean["epoch"], mean[METRIC], **looks[cell["role"].iloc[0]])
        own = runs[(runs["activation"] == activation) & (runs["batchnorm"] == norm)]
        mark = diverged_text(own, tr)
        title = f"{tr(activation)} · {setting('batchnorm', norm, tr)}"
        axes.set_title(f"{title}   {mark}" if mark else title)
        if not panel.any():
            style.empty(axes, tr("no finished run"))
        style.percent(axes)
    for axes in grid[-1]:
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5, integer=True))
        axes.set_xlabel(tr("epoch"))
    for axes in grid[:, 0]:
        axes.set_ylabel(tr("test accuracy"))
    present = [role for role in ROLES if (curves["role"] == role).any()]
    figure.legend(
        [Line2D([], [], **looks[role]) for role in present], [tr(role) for role in present],
        loc="outside upper center", ncols=3, fontsize=10,
    )  # fmt: skip
    return figure


def table_curves(results: Results) -> pd.DataFrame:
    """Test accuracy by epoch: the recipe, the same without batch norm, and all other cells.

    The interval is over seeds, of each seed's mean over the cells; lowest and highest are cell
    means.
    """
    curves = _curves(results)
    keys = ["activation", "batchnorm", "role"]
    orders = [levels(curves, "activation"), levels(curves, "batchnorm"), ROLES]
    rows = []
    for key in product(*orders):
        own = curves[
            np.logical_and.reduce([curves[k] == v for k, v in zip(keys, key, strict=True)])
        ]
        for _, group in own.groupby("step"):
            cells = group.groupby(list(FACTORS))[METRIC].mean()
            rows.append(
                {
                    "activation": key[0],
                    "batch norm": key[1],
                    "cells": key[2],
                    "epoch": group["epoch"].iloc[0],
                    "number of cells": len(cells),
                    "test accuracy": t_interval(group.groupby("seed")[METRIC].mean()),
                    "lowest cell": cells.min(),
                    "highest cell": cells.max(),
                }
            )
    columns = ["activation", "batch norm", "cells", "epoch", "number of cells", "test accuracy",
               "lowest cell", "highest cell"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


FIGURES = (
    FigureSpec("G-a", (EXPERIMENT,), draw_heatmaps, table_heatmaps),
    FigureSpec("G-b", (EXPERIMENT,), draw_main_effects, table_main_effects),
    FigureSpec("G-c", (EXPERIMENT,), draw_interactions, table_interactions),
    FigureSpec("G-d", (EXPERIMENT,), draw_curves, table_curves),
    FigureSpec("G-e", (EXPERIMENT,), draw_ranking, table_ranking),
)
