"""Drawing of ``cells``."""

from collections.abc import Callable, Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from study.figures import style
from study.figures.drawing import Drawn
from study.figures.labels import Labels, number
from study.figures.levels import setting
from study.figures.plot import Summary

EQUAL_CONTRAST = 0.19  # luminance against which dark and white text stand out alike
LINE, HEAD = 0.27, 0.5  # inches of a row of a heat map, and of what stands around it
BAR = 0.9  # inches of the colour bar
CELL_WIDTH, MARGIN = 0.62, 1.1  # inches of a cell, and of the names beside it
LETTER = 0.075  # inches, of names of levels


def shape(summary: Summary) -> tuple[int, int]:
    """A column of panels for each level of one factor, a row for each setting of the rest."""
    data = summary.data
    return max(len(data["settings"]), 1), len(_levels(summary, "column"))


def height(summary: Summary) -> float:
    """Inches of one row of panels; the colour bar is shared out among them."""
    return HEAD + LINE * max(len(_levels(summary, "down")), 1.5) + BAR / shape(summary)[0]


def width(summary: Summary) -> float:
    """Inches that the numbers need."""
    names = [len(str(level)) for level in _levels(summary, "x") if level is not None]
    cell = max(CELL_WIDTH, LETTER * max(names, default=0))
    return max(style.PHONE, MARGIN + cell * len(_levels(summary, "x")) * shape(summary)[1])


def _levels(summary: Summary, place: str) -> list[Any]:
    factor = summary.data[place]
    return summary.data["levels"][factor] if factor else [None]


def draw(figure: Figure, axes: np.ndarray, summary: Summary, words: Labels) -> Drawn:
    """A heat map for each panel; ✕ and how many diverged, hatched where no run is."""
    cells, data = summary.cells, summary.data
    means = np.array([estimate.mean for estimate in cells["estimate"]], float)
    if not np.isfinite(means).any():
        for other in axes.ravel()[1:]:
            other.remove()
        style.empty(axes[0, 0], words.tr("no finished run"))
        return Drawn()
    share = summary.plot.y[0].unit == "share"
    whole = share and summary.plot.y[0].name.endswith("accuracy")
    limits = (0.0, 1.0) if whole else (float(np.nanmin(means)), float(np.nanmax(means)))
    at = _by_levels(cells, list(data["levels"]))
    down, across, beside = (data[name] for name in ("down", "x", "column"))
    for i, (row, panels) in enumerate(zip(data["settings"], axes, strict=True)):
        rest = dict(zip(data["rest"], row, strict=True))
        named = [setting(factor, level, words.tr) for factor, level in rest.items()]
        for j, (column, panel) in enumerate(zip(_levels(summary, "column"), panels, strict=True)):
            own = [
                [at(rest | {beside: column, down: y, across: x}) for x in _levels(summary, "x")]
                for y in _levels(summary, "down")
            ]
            _heat_map(panel, own, limits, share=share)
            if data["numbered"]:
                _overlay(panel, own)
            head = setting(beside, column, words.tr) if beside and i == 0 else ""
            panel.set_title(f"{head}\n" if named and head else head, fontsize=9.5)
            if j == 0:
                panel.set_title(" · ".join(named), loc="left", fontsize=9.5)
            _ticks(panel, summary, words, first=j == 0, last=i == len(axes) - 1)
    _bar(figure, axes, summary, words, share=share)
    return Drawn()


def _by_levels(
    cells: pd.DataFrame, factors: list[str]
) -> Callable[[Mapping[str | None, Any]], dict[str, Any] | None]:
    """What finds a cell, with its number, by levels; None where the study never asked for it."""
    rows = [
        {"number": number, **{str(key): value for key, value in row.items()}}
        for number, row in enumerate(cells.to_dict("records"))
    ]
    found = {tuple(row[factor] for factor in factors): row for row in rows}
    return lambda levels: found.get(tuple(levels[factor] for factor in factors))


