"""What the figures of a grid share: names of factors, levels and cells, dots with intervals.

All of them show test accuracy over all test samples at the end of training, diverged runs counted
at chance, of the cells of ``analysis.grid.Grid``.
"""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.effects import is_switch
from study.analysis.grid import Grid
from study.analysis.intervals import Estimate
from study.figures import style
from study.figures.style import Translate
from study.records.cells import SWITCHES, TEXTS, number_text

METRIC = "test_accuracy"
NAMES = {
    "init": "initial value",
    "batchnorm": "batch norm",
    "weight_decay": "weight decay",
    "lr": "learning rate",
    "batch_size": "batch size",
    "depth": "hidden layers",
    "width": "units in a layer",
}
# Texts that say themselves what they are; of others, such as a batch size, it has to be said.
OWN_NAMES = ("init", "activation", "data", "init_class", "activation_class")
LEARNED = 0.5  # test accuracy above which a cell has learnt something
UNKNOWN = "–"  # in the place of a fact that the stored runs do not tell


def factor_name(factor: str) -> str:
    """What a factor is called in English; a label for every column of the configuration."""
    return NAMES.get(factor, factor)


def switches(grid: Grid) -> list[str]:
    """The factors that are off or on."""
    return [factor for factor in grid.factors if is_switch(grid.levels[factor])]


def typed(grid: Grid, row: Mapping[str, Any]) -> str:
    """A cell for a sentence, as it is typed: ``init=he, dropout=0.2``; the same in all languages."""
    return ", ".join(f"{factor}={typed_level(row[factor])}" for factor in grid.factors) or UNKNOWN


def typed_level(level: Any) -> str:
    """A level as it is typed on the command line."""
    return {"on": "true", "off": "false"}.get(plain(level), plain(level))


def is_constant(init: str) -> bool:
    return init.startswith("constant")


def known(estimate: Estimate | None) -> Estimate | str:
    """A fact for a sentence: the estimate, or ``UNKNOWN`` where there are no runs for it."""
    return UNKNOWN if estimate is None or np.isnan(estimate.mean) else estimate


def setting(factor: str, level: Any, tr: Translate) -> str:
    """A level with its factor: ``batch norm on``, ``dropout 0.2``; names of choices as they are."""
    if factor in OWN_NAMES and level is not None:
        return tr(plain(level))
    text = plain(level)
    return f"{tr(factor_name(factor))} {tr(text) if factor in (*SWITCHES, *TEXTS) else text}"


def cell_name(row: Mapping[str, Any], grid: Grid, tr: Translate) -> str:
    """``he · relu · batch norm · dropout``: what is off is left out.

    Of a switch the value needs no mention, because there is just one beside off.
    """
    short = switches(grid)
    words = []
    for factor in grid.factors:
        level = row[factor]
        if factor in short and level:
            words.append(tr(factor_name(factor)))
        elif factor not in short:
            words.append(setting(factor, level, tr))
    return " · ".join(words)


def signed(value: float, decimals: int) -> str:
    text = f"{value:+.{decimals}f}" if round(value, decimals) else "0"
    return text.replace("-", "−")


def points(estimate: Estimate) -> str:
    """A difference of accuracies in accuracy points, with its sign."""
    half = estimate.half_width
    interval = "" if np.isnan(half) else f" ± {100 * half:.1f}"
    return f"{signed(100 * estimate.mean, 1)}{interval}"


def plain(level: Any) -> str:
    """A level as text: the column holds names and numbers of several factors."""
    if level is None:
        return UNKNOWN
    if isinstance(level, bool | np.bool_):
        return "on" if level else "off"
    return level if isinstance(level, str) else number_text(level)


def named(table: pd.DataFrame) -> pd.DataFrame:
    """Columns as the report shows them."""
    return table.rename(
        columns=NAMES | {METRIC: "test accuracy", "train_accuracy": "train accuracy"}
    )


def nothing(tr: Translate) -> Figure:
    figure, axes = style.new_figure(height=2)
    style.empty(axes[0, 0], tr("no finished run"))
    return figure


def diverged_text(runs: pd.DataFrame, tr: Translate) -> str:
    """``✕ 4/120 diverged``, or nothing where none did."""
    diverged = int((runs["status"] == "diverged").sum())
    return f"✕ {diverged}/{len(runs)} {tr('diverged')}" if diverged else ""


def dot(
    axes: Axes, estimate: Estimate, y: float, colour: str, *, marker: str = "o",
    filled: bool = True,
) -> None:  # fmt: skip
    """A mean with its horizontal interval."""
    if np.isfinite(estimate.low):
        axes.plot([estimate.low, estimate.high], [y, y], color=colour, linewidth=2)
    face = colour if filled else "none"
    axes.plot(estimate.mean, y, marker, color=colour, markerfacecolor=face, markersize=7)


def note(axes: Axes, y: float, text: str, *, left: bool = False) -> None:
    """Text beside the axes at height ``y``; on the left it takes no room in the layout."""
    note = axes.annotate(
        text, (0 if left else 1, y), xycoords=("axes fraction", "data"),
        xytext=(-8 if left else 8, 0), textcoords="offset points", va="center",
        ha="right" if left else "left", annotation_clip=False, fontsize=9.5,
    )  # fmt: skip
    note.set_in_layout(not left)
