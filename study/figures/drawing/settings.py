"""Drawing of ``settings``: the specification curve over a panel of what was drawn."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from study.analysis.deciding import is_ordered, is_wide, level
from study.analysis.multiverse import HARMS, HELPS, MARGIN, NONE, outcomes
from study.figures import style
from study.figures.drawing import Drawn
from study.figures.labels import Labels
from study.figures.plot import Summary
from study.figures.style import PALETTE
from study.records.cells import number_text

# outcome: (label, colour, marker): no figure depends on colour alone
OUTCOMES = {
    HELPS: ("helps", PALETTE["blue"], "^"),
    NONE: ("no difference that matters", "#7f7f7f", "o"),
    HARMS: ("harms", PALETTE["vermilion"], "v"),
}
EFFECT = "test accuracy, change in points"
SORTED = "settings, sorted by effect"
LARGEST = 12.0  # inches
_ABOVE = 2.8  # inches of the curve
_LINE = 0.24  # inches of a name in the panel
_BAND = 1.6  # lines of a row of numbers in the panel; a row of names has one for each


def shape(summary: Summary) -> tuple[int, int]:
    """One place, which is divided."""
    return 1, 1


def height(summary: Summary) -> float:
    """Inches of it: more where axes have more names."""
    return min(_ABOVE + 0.4 + _LINE * sum(_heights(summary.data["axes"])), LARGEST)


def draw(figure: Figure, axes: np.ndarray, summary: Summary, words: Labels) -> Drawn:
    """The specification curve (Simonsohn et al., 2020): effects sorted, under it what was drawn."""
    values, drawn = summary.data["effect"], summary.data["axes"]
    if not len(values):
        style.empty(axes[0, 0], words.tr("no runs"))
        return Drawn()
    heights = _heights(drawn)
    place = axes[0, 0].get_subplotspec()
    axes[0, 0].remove()
    ratios = [_ABOVE, max(_LINE * sum(heights), 0.3)]
    parts = place.subgridspec(2, 1, height_ratios=ratios)
    above = figure.add_subplot(parts[0])
    below = figure.add_subplot(parts[1], sharex=above)
    above.tick_params(labelbottom=False)
    order = np.argsort(values, kind="stable")
    legend = _draw_effects(above, values[order], words)
    _mark_named(above, values[order], summary.data["named"], words)
    base = 0.0
    ticks: list[float] = []
    labels: list[str] = []
    for name, own in zip(drawn, heights, strict=True):
        column = drawn[name].iloc[order].reset_index(drop=True)
        row = _row_of_numbers if _names(column) is None else _row_of_names
        places, texts = row(below, column, base, axis_name(str(name), words))
        ticks += places
        labels += texts
        base -= own
        below.axhline(base + 0.5, color=mpl.rcParams["grid.color"], linewidth=0.8)
    below.set(yticks=ticks, ylim=(base + 0.5, 0.5), xlabel=words.tr(SORTED))
    below.set_yticklabels(labels, fontsize=8.5)
    below.tick_params(axis="y", length=0)
    below.grid(False)
    return Drawn(legend)


def axis_name(key: str, words: Labels) -> str:
    """What an axis, named by the key that it overrides, is called."""
    return words.name(key.replace(".", "_"))


def _heights(drawn: pd.DataFrame) -> list[float]:
    """Of each axis, lines in the panel."""
    names = [_names(drawn[name]) for name in drawn]
    return [_BAND if own is None else len(own) for own in names]


def _draw_effects(axes: Axes, ascending: NDArray[np.float64], words: Labels) -> dict[str, Artist]:
    """Returns the handles of the legend."""
    found, places = outcomes(ascending), np.arange(len(ascending))
    legend: dict[str, Artist] = {}
    for outcome, (label, colour, marker) in OUTCOMES.items():
        own = found == outcome
        axes.vlines(places[own], 0, 100 * ascending[own], color=colour, linewidth=1.2, alpha=0.6)
        (legend[f"{words.tr(label)}: {own.sum()}"],) = axes.plot(
            places[own], 100 * ascending[own], marker, color=colour, ms=4.5
        )
    axes.axhline(0, color=mpl.rcParams["axes.edgecolor"], linewidth=0.8)
    for edge in (-100 * MARGIN, 100 * MARGIN):
        axes.axhline(edge, color=mpl.rcParams["axes.edgecolor"], linewidth=0.7, linestyle=":")
    axes.set(ylabel=words.tr(EFFECT), xlim=(-0.7, len(ascending) - 0.3))
    axes.grid(axis="x", visible=False)
    return legend


def _mark_named(
    axes: Axes, ascending: NDArray[np.float64], named: dict[str, float], words: Labels
) -> None:
    """A star for each setting that is given: between the drawn ones that it lies between."""
    for name, effect in named.items():
        place = float(np.searchsorted(ascending, effect)) - 0.5
        colour = mpl.rcParams["text.color"]
        axes.plot(place, 100 * effect, "*", color=colour, ms=11, zorder=4)
        # to the upper left of a rising curve there is room, below zero to its lower right
        left = effect >= 0 and place > len(ascending) / 3
        axes.annotate(
            words.tr(name), (place, 100 * effect), xytext=(-7 if left else 7, 3 if left else -3),
            textcoords="offset points", color=colour, fontsize=8.5, zorder=4,
            ha="right" if left else "left", va="bottom" if left else "top",
        )  # fmt: skip


def _names(column: pd.Series) -> list[Any] | None:
    """The names in a column, as they come; None where it has numbers."""
    return None if is_ordered(column) else list(dict.fromkeys(column.dropna().map(level)))


def _row_of_numbers(
    axes: Axes, column: pd.Series, base: float, title: str
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
    ends = f"{title}  {shown(high)}", shown(low)
    return [bottom + height, bottom], list(ends)


def _row_of_names(
    axes: Axes, column: pd.Series, base: float, title: str
) -> tuple[list[float], list[str]]:
    """A dash in the line of the name that a setting has."""
    names, listed = _names(column) or [], column.map(level)
    places: list[float] = []
    for line, name in enumerate(names):
        own = np.flatnonzero((listed == name).to_numpy())
        axes.plot(own, np.full(len(own), base - line), "|", ms=7, color=PALETTE["blue"])
        places.append(base - line)
    texts = [f"{title}  {shown(name)}" if not i else shown(name) for i, name in enumerate(names)]
    return places, texts


def shown(value: Any) -> str:
    """A value of an axis, in a few letters."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, int | float):
        return number_text(float(f"{value:.3g}"))
    return str(value)
