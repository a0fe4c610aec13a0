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
    interaction,
    levels,
)
from study.analysis.frames import Results, count_diverged
from study.analysis.intervals import t_interval
from study.figures import style
from study.figures.own import parts
from study.figures.own.grid_cells import (
    EXPERIMENT,
    LEARNED,
    METRIC,
    by_cell,
    cell_facts,
    cell_of,
    cell_table,
    diverged_text,
    is_recommended,
    known,
    named,
    nothing,
    rows_of,
    setting,
)
from study.figures.own.grid_effects import (
    draw_interactions,
    draw_main_effects,
    facts_interactions,
    facts_main_effects,
    table_interactions,
    table_main_effects,
)
from study.figures.own.grid_ranking import draw_ranking, facts_ranking, table_ranking
from study.figures.spec import FigureSpec
from study.figures.style import Translate

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
    by_cell = {cell_of(row): row | {"number": i} for i, row in enumerate(rows_of(table))}
    for (dropout, decay), row in zip(settings, grid, strict=True):
        for norm, axes in zip(norms, row, strict=True):
            panel = [[by_cell.get((init, activation, norm, dropout, decay))
                      for activation in activations] for init in inits]  # fmt: skip
            _heatmap(axes, panel)
            _overlay(axes, [[cell["number"] if cell else None for cell in line] for line in panel])
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


def _overlay(axes: Axes, numbers: Sequence[Sequence[int | None]]) -> None:
    """Over each cell a frame that nobody sees; by its number the page finds the cell's runs."""
    for y, row in enumerate(numbers):
        for x, number in enumerate(row):
            if number is not None:
                axes.add_patch(Rectangle((x, y), 1, 1, fill=False, linewidth=0, zorder=9,
                                         gid=f"cell-{number}"))  # fmt: skip


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


def facts_heatmaps(results: Results) -> dict[str, Any]:
    """Best and worst cell, how many learn, and the initial value that batch norm changes most.

    Cases: ``compared``, ``alone`` (nothing to compare batch norm with), ``nothing``.
    """
    table = cell_table(results)
    ran = table[table["n"] > 0]
    if ran.empty:
        return {"case": "nothing"}
    means = np.array([estimate.mean for estimate in ran[METRIC]])
    best, worst = (rows_of(ran)[index] for index in (means.argmax(), means.argmin()))
    norm, learned = ran["batchnorm"].to_numpy(bool), means > LEARNED
    facts = {
        "case": "alone",
        "cells": len(ran),
        "empty": len(table) - len(ran),
        "diverged": int(ran["diverged"].sum()),
        "best": best[METRIC],
        "worst": worst[METRIC],
        **cell_facts("best", best),
        **cell_facts("worst", worst),
        "learned": int(learned.sum()),
        "learned_on": int((learned & norm).sum()),
        "learned_off": int((learned & ~norm).sum()),
        "cells_on": int(norm.sum()),
        "cells_off": int((~norm).sum()),
    }
    counted = count_diverged(results.runs(EXPERIMENT))
    effects = rows_of(interaction(counted, METRIC, "init", "batchnorm"))
    if effects:
        most = max(effects, key=lambda row: abs(row["difference"].mean))
        facts |= {
            "case": "compared",
            "init": most["level"],
            **{name: most[name] for name in ("off", "on", "difference")},
        }
    return facts


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


def facts_curves(results: Results) -> dict[str, Any]:
    """Test accuracy of recipe, recipe without batch norm and all others, early and at the end.

    The two moments are the first evaluation after the start, and the last. Each seed's mean over
    its cells is one value; ``lead`` is the recipe minus the others, paired by seed. Cases:
    ``curves``, ``nothing``.
    """
    curves = _curves(results)
    cells = {role: group.groupby(list(FACTORS)).ngroups for role, group in curves.groupby("role")}
    epochs = sorted(curves["epoch"].unique())
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


FIGURES = (
    FigureSpec("G-a", (EXPERIMENT,), draw_heatmaps, table_heatmaps, facts_heatmaps, FACTORS),
    FigureSpec(
        "G-b", (EXPERIMENT,), draw_main_effects, table_main_effects, facts_main_effects, FACTORS
    ),
    FigureSpec(
        "G-c", (EXPERIMENT,), draw_interactions, table_interactions, facts_interactions, FACTORS
    ),
    FigureSpec("G-d", (EXPERIMENT,), draw_curves, table_curves, facts_curves, FACTORS),
    FigureSpec("G-e", (EXPERIMENT,), draw_ranking, table_ranking, facts_ranking, FACTORS),
)
