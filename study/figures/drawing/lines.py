"""Drawing of ``lines``."""

from itertools import product
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from study.figures import rows, style
from study.figures.drawing import Drawn, marks
from study.figures.drawing.axes import dress, places_of, values_of
from study.figures.drawing.line_ends import names_lines
from study.figures.drawing.panel import Panel
from study.figures.labels import Labels
from study.figures.looks import looks
from study.figures.plot import METRIC, Summary

HEIGHT, SMALL = 3.6, 2.5  # of a row of panels; where there are several of them
ACROSS = 3  # panels beside each other, where they could go on below
DOTS = 12  # a line with more places than that has no markers


def shape(summary: Summary) -> tuple[int, int]:
    """A panel for each combination of the levels of both panel columns.

    Those of a single panel column that do not fit beside each other go on below.
    """
    row, column = summary.plot.panel
    down, across = max(len(levels(summary, row)), 1), max(len(levels(summary, column)), 1)
    if row is None and across > ACROSS:
        width = 2 if across == 4 else ACROSS
        return -(-across // width), width
    return down, across


def levels(summary: Summary, key: str | None) -> list[Any]:
    """The values of a key, also those of which every run diverged."""
    counts = summary.data["counts"]
    return rows.levels(summary.plot, counts if key in counts else summary.cells, key)


def height(summary: Summary) -> float:
    """Inches of one row of panels."""
    return HEIGHT if shape(summary)[0] == 1 else SMALL


def draw(figure: Figure, axes: np.ndarray, summary: Summary, words: Labels) -> Drawn:
    """Lines with bands or error bars, and the marks."""
    plot, cells = summary.plot, summary.cells
    if not np.isfinite([estimate.mean for estimate in cells["estimate"]]).any():
        for other in axes.ravel()[1:]:
            other.remove()
        style.empty(axes[0, 0], words.tr("no finished run"))
        return Drawn()
    styles = looks(plot.colour, levels(summary, plot.colour))
    if plot.colour is None:  # then it looks like what is measured
        styles = {None: looks(METRIC, [plot.y[0].name])[plot.y[0].name]}
    places = places_of(plot, cells)
    panels: list[Panel] = []
    combined = product(levels(summary, plot.panel[0]), levels(summary, plot.panel[1]))
    for (row, column), place in zip(combined, axes.ravel(), strict=False):
        own = cells[
            rows.equal(cells, plot.panel[0], row) & rows.equal(cells, plot.panel[1], column)
        ]
        panel = Panel(place, summary, own, words, styles, places,
                            (row, column), axes.size > 1, not panels)  # fmt: skip
        panels.append(panel)
    for panel in panels:
        marks.below(panel)
        _lines(panel)
        _title(panel, axes)
    dress(axes, summary, words, places)
    for empty in axes.ravel()[len(panels) :]:
        empty.set_axis_off()
    for panel in panels:
        marks.above(panel)
    return _legend(panels, summary, words)


def _title(panel: Panel, axes: np.ndarray) -> None:
    """The level of the columns: above the first row, or above each panel where they go on below."""
    plot, (row, column) = panel.summary.plot, panel.levels
    if plot.heading and axes.size == 1:
        panel.axes.set_title(panel.words.own(plot.heading), loc="left", fontsize=9.5)
    if plot.panel[1] is not None and (plot.panel[0] is None or panel.axes in axes[0]):
        title = panel.words.named(plot, plot.panel[1], column)
        if axes.shape[1] > 2 and len(title) > 14:
            title = "\n".join(title.rsplit(" ", 1))
        panel.axes.set_title(title)
    elif plot.panel[0] is not None and len(axes) == 1:
        panel.axes.set_title(panel.words.named(plot, plot.panel[0], row))


def _lines(panel: Panel) -> None:
    theory = panel.summary.plot.mark("theory") is not None
    for _, look, own in panel.lines():
        x, means, lows, highs = values_of(own, panel.places, panel.summary.plot)
        if len(x) > DOTS:
            panel.axes.plot(x, means, color=look.colour, linestyle=look.line)
            panel.axes.fill_between(x, lows, highs, color=look.colour, alpha=0.18, linewidth=0)
        else:
            line = "none" if theory else look.line  # the theory's is a line, these are dots
            panel.axes.plot(x, means, color=look.colour, linestyle=line, marker=look.marker,
                            markersize=6)  # fmt: skip
            known = np.isfinite(lows)
            panel.axes.errorbar(
                x[known], means[known], [(means - lows)[known], (highs - means)[known]],
                color=look.colour, linestyle="none", elinewidth=1.2, capsize=3,
            )  # fmt: skip


def _legend(panels: list[Panel], summary: Summary, words: Labels) -> Drawn:
    """A legend, unless every line is named at its end, or there is only one."""
    plot = summary.plot
    drawn = Drawn(notes=marks.notes(summary, words, shape(summary)[1]))
    ends = plot.mark("ends")
    named = ends is not None and len(ends.options["of"]) == len(plot.y)
    if plot.colour is None or (named and names_lines(panels[0])):
        return drawn
    dots = len(panels[0].places) <= DOTS
    for level, look in panels[0].styles.items():
        drawn.legend[words.level(plot, plot.colour, level)] = mpl.lines.Line2D(
            [], [], color=look.colour, linestyle=look.line, marker=look.marker if dots else "",
            markersize=5,
        )  # fmt: skip
    if not all(isinstance(level, str | bool) for level in panels[0].styles):
        drawn.title = words.column(plot, "colour", plot.colour)
    return drawn
