"""Figures of a map: the specification curve over its panel, and what decides.

Both are functions of what the statistics say (``study.analysis.multiverse``, ``deciding``): one
row for each setting, and a column for each axis. Effects are shown in accuracy points.
"""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import ArrayLike, NDArray

from study.analysis.deciding import by_level, is_ordered, is_wide, level, strengths, trend
from study.analysis.figures.style import (
    PALETTE,
    PHONE,
    Translate,
    empty,
    in_order,
    logarithmic,
    new_figure,
)
from study.analysis.multiverse import HARMS, HELPS, MARGIN, NONE, outcomes
from study.records.cells import number_text

# outcome: (label, colour, marker): no figure depends on colour alone
OUTCOMES = {
    HELPS: ("helps", PALETTE["blue"], "^"),
    NONE: ("no difference that matters", "#7f7f7f", "o"),
    HARMS: ("harms", PALETTE["vermilion"], "v"),
}
EFFECT = "test accuracy, change in points"
_BAND = 1.6  # height of a row of numbers in the panel, of names 1 for each
_LARGEST = 12  # inches


def draw_curve(
    effect: ArrayLike,
    axes: pd.DataFrame,
    tr: Translate,
    *,
    margin: float = MARGIN,
    marked: int | None = None,
) -> Figure:
    """The specification curve (Simonsohn et al., 2020): effects sorted, under it what was drawn.

    Args:
        effect: of each setting, as a share.
        axes: what each setting drew, a row for each and a column for each axis.
        margin: the smallest effect that matters.
        marked: the row of a setting that is pointed out, as the lecture's own.
    """
    values = np.asarray(effect, dtype=float)
    rows = [(name, _names(axes[name])) for name in axes]
    heights = [_BAND if names is None else len(names) for _, names in rows]
    figure, ((above,), (below,)) = new_figure(
        2,
        1,
        height=min(3.2 + 0.24 * sum(heights), _LARGEST),
        width=PHONE,
        sharex=True,
        height_ratios=[2.8, max(0.24 * sum(heights), 0.3)],
    )
    if not len(values):
        below.set_axis_off()
        empty(above, tr("no runs"))
        return figure
    order = np.argsort(values, kind="stable")
    _draw_effects(above, values[order], tr, margin)
    base, ticks, labels = 0.0, [], []
    for (name, names), height in zip(rows, heights, strict=True):
        column = axes[name].iloc[order].reset_index(drop=True)
        drawn = _row_of_numbers if names is None else _row_of_names
        places, texts = drawn(below, column, base, names, tr(str(name)))
        ticks += places
        labels += texts
        base -= height
        below.axhline(base + 0.5, color=mpl.rcParams["grid.color"], linewidth=0.8)
    below.set(yticks=ticks, ylim=(base + 0.5, 0.5), xlabel=tr("settings, sorted by effect"))
    below.set_yticklabels(labels, fontsize=8.5)
    below.tick_params(axis="y", length=0)
    below.grid(False)
    if marked is not None:
        for each in (above, below):
            place = int(np.flatnonzero(order == marked)[0])
            each.axvline(place, color=PALETTE["orange"], linewidth=5, alpha=0.35, zorder=0)
    return figure


def _draw_effects(axes: Axes, ascending: NDArray[np.float64], tr: Translate, margin: float) -> None:
    found, places = outcomes(ascending, margin), np.arange(len(ascending))
    for outcome, (label, colour, marker) in OUTCOMES.items():
        own = found == outcome
        text = f"{tr(label)}: {own.sum()}"
        axes.vlines(places[own], 0, 100 * ascending[own], color=colour, linewidth=1.2, alpha=0.6)
        axes.plot(places[own], 100 * ascending[own], marker, color=colour, ms=4.5, label=text)
    axes.axhline(0, color=mpl.rcParams["axes.edgecolor"], linewidth=0.8)
    for edge in (-100 * margin, 100 * margin):
        axes.axhline(edge, color=mpl.rcParams["axes.edgecolor"], linewidth=0.7, linestyle=":")
    axes.set(ylabel=tr(EFFECT), xlim=(-0.7, len(ascending) - 0.3))
    axes.legend(loc="upper left")
    axes.grid(axis="x", visible=False)


