"""The full grid, beyond the lecture: every initial value × activation × regulariser.

All figures here show test accuracy over all test samples at the end of training, diverged runs
counted at chance. A *cell* is one combination of the five factors; its runs differ in the seed.
"""

from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
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
    GRAND_MEAN,
    interaction,
    is_switch,
    levels,
    main_effects,
    spread_by,
    switch_effect,
)
from study.analysis.figures import parts, style
from study.analysis.figures.spec import FigureSpec
from study.analysis.figures.style import Translate
from study.analysis.frames import Results, count_diverged
from study.analysis.intervals import Estimate, t_interval

EXPERIMENT = "grid"
METRIC = "test_accuracy"
NAMES = {
    "init": "initial value",
    "activation": "activation",
    "batchnorm": "batch norm",
    "dropout": "dropout",
    "weight_decay": "weight decay",
}
RECOMMENDED_INIT = {"relu": "he", "sigmoid": "xavier", "tanh": "xavier"}
MARKERS = {"he": "o", "xavier": "s", "normal 1": "^", "normal 0.01": "D"}  # constant: v
SIDES = (("off", "s"), ("on", "o"))  # of a switch, with their markers
EQUAL_CONTRAST = 0.19  # luminance against which dark and white text stand out alike
NAME_COLUMN = (1.27, 1.0)  # widths of the names and of the plot beside them
TOP = 10
TOP_SHARE = 0.1  # claim G1: the recipe lands in the top tenth

Cell = tuple[Any, ...]  # a level of each of FACTORS


def is_recommended(cell: Cell) -> bool:
    """Whether a cell is the lecture's recipe (its closing advice: claim G1).

    He for ReLU, Xavier for sigmoid and tanh; batch norm; and decay or dropout, or both.
    """
    init, activation, batchnorm, dropout, decay = cell
    right_init = RECOMMENDED_INIT.get(activation) == init
    return bool(right_init and batchnorm and (dropout > 0 or decay > 0))


def cell_table(results: Results) -> pd.DataFrame:
    """One row for each cell in the order of the grid, also for cells without any run.

    Columns: ``FACTORS``; how many runs ``completed``, ``diverged`` and ``failed``, and ``n`` that
    count; ``test_accuracy``, ``train_accuracy`` and ``gap`` (``Estimate``).
    """
    runs = results.runs(EXPERIMENT)
    counted = count_diverged(runs)
    metrics = (METRIC, "train_accuracy", "gap")
    of_cell = dict(_by_cell(counted))
    status: dict[Hashable, dict[Hashable, int]]
    status = {cell: group["status"].value_counts().to_dict() for cell, group in _by_cell(runs)}
    rows = []
    for cell in product(*(levels(runs, factor) for factor in FACTORS)):
        counts = status.get(cell, {})
        if cell not in status and not results.missing(EXPERIMENT):
            continue  # not missing: the study never asked for it
        row: dict[str, Any] = dict(zip(FACTORS, cell, strict=True))
        for name in ("completed", "diverged", "failed"):
            row[name] = int(counts.get(name, 0))
        row["n"] = row["completed"] + row["diverged"]
        own = of_cell.get(cell)
        row |= {metric: t_interval([] if own is None else own[metric]) for metric in metrics}
        rows.append(row)
    return pd.DataFrame(rows, columns=[*FACTORS, "n", "completed", "diverged", "failed", *metrics])


def _by_cell(frame: pd.DataFrame) -> Iterator[tuple[Hashable, pd.DataFrame]]:
    yield from frame.groupby(list(FACTORS), sort=False)


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _cell(row: Mapping[str, Any]) -> Cell:
    return tuple(row[factor] for factor in FACTORS)


def _setting(factor: str, level: Any, tr: Translate) -> str:
    """A level with its factor: ``batch norm on``, ``dropout 0.2``; names as they are."""
    if isinstance(level, str):
        return tr(level)
    value = tr("on" if level else "off") if isinstance(level, bool | np.bool_) else f"{level:g}"
    return f"{tr(NAMES[factor])} {value}"


