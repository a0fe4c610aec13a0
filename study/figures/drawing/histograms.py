"""Drawing of ``histograms``."""

from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.histograms import Pooled
from study.analysis.typography import typeset
from study.figures import rows, style
from study.figures.drawing import Drawn
from study.figures.labels import Labels, number, small_share
from study.figures.looks import Look, looks
from study.figures.plot import Measure, Summary

HEIGHT, LOWER = 2.8, 2.3  # of one row of panels, of each of several
VALUES = {  # of a histogram, by name
    "activation": "activations", "preactivation": "preactivations",
    "normalised": "normalised values", "layers": "correlation of two hidden units",
}  # fmt: skip
NEAR = 0.05  # of where a function is flat


def shape(summary: Summary) -> tuple[int, int]:
    """A panel for each combination of the levels of both panel columns."""
    row, column = summary.plot.panel
    return max(len(_levels(summary, row)), 1), max(len(_levels(summary, column)), 1)


def _levels(summary: Summary, key: str | None) -> list[Any]:
    return rows.levels(summary.plot, summary.cells, key)


def height(summary: Summary) -> float:
    """Inches of one row of panels."""
    down, across = shape(summary)
    return 1.5 * HEIGHT if across == 1 else HEIGHT if down == 1 else LOWER


def draw(figure: Figure, axes: np.ndarray, summary: Summary, words: Labels) -> Drawn:
    """Shares of the values as filled steps; above each panel its notes."""
    plot, cells = summary.plot, summary.cells
    if cells.empty:
        for other in axes.ravel()[1:]:
            other.remove()
        style.empty(axes[0, 0], words.tr("no finished run"))
        return Drawn()
    row_key, column_key = plot.panel
    # Without colours, rows and what is pinned have theirs.
    key = plot.colour or (row_key if row_key != "layer" else None)
    styles = _styles(summary, key)
    for i, (panels, row) in enumerate(zip(axes, _levels(summary, row_key), strict=True)):
        across = cells[rows.equal(cells, row_key, row)]
        tallest = 0.0
        for panel, column in zip(panels, _levels(summary, column_key), strict=True):
            own = across[rows.equal(across, column_key, column)]
            tallest = max([tallest, *(_panel(panel, summary, each, styles, key)
                                      for _, each in own.groupby(level=0))])  # fmt: skip
        _scale(panels, summary, tallest)
        _notes(panels, summary, across, words, first=i == 0)
        named = _row_name(summary, row_key, row, words)
        colour = None if plot.colour else styles[row if key is not None else None].colour
        panels[0].set_ylabel(named, color=colour, fontsize=10.5)
        for panel in panels if i < len(axes) - 1 else ():
            panel.tick_params(labelbottom=False)
    of = words.tr(VALUES.get(plot.options["of"], "weight"))
    figure.supxlabel(words.own(plot.labels["x"]) if "x" in plot.labels else of, fontsize=10)
    label = words.own(plot.labels["y"]) if "y" in plot.labels else words.tr("share of values")
    figure.supylabel(label, fontsize=10)
    drawn = Drawn()
    for level, look in styles.items() if plot.colour else ():
        drawn.legend[words.named(plot, str(plot.colour), level)] = mpl.lines.Line2D(
            [], [], color=look.colour, linestyle=look.line
        )
    return drawn


def _row_name(summary: Summary, key: str | None, level: Any, words: Labels) -> str:
    """The level of a row of panels, or of the one initial value or activation that all are of."""
    if key is not None:
        return words.named(summary.plot, key, level)
    column, value = _pinned(summary)
    return "" if summary.plot.colour else words.level(summary.plot, column, value)


def _pinned(summary: Summary) -> tuple[str | None, Any]:
    for name in ("init", "activation"):
        pinned = {value for cell in summary.plot.where for value in cell.get(name, ())}
        if len(pinned) == 1:
            return name, pinned.pop()
    return None, None


def _styles(summary: Summary, key: str | None) -> dict[Any, Look]:
    if key is not None:
        return looks(key, _levels(summary, key))
    column, value = _pinned(summary)
    return {None: looks(column, [value])[value]}


