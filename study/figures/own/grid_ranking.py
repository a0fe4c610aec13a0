"""The ranking of all cells of the grid (figure G-e)."""

from collections.abc import Collection, Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.analysis.effects import (
    FACTORS,
    is_switch,
    levels,
)
from study.analysis.frames import Results, count_diverged
from study.analysis.intervals import Estimate, t_interval
from study.figures import style
from study.figures.own.grid_cells import (
    EXPERIMENT,
    METRIC,
    NAMES,
    Cell,
    by_cell,
    cell_facts,
    cell_of,
    cell_table,
    dot,
    is_constant,
    is_recommended,
    known,
    named,
    note,
    nothing,
    rows_of,
    setting,
)
from study.figures.style import Translate

MARKERS = {"he": "o", "xavier": "s", "normal 1": "^", "normal 0.01": "D"}  # constant: v
NAME_COLUMN = (1.27, 1.0)  # widths of the names and of the plot beside them
TOP = 10
TOP_SHARE = 0.1  # claim G1: the recipe lands in the top tenth


def ranking(results: Results) -> pd.DataFrame:
    """``cell_table`` from the best mean test accuracy down, with ``rank``, 1 for the best.

    Equal means keep the order of the grid; cells without a finished run come last and have no
    rank.
    """
    table = cell_table(results)
    table["mean"] = [estimate.mean for estimate in table[METRIC]]
    table = table.sort_values("mean", ascending=False, kind="stable", na_position="last")
    table = table.reset_index(drop=True)
    ranks = pd.Series(range(1, len(table) + 1), dtype="Int64")
    table.insert(0, "rank", ranks.where(table["n"] > 0))
    return table


def draw_ranking(results: Results, tr: Translate) -> Figure:
    """All cells by rank; the best ten; where the lecture's recipe stands."""
    table = ranking(results)
    ranked = table[table["n"] > 0]
    if ranked.empty:
        return nothing(tr)
    recipe = ranked[[is_recommended(cell_of(row)) for row in rows_of(ranked)]]
    best = ranked.head(TOP)
    heights = [3.1, 0.5 + 0.24 * len(best), 0.5 + 0.24 * max(len(recipe), 1)]
    figure = Figure(figsize=(style.WIDTH, sum(heights) + 1))
    # The lists leave the left column to the names of their cells.
    places = figure.add_gridspec(3, 2, height_ratios=heights, width_ratios=NAME_COLUMN)
    whole, top, picked = (
        figure.add_subplot(places[place]) for place in ((0, slice(None)), (1, 1), (2, 1))
    )
    _rank_curve(whole, ranked, recipe, tr)
    top.set_title(f"{tr('the best cells')}: {len(best)}/{len(table)}")
    switches = [factor for factor in FACTORS if is_switch(levels(table, factor))]
    _cell_rows(top, best, recipe, switches, tr)
    picked.set_title(tr("ranks of the recommended cells"))
    if recipe.empty:
        style.empty(picked, tr("no finished run"))
    else:
        _cell_rows(picked, recipe, recipe, switches, tr)
        picked.set_xlabel(tr("test accuracy"))
    return figure


def _rank_curve(axes: Axes, ranked: pd.DataFrame, recipe: pd.DataFrame, tr: Translate) -> None:
    tenth = TOP_SHARE * len(ranked)
    axes.axvspan(0.5, tenth + 0.5, color=style.colour("on"), alpha=0.12, linewidth=0)
    for row in rows_of(ranked):
        _rank_dot(axes, row["rank"], row[METRIC], row)
    ringed = recipe["rank"].astype(int)
    _ring(axes, ringed, [estimate.mean for estimate in recipe[METRIC]])
    inside = int((ringed <= tenth).sum())
    if len(recipe):
        title = f"{tr('recommended cells in the top tenth')}: {inside}/{len(recipe)}"
        axes.set_title(title)
    style.percent(axes)
    axes.set_xlim(-0.5, len(ranked) + 1.5)
    axes.set_xlabel(tr("rank"))
    axes.set_ylabel(tr("test accuracy"))
    ink = mpl.rcParams["text.color"]
    inits = style.in_order(list(ranked["init"]), list(style.STYLES))
    entries = [(_marker(init), style.colour(init), style.colour(init), 6, init) for init in inits]
    entries += [
        ("o", ink, ink, 6, "batch norm on"),
        ("o", ink, "none", 6, "batch norm off"),
        ("o", ink, "none", 11, "recommended"),
    ]
    if ranked["diverged"].any():
        entries.append(("x", ink, ink, 7, "diverged"))
    handles = [
        Line2D([], [], linestyle="none", marker=marker, color=colour, markerfacecolor=face,
               markersize=size, label=tr(label))
        for marker, colour, face, size, label in entries
    ]  # fmt: skip
    axes.figure.legend(handles=handles, loc="outside upper center", ncols=5, fontsize=9.5,
                       columnspacing=1.2, handletextpad=0.2)  # fmt: skip