def _points(estimate: Estimate) -> str:
    """A difference of accuracies in accuracy points, with its sign."""
    half = estimate.half_width
    interval = "" if np.isnan(half) else f" ± {100 * half:.1f}"
    return f"{_signed(100 * estimate.mean, 1)}{interval}"


def _nothing(tr: Translate) -> Figure:
    figure, axes = style.new_figure(height=2)
    style.empty(axes[0, 0], tr("no finished run"))
    return figure


def _diverged_text(runs: pd.DataFrame, tr: Translate) -> str:
    """``✕ 4/120 diverged``, or nothing where none did."""
    diverged = int((runs["status"] == "diverged").sum())
    return f"✕ {diverged}/{len(runs)} {tr('diverged')}" if diverged else ""


# --- G-a: heat maps -----------------------------------------------------------------------------


def draw_heatmaps(results: Results, tr: Translate) -> Figure:
    """Test accuracy, initial value × activation, one panel for each of the other settings."""
    table = cell_table(results)
    if not table["n"].sum():
        return _nothing(tr)
    inits, activations, norms, dropouts, decays = (levels(table, factor) for factor in FACTORS)
    settings = list(product(dropouts, decays))
    height = 0.9 + len(settings) * (0.5 + 0.27 * len(inits))
    figure, grid = style.new_figure(len(settings), len(norms), height=height)
    by_cell = {_cell(row): row for row in _rows(table)}
    for (dropout, decay), row in zip(settings, grid, strict=True):
        for norm, axes in zip(norms, row, strict=True):
            panel = [[by_cell.get((init, activation, norm, dropout, decay))
                      for activation in activations] for init in inits]  # fmt: skip
            _heatmap(axes, panel)
            title = f"{_setting('dropout', dropout, tr)} · {_setting('weight_decay', decay, tr)}"
            if axes in grid[0]:
                title = f"{_setting('batchnorm', norm, tr)}\n{title}"
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
    return _named(cell_table(results)).drop(columns=["train accuracy", "gap"])


def _named(table: pd.DataFrame) -> pd.DataFrame:
    """Columns as the report shows them."""
    return table.rename(
        columns=NAMES | {METRIC: "test accuracy", "train_accuracy": "train accuracy"}
    )


# --- G-b: main effects --------------------------------------------------------------------------