def _panel(
    axes: Axes, summary: Summary, own: pd.DataFrame, styles: dict[Any, Look], key: str | None
) -> float:
    """Draw one distribution and return the height that the axis needs."""
    plot, row = summary.plot, own.iloc[0]
    pooled: Pooled = row["pooled"]
    look = styles[row[key] if key is not None else None]
    flat = plot.mark("flat")
    for limit in flat.options["at"] if flat is not None else ():
        axes.axvspan(limit - NEAR, limit + NEAR, color="0.5", alpha=0.18, linewidth=0)
    shares = pooled.shares.copy()
    zeros = _zeros(summary, row) if plot.mark("zeros") else 0.0
    if zeros:
        first = int(np.searchsorted(pooled.edges, 0, side="right")) - 1
        rest = max(shares[first] - zeros, 0.0)
        axes.bar(pooled.edges[first], zeros, width=np.diff(pooled.edges)[first], bottom=rest,
                 align="edge", facecolor="none", edgecolor=look.colour, hatch="////",
                 linewidth=0.6)  # fmt: skip
        shares[first] = rest
    alpha = 0.15 if plot.colour else 0.75
    axes.stairs(shares, pooled.edges, fill=True, color=look.colour, alpha=alpha)
    axes.stairs(shares, pooled.edges, color=look.colour, linewidth=1.0 if not plot.colour else 1.6,
                linestyle=look.line if plot.colour else "-")  # fmt: skip
    axes.set_xlim(pooled.edges[0], pooled.edges[-1])
    return float(shares.max())


def _zeros(summary: Summary, row: pd.Series) -> float:
    found = _statistics_of(summary, row)
    return float(found["saturated_share"].iloc[0].mean) if len(found) else 0.0


def _statistics_of(summary: Summary, row: pd.Series) -> pd.DataFrame:
    found: pd.DataFrame = summary.data["statistics"]
    for key in summary.plot.keys:
        found = found[rows.equal(found, key, row[key])]
    return found


def _scale(panels: Sequence[Axes], summary: Summary, tallest: float) -> None:
    """The same axes for a row of panels: few ticks, per cent."""
    log = summary.plot.log("y")
    for place, panel in enumerate(panels):
        low, high = panel.get_xlim()
        ends = (low, (low + high) / 2, high)
        panel.set_xticks(ends, [typeset(f"{tick:g}") for tick in ends])
        if log:
            panel.set_yscale("log")
        else:
            panel.set_ylim(0, 1.06 * tallest)
            panel.yaxis.set_major_locator(mpl.ticker.MaxNLocator(4))
        panel.yaxis.set_major_formatter(lambda share, _: f"{100 * share:.3g}%")
        panel.tick_params(labelleft=place == 0)


def _notes(
    panels: Sequence[Axes], summary: Summary, across: pd.DataFrame, words: Labels, *, first: bool
) -> None:
    """The numbers of each panel above it, line by line, and their names on the left.

    A line whose numbers are all zero, or all empty, is left out.
    """
    plot = summary.plot
    names = [] if plot.panel[1] is None else [words.tr(str(plot.panel[1]))]
    names += [words.measure(measure) for measure in plot.options["notes"]]
    beyond = f"> {number(float(across['pooled'].iloc[0].edges[-1]))}"
    columns = []
    for level in _levels(summary, plot.panel[1]):
        own = across[rows.equal(across, plot.panel[1], level)]
        if own.empty or len(own) > 1:  # several distributions have no one number
            columns.append(["", *("" for _ in names)])
            continue
        row = own.iloc[0]
        found = _statistics_of(summary, row)
        heads = [words.level(plot, plot.panel[1], level) if first else ""] if plot.panel[1] else []
        texts = [_note(found, measure) for measure in plot.options["notes"]]
        columns.append([*heads, *texts, small_share(row["pooled"].outside)])
    rows_of_text = list(zip(*columns, strict=True))
    lines = [
        (name, texts)
        for name, texts in zip([*names, beyond], rows_of_text, strict=True)
        if set(texts) - {"", "0 %"}
    ]
    for place, panel in enumerate(panels):
        panel.set_title("\n".join(texts[place] for _, texts in lines), fontsize=9.5)
    panels[0].annotate(
        "\n".join(name for name, _ in lines), (0, 1), xycoords="axes fraction", ha="right",
        va="baseline", xytext=(-5, mpl.rcParams["axes.titlepad"]), textcoords="offset points",
        fontsize=9.5,
    )  # fmt: skip


def _note(found: pd.DataFrame, measure: Measure) -> str:
    if found.empty:
        return ""
    mean = float(found[measure.name].iloc[0].mean)
    if measure.unit == "share":
        return small_share(mean)
    if mean != 0 and not 1e-3 <= abs(mean) < 1e4:
        return typeset(f"{mean:.0e}")
    return typeset(f"{mean:.2g}" if abs(mean) < 100 else f"{mean:.0f}")
