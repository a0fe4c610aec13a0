"""Axes of lines and points: where a value of x stands, ticks, limits and labels."""

from collections.abc import Mapping, Sequence
from numbers import Real
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
ACROSS = 12  # ticks of all panels beside each other that have room
NARROW = 5  # ticks of a logarithmic axis that have room where panels are beside each other
LETTERS = 44  # of all labels beside each other that have room
Floats = NDArray[np.float64]


def places_of(plot: Plot, cells: pd.DataFrame) -> dict[Any, float]:
    """Where each value of x stands: numbers at themselves, names at 0, 1, 2, …

    On a logarithmic axis 0 gets a place one decade left of the smallest other (``gap_at``).
    """
    values = rows.levels(plot, cells, plot.x)
    if not all(map(_is_number, values)):
        return {value: float(place) for place, value in enumerate(values)}
    if not plot.log("x"):
        return {value: float(value) for value in values}
    positive = [value for value in values if value > 0]
    zero = min(positive, default=1.0) / 10
    return {value: float(value) if value > 0 else zero for value in values}


def is_number_axis(plot: Plot, places: Mapping[Any, float]) -> bool:
    """Whether x is a number, and not a name."""
    return all(map(_is_number, places))


def _is_number(value: object) -> bool:
    """Whether it is a number, also one of NumPy's, as columns that may lack one have them."""
    return isinstance(value, Real) and not isinstance(value, bool)


def values_of(
    own: pd.DataFrame, places: Mapping[Any, float], plot: Plot
) -> tuple[Floats, Floats, Floats, Floats]:
    """Place, mean and ends of the interval of the cells of one line."""
    x = np.array([places[value] for value in own[plot.x]], float)
    numbers = [estimate[:3] for estimate in own["estimate"]]
    means, lows, highs = np.array(numbers, float).reshape(-1, 3).T
    if plot.rows in rows.CURVES and plot.log("x"):  # where 0 is no measurement
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
        ticks(panel, plot, places, words, axes.shape[1])
    every = list(axes.ravel())
    if plot.log("y"):
        style.fit_lines(*every)
        for panel in every:
            panel.set_ylim(every[0].get_ylim())
            plain_numbers(panel)
    elif share:
        low, high = share_limits(summary)
        for panel in every:
            style.percent(panel, limits=(low, high))
            if high - low < 0.03:  # whole per cent would stand there twice
                panel.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.1f}%")
            if is_difference(plot):
                panel.yaxis.set_major_formatter(lambda value, _: number(100 * value))
    else:
        style.fit_lines(*every)
        for panel in every[1:]:
            panel.set_ylim(every[0].get_ylim())
    _name_rows(list(axes[:, 0]), summary, words)
    for panel in axes[-1]:
        panel.set_xlabel(words.column(plot, "x", str(plot.x)))
    for panel in axes[:-1].ravel():
        panel.tick_params(labelbottom=False)
    for panel in axes[:, 1:].ravel():
        panel.tick_params(labelleft=False)


def _name_rows(first: Sequence[Axes], summary: Summary, words: Labels) -> None:
    """The measure at the left, and the level of each row of panels, where there are several."""
    plot, (row, _) = summary.plot, summary.plot.panel
    label = y_label(plot, words)
    if row is None or len(first) < 2:
        for panel in first:
            panel.set_ylabel(label)
        return
    counts = summary.data["counts"]
    named = rows.levels(plot, counts if row in counts else summary.cells, row)
    for place, (panel, level) in enumerate(zip(first, named, strict=True)):
        text = words.named(plot, row, level)
        panel.set_ylabel(f"{label}\n{text}" if label and place == len(first) // 2 else text)


def y_label(plot: Plot, words: Labels) -> str:
    """The measure; of several the word that they share."""
    if "y" in plot.labels:
        return words.own(plot.labels["y"])
    if is_difference(plot):
        return f"{words.measure(plot.y[0])} ({words.tr('points')})"
    if len(plot.y) == 1:
        return words.measure(plot.y[0])
    ends = {measure.name.rpartition("_")[2] for measure in plot.y}
    return words.tr(ends.pop()) if len(ends) == 1 else ""


def is_difference(plot: Plot) -> bool:
    """Whether y is a difference of shares, which is in points and compared with 0."""
    return len(plot.y) == 1 and plot.y[0].name == "gap"


def share_limits(summary: Summary) -> tuple[float, float]:
    """Shares: from 0 to 100 %, unless all of them lie in one part of it."""
    estimates = list(summary.cells["estimate"])
    means = np.array([estimate.mean for estimate in estimates])
    halves = np.array([estimate.half_width for estimate in estimates])
    low, high = float(np.nanmin(means)), float(np.nanmax(means))
    known = halves[np.isfinite(halves)]
    room = min(float(known.max()) if len(known) else 0.0, 0.05) + 0.05 * max(high - low, 0.02)
    if is_difference(summary.plot):
        low, high = min(low, 0.0), max(high, 0.0)
        space = 0.3 * max(high - low, 0.02)
        return low - space if low < 0 else 0.0, high + space
    if low < 0:
        return low - 2 * room, high + 2 * room
    return (0.0, 1.02) if high > 0.5 and low < 0.5 else (max(low - room, 0.0), high + room)


def ticks(axes: Axes, plot: Plot, places: Mapping[Any, float], words: Labels, columns: int) -> None:
    """A tick at each value where they are few; round numbers where they are many."""
    named = not is_number_axis(plot, places)
    where = list(places.values())
    if len(places) <= FEW or named:
        texts = [words.level(plot, plot.x, value) for value in places]
        if plot.x == "layer" and plot.mark("theory") is not None:  # which starts at the input
            where, texts = [0.0, *where], [words.tr("input"), *texts]
        axes.set_xticks(where, texts)
        axes.minorticks_off()
        long = columns * sum(len(text) + 1 for text in texts) > LETTERS
        if long:
            axes.tick_params(axis="x", labelrotation=90 if not named else 30)
        _limits(axes, plot, where)
        if not named and plot.log("x") and 0 in places and len(where) > 1:
            _break(axes, sorted(where))
        return
    if plot.log("x"):
        positive = [place for value, place in places.items() if value > 0]
        low, high = min(positive), max(positive)
        axes.set_xlim(low, high)
        if high / low > 1e4:
            style.logarithmic(axes, "x")
            return
        near = [m * 10.0**power for power in range(-9, 10) for m in (1, 2, 5)]
        steps = [place for place in near if low <= place <= high]
        if columns > 1 and len(steps) > NARROW:
            steps = [step for step in steps if f"{step:e}".startswith("1.")]
            steps = steps[:: 1 + (columns * len(steps) > ACROSS)]
        axes.set_xticks(steps, [number(step) for step in steps])
        axes.minorticks_off()
        return
    axes.set_xlim(min(where), max(where))
    count = 6 if columns == 1 else 3
    if columns * (count + 1) * len(number(max(where))) > LETTERS:
        count = 2
    whole = max(where) > count
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(count, integer=whole, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(lambda value, _: number(value))


def _break(axes: Axes, where: Sequence[float]) -> None:
    """Mark that a logarithmic axis does not run on to 0."""
    middle = (where[0] * where[1]) ** 0.5
    axes.text(middle, 0, "//", transform=axes.get_xaxis_transform(), ha="center", va="center",
              fontsize=11)  # fmt: skip


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