def _heat_map(
    axes: Axes, panel: list[list[dict[str, Any] | None]], limits: tuple[float, float], *,
    share: bool,
) -> None:  # fmt: skip
    values = np.array(
        [[cell["estimate"].mean if cell else np.nan for cell in row] for row in panel], float
    )
    texts = [
        [_text(cell, share) if cell and np.isfinite(value) else ""
         for cell, value in zip(row, own, strict=True)]
        for row, own in zip(panel, values, strict=True)
    ]  # fmt: skip
    low, high = limits
    sns.heatmap(
        values, ax=axes, annot=np.array(texts), fmt="", mask=np.isnan(values), cbar=False,
        cmap="viridis", vmin=low, vmax=high if high > low else low + 1, linewidths=0,
        annot_kws={"fontsize": 9.5},
    )  # fmt: skip
    colours = np.asarray(axes.collections[0].get_facecolor())[np.isfinite(values.ravel())]
    for text, colour in zip(axes.texts, colours, strict=True):
        bright = sns.utils.relative_luminance(colour)
        text.set_color("#111111" if bright > EQUAL_CONTRAST else "white")
    faint = mpl.rcParams["grid.color"]
    for y, x in zip(*np.nonzero(np.isnan(values)), strict=True):
        axes.add_patch(
            Rectangle((x, y), 1, 1, fill=False, hatch="////", linewidth=0, edgecolor=faint)
        )


def _text(cell: Mapping[str, Any], share: bool) -> str:
    """Whole per cents, or the number; ✕ and how many diverged."""
    mean = cell["estimate"].mean
    mark = f"  ✕{cell['diverged']}" if cell["diverged"] else ""
    return f"{100 * mean:.0f}{mark}" if share else f"{number(float(f'{mean:.3g}'))}{mark}"


def _overlay(axes: Axes, panel: list[list[dict[str, Any] | None]]) -> None:
    """Over each cell a frame that nobody sees; by its number the page finds the cell's runs."""
    for y, row in enumerate(panel):
        for x, cell in enumerate(row):
            if cell is not None:
                axes.add_patch(Rectangle((x, y), 1, 1, fill=False, linewidth=0, zorder=9,
                                         gid=f"cell-{cell['number']}"))  # fmt: skip


def _ticks(axes: Axes, summary: Summary, words: Labels, *, first: bool, last: bool) -> None:
    """The levels at the left of the first panels and below the last, and what they are of."""
    for place, shown, name in (("down", first, "y"), ("x", last, "x")):
        factor, levels = summary.data[place], _levels(summary, place)
        texts = [words.level(summary.plot, factor, level) if shown else "" for level in levels]
        getattr(axes, f"set_{name}ticks")(np.arange(len(levels)) + 0.5, texts)
        plain = all(isinstance(level, str | bool | np.bool_) for level in levels)
        if shown and factor and not plain:
            getattr(axes, f"set_{name}label")(words.column(summary.plot, name, factor))
    axes.tick_params(length=0, labelsize=9.5, rotation=0)


def _bar(figure: Figure, axes: np.ndarray, summary: Summary, words: Labels, *, share: bool) -> None:
    """One colour bar, with what the marks mean."""
    drawn = next(panel for panel in axes.ravel() if panel.collections)
    bar = figure.colorbar(
        drawn.collections[0], ax=list(axes.flat), orientation="horizontal", aspect=35,
        fraction=0.03, pad=0.015,
    )  # fmt: skip
    bar.outline.set_visible(False)
    if share:
        bar.ax.xaxis.set_major_formatter(mpl.ticker.PercentFormatter(1, decimals=0))
    mark = summary.plot.mark("level")
    if mark is not None:
        bar.ax.axvline(mark.options["at"], color="white", linewidth=1.5)
    notes = [words.measure(summary.plot.y[0])]
    if summary.cells["diverged"].any():
        notes.append(f"✕ {words.tr('runs that diverged')}")
    if not summary.cells["runs"].all():
        notes.append(f"▨ {words.tr('no finished run')}")
    bar.set_label(" · ".join(notes))