def draw_main_effects(results: Results, tr: Translate) -> Figure:
    """Dot and interval for each level against the grand mean, for a switch on against off."""
    runs = results.runs(EXPERIMENT)
    effects = main_effects(count_diverged(runs), METRIC)
    if effects.empty:
        return _nothing(tr)
    lines = _effect_lines(effects, tr)
    figure, grid = style.new_figure(height=0.8 + 0.28 * len(lines))
    axes = grid[0, 0]
    for y, (_, row) in enumerate(lines):
        if row is not None:
            level = row["level"]
            _dot(axes, row["effect"], y, style.colour(level if isinstance(level, str) else "on"))
            _note(axes, y, _points(row["effect"]))
    axes.set_yticks(range(len(lines)), [label for label, _ in lines])
    for text, (_, row) in zip(axes.get_yticklabels(), lines, strict=True):
        text.set_fontweight("bold" if row is None else "normal")
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.axvline(0, color=mpl.rcParams["axes.edgecolor"], linewidth=1)
    axes.grid(False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(lambda value, _: _signed(100 * value, 0))
    label = tr("effect on test accuracy, points")
    axes.set_xlabel("   ".join(filter(None, (label, _diverged_text(runs, tr)))))
    return figure


def _effect_lines(effects: pd.DataFrame, tr: Translate) -> list[tuple[str, dict[str, Any] | None]]:
    """Label and effect of each line from the top; headings have no effect."""
    lines: list[tuple[str, dict[str, Any] | None]] = []
    heading = ""
    for row in _rows(effects):
        factor = row["factor"]
        graded = row["against"] == GRAND_MEAN
        own = f"{tr(NAMES[factor])}, {tr('against the mean')}" if graded else tr("on against off")
        if own != heading:
            heading = own
            lines.append((heading, None))
        lines.append((_effect_label(factor, row, tr), row))
    return lines


def _signed(value: float, decimals: int) -> str:
    text = f"{value:+.{decimals}f}" if round(value, decimals) else "0"
    return text.replace("-", "−")


def _note(axes: Axes, y: float, text: str, *, left: bool = False) -> None:
    """Text beside the axes at height ``y``; on the left it takes no room in the layout."""
    note = axes.annotate(
        text, (0 if left else 1, y), xycoords=("axes fraction", "data"),
        xytext=(-8 if left else 8, 0), textcoords="offset points", va="center",
        ha="right" if left else "left", annotation_clip=False, fontsize=9.5,
    )  # fmt: skip
    note.set_in_layout(not left)


def _effect_label(factor: str, row: Mapping[str, Any], tr: Translate) -> str:
    if isinstance(row["level"], bool | np.bool_):
        return tr(NAMES[factor])
    return _setting(factor, row["level"], tr)


def _dot(
    axes: Axes, estimate: Estimate, y: float, colour: str, *, marker: str = "o",
    filled: bool = True,
) -> None:  # fmt: skip
    """A mean with its horizontal interval."""
    if np.isfinite(estimate.low):
        axes.plot([estimate.low, estimate.high], [y, y], color=colour, linewidth=2)
    face = colour if filled else "none"
    axes.plot(estimate.mean, y, marker, color=colour, markerfacecolor=face, markersize=7)


def table_main_effects(results: Results) -> pd.DataFrame:
    """Effects on test accuracy and on the gap between train and test."""
    counted = count_diverged(results.runs(EXPERIMENT))
    effects = main_effects(counted, METRIC)
    gaps = main_effects(counted, "gap")
    return pd.DataFrame(
        {
            "factor": [NAMES[factor] for factor in effects["factor"]],
            "level": [_plain(level) for level in effects["level"]],
            "against": [_plain(level) for level in effects["against"]],
            "test accuracy": effects["mean"],
            "effect on test accuracy": effects["effect"],
            "effect on gap": gaps["effect"],
            "pairs": effects["blocks"],
            "cells": [effect.n for effect in effects["effect"]],
            "interval": [effect.method for effect in effects["effect"]],
        }
    )


def _plain(level: Any) -> str:
    """A level as text: the column holds names and numbers of several factors."""
    if isinstance(level, bool | np.bool_):
        return "on" if level else "off"
    return level if isinstance(level, str) else f"{level:g}"


# --- G-c: interactions --------------------------------------------------------------------------


def draw_interactions(results: Results, tr: Translate) -> Figure:
    """Initial value × batch norm, × dropout; the range over initial values; distinct units."""
    counted = count_diverged(results.runs(EXPERIMENT))
    if counted.empty:
        return _nothing(tr)
    figure, grid = style.new_figure(2, 2, height=6.3)
    for axes, switch in zip(grid[0], ("batchnorm", "dropout"), strict=True):
        axes.set_title(f"{tr('initial value')} × {tr(NAMES[switch])}")
        _interaction_plot(axes, interaction(counted, METRIC, "init", switch), tr)
    grid[0, 0].set_ylabel(tr("test accuracy"))
    _ranges_plot(grid[1, 0], counted, tr)
    _symmetry_plot(grid[1, 1], results, tr)
    handles = [
        Line2D([], [], color=style.colour(side), linestyle=style.line_style(side), marker=marker)
        for side, marker in SIDES
    ]
    figure.legend(
        handles, [tr(side) for side, _ in SIDES], loc="outside upper center", ncols=2,
        fontsize=10,
    )  # fmt: skip
    return figure


def _interaction_plot(axes: Axes, effects: pd.DataFrame, tr: Translate) -> None:
    if effects.empty:
        style.empty(axes, tr("no pairs to compare"))
        return
    x = np.arange(len(effects))
    _sides(axes, x, effects)
    axes.set_xticks(x, [tr(level).replace(" ", "\n") for level in effects["level"]])
    axes.set_xlim(-0.4, len(x) - 0.6)
    axes.tick_params(axis="x", length=0, labelsize=9.5)
    axes.grid(False, axis="x")
    style.percent(axes)


def _sides(axes: Axes, x: np.ndarray, effects: pd.DataFrame) -> None:
    """Off and on as two lines of dots with intervals, side by side at each ``x``."""
    for offset, (side, marker) in zip((-0.08, 0.08), SIDES, strict=True):
        means, lows, highs = np.array([estimate[:3] for estimate in effects[side]], float).T
        colour = style.colour(side)
        axes.vlines(x + offset, lows, highs, color=colour, linewidth=2)
        axes.plot(x + offset, means, marker=marker, color=colour,
                  linestyle=style.line_style(side), markersize=6)  # fmt: skip


def _subsets(counted: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """All initial values, and those that are random: batch norm cannot make equal units differ."""
    constant = counted["init"].map(_is_constant)
    subsets = [("all initial values", counted)]
    if constant.any() and not constant.all():
        subsets.append(("without constant", counted[~constant]))
    return subsets


def _is_constant(init: str) -> bool:
    return init.startswith("constant")


def _ranges(counted: pd.DataFrame) -> list[tuple[str, dict[str, Any]]]:
    """By subset of the initial values: best minus worst of them, without and with batch norm."""
    ranges = [
        (name, spread_by(runs, METRIC, "init", "batchnorm")) for name, runs in _subsets(counted)
    ]
    return [(name, values) for name, values in ranges if values is not None]


def _ranges_plot(axes: Axes, counted: pd.DataFrame, tr: Translate) -> None:
    axes.set_title(f"{tr('best − worst initial value')} × {tr('batch norm')}")
    ranges = _ranges(counted)
    if not ranges:
        style.empty(axes, tr("no pairs to compare"))
        return
    for index, (_, values) in enumerate(ranges):
        for offset, (side, marker) in zip((-0.2, 0.2), SIDES, strict=True):
            y, colour = index + offset, style.colour(side)
            _dot(axes, values[side], y, colour, marker=marker)
            axes.annotate(f"{100 * values[side].mean:.0f}", (values[side].mean, y),
                          xytext=(0, 6), textcoords="offset points", ha="center",
                          color=colour)  # fmt: skip
    axes.set_yticks(range(len(ranges)), [tr(name).replace(" ", "\n", 1) for name, _ in ranges])
    axes.set_ylim(len(ranges) - 0.5, -0.6)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}")
    axes.tick_params(axis="y", length=0)
    axes.grid(False, axis="y")
    axes.set_xlabel(tr("points of test accuracy"))


def _symmetry(results: Results) -> pd.DataFrame:
    """Distinct units of each trained layer with constant initial weights, by dropout."""
    layers = results.layers(EXPERIMENT)
    trained = layers["hidden"] & (layers["moment"] == "end")
    layers = layers[trained & layers["init"].map(_is_constant).astype(bool)]
    rows = [
        {"layer": layer} | effect
        for layer, group in layers.groupby("layer")
        if (effect := switch_effect(group, "distinct_units", "dropout"))
    ]
    return pd.DataFrame(rows, columns=["layer", "off", "on", "difference", "blocks"])


def _symmetry_plot(axes: Axes, results: Results, tr: Translate) -> None:
    axes.set_title(f"{tr('constant weights')} × {tr('dropout')}")
    effects = _symmetry(results)
    if effects.empty:
        style.empty(axes, tr("no pairs to compare"))
        return
    _sides(axes, effects["layer"].to_numpy(float), effects)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
    axes.set_xlabel(tr("layer"))
    axes.set_ylabel(tr("distinct units"))
    axes.grid(False, axis="x")


def table_interactions(results: Results) -> pd.DataFrame:
    """Both interactions of the initial value, the ranges, and the distinct units by layer."""
    counted = count_diverged(results.runs(EXPERIMENT))
    shown: list[tuple[str, str, Mapping[str, Any]]] = []
    for switch in ("batchnorm", "dropout"):
        effects = _rows(interaction(counted, METRIC, "init", switch))
        shown += [(f"test accuracy by {NAMES[switch]}", row["level"], row) for row in effects]
    shown += [("best − worst initial value by batch norm", *row) for row in _ranges(counted)]
    shown += [
        ("distinct units by dropout, constant weights", f"layer {row['layer']}", row)
        for row in _rows(_symmetry(results))
    ]
    rows = [
        {
            "shown": what,
            "level": level,
            "off": values["off"],
            "on": values["on"],
            "difference": values["difference"],
            "interaction": values.get("interaction"),
            "pairs": values["blocks"],
            "cells": values["difference"].n,
            "interval": values["difference"].method,
        }
        for what, level, values in shown
    ]
    columns = ["shown", "level", "off", "on", "difference", "interaction", "pairs", "cells",
               "interval"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


# --- G-d: learning curves -----------------------------------------------------------------------

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
        return _nothing(tr)
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
        for _, cell in _by_cell(curves[panel]):
            mean = cell.groupby("step")[["epoch", METRIC]].mean()
            axes.plot(mean["epoch"], mean[METRIC], **looks[cell["role"].iloc[0]])
        own = runs[(runs["activation"] == activation) & (runs["batchnorm"] == norm)]
        mark = _diverged_text(own, tr)
        title = f"{tr(activation)} · {_setting('batchnorm', norm, tr)}"
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


# --- G-e: ranking -------------------------------------------------------------------------------


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
        return _nothing(tr)
    recipe = ranked[[is_recommended(_cell(row)) for row in _rows(ranked)]]
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
    for row in _rows(ranked):
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
    return "v" if _is_constant(init) else MARKERS.get(init, "P")


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
    for y, row in enumerate(_rows(cells)):
        estimate = row[METRIC]
        _dot(axes, estimate, y, style.colour(row["init"]), marker=_marker(row["init"]),
             filled=bool(row["batchnorm"]))  # fmt: skip
        if row["rank"] in recommended:
            _ring(axes, estimate.mean, y)
        mark = f"  ✕{row['diverged']}" if row["diverged"] else ""
        _note(axes, y, f"{100 * estimate.mean:.1f} %{mark}")
        _note(axes, y, f"{row['rank']}  {cell_name(_cell(row), switches, tr)}", left=True)
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
            words.append(tr(NAMES[factor]) if factor in switches else _setting(factor, level, tr))
    return " · ".join(words)


def table_ranking(results: Results) -> pd.DataFrame:
    """All cells by rank, also those without a finished run."""
    table = ranking(results)
    table["recommended"] = ["yes" if is_recommended(_cell(row)) else "no" for row in _rows(table)]
    columns = ["rank", *FACTORS, "recommended", "n", "completed", "diverged", "failed", METRIC,
               "train_accuracy", "gap"]  # fmt: skip
    return _named(table[columns])


FIGURES = (
    FigureSpec("G-a", (EXPERIMENT,), draw_heatmaps, table_heatmaps),
    FigureSpec("G-b", (EXPERIMENT,), draw_main_effects, table_main_effects),
    FigureSpec("G-c", (EXPERIMENT,), draw_interactions, table_interactions),
    FigureSpec("G-d", (EXPERIMENT,), draw_curves, table_curves),
    FigureSpec("G-e", (EXPERIMENT,), draw_ranking, table_ranking),
)
