"""What the figures of section 1.4 share: the gap between train and test, and dose–response."""

import math
from collections.abc import Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.figures import parts, style
from study.analysis.figures.style import Translate
from study.analysis.frames import Results
from study.analysis.intervals import summarise, t_interval

TABLE_ROWS = 10
SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
CURVES = {"train": "train_accuracy", "test": "test_accuracy"}
METRICS = {"train_accuracy": "train accuracy", "test_accuracy": "test accuracy", "gap": "gap"}


def draw_gap(curves: pd.DataFrame, tr: Translate, *, without: pd.DataFrame | None = None,
             without_label: str = "") -> Figure:  # fmt: skip
    """Train and test accuracy by epoch, the gap between them shaded and its size written beside.

    Args:
        curves: of one setting.
        without: of the same without what is under study, as thin lines to compare with.
        without_label: what the thin lines are.
    """
    figure, grid = style.new_figure(height=3.6)
    axes = grid[0, 0]
    if curves.empty:
        style.empty(axes, tr("no finished run"))
        return figure
    style.percent(axes, limits=(0, 1.02))
    if without is not None and len(without):
        for name, metric in CURVES.items():
            style.curve(axes, without, "epoch", metric, name=name, label="_", band=False,
                        linewidth=1.0, color=style.colour("without"))  # fmt: skip
        thin = mpl.lines.Line2D([], [], linewidth=1.0, color=style.colour("without"))
        axes.legend([thin], [without_label], loc="lower right", fontsize=10)
    for name, metric in CURVES.items():
        style.curve(axes, curves, "epoch", metric, name=name)
    means = curves.groupby("epoch")[list(METRICS)].mean()
    train, test = means["train_accuracy"], means["test_accuracy"]
    axes.fill_between(means.index, test, train, color=style.colour("gap"), alpha=0.22, linewidth=0)
    end = means.index[-1]
    axes.plot([end, end], [test.iloc[-1], train.iloc[-1]], color=style.colour("gap"), linewidth=3,
              solid_capstyle="butt", clip_on=False)  # fmt: skip
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
    axes.set(xlim=(0, end), xlabel=tr("epoch"), ylabel=tr("accuracy"))
    gap = t_interval(curves[curves["epoch"] == end]["gap"])
    labels = [
        (float(values.iloc[-1]), f"{tr(name)} {values.iloc[-1]:.0%}", style.colour(name))
        for name, values in (("train", train), ("test", test))
    ]
    middle = float((train.iloc[-1] + test.iloc[-1]) / 2)
    labels.append((middle, f"{tr('gap')} {parts.points_text(gap, tr)}", style.colour("gap")))
    parts.end_labels(axes, labels)
    last = curves[curves["epoch"] == end]
    parts.diverged_note(axes, last, tr, 0.02, 0.95)
    return figure


def table_gap(curves: pd.DataFrame) -> pd.DataFrame:
    """Epoch, both accuracies and the gap, at about ten epochs and the last."""
    columns = ["epoch", *METRICS.values()]
    epochs = sorted(curves["epoch"].unique())
    if not epochs:
        return pd.DataFrame(columns=columns)
    chosen = np.linspace(0, len(epochs) - 1, min(TABLE_ROWS + 1, len(epochs))).round().astype(int)
    rows = curves[curves["epoch"].isin([epochs[i] for i in chosen])].sort_values("epoch")
    return summarise(rows, "epoch", list(METRICS)).rename(columns=METRICS)