def _ring(axes: Axes, x: Any, y: Any) -> None:
    axes.plot(x, y, "o", markersize=12, markerfacecolor="none", linestyle="none",
              color=mpl.rcParams["text.color"])  # fmt: skip


def _marker(init: str) -> str:
    return "v" if is_constant(init) else MARKERS.get(init, "P")


def _rank_dot(axes: Axes, x: float, estimate: Estimate, row: Mapping[str, Any]) -> None:
    colour = style.colour(row["init"])
    if np.isfinite(estimate.low):
        axes.plot([x, x], [estimate.low, estimate.high], color=colour, linewidth=1, alpha=0.5)
    face = colour if row["batchnorm"] else "none"
    axes.plot(x, estimate.mean, _marker(row["init"]), color=colour, markerfacecolor=face,
              markersize=5)  # fmt: skip
    if row["diverged"]:
        axes.plot(x, estimate.mean, "x", color=mpl.rcParams["text.color"], markersize=6)


def _cell_rows(
    axes: Axes, cells: pd.DataFrame, recipe: pd.DataFrame, switches: Collection[str],
    tr: Translate,
) -> None:  # fmt: skip
    """A labelled row for each cell: rank, name, mean with interval; rings as in the rank curve."""
    recommended = set(recipe["rank"])
    for y, row in enumerate(rows_of(cells)):
        estimate = row[METRIC]
        dot(axes, estimate, y, style.colour(row["init"]), marker=_marker(row["init"]),
             filled=bool(row["batchnorm"]))  # fmt: skip
        if row["rank"] in recommended:
            _ring(axes, estimate.mean, y)
        mark = f"  ✕{row['diverged']}" if row["diverged"] else ""
        note(axes, y, f"{100 * estimate.mean:.1f} %{mark}")
        note(axes, y, f"{row['rank']}  {cell_name(cell_of(row), switches, tr)}", left=True)
    axes.set_yticks([])
    axes.set_ylim(len(cells) - 0.4, -0.6)
    axes.margins(x=0.08)
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(4))
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")


def cell_name(cell: Cell, switches: Collection[str], tr: Translate) -> str:
    """``he · relu · batch norm · dropout``: what is off is left out.

    Args:
        switches: factors whose value needs no mention, because there is just one beside off.
    """
    words = []
    for factor, level in zip(FACTORS, cell, strict=True):
        if isinstance(level, str):
            words.append(tr(level))
        elif level:
            words.append(tr(NAMES[factor]) if factor in switches else setting(factor, level, tr))
    return " · ".join(words)


def table_ranking(results: Results) -> pd.DataFrame:
    """All cells by rank, also those without a finished run."""
    table = ranking(results)
    table["recommended"] = [
        "yes" if is_recommended(cell_of(row)) else "no" for row in rows_of(table)
    ]
    columns = ["rank", *FACTORS, "recommended", "n", "completed", "diverged", "failed", METRIC,
               "train_accuracy", "gap"]  # fmt: skip
    return named(table[columns])


def facts_ranking(results: Results) -> dict[str, Any]:
    """Where the recommended cells rank, and how far the best of them is from the best of all.

    ``distance`` is paired by seed. Cases: ``first`` (a recommended cell is the best), ``ranked``,
    ``no_recipe``, ``nothing``.
    """
    table = ranking(results)
    ranked = table[table["n"] > 0]
    if ranked.empty:
        return {"case": "nothing"}
    rows = rows_of(ranked)
    recipe = [row for row in rows if is_recommended(cell_of(row))]
    best, tenth = rows[0], int(TOP_SHARE * len(rows))
    facts: dict[str, Any] = {
        "case": "no_recipe",
        "cells": len(rows),
        "tenth": tenth,
        "best": best[METRIC],
        "worst": rows[-1][METRIC],
        "diverged": int((ranked["diverged"] > 0).sum()),
        **cell_facts("best", best),
        **cell_facts("worst", rows[-1]),
    }
    if not recipe:
        return facts
    of_cell = dict(by_cell(count_diverged(results.runs(EXPERIMENT))))
    own, other = (of_cell[cell_of(row)].groupby("seed")[METRIC].mean() for row in (recipe[0], best))
    ranks = [int(row["rank"]) for row in recipe]
    return facts | {
        "case": "first" if ranks[0] == 1 else "ranked",
        "recommended": len(recipe),
        "inside": sum(rank <= tenth for rank in ranks),
        "ranks": ", ".join(map(str, ranks)),
        "rank": ranks[0],
        "recipe": recipe[0][METRIC],
        **cell_facts("recipe", recipe[0]),
        "distance": known(t_interval((own - other).dropna())),
    }
