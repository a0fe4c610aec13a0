"""Pieces that several figures drawn by hand share: doses, histograms, labels."""

from collections.abc import Iterable

import pandas as pd
from matplotlib.axes import Axes

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


def dose(results: Results, experiment: str, column: str, lecture: float) -> float | None:
    """The lecture's dose of a remedy, or the one closest to it; None where there is none."""
    return closest(results.runs(experiment)[column], lecture)


def dose_text(dose: float) -> str:
    """``0.03``; small ones as powers of ten: ``10⁻⁴``, ``3·10⁻⁴``."""
    return f"{dose:g}" if dose == 0 or dose >= 0.01 else style.power_text(dose)


def pick(frame: pd.DataFrame, factor: str, value: float | None) -> pd.DataFrame:
    """The rows with this value; none for None."""
    return frame[frame[factor] == value] if value is not None else frame.iloc[:0]


def direction(difference: Estimate) -> str:
    """``higher`` or ``lower`` where the interval says so, else ``unclear``; so without interval."""
    if difference.low > 0:
        return "higher"
    return "lower" if difference.high < 0 else "unclear"


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
