"""What the figures of a grid that are drawn by hand share.

All of them show test accuracy over all test samples at the end of training, diverged runs counted
at chance, of the cells of ``analysis.grid.Grid``.
"""

import numpy as np
import pandas as pd
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
