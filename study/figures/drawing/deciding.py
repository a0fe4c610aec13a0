"""Drawing of ``deciding``: the effect against each axis."""

import math
from typing import Any

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
from study.figures.style import in_order, logarithmic

COLUMNS = 2
HEIGHT = 2.0


def shape(summary: Summary) -> tuple[int, int]:
    """A panel for each axis that varies."""
    return max(math.ceil(len(summary.data["strengths"]) / COLUMNS), 1), COLUMNS


def height(summary: Summary) -> float:
    """Inches of a row of panels."""
    return HEIGHT


def draw(figure: Figure, axes: np.ndarray, summary: Summary, words: Labels) -> Drawn:
    """Settings, with a trend where the axis has numbers, else with the means of its names."""
    values, drawn = summary.data["effect"], summary.data["axes"]
    listed: list[Strength] = summary.data["strengths"]
    for panel in axes.flat[len(listed) :]:
        panel.set_axis_off()
    if not listed:
        style.empty(axes.flat[0], words.tr("nothing to compare"))
        return Drawn()
    found = outcomes(values)
    for panel, each in zip(axes.flat, listed, strict=False):
        x = _draw_levels(panel, values, drawn[each.axis])
        for outcome, (_, colour, marker) in OUTCOMES.items():
            own = found == outcome
            panel.plot(x[own], 100 * values[own], marker, color=colour, ms=3.5, alpha=0.75)
        panel.axhline(0, color=mpl.rcParams["axes.edgecolor"], linewidth=0.8)
        panel.set_title(f"{axis_name(each.axis, words)}\n{_strength(each)}", fontsize=9)
    return Drawn(notes=[words.tr(EFFECT)])


def _strength(each: Strength) -> str:
    """``ρ = −0.62, p = 0.003``; of names ``η``."""
    ranked = math.isfinite(each.correlation)
    sign = "−" if ranked and each.correlation < 0 else ""
    p = "p < 0.001" if each.p_corrected < 0.001 else f"p = {each.p_corrected:.2g}"
    return f"{'ρ' if ranked else 'η'} = {sign}{each.strength:.2f}, {p}"


def _draw_levels(axes: Axes, effect: NDArray[np.float64], column: pd.Series) -> Any:
    """The trend, or the mean at each level; returns where on the axis each setting lies."""
    ordered = is_ordered(column)
    if ordered:
        x = column.to_numpy(float, na_value=np.nan)
        if is_wide(x):
            logarithmic(axes, "x")
        curve = trend(x, effect)
        if curve is not None:
            axes.plot(curve.x, 100 * curve.mean, color=mpl.rcParams["text.color"])
            axes.fill_between(
                curve.x, 100 * curve.low, 100 * curve.high, alpha=0.15, linewidth=0,
                color=mpl.rcParams["text.color"],
            )  # fmt: skip
            return x
    means = by_level(effect, column)
    names = in_order(list(means), sorted(means) if ordered else [])
    places = names if ordered else list(range(len(names)))
    for place, name in zip(places, names, strict=True):
        estimate = means[name]
        half = 0.0 if np.isnan(estimate.half_width) else 100 * estimate.half_width
        axes.errorbar(
            place, 100 * estimate.mean, half, fmt="_", ms=12, capsize=3, zorder=3,
            color=mpl.rcParams["text.color"],
        )  # fmt: skip
    if ordered:
        return column.to_numpy(float, na_value=np.nan)
    axes.set_xticks(places, [shown(name) for name in names])
    axes.set_xlim(-0.6, len(names) - 0.4)
    listed = column.map(level)
    return np.array([names.index(v) if v in names else np.nan for v in listed], dtype=float)
