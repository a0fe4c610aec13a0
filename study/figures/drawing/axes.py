"""Axes of lines and points: where a value of x stands, ticks, limits and labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from study.figures import rows, style
from study.figures.labels import Labels, number
from study.figures.plot import Plot, Summary

FEW = 9  # values of x that get a tick each
Floats = NDArray[np.float64]


def places_of(plot: Plot, cells: pd.DataFrame) -> dict[Any, float]:
    """Where each value of x stands: numbers at themselves, names at 0, 1, 2, …

    On a logarithmic axis 0 gets a place one decade left of the smallest other (``gap_at``).
    """
    values = rows.levels(plot, cells, plot.x)
    if not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        return {value: float(place) for place, value in enumerate(values)}
    if not plot.log("x"):
        return {value: float(value) for value in values}
    positive = [value for value in values if value > 0]
    zero = min(positive, default=1.0) / 10
    return {value: float(value) if value > 0 else zero for value in values}


def is_number_axis(plot: Plot, places: Mapping[Any, float]) -> bool:
    """Whether x is a number, and not a name."""
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in places)


def values_of(
    own: pd.DataFrame, places: Mapping[Any, float], plot: Plot
) -> tuple[Floats, Floats, Floats, Floats]:
    """Place, mean and ends of the interval of the cells of one line."""
    x = np.array([places[value] for value in own[plot.x]], float)
    numbers = [estimate[:3] for estimate in own["estimate"]]
    means, lows, highs = np.array(numbers, float).reshape(-1, 3).T
    if plot.rows == rows.POINTS and plot.log("x"):  # where 0 is no measurement
        kept = own[plot.x].to_numpy(float) > 0
        return x[kept], means[kept], lows[kept], highs[kept]
    return x, means, lows, highs


def dress(axes: np.ndarray, summary: Summary, words: Labels, places: Mapping[Any, float]) -> None:
    """Scales, limits, ticks and labels of all panels of a plot, which share both axes."""
    plot = summary.plot
    share = plot.y[0].unit == "share"
    for panel in axes.ravel():
        if plot.log("x"):
            panel.set_xscale("log")
        if plot.log("y"):
            panel.set_yscale("log")
        ticks(panel, plot, places, words)
    every = list(axes.ravel())
    if plot.log("y"):
        style.fit_lines(*every)
        for panel in every:
            plain_numbers(panel)
        for panel in every[1:]:
            panel.set_ylim(every[0].get_ylim())
    elif share:
        low, high = share_limits(summary)
        for panel in every:
            style.percent(panel, limits=(low, high))
    else:
        style.fit_lines(*every)
        for panel in every[1:]:
            panel.set_ylim(every[0].get_ylim())
    label = y_label(plot, words)
    for panel in axes[:, 0]:
        panel.set_ylabel(label)
    for panel in axes[-1]:
        panel.set_xlabel(words.column(plot, "x", str(plot.x)))
    for panel in axes[:-1].ravel():
        panel.tick_params(labelbottom=False)
    for panel in axes[:, 1:].ravel():
        panel.tick_params(labelleft=False)


def y_label(plot: Plot, words: Labels) -> str:
    """The measure; of several the word that they share."""
    if "y" in plot.labels:
        return words.own(plot.labels["y"])
    if len(plot.y) == 1:
        return words.measure(plot.y[0])
    ends = {measure.name.rpartition("_")[2] for measure in plot.y}
    return words.tr(ends.pop()) if len(ends) == 1 else ""


def share_limits(summary: Summary) -> tuple[float, float]:
    """Shares: from 0 to 100 %, unless all of them lie in one part of it."""
    estimates = list(summary.cells["estimate"])
    means = np.array([estimate.mean for estimate in estimates])
    halves = np.array([estimate.half_width for estimate in estimates])
    low, high = float(np.nanmin(means)), float(np.nanmax(means))
    known = halves[np.isfinite(halves)]
    room = min(float(known.max()) if len(known) else 0.0, 0.05) + 0.05 * max(high - low, 0.02)
    if low < 0:
        return low - 2 * room, high + 2 * room
    return (0.0, 1.02) if high > 0.5 and low < 0.5 else (max(low - room, 0.0), high + room)


def ticks(axes: Axes, plot: Plot, places: Mapping[Any, float], words: Labels) -> None:
    """A tick at each value where they are few; round numbers where they are many."""
    named = not is_number_axis(plot, places)
    where = list(places.values())
    if len(places) <= FEW or named:
        texts = [words.level(plot, plot.x, value) for value in places]
        axes.set_xticks(where, texts)
        axes.minorticks_off()
        long = sum(map(len, texts)) > (24 if named else 30)
        if long:
            axes.tick_params(axis="x", labelrotation=90 if not named else 30)
        _limits(axes, plot, where)
        return
    if plot.log("x"):
        style.logarithmic(axes, "x")
        positive = [place for value, place in places.items() if value > 0]
        axes.set_xlim(min(positive), max(positive))
        return
    axes.set_xlim(min(where), max(where))
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(6, integer=max(where) > 6,
                                                        steps=[1, 2, 5, 10]))  # fmt: skip
    axes.xaxis.set_major_formatter(lambda value, _: number(value))


def _limits(axes: Axes, plot: Plot, where: Sequence[float]) -> None:
    """Some room at both sides of the values."""
    low, high = min(where), max(where)
    if plot.log("x"):
        room = max((high / low) ** 0.08, 1.4)
        axes.set_xlim(low / room, high * room)
        return
    room = 0.08 * (high - low) or 0.5
    axes.set_xlim(low - room, high + room)


def plain_numbers(axes: Axes) -> None:
    """Label a logarithmic axis 0.01, 0.1, 1, and only there; powers of ten far from 1."""
    axes.yaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: number(value)))
    low, high = axes.get_ylim()
    if high / low > 10:
        axes.yaxis.set_minor_formatter(mpl.ticker.NullFormatter())
    else:
        axes.yaxis.set_minor_formatter(mpl.ticker.FuncFormatter(lambda value, _: number(value)))
