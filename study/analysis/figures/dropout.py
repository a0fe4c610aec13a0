"""Section 1.4.2: a network after dropout, over-fitting, voting, and co-adaptation."""

import math
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from study.analysis.figures import overfitting, parts, style
from study.analysis.figures.spec import FigureSpec
from study.analysis.figures.style import Translate
from study.analysis.frames import Results
from study.analysis.intervals import Estimate, t_interval

EXPERIMENT = "dropout"
LECTURE_RATE = 0.2
UNITS_DRAWN, LAYERS_DRAWN = 8, 3
INPUTS_DRAWN, OUTPUTS_DRAWN = 6, 4
COLUMNS = 3


def rate_of(results: Results) -> float | None:
    """The lecture's dropout rate, or the one stored that is closest to it."""
    return parts.closest(results.runs(EXPERIMENT)["dropout"], LECTURE_RATE)


# --- 1.4.2-a: the network before and after ------------------------------------------------------


def first_masks(results: Results) -> list[np.ndarray]:
    """Which units the first thinned network of the first run keeps, by hidden layer."""
    for _, result in results.measured("voting", "voting"):
        return [np.asarray(mask).astype(bool) for mask in result["masks"]]
    return []


def draw_mask(results: Results, tr: Translate) -> Figure:
    """The first units of the first hidden layers, all of them and after a real mask."""
    masks = first_masks(results)
    figure, grid = style.new_figure(1, 2, height=4.4)
    if not masks:
        grid[0, 1].set_axis_off()
        style.empty(grid[0, 0], tr("no finished run"))
        return figure
    drawn = [mask[:UNITS_DRAWN] for mask in masks[:LAYERS_DRAWN]]
    everything = [np.ones_like(mask) for mask in drawn]
    titles = (f"(a) {tr('standard network')}", f"(b) {tr('after dropout')}")
    for axes, kept, title in zip(grid[0], (everything, drawn), titles, strict=True):
        _network(axes, kept, tr)
        axes.set_title(title)
    for index, mask in enumerate(masks[: len(drawn)]):
        for axes, count in zip(grid[0], (len(mask), int(mask.sum())), strict=True):
            axes.text(index + 1, -UNITS_DRAWN / 2 - 0.2, f"{count}/{len(mask)}\n{tr('kept')}",
                      ha="center", va="top", fontsize=9.5)  # fmt: skip
    part = tr("Drawn: the first {units} of {width} units in {layers} of {depth} hidden layers")
    note = part.format(units=len(drawn[0]), width=len(masks[0]), layers=len(drawn),
                       depth=len(masks))  # fmt: skip
    figure.supxlabel(f"{note}\n{tr('inputs and outputs are only suggested')}", fontsize=9.5)
    return figure


def _network(axes: Axes, kept: list[np.ndarray], tr: Translate) -> None:
    """Units as circles; dropped ones crossed out, without their connections."""
    inputs, outputs = np.ones(INPUTS_DRAWN, bool), np.ones(OUTPUTS_DRAWN, bool)
    columns = [inputs, *kept, outputs]
    heights = [(len(column) - 1) / 2 - np.arange(len(column)) for column in columns]
    ink = mpl.rcParams["text.color"]
    lines = [
        [(x, start), (x + 1, end)]
        for x in range(len(columns) - 1)
        for start in heights[x][columns[x]]
        for end in heights[x + 1][columns[x + 1]]
    ]
    axes.add_collection(LineCollection(lines, colors=ink, linewidths=0.5, alpha=0.45))
    for x, (column, height) in enumerate(zip(columns, heights, strict=True)):
        hidden = 0 < x < len(columns) - 1
        alive, dead = height[column], height[~column]
        axes.plot(np.full(len(alive), x), alive, "o", markersize=11, markeredgecolor=ink,
                  markerfacecolor=style.colour("off" if hidden else "unit"))  # fmt: skip
        axes.plot(np.full(len(dead), x), dead, "o", markersize=11, markerfacecolor="none",
                  markeredgecolor=style.colour("on"), alpha=0.6)  # fmt: skip
        axes.plot(np.full(len(dead), x), dead, "x", markersize=10, markeredgewidth=2.4,
                  color=style.colour("on"))  # fmt: skip
    top = UNITS_DRAWN / 2 + 0.35
    names = [tr("in"), *(f"{tr('layer')} {i + 1}" for i in range(len(kept))), tr("out")]
    for x, name in enumerate(names):
        axes.text(x, top, name, ha="center", va="center", fontsize=9.5)
    axes.set(xlim=(-0.4, len(columns) - 0.6), ylim=(-UNITS_DRAWN / 2 - 1.2, top + 0.4))
    axes.set_axis_off()


