"""What the figures of a grid that are drawn by hand share.

All of them show test accuracy over all test samples at the end of training, diverged runs counted
at chance, of the cells of ``analysis.grid.Grid``.
"""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.intervals import Estimate
from study.figures import style
from study.figures.levels import UNKNOWN
from study.figures.style import Translate

METRIC = "test_accuracy"


def is_constant(init: str) -> bool:
    return init.startswith("constant")


def known(estimate: Estimate | None) -> Estimate | str:
    """A fact for a sentence: the estimate, or ``UNKNOWN`` where there are no runs for it."""
    return UNKNOWN if estimate is None or np.isnan(estimate.mean) else estimate


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