def draw_doses(runs: pd.DataFrame, factor: str, tr: Translate, *, label: str, log: bool) -> Figure:
    """Accuracies (above) and gap (below) of the finished runs against the strength ``factor``.

    Args:
        runs: final metrics, diverged runs counted.
        label: of the horizontal axis.
        log: whether doses are spaced by their logarithm, with a place of its own for 0.
    """
    figure, grid = style.new_figure(2, height=4.8, sharex=True, height_ratios=[3, 2])
    above, below = grid[:, 0]
    if runs.empty:
        above.set_axis_off()
        style.empty(below, tr("no finished run"))
        return figure
    doses = sorted(runs[factor].unique())
    places = dict(zip(doses, positions(doses) if log else doses, strict=True))
    labels: dict[str, float] = {}
    for axes, names in ((above, ("train", "test")), (below, ("gap",))):
        for name in names:
            labels[name] = _dots(axes, runs, factor, CURVES.get(name, "gap"), name, places)
    lowest = runs.groupby(factor)[list(CURVES.values())].mean().to_numpy().min()
    style.percent(above, limits=(max(math.floor(10 * lowest - 1) / 10, 0.0), 1.02))
    below.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}")
    below.set_ylim(*gap_limits(runs.groupby(factor)["gap"].mean()))
    above.set_ylabel(tr("accuracy"))
    below.set(ylabel=f"{tr('gap')} ({tr('points')})", xlabel=label)
    parts.end_labels(
        above, [(labels[name], tr(name), style.colour(name)) for name in CURVES], spacing=0.1
    )
    parts.end_labels(below, [(labels["gap"], tr("gap"), style.colour("gap"))])
    below.set_xticks(list(places.values()), [dose_text(dose) for dose in doses])
    below.minorticks_off()
    if log and doses[0] == 0 and len(doses) > 1:
        _break(figure, (above, below), (places[0.0] + places[doses[1]]) / 2)
    for dose, place in places.items():
        mine = runs[runs[factor] == dose]
        diverged = int((mine["status"] == "diverged").sum())
        if diverged:
            text = f"✕ {diverged}/{len(mine)}\n{tr('diverged')}"
            above.annotate(text, (place, 0.04), xycoords=("data", "axes fraction"), ha="center",
                           fontsize=9.5)  # fmt: skip
    return figure


def _dots(axes: Axes, runs: pd.DataFrame, factor: str, metric: str, name: str,
          places: dict[float, float]) -> float:  # fmt: skip
    """Means with intervals, joined by a line; return the last mean."""
    table = summarise(runs.sort_values(factor), factor, [metric])
    estimates = list(table[metric])
    half = [0.0 if math.isnan(e.half_width) else e.half_width for e in estimates]
    axes.errorbar(
        np.array([places[dose] for dose in table[factor]], float),
        np.array([e.mean for e in estimates], float), half,
        color=style.colour(name), linestyle=style.line_style(name), marker=style.MARKERS[name],
        markersize=6, capsize=4, elinewidth=1.2, label=name,
    )  # fmt: skip
    return float(estimates[-1].mean)


def positions(doses: Sequence[float]) -> list[float]:
    """Where doses stand on a logarithmic axis; 0 one decade left of the smallest other."""
    logs = [math.log10(dose) for dose in doses if dose > 0]
    zero = min(logs, default=0.0) - 1
    return [math.log10(dose) if dose > 0 else zero for dose in doses]


def gap_limits(means: pd.Series) -> tuple[float, float]:
    """Vertical limits that show 0 and all mean gaps; very wide intervals of few runs are cut."""
    top = max(float(means.max()), 0.0)
    bottom = min(float(means.min()), 0.0)
    room = 0.3 * max(top - bottom, 0.02)
    return (bottom - room if bottom < 0 else 0.0, top + room)


def dose_text(dose: float) -> str:
    """``0.03``; small ones as powers of ten: ``10⁻⁴``, ``3·10⁻⁴``."""
    if dose == 0 or dose >= 0.01:
        return f"{dose:g}"
    mantissa, _, exponent = f"{dose:.0e}".partition("e")
    power = "10" + str(int(exponent)).translate(SUPERSCRIPTS)
    return power if mantissa == "1" else f"{mantissa}·{power}"


def _break(figure: Figure, panels: Sequence[Axes], place: float) -> None:
    """Mark that the axis does not run on to 0."""
    for axes in panels:
        axes.text(place, 0, "//", transform=axes.get_xaxis_transform(), ha="center", va="center",
                  fontsize=11)  # fmt: skip


def pick(frame: pd.DataFrame, factor: str, value: float | None) -> pd.DataFrame:
    """The rows with this dose; none for None."""
    return frame[frame[factor] == value] if value is not None else frame.iloc[:0]


def table_doses(runs: pd.DataFrame, factor: str, name: str) -> pd.DataFrame:
    """Dose, both accuracies, the gap, and how many runs diverged."""
    columns = [name, *METRICS.values(), "diverged"]
    if runs.empty:
        return pd.DataFrame(columns=columns)
    table = summarise(runs.sort_values(factor), factor, list(METRICS)).rename(
        columns={factor: name, **METRICS}
    )
    groups = runs.groupby(factor)["status"]
    diverged = groups.agg(lambda status: f"{(status == 'diverged').sum()}/{len(status)}")
    return table.assign(diverged=list(diverged))


def curves_at(results: Results, experiment: str, factor: str, value: Any) -> pd.DataFrame:
    """Learning curves of one experiment at one dose."""
    return pick(parts.accuracy_curves(results, experiment), factor, value)
