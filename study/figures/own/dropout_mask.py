"""A network before and after dropout, drawn from a mask that was really sampled."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from study.analysis.frames import Results, once
from study.analysis.intervals import t_interval
from study.figures import style
from study.figures.own import parts
from study.figures.spec import FigureSpec
from study.figures.style import Translate

EXPERIMENT, COLUMN, LECTURE = "dropout", "dropout", 0.2
UNITS_DRAWN, LAYERS_DRAWN = 8, 3
INPUTS_DRAWN, OUTPUTS_DRAWN = 6, 4


def first_masks(results: Results) -> list[np.ndarray]:
    """Which units the first thinned network of the first run keeps, by hidden layer."""
    for _, result in results.measured("voting", "voting"):
        return [np.asarray(mask).astype(bool) for mask in result["masks"]]
    return []


def draw_mask(results: Results, tr: Translate) -> Figure:
    """The first units of the first hidden layers, all of them and after a real mask."""
    masks = first_masks(results)
    figure, grid = style.new_figure(1, 2, height=4.6, width=style.PHONE)
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
            axes.text(index + 1, -UNITS_DRAWN / 2 - 0.2, f"{count}\n{tr('kept')}",
                      ha="center", va="top", fontsize=9)  # fmt: skip
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
        axes.plot(np.full(len(alive), x), alive, "o", markersize=9, markeredgecolor=ink,
                  markerfacecolor=style.colour("off" if hidden else "unit"))  # fmt: skip
        axes.plot(np.full(len(dead), x), dead, "o", markersize=9, markerfacecolor="none",
                  markeredgecolor=style.colour("on"), alpha=0.6)  # fmt: skip
        axes.plot(np.full(len(dead), x), dead, "x", markersize=8, markeredgewidth=2.4,
                  color=style.colour("on"))  # fmt: skip
    top = UNITS_DRAWN / 2 + 0.4
    names = [tr("in"), *(f"{tr('layer')}\n{i + 1}" for i in range(len(kept))), tr("out")]
    for x, name in enumerate(names):
        axes.text(x, top, name, ha="center", va="center", fontsize=9)
    axes.set(xlim=(-0.4, len(columns) - 0.6), ylim=(-UNITS_DRAWN / 2 - 1.2, top + 0.5))
    axes.set_axis_off()


@once
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


def facts_mask(results: Results) -> dict[str, Any]:
    """Units of the mask that is drawn, and the share that the first masks of all runs drop."""
    masks = first_masks(results)
    if not masks:
        return {"case": "missing"}
    table = table_mask(results)
    everything = table[table["layer"] == "all"].iloc[0]
    dropped = [
        1 - np.concatenate([np.ravel(mask) for mask in result["masks"]]).mean()
        for _, result in results.measured("voting", "voting")
    ]
    rates = results.runs("voting")["dropout"]
    return {
        "case": "measured",
        "layers": len(masks),
        "units": int(everything["units"]),
        "kept": int(everything["kept"]),
        "dropped": int(everything["dropped"]),
        "drawn": sum(int(min(UNITS_DRAWN, len(mask))) for mask in masks[:LAYERS_DRAWN]),
        "crossed": sum(int((mask[:UNITS_DRAWN] == 0).sum()) for mask in masks[:LAYERS_DRAWN]),
        "rate": parts.dose_text(float(rates.iloc[0])),
        "share": t_interval(dropped),
    }


FIGURES = (FigureSpec("dropout_mask", ("voting",), draw_mask, table_mask, facts_mask),)