def table_mask(results: Results) -> pd.DataFrame:
    """Units that the mask keeps and drops in each hidden layer, and in all of them."""
    masks = first_masks(results)
    rows: list[list[object]] = []
    groups = [(str(i + 1), mask) for i, mask in enumerate(masks)]
    if masks:
        groups.append(("all", np.concatenate(masks)))
    for layer, mask in groups:
        kept = int(mask.sum())
        rows.append([layer, len(mask), kept, len(mask) - kept, 1 - kept / len(mask)])
    return pd.DataFrame(rows, columns=["layer", "units", "kept", "dropped", "share dropped"])


# --- 1.4.2-b and 1.4.2-c: over-fitting ----------------------------------------------------------


def draw_dropout(results: Results, tr: Translate) -> Figure:
    """Train and test accuracy by epoch with dropout, the curves without it as thin lines."""
    return overfitting.draw_gap(
        overfitting.curves_at(results, EXPERIMENT, "dropout", rate_of(results)),
        tr,
        without=overfitting.curves_at(results, EXPERIMENT, "dropout", 0.0),
        without_label=f"{tr('without dropout')} (p = 0)",
    )


def table_dropout(results: Results) -> pd.DataFrame:
    """The numbers of figure 1.4.2-b."""
    return overfitting.table_gap(
        overfitting.curves_at(results, EXPERIMENT, "dropout", rate_of(results))
    )


def draw_doses(results: Results, tr: Translate) -> Figure:
    """Accuracies and gap against the dropout rate."""
    runs = parts.final_runs(results, EXPERIMENT)
    label = f"{tr('dropout rate')} p"
    return overfitting.draw_doses(runs, "dropout", tr, label=label, log=False)


def table_doses(results: Results) -> pd.DataFrame:
    """Dropout rate, accuracies and gap."""
    return overfitting.table_doses(parts.final_runs(results, EXPERIMENT), "dropout", "p")


# --- 1.4.2-d: voting ----------------------------------------------------------------------------


