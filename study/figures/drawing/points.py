"""Drawing of ``points``."""

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from study.figures import quantities, rows, style
from study.figures.drawing import Drawn
from study.figures.kinds.points import side_name
from study.figures.labels import Labels, number
from study.figures.looks import MARKERS, PLAIN, looks
from study.figures.plot import Summary

HEIGHT = 4.4


def shape(summary: Summary) -> tuple[int, int]:
    """One panel."""
    return 1, 1


def height(summary: Summary) -> float:
    """Inches of it."""
    return HEIGHT


def draw(figure: Figure, axes: np.ndarray, summary: Summary, words: Labels) -> Drawn:
    """The treatment against the control, and the line where both are equal."""
    plot, cells, panel = summary.plot, summary.cells, axes[0, 0]
    if cells.empty:
        style.empty(panel, words.tr("no pairs to compare"))
        return Drawn()
    quantity: quantities.Quantity = plot.options["of"]
    scale = 100 if plot.y[0].unit == "share" else 1
    form = plot.options["shape"]
    styles = looks(plot.colour, rows.levels(plot, cells, plot.colour)) if plot.colour else {}
    forms = dict(zip(rows.levels(plot, cells, form), MARKERS, strict=False)) if form else {}
    drawn = Drawn()
    for _, row in cells.iterrows():
        look = styles[row[plot.colour]] if plot.colour else PLAIN
        named = [words.named(plot, key, row[key]) for key in (plot.colour, form) if key]
        marker = forms.get(row[form], "o") if form else look.marker
        panel.errorbar(
            scale * row["control"].mean, scale * row["treatment"].mean,
            yerr=scale * np.nan_to_num(row["difference"].half_width), elinewidth=1,
            color=look.colour, ecolor=mpl.colors.to_rgba(look.colour, 0.4), marker=marker,
            markersize=7, linestyle="none",
        )  # fmt: skip
        if named:
            drawn.legend[", ".join(named)] = mpl.lines.Line2D(
                [], [], color=look.colour, marker=marker, markersize=7, linestyle="none"
            )
    means = np.array([[e.mean for e in cells[side]] for side in ("control", "treatment")])
    low, high = scale * means.min(), scale * means.max()
    near = 0 <= low < 0.5 * high  # then the axes begin at 0
    low = 0.0 if near else low - 0.12 * (high - low)
    high += 0.12 * (high - low) or 1.0
    for place, corner in (("above", (0.03, 0.97)), ("below", (0.97, 0.03))):
        if place in plot.labels:  # what it means to be on that side of the line
            ends = {"va": "top"} if place == "above" else {"ha": "right"}
            panel.text(*corner, words.own(plot.labels[place]), transform=panel.transAxes, **ends)
    panel.plot([low, high], [low, high], color=mpl.rcParams["text.color"], linewidth=1)
    unit = f" ({words.tr('points' if plot.y[0].name.startswith('gap') else '%')})"
    for axis, side in (("x", "control"), ("y", "treatment")):
        measure = (
            words.measure(plot.y[0]) if "y" not in plot.labels else words.own(plot.labels["y"])
        )
        label = f"{measure}, {_side(quantity, side, words)}{unit if scale == 100 else ''}"
        panel.set(**{f"{axis}lim": (low, high), f"{axis}label": label})
        getattr(panel, f"{axis}axis").set_major_formatter(lambda value, _: number(value))
    return drawn


def _side(quantity: quantities.Quantity, side: str, words: Labels) -> str:
    return words.tr(side_name(quantity.part.sides[side]))
