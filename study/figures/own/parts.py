"""Pieces that the figures of sections 1.3 and 1.4 share: curves to the end, histograms, labels."""

import math
from collections.abc import Iterable, Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.curves import CURVE_COLUMNS as CURVE_COLUMNS
from study.analysis.curves import accuracy_curves as accuracy_curves
from study.analysis.frames import Results, count_diverged
from study.analysis.histograms import Pooled as Pooled
from study.analysis.histograms import pool as pool
from study.analysis.intervals import Estimate
from study.figures import style
from study.figures.labels import small_share as small_share
from study.figures.style import Translate


def final_runs(results: Results, experiment: str) -> pd.DataFrame:
    """Final metrics, failed runs dropped and diverged ones at chance."""
    return count_diverged(results.runs(experiment))


def trained_layers(results: Results, experiment: str) -> pd.DataFrame:
    """Layer statistics after training."""
    layers = results.layers(experiment)
    return layers[layers["moment"] == "end"]


def closest(values: Iterable[float], wanted: float) -> float | None:
    """The positive one of ``values`` that is closest to ``wanted``."""
    positive = sorted({float(value) for value in values if value > 0})
    return min(positive, key=lambda value: abs(value - wanted)) if positive else None


def direction(difference: Estimate) -> str:
    """``higher`` or ``lower`` where the interval says so, else ``unclear``; so without interval."""
    if difference.low > 0:
        return "higher"
    return "lower" if difference.high < 0 else "unclear"


def absent(*sides: pd.DataFrame) -> str | None:
    """Why there is nothing to say of the runs on each side: ``missing``, ``diverged`` or None.

    Args:
        sides: final metrics; the first is what is under study, and may have diverged altogether.
    """
    if any(side.empty for side in sides):
        return "missing"
    return "diverged" if (sides[0]["status"] == "diverged").all() else None


def points_text(estimate: Estimate, tr: Translate) -> str:
    """A difference of accuracies, in accuracy points: ``19.2 ± 0.4 points``."""
    interval = "" if math.isnan(estimate.half_width) else f" ± {100 * estimate.half_width:.1f}"
    return f"{100 * estimate.mean:.1f}{interval} {tr('points')}"


def epoch_axes(curves: pd.DataFrame, tr: Translate, label: str) -> tuple[Figure, Axes | None]:
    """A figure for accuracies by epoch, with the diverged runs of ``curves`` noted.

    Args:
        label: of the vertical axis, in English.

    Returns:
        The figure and its axes; where there are no runs the figure says so, and None.
    """
    figure, grid = style.new_figure(height=3.6)
    axes = grid[0, 0]
    if curves.empty:
        style.empty(axes, tr("no finished run"))
        return figure, None
    epoch_panel(axes, curves, tr)
    axes.set(xlabel=tr("epoch"), ylabel=tr(label))
    return figure, axes


def epoch_panel(axes: Axes, curves: pd.DataFrame, tr: Translate) -> None:
    """Make ``axes`` ready for accuracies by epoch, with the diverged runs of ``curves`` noted."""
    style.percent(axes, limits=(0, 1.02))
    axes.set_xlim(0, curves["epoch"].max())
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    diverged_note(axes, curves.drop_duplicates("address"), tr, 0.02, 0.95)


def end_labels(
    axes: Axes, labels: Sequence[tuple[float, str, str]], *, spacing: float = 0.075
) -> None:
    """Write at the right end of each curve what it is, moved apart where they would overlap.

    Args:
        labels: height in data coordinates, text, colour.
        spacing: smallest distance, as a share of the axis.
    """
    low, high = axes.get_ylim()
    ordered = sorted(labels)
    heights = spread([(label[0] - low) / (high - low) for label in ordered], spacing)
    for height, (_, text, colour) in zip(heights, ordered, strict=True):
        axes.annotate(
            text, (1, height), xycoords="axes fraction", xytext=(6, 0),
            textcoords="offset points", va="center", color=colour, annotation_clip=False,
        )  # fmt: skip


def spread(heights: Sequence[float], spacing: float) -> list[float]:
    """Move increasing ``heights`` in [0, 1] as little as needed to be ``spacing`` apart."""
    moved: list[float] = []
    for height in heights:
        moved.append(max(height, moved[-1] + spacing) if moved else max(height, 0.0))
    for index in reversed(range(len(moved))):
        ceiling = 1.0 if index == len(moved) - 1 else moved[index + 1] - spacing
        moved[index] = min(moved[index], ceiling)
    return moved


def diverged_note(
    axes: Axes, frame: pd.DataFrame, tr: Translate, x: float, y: float, name: str = "",
    *, short: bool = False,
) -> None:  # fmt: skip
    """Say at ``(x, y)`` of ``axes`` how many runs of ``frame``, of the thing ``name``, diverged.

    Args:
        short: only the cross and the count, where another panel says what it means.
    """
    diverged = int((frame["status"] == "diverged").sum())
    if diverged:
        text = f"✕ {diverged}/{len(frame)}" + ("" if short else f" {tr('diverged')}")
        axes.text(x, y, text, transform=axes.transAxes, va="center", fontsize=9.5,
                  color=style.colour(name))  # fmt: skip