def votes(results: Results) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Accuracies by run: of the vote of 1 … K networks ``(runs, K)``, of one, of the full one."""
    measured = [result for _, result in results.measured("voting", "voting")]
    voters = min((len(result["ensemble"]) for result in measured), default=0)
    ensemble = np.array([result["ensemble"][:voters] for result in measured])
    single = np.array([np.mean(result["single"]) for result in measured])
    return ensemble, single, np.array([result["full"] for result in measured])


def draw_votes(results: Results, tr: Translate) -> Figure:
    """Accuracy of the averaged vote against the number of voters."""
    ensemble, single, full = votes(results)
    figure, grid = style.new_figure(height=3.8)
    axes = grid[0, 0]
    if not ensemble.size:
        style.empty(axes, tr("no finished run"))
        return figure
    voters = np.arange(1, ensemble.shape[1] + 1)
    estimates = [t_interval(column) for column in ensemble.T]
    lines = [
        ("vote", tr("vote of K networks"), estimates),
        ("thinned", tr("one thinned network"), [t_interval(single)] * len(voters)),
        ("scaled", tr("scaled full network"), [t_interval(full)] * len(voters)),
    ]
    labels = []
    for name, text, values in lines:
        look = {"color": style.colour(name), "linestyle": style.line_style(name)}
        means = [value.mean for value in values]
        axes.plot(voters, means, label=name, **look)
        if not math.isnan(values[0].low):
            axes.fill_between(voters, [value.low for value in values],
                              [value.high for value in values], color=look["color"], alpha=0.15,
                              linewidth=0)  # fmt: skip
        labels.append((means[-1], f"{text}\n{means[-1]:.1%}", style.colour(name)))
    axes.set_xscale("log")
    axes.set(xlabel=f"{tr('number of voters')} K", ylabel=tr("test accuracy"),
             xlim=(1, max(len(voters), 2)))  # fmt: skip
    axes.set_xticks([k for k in (1, 2, 5, 10, 20, 50, 100, 200) if k <= len(voters)])
    axes.xaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%d"))
    axes.minorticks_off()
    style.percent(axes, limits=_vote_limits([values for _, _, values in lines]))
    parts.end_labels(axes, labels, spacing=0.16)
    return figure


def _vote_limits(lines: list[list[Estimate]]) -> tuple[float, float]:
    """Limits around all means, with room for intervals of up to five points."""
    means = [value.mean for line in lines for value in line]
    halves = [value.half_width for line in lines for value in line]
    room = 0.01 + min(max((h for h in halves if not math.isnan(h)), default=0.0), 0.05)
    return max(min(means) - room, 0.0), min(max(means) + room, 1.0)


def table_votes(results: Results) -> pd.DataFrame:
    """The vote at some K, and what it gains (paired by run) on one and on the full network."""
    columns = ["K", "vote", "vote − one thinned", "vote − scaled full", "one thinned",
               "scaled full"]  # fmt: skip
    ensemble, single, full = votes(results)
    if not ensemble.size:
        return pd.DataFrame(columns=columns)
    last = ensemble.shape[1]
    rows = [
        [k, *(t_interval(v) for v in (vote, vote - single, vote - full, single, full))]
        for k in sorted({*(k for k in (1, 2, 5, 10, 20, 50, 100, 200) if k <= last), last})
        for vote in [ensemble[:, k - 1]]
    ]
    return pd.DataFrame(rows, columns=columns)


# --- 1.4.2-e: co-adaptation ---------------------------------------------------------------------


def draw_correlations(results: Results, tr: Translate) -> Figure:
    """Distribution of the correlations between hidden units, with and without, by layer."""
    histograms: dict[str, list[list[dict[str, Any]]]] = {
        name: [
            result["layers"]
            for config, result in results.measured(EXPERIMENT, "correlations")
            if config["dropout"] == rate
        ]
        for name, rate in _sides(results)
    }
    depth = max((len(run) for runs in histograms.values() for run in runs), default=0)
    if depth == 0:
        figure, grid = style.new_figure(height=2)
        style.empty(grid[0, 0], tr("no finished run"))
        return figure
    rows = -(-depth // COLUMNS)
    figure, grid = style.new_figure(
        rows, COLUMNS, height=0.9 + 1.9 * rows, sharex=True, sharey=True
    )
    table = table_correlations(results).set_index("layer")
    means = {
        column: {layer: estimate.mean for layer, estimate in table[column].items()}
        for column in table
    }
    panels = grid.ravel()
    for index, axes in enumerate(panels[:depth]):
        axes.set_title(f"{tr('layer')} {index + 1}", pad=3)
        for line, (name, _) in enumerate(_sides(results)):
            pooled = parts.pool([run[index] for run in histograms[name] if index < len(run)])
            if pooled is None:
                continue
            colour, linestyle = style.colour(name), style.line_style(name)
            axes.stairs(pooled.shares, pooled.edges, fill=True, color=colour, alpha=0.13)
            axes.stairs(pooled.shares, pooled.edges, color=colour, linestyle=linestyle,
                        linewidth=1.5)  # fmt: skip
            mean = means[f"mean |r| {WITH[name]} dropout"].get(index + 1, math.nan)
            axes.text(0.97, 0.97 - 0.14 * line, f"{mean:.3f}", transform=axes.transAxes,
                      ha="right", va="top", color=colour)  # fmt: skip
        axes.text(0.03, 0.97, tr("mean |r|"), transform=axes.transAxes, va="top", fontsize=9.5)
        axes.set(xlim=(-1, 1), xticks=[-1, -0.5, 0, 0.5, 1])
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    for axes in panels[depth:]:
        axes.set_axis_off()
    panels[0].set_ylim(0, 1.2 * panels[0].get_ylim()[1])
    style.percent(panels[0], limits=None)
    panels[0].yaxis.set_major_locator(mpl.ticker.MaxNLocator(4, steps=[1, 2, 5, 10]))
    figure.supxlabel(tr("correlation of two hidden units"), fontsize=10)
    figure.supylabel(tr("share of the pairs"), fontsize=10)
    shown = [(name, rate) for name, rate in _sides(results) if histograms[name]]
    figure.legend(
        [mpl.lines.Line2D([], [], color=style.colour(name), linestyle=style.line_style(name))
         for name, _ in shown],
        [f"{tr(f'{WITH[name]} dropout')} (p = {rate:g})" for name, rate in shown],
        loc="outside upper center", ncols=2, fontsize=10,
    )  # fmt: skip
    return figure


WITH = {"off": "without", "on": "with"}


def _sides(results: Results) -> list[tuple[str, float]]:
    rate = rate_of(results)
    return [("off", 0.0)] + ([("on", rate)] if rate is not None else [])


def table_correlations(results: Results) -> pd.DataFrame:
    """Layer, mean absolute correlation and effective number of units, with and without."""
    layers = parts.trained_layers(results, EXPERIMENT)
    layers = layers[layers["effective_units"].notna()]
    rate = dict(_sides(results))
    rows = []
    for layer, group in layers.groupby("layer"):
        row: dict[str, object] = {"layer": layer}
        for metric, text in (("mean_abs_correlation", "mean |r|"),
                             ("effective_units", "effective units")):  # fmt: skip
            for name, word in WITH.items():
                own = overfitting.pick(group, "dropout", rate.get(name))
                row[f"{text} {word} dropout"] = t_interval(own[metric])
        rows.append(row)
    columns = [f"{text} {word} dropout" for text in ("mean |r|", "effective units")
               for word in WITH.values()]  # fmt: skip
    return pd.DataFrame(rows, columns=["layer", *columns])


FIGURES = (
    FigureSpec("1.4.2-a", ("voting",), draw_mask, table_mask),
    FigureSpec("1.4.2-b", (EXPERIMENT,), draw_dropout, table_dropout),
    FigureSpec("1.4.2-c", (EXPERIMENT,), draw_doses, table_doses),
    FigureSpec("1.4.2-d", ("voting",), draw_votes, table_votes),
    FigureSpec("1.4.2-e", (EXPERIMENT,), draw_correlations, table_correlations),
)
