"""Drawing of ``deciding``: the effect against each axis."""

import math

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from study.analysis.deciding import Strength, by_level, is_ordered, is_wide, level, trend
from study.analysis.multiverse import outcomes
from study.figures import style
from study.figures.drawing import Drawn
from study.figures.drawing.settings import EFFECT, OUTCOMES, axis_name, shown
from study.figures.labels import Labels
from study.figures.plot import Summary
from study.figures.style import power_text

COLUMNS = 2
HEIGHT = 2.0
MOST_TICKS = 4


def shape(summary: Summary) -> tuple[int, int]:
    """A panel for each axis that varies."""
    return max(math.ceil(len(summary.data["strengths"]) / COLUMNS), 1), COLUMNS


def height(summary: Summary) -> float:
    """Inches of a row of panels."""
    return HEIGHT


def draw(figure: Figure, axes: np.ndarray, summary: Summary, words: Labels) -> Drawn:
    """Settings, with a trend where the axis has many numbers, else with the means of its values."""
    values, drawn = summary.data["effect"], summary.data["axes"]
    listed: list[Strength] = summary.data["strengths"]
    for panel in axes.flat[len(listed) :]:
        panel.set_axis_off()
    if not listed:
        style.empty(axes.flat[0], words.tr("nothing to compare"))
        return Drawn()
    found = outcomes(values)
    for panel, each in zip(axes.flat, listed, strict=False):
        x = _draw_axis(panel, values, drawn[each.axis], even=math.isfinite(each.p))
        for outcome, (_, colour, marker) in OUTCOMES.items():
            own = found == outcome
            panel.plot(x[own], 100 * values[own], marker, color=colour, ms=3.5, alpha=0.75)
        panel.axhline(0, color=mpl.rcParams["axes.edgecolor"], linewidth=0.8)
        panel.set_title(f"{axis_name(each.axis, words)}\n{_strength(each)}", fontsize=9)
    return Drawn(notes=[words.tr(EFFECT)])


def _strength(each: Strength) -> str:
    """``ρ = −0.62, p = 0.003``; of names ``η``; no p of what no test speaks of."""
    ranked = math.isfinite(each.correlation)
    sign = "−" if ranked and each.correlation < 0 else ""
    strength = f"{'ρ' if ranked else 'η'} = {sign}{each.strength:.2f}"
    if math.isnan(each.p_corrected):
        return strength
    p = "p < 0.001" if each.p_corrected < 0.001 else f"p = {each.p_corrected:.2g}"
    return f"{strength}, {p}"


def _draw_axis(
    axes: Axes, effect: NDArray[np.float64], column: pd.Series, *, even: bool
) -> NDArray[np.float64]:
    """The trend, or the mean at each value; returns where on the axis each setting lies.

    Args:
        even: whether the values are drawn evenly; an outcome crowds at one end, where a trend
            would follow single settings.
    """
    if is_ordered(column):
        x: NDArray[np.float64] = column.to_numpy(float, na_value=np.nan)
        if not even:
            return x
        curve = trend(x, effect)
        if curve is not None:
            if is_wide(x):
                _logarithmic(axes, curve.x[0], curve.x[-1])
            axes.plot(curve.x, 100 * curve.mean, color=mpl.rcParams["text.color"])
            axes.fill_between(
                curve.x, 100 * curve.low, 100 * curve.high, alpha=0.15, linewidth=0,
                color=mpl.rcParams["text.color"],
            )  # fmt: skip
            return x
    means = by_level(effect, column)
    for place, estimate in enumerate(means.values()):
        half = 0.0 if np.isnan(estimate.half_width) else 100 * estimate.half_width
        axes.errorbar(
            place, 100 * estimate.mean, half, fmt="_", ms=12, capsize=3, zorder=3,
            color=mpl.rcParams["text.color"],
        )  # fmt: skip
    axes.set_xticks(range(len(means)), [shown(name) for name in means])
    axes.set_xlim(-0.6, len(means) - 0.4)
    places = {name: place for place, name in enumerate(means)}
    return np.array([places.get(value, np.nan) for value in column.map(level)], dtype=float)


def _logarithmic(axes: Axes, low: float, high: float) -> None:
    """A logarithmic x axis with a few round numbers: 1, 3, 10, or just the powers of ten."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [digit * 10.0**power for power in powers for digit in (1, 3)]
    ticks = [tick for tick in ticks if low * 0.95 <= tick <= high * 1.05]
    if len(ticks) > MOST_TICKS:
        ticks = [tick for tick in ticks if math.log10(tick).is_integer()][:: 1 + len(powers) // 8]
    axes.set_xscale("log")
    axes.set_xticks(
        ticks, [shown(tick) if 1e-3 <= tick < 1e5 else power_text(tick) for tick in ticks]
    )
    axes.set_xticks([], minor=True)
