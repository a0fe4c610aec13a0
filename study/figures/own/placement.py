"""Where batch normalisation sits, and what it does there."""

import math
from collections.abc import Hashable
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from scipy import stats

from study.analysis.frames import Results, once
from study.analysis.intervals import (
    t_interval,
)
from study.figures import style
from study.figures.own import parts
from study.figures.spec import FigureSpec
from study.figures.style import Translate

SHOWN = (-4.0, 4.0)  # part of the pre-activations' histogram that is drawn; the rest is counted
_TARGET: dict[str, Any] = {"linewidth": 1.2, "linestyle": (0, (4, 2))}


def draw_placement(results: Results, tr: Translate) -> Figure:
    """Affine → batch norm → activation, with what flows between them in a trained network."""
    measured = [
        (config, result)
        for config, result in results.measured("batchnorm", "histograms")
        if config["batchnorm"]
    ]
    if not measured:
        figure, axes = style.new_figure(height=2)
        style.empty(axes[0, 0], tr("no finished run"))
        return figure
    depth = len(measured[0][1]["preactivation"])
    activation = measured[0][0]["activation"]
    figure, grid = style.new_figure(
        depth, 5, height=1.0 + 1.25 * depth, width_ratios=[0.95, 1.9, 1.2, 1.9, 0.85],
        width=style.PHONE,
    )  # fmt: skip
    moments = _moments(results)
    for index, row in enumerate(grid):
        _box(row[0], tr("Affine"), arrows="out")
        _box(row[2], tr("Batch\nNorm"), arrows="both", colour=style.colour("on"))
        _box(row[4], tr(activation), arrows="in")
        row[0].text(0.42, 0.98, f"{tr('layer')} {index + 1}", ha="center", va="top")
        for axes, key, colour in (
            (row[1], "preactivation", style.colour("before")),
            (row[3], "normalised", style.colour("on")),
        ):
            outside = _distribution(axes, [result[key][index] for _, result in measured], colour)
            mean, variance = moments.get((index + 1, key), (math.nan, math.nan))
            text = f"{tr('mean')} {_signed(mean)}\n{tr('variance')} {variance:.2f}{outside}"
            axes.text(0, 1, text, transform=axes.transAxes, va="top", fontsize=9)
            axes.tick_params(labelbottom=index == depth - 1)
        top = max(row[1].get_ylim()[1], row[3].get_ylim()[1])
        for axes in (row[1], row[3]):
            axes.set_ylim(0, top)
    grid[0, 1].set_title(tr("before batch norm"))
    grid[0, 3].set_title(tr("after batch norm"))
    for axes in grid[-1, [1, 3]]:
        axes.set_xlabel(tr("pre-activation"))
    target = mpl.lines.Line2D([], [], color=mpl.rcParams["text.color"], **_TARGET)
    text = f"{tr('normal distribution')}: {tr('mean')} 0, {tr('variance')} 1"
    figure.legend([target], [text], loc="outside lower center", fontsize=10, handlelength=3)
    return figure


def _signed(value: float) -> str:
    text = f"{value:+.2f}"
    return "0.00" if text.strip("+-") == "0.00" else text.replace("-", "−")


def _moments(results: Results) -> dict[tuple[Hashable, str], tuple[float, float]]:
    """Mean and variance by layer and place, averaged over the runs with batch norm."""
    places = ("preactivation", "normalised")
    columns = [f"{place}_{moment}" for place in places for moment in ("mean", "var")]
    layers = parts.trained_layers(results, "batchnorm")
    layers = layers[layers["batchnorm"].eq(True) & layers["preactivation_mean"].notna()]
    means = layers.groupby("layer")[columns].mean()
    return {
        (layer, place): (row[f"{place}_mean"], row[f"{place}_var"])
        for layer, row in means.to_dict("index").items()
        for place in places
    }


