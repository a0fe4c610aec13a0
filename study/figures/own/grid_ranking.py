"""The ranking of all cells of a grid (figure G-e)."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.analysis.grid import OUTCOMES, Grid
from study.analysis.intervals import Estimate, t_interval
from study.figures import style
from study.figures.drawing.effects import dot, note
from study.figures.levels import cell_name, factor_name, setting, switches, typed_cell
from study.figures.looks import PLAIN, Look, looks
from study.figures.own.grid_cells import METRIC, known, nothing
from study.figures.style import Translate

NAME_COLUMN = (1.27, 1.0)  # widths of the names and of the plot beside them
LONGEST = 56  # letters of a name on one line
LINE = 0.24  # inches
TOP = 10
TOP_SHARE = 0.1  # claim G1: the recipe lands in the top tenth


def draw_ranking(grid: Grid, tr: Translate) -> Figure:
    """All cells by rank; the best ten; where the recommended ones stand."""
    ranked = [row for row in grid.ranking if row["n"]]
    if not ranked:
        return nothing(tr)
    recipe = [row for row in ranked if grid.is_recommended(row)]
    best, dots = ranked[:TOP], _Dots(grid)
    names = {row["rank"]: _lines(cell_name(row, grid, tr)) for row in (*best, *recipe)}
    line = LINE * max(name.count("\n") + 1 for name in names.values())
    lists = [best, recipe] if any(map(grid.is_recommended, grid.cells)) else [best]
    heights = [3.1, *(0.5 + line * max(len(rows), 1) for rows in lists)]
    figure = Figure(figsize=(style.WIDTH, sum(heights) + 1))
    # The lists leave the left column to the names of their cells.
    places = figure.add_gridspec(len(heights), 2, height_ratios=heights, width_ratios=NAME_COLUMN)
    whole = figure.add_subplot(places[0, :])
    _rank_curve(whole, ranked, recipe, dots, tr)
    ringed = {row["rank"] for row in recipe}
    for number, rows in enumerate(lists, 1):
        axes = figure.add_subplot(places[number, 1])
        axes.set_title(
            f"{tr('the best cells')}: {len(best)}/{len(grid.cells)}" if rows is best
            else tr("ranks of the recommended cells")
        )  # fmt: skip
        if rows:
            _cell_rows(axes, rows, ringed, dots, names)
        else:
            style.empty(axes, tr("no finished run"))
        if rows and number == len(lists):
            axes.set_xlabel(tr("test accuracy"))
    return figure


def _lines(name: str) -> str:
    """A long name of a cell on two lines."""
    words = name.split(" · ")
    if len(name) <= LONGEST or len(words) < 2:
        return name
    half = next(i for i in range(1, len(words)) if len(" · ".join(words[: i + 1])) > len(name) / 2)
    return f"{' · '.join(words[:half])} ·\n{' · '.join(words[half:])}"


class _Dots:
    """How the dot of a cell looks: by its initial value, filled with batch norm.

    Or by the first factor that is no switch, and by the first switch.
    """

    def __init__(self, grid: Grid) -> None:
        off_or_on = switches(grid)
        graded = [factor for factor in grid.factors if factor not in off_or_on]
        self.factor = "init" if "init" in graded else next(iter(graded), None)
        self.switch = "batchnorm" if "batchnorm" in off_or_on else next(iter(off_or_on), None)
        levels = grid.levels[self.factor] if self.factor else []
        self.looks: dict[Any, Look] = looks(self.factor, levels)
        self.settings = grid.levels[self.switch] if self.switch else []

    def of(self, row: Mapping[str, Any]) -> tuple[Look, bool]:
        """Its look, and whether it is filled."""
        look = self.looks[row[self.factor]] if self.factor else PLAIN
        return look, not self.switch or bool(row[self.switch])


def _rank_curve(
    axes: Axes, ranked: list[dict[str, Any]], recipe: list[dict[str, Any]], dots: _Dots,
    tr: Translate,
) -> None:  # fmt: skip
    tenth = TOP_SHARE * len(ranked)
    axes.axvspan(0.5, tenth + 0.5, color=style.colour("on"), alpha=0.12, linewidth=0)
    for row in ranked:
        _rank_dot(axes, row, *dots.of(row))
    ranks = [row["rank"] for row in recipe]
    _ring(axes, ranks, [row[METRIC].mean for row in recipe])
    inside = sum(rank <= tenth for rank in ranks)
    if recipe:
        title = f"{tr('recommended cells in the top tenth')}: {inside}/{len(recipe)}"
        axes.set_title(title)
    style.percent(axes)
    axes.set_xlim(0, len(ranked) + 1)
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(6, integer=True))
    axes.set_xlabel(tr("rank"))
    axes.set_ylabel(tr("test accuracy"))
    ink = mpl.rcParams["text.color"]
    entries = [
        (look.marker, look.colour, look.colour, 6, setting(str(dots.factor), level, tr))
        for level, look in dots.looks.items()
    ]
    entries += [
        ("o", ink, ink if level else "none", 6, setting(str(dots.switch), level, tr))
        for level in reversed(dots.settings)
    ]
    if recipe:
        entries.append(("o", ink, "none", 11, tr("recommended")))
    if any(row["diverged"] for row in ranked):
        entries.append(("x", ink, ink, 7, tr("diverged")))
    handles = [
        Line2D([], [], linestyle="none", marker=marker, color=colour, markerfacecolor=face,
               markersize=size, label=label)
        for marker, colour, face, size, label in entries
    ]  # fmt: skip
    axes.figure.legend(handles=handles, loc="outside upper center", ncols=5, fontsize=9.5,
                       columnspacing=1.2, handletextpad=0.2)  # fmt: skip


def _ring(axes: Axes, x: Any, y: Any) -> None:
    axes.plot(x, y, "o", markersize=12, markerfacecolor="none", linestyle="none",
              color=mpl.rcParams["text.color"])  # fmt: skip


def _rank_dot(axes: Axes, row: Mapping[str, Any], look: Look, filled: bool) -> None:
    x, estimate = row["rank"], row[METRIC]
    if np.isfinite(estimate.low):
        axes.plot([x, x], [estimate.low, estimate.high], color=look.colour, linewidth=1, alpha=0.5)
    face = look.colour if filled else "none"
    axes.plot(x, estimate.mean, look.marker, color=look.colour, markerfacecolor=face,
              markersize=5)  # fmt: skip
    if row["diverged"]:
        axes.plot(x, estimate.mean, "x", color=mpl.rcParams["text.color"], markersize=6)


def _cell_rows(
    axes: Axes, cells: list[dict[str, Any]], ringed: set[int], dots: _Dots,
    names: Mapping[int, str],
) -> None:  # fmt: skip
    """A labelled row for each cell: rank, name, mean with interval; rings as in the rank curve."""
    for y, row in enumerate(cells):
        estimate: Estimate = row[METRIC]
        look, filled = dots.of(row)
        dot(axes, estimate, y, look.colour, marker=look.marker, filled=filled)
        if row["rank"] in ringed:
            _ring(axes, estimate.mean, y)
        mark = f"  ✕{row['diverged']}" if row["diverged"] else ""
        note(axes, y, f"{100 * estimate.mean:.1f} %{mark}")
        note(axes, y, f"{row['rank']}  {names[row['rank']]}", left=True)
    axes.set_yticks([])
    axes.set_ylim(len(cells) - 0.4, -0.6)
    axes.margins(x=0.08)
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(4))
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:g}%")


def table_ranking(grid: Grid) -> pd.DataFrame:
    """All cells by rank, also those without a finished run."""
    rows = [
        {
            "rank": row["rank"],
            **{factor_name(factor): row[factor] for factor in grid.factors},
            "recommended": "yes" if grid.is_recommended(row) else "no",
            **{name: row[name] for name in ("n", *OUTCOMES)},
            "test accuracy": row[METRIC],
            "train accuracy": row["train_accuracy"],
            "gap": row["gap"],
        }
        for row in grid.ranking
    ]
    columns = ["rank", *map(factor_name, grid.factors), "recommended", "n", *OUTCOMES,
               "test accuracy", "train accuracy", "gap"]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    return table.assign(rank=table["rank"].astype("Int64"))


def facts_ranking(grid: Grid) -> dict[str, Any]:
    """Where the recommended cells rank, and how far the best of them is from the best of all.

    ``distance`` is paired by seed. Cases: ``first`` (a recommended cell is the best), ``ranked``,
    ``no_recipe``, ``nothing``.
    """
    ranked = [row for row in grid.ranking if row["n"]]
    if not ranked:
        return {"case": "nothing"}
    recipe = [row for row in ranked if grid.is_recommended(row)]
    best, worst, tenth = ranked[0], ranked[-1], int(TOP_SHARE * len(ranked))
    facts: dict[str, Any] = {
        "case": "no_recipe",
        "cells": len(ranked),
        "tenth": tenth,
        "best": best[METRIC],
        "best_at": typed_cell(best, grid),
        "worst": worst[METRIC],
        "worst_at": typed_cell(worst, grid),
        "diverged": sum(row["diverged"] > 0 for row in ranked),
    }
    if not recipe:
        return facts
    of_cell = dict(grid.by_cell(grid.counted))
    own, other = (of_cell[grid.cell_of(row)].groupby("seed")[METRIC].mean()
                  for row in (recipe[0], best))  # fmt: skip
    ranks = [row["rank"] for row in recipe]
    return facts | {
        "case": "first" if ranks[0] == 1 else "ranked",
        "recommended": len(recipe),
        "inside": sum(rank <= tenth for rank in ranks),
        "ranks": ", ".join(map(str, ranks)),
        "rank": ranks[0],
        "recipe": recipe[0][METRIC],
        "recipe_at": typed_cell(recipe[0], grid),
        "distance": known(t_interval((own - other).dropna())),
    }