def _names(column: pd.Series) -> list[Any] | None:
    """The names in a column, as they come; None where it has numbers."""
    return None if is_ordered(column) else list(dict.fromkeys(column.dropna().map(level)))


def _row_of_numbers(
    axes: Axes, column: pd.Series, base: float, _: list[Any] | None, title: str
) -> tuple[list[float], list[str]]:
    """Dots between the smallest and the largest number, on the scale of ``is_wide``."""
    values = column.to_numpy(float, na_value=np.nan)
    known = values[np.isfinite(values)]
    if not len(known):
        return [base - 0.3], [title]
    low, high = known.min(), known.max()
    scale = np.log if is_wide(values) else np.asarray
    span = float(scale(high) - scale(low)) or 1.0
    share = (scale(values) - scale(low)) / span
    bottom, height = base - _BAND + 0.85, _BAND - 0.7
    axes.plot(np.arange(len(values)), bottom + height * share, ".", ms=4, color=PALETTE["blue"])
    ends = f"{title}  {_shown(high)}", _shown(low)
    return [bottom + height, bottom], list(ends)


def _row_of_names(
    axes: Axes, column: pd.Series, base: float, names: list[Any] | None, title: str
) -> tuple[list[float], list[str]]:
    """A dash in the line of the name that a setting has."""
    assert names is not None
    listed, places = column.map(level), []
    for line, name in enumerate(names):
        own = np.flatnonzero((listed == name).to_numpy())
        axes.plot(own, np.full(len(own), base - line), "|", ms=7, color=PALETTE["blue"])
        places.append(base - line)
    texts = [f"{title}  {_shown(name)}" if not i else _shown(name) for i, name in enumerate(names)]
    return places, texts


def _shown(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float):
        return number_text(float(f"{value:.3g}"))
    return str(value)


def draw_deciding(
    effect: ArrayLike, axes: pd.DataFrame, tr: Translate, *, margin: float = MARGIN
) -> Figure:
    """Effect against each axis, the strongest first: settings, with a trend or the levels' means.

    Args:
        effect: of each setting, as a share.
        axes: what each setting drew; an axis that does not vary is left out.
        margin: the smallest effect that matters.
    """
    values = np.asarray(effect, dtype=float)
    listed = [each for each in strengths(values, axes) if np.isfinite(each.strength)]
    lines = max((len(listed) + 1) // 2, 1)
    figure, places = new_figure(
        lines, 2, height=min(0.5 + 1.9 * lines, _LARGEST), width=PHONE, sharey=True
    )
    for place in places.flat[max(len(listed), 1) :]:
        place.set_axis_off()
    if not listed:
        empty(places.flat[0], tr("nothing to compare"))
    found = outcomes(values, margin)
    for place, each in zip(places.flat, listed, strict=False):
        column = axes[each.axis]
        x = _draw_levels(place, values, column)
        for outcome, (_, colour, marker) in OUTCOMES.items():
            own = found == outcome
            place.plot(x[own], 100 * values[own], marker, color=colour, ms=3.5, alpha=0.75)
        place.axhline(0, color=mpl.rcParams["axes.edgecolor"], linewidth=0.8)
        sign = "" if not np.isfinite(each.correlation) or each.correlation > 0 else "−"
        letter = "ρ" if np.isfinite(each.correlation) else "η"
        p = "p < 0.001" if each.p_corrected < 0.001 else f"p = {each.p_corrected:.2g}"
        place.set_title(f"{tr(each.axis)}\n{letter} = {sign}{each.strength:.2f}, {p}", fontsize=9)
    figure.supylabel(tr(EFFECT), fontsize=10)
    return figure


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
    axes.set_xticks(places, [_shown(name) for name in names])
    axes.set_xlim(-0.6, len(names) - 0.4)
    listed = column.map(level)
    return np.array([names.index(v) if v in names else np.nan for v in listed], dtype=float)