def _box(axes: Axes, text: str, *, arrows: str, colour: str = "none") -> None:
    """A layer of the network: a box, and the arrows into and out of it."""
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    ink = mpl.rcParams["text.color"]
    left = 0.04 if arrows == "out" else 0.2
    right = 0.96 if arrows == "in" else 0.8
    for fill, edge, alpha in ((colour, "none", 0.25), ("none", ink, 1.0)):
        axes.add_patch(
            FancyBboxPatch(
                (left + 0.04, 0.2), right - left - 0.08, 0.42, boxstyle="round,pad=0.04",
                facecolor=fill, edgecolor=edge, alpha=alpha, mutation_aspect=1.5, clip_on=False,
            )
        )  # fmt: skip
    axes.text((left + right) / 2, 0.41, text, ha="center", va="center", fontsize=9)
    for wanted, start, end in (("in", -0.02, left), ("out", right, 1.02)):
        if arrows in (wanted, "both"):
            arrow = FancyArrowPatch(
                (start, 0.41), (end, 0.41), arrowstyle="-|>", mutation_scale=9, color=ink,
                shrinkA=0, shrinkB=0, clip_on=False,
            )  # fmt: skip
            axes.add_patch(arrow)


def _distribution(axes: Axes, histograms: list[dict[str, Any]], colour: str) -> str:
    """The values against the normal distribution; a line to say how many are not drawn."""
    axes.set(xlim=SHOWN, xticks=[-4, -2, 0, 2, 4], yticks=[])
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False)
    pooled = parts.pool(histograms, SHOWN)
    if pooled is None:
        return ""
    axes.stairs(pooled.shares, pooled.edges, fill=True, color=colour, alpha=0.75)
    target = np.diff(stats.norm.cdf(pooled.edges))
    centres = (pooled.edges[:-1] + pooled.edges[1:]) / 2
    axes.plot(centres, target, color=mpl.rcParams["text.color"], **_TARGET)
    axes.set_ylim(0, 2.1 * max(pooled.shares.max(), target.max()))
    return f"\n|x| > {SHOWN[1]:g}: {parts.small_share(pooled.outside)}" if pooled.outside else ""


@once
def table_placement(results: Results) -> pd.DataFrame:
    """Mean and variance before and after the layer; the last columns: a network without it."""
    columns = {
        "preactivation_mean": "mean before",
        "preactivation_var": "variance before",
        "normalised_mean": "mean after",
        "normalised_var": "variance after",
        "unit_mean_max": "largest unit mean after",
        "unit_var_mean": "mean unit variance after",
    }
    without = {
        "preactivation_mean": "mean without batch norm",
        "preactivation_var": "variance without batch norm",
    }
    layers = parts.trained_layers(results, "batchnorm")
    layers = layers[layers["preactivation_mean"].notna()]
    rows = []
    for layer, group in layers.groupby("layer"):
        on, off = (group[group["batchnorm"].eq(side)] for side in (True, False))
        rows.append(
            {"layer": layer}
            | {name: t_interval(on[column]) for column, name in columns.items()}
            | {name: t_interval(off[column]) for column, name in without.items()}
        )
    return pd.DataFrame(rows, columns=["layer", *columns.values(), *without.values()])


def facts_placement(results: Results) -> dict[str, Any]:
    """The layer where the variance after batch norm is furthest from 1, and the range before it."""
    table = table_placement(results)
    if not len(table) or not table["mean after"].iloc[0].n:
        return {"case": "missing"}
    off = [abs(estimate.mean - 1) for estimate in table["variance after"]]
    worst = table.iloc[int(np.argmax(off))]
    before = [estimate.mean for estimate in table["variance before"]]
    return {
        "case": "measured",
        "layers": len(table),
        "layer": int(worst["layer"]),
        "mean": worst["mean after"],
        "variance": worst["variance after"],
        "mean_before": worst["mean before"],
        "variance_before": worst["variance before"],
        "least": min(before),
        "most": max(before),
    }


FIGURES = (
    FigureSpec(
        "placement",
        ("batchnorm",),
        draw_placement,
        table_placement,
        facts_placement,
        ("batchnorm",),
    ),
)
