"""What a part of the data says about the whole: losses of N samples, and of mini-batches."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.frames import Results
from study.analysis.intervals import log_t_interval, t_interval
from study.figures import style
from study.figures.own import parts
from study.figures.spec import FigureSpec
from study.figures.style import Translate

MOMENTS = {"init": "before training", "end": "after training"}
DEVIATION_RANGE = (-1.5, 1.5)  # of the histograms of figure 1.1-b, in nats
TYPICAL = 100  # the batch size that the sentences speak of


def loss_by_size(results: Results) -> pd.DataFrame:
    """One row for each run, moment and N: mean and sd over the draws of N samples."""
    rows = [
        {
            "seed": config["seed"],
            "moment": moment,
            "N": int(size),
            "mean": float(draws.mean()),
            "sum": float(size * draws.mean()),
            "sd": _sd(draws),
        }
        for moment in MOMENTS
        for config, result in results.measured("minibatch_noise", "loss_by_size", moment)
        for size, draws in zip(result["sizes"], result["means"], strict=True)
    ]
    return pd.DataFrame(rows, columns=["seed", "moment", "N", "mean", "sum", "sd"])


def _sd(values: np.ndarray) -> float:
    """Standard deviation of the draws; 0 where they differ by rounding only (N = all)."""
    sd = float(values.std(ddof=1))
    return sd if sd > 1e-12 * abs(float(values.mean())) else 0.0


def draw_loss_by_size(results: Results, tr: Translate) -> Figure:
    """Summed and mean loss against N; the bands are ± one sd over the draws."""
    frame = loss_by_size(results)
    figure, grid = style.new_figure(1, 2, height=3.4, width=style.PHONE, sharex=True, sharey=True)
    if frame.empty:
        return _nothing(figure, tr)
    titles = ("sum of the losses of N samples", "mean loss of N samples")
    for axes, title, total in zip(grid[0], titles, (True, False), strict=True):
        for moment, rows in frame.groupby("moment", sort=False):
            means = rows.groupby("N")[["mean", "sd"]].mean()
            n = means.index.to_numpy(float)
            factor = n if total else np.ones(len(n))
            middle, sd = factor * means["mean"], factor * means["sd"]
            colour = style.colour(moment)
            axes.plot(n, middle, color=colour, linestyle=style.line_style(moment), marker="o",
                      markersize=3.5, label=tr(MOMENTS[str(moment)]))  # fmt: skip
            axes.fill_between(n, middle - sd, middle + sd, color=colour, alpha=0.22, linewidth=0)
        axes.set(title=tr(title), xlabel=tr("samples N"))
        style.logarithmic(axes)
    # A band that reaches below 0 at N = 10 must not stretch the logarithmic axis.
    grid[0, 0].set_ylim(bottom=frame["mean"].min() / 3)
    grid[0, 0].set_ylabel(tr("loss"))
    grid[0, 1].legend(loc="upper left")
    return figure


def table_loss_by_size(results: Results) -> pd.DataFrame:
    """N, sum, mean, sd of the mean over the draws: estimates over the seeds."""
    rows = [
        {
            "moment": moment,
            "N": n,
            "sum": t_interval(group["sum"]),
            "mean": t_interval(group["mean"]),
            "sd of the mean": t_interval(group["sd"]),
        }
        for (moment, n), group in loss_by_size(results).groupby(["moment", "N"], sort=False)
    ]
    return pd.DataFrame(rows, columns=["moment", "N", "sum", "mean", "sd of the mean"])


def facts_loss_by_size(results: Results) -> dict[str, Any]:
    """How many times the sum and the mean change from the smallest N to the largest."""
    frame = loss_by_size(results)
    if frame.empty:
        return {"case": "nothing"}
    smallest, largest = int(frame["N"].min()), int(frame["N"].max())
    ends = frame.pivot_table(index="seed", columns=["moment", "N"], values=["mean", "sum"])
    values = {
        (column, moment, n): _column(ends, column, moment, n)
        for column in ("mean", "sum")
        for moment in MOMENTS
        for n in (smallest, largest)
    }
    return {
        "case": "measured",
        "smallest": smallest,
        "largest": largest,
        "start": t_interval(values["mean", "init", largest]),
        "end": t_interval(values["mean", "end", largest]),
        # before training: after it a few draws of ten samples are too noisy for a ratio
        "sum_change": log_t_interval(
            values["sum", "init", largest] / values["sum", "init", smallest]
        ),
        "mean_change": log_t_interval(
            values["mean", "init", largest] / values["mean", "init", smallest]
        ),
        "training_change": log_t_interval(
            values["mean", "end", largest] / values["mean", "init", largest]
        ),
    }


def _column(table: pd.DataFrame, *name: object) -> pd.Series:
    """A column of a pivot table; NaNs where no run has it."""
    column: pd.Series = table.reindex(columns=[name]).iloc[:, 0]
    return column


def deviations(results: Results) -> pd.DataFrame:
    """One row for each run, moment and batch size, with arrays of what was drawn.

    ``deviation`` holds each mini-batch's loss minus the loss of all samples. ``theory`` is the
    standard deviation of the mean of B values drawn without replacement from N values with
    standard deviation σ: σ/√B · √((N − B)/(N − 1)), the last factor the finite-population
    correction, which is 0 for B = N.
    """
    rows = []
    for moment in MOMENTS:
        for config, result in results.measured("minibatch_noise", "minibatch_noise", moment):
            population = result["population"]
            each = zip(result["batch_sizes"], result["losses"], result["cosines"], strict=True)
            for size, losses, cosines in each:
                correction = np.sqrt((population - size) / max(population - 1, 1))
                deviation = losses - result["full_loss"]
                rows.append(
                    {
                        "seed": config["seed"],
                        "moment": moment,
                        "batch_size": int(size),
                        "deviation": deviation,
                        "sd": float(deviation.std(ddof=1)),
                        "theory": float(result["sigma"] / np.sqrt(size) * correction),
                        "cosine": float(np.nanmean(cosines)),
                    }
                )
    columns = ["seed", "moment", "batch_size", "deviation", "sd", "theory", "cosine"]
    return pd.DataFrame(rows, columns=columns)


def draw_minibatch_noise(results: Results, tr: Translate) -> Figure:
    """Histograms of the deviations by batch size; below them their sd and the cosine."""
    frame = deviations(results)
    if frame.empty:
        return _nothing(style.new_figure()[0], tr)
    sizes = sorted(frame["batch_size"].unique())
    figure = Figure(figsize=(style.PHONE, 5.4))
    top, bottom = figure.subfigures(2, 1, squeeze=False, height_ratios=(1, 1.15))[:, 0]
    panels = top.subplots(1, len(sizes), squeeze=False, sharex=True)[0]
    for axes, size in zip(panels, sizes, strict=True):
        _draw_deviations(axes, frame[frame["batch_size"] == size], tr)
        axes.set(title=f"B = {size}", yticks=[], xlabel="", ylabel="")
    panels[0].set_ylabel(tr("draws, scaled"))
    top.supxlabel(tr("loss of the mini-batch − loss of all samples"), fontsize=10)

    noise, direction = bottom.subplots(1, 2, sharex=True)
    for moment, rows in frame.groupby("moment", sort=False):
        colour, label = style.colour(moment), tr(MOMENTS[str(moment)])
        for axes, column in ((noise, "sd"), (direction, "cosine")):
            options: dict[str, Any] = {"marker": "o", "markersize": 5}
            if column == "sd":  # the line is the theory's, the points are the measurement
                options["linestyle"] = "none"
            style.curve(axes, rows, "batch_size", column, name=str(moment), label=label,
                        log=column == "sd", **options)  # fmt: skip
        theory = rows.groupby("batch_size")["theory"].mean()
        theory = theory[theory > 0]
        noise.plot(theory.index, theory, color=colour, linewidth=1.2,
                   linestyle=style.line_style(moment))  # fmt: skip
    noise.set(title=tr("sd of the mini-batch loss"))
    style.logarithmic(noise)
    direction.set(title=tr("cosine with the full gradient"), ylim=(-0.05, 1.05))
    style.fit_lines(noise)
    for axes in (noise, direction):
        axes.set_xticks(sizes, [str(size) for size in sizes])
        axes.minorticks_off()
        axes.set_xlabel(tr("batch size B"))
    noise.text(0.04, 0.06, f"{tr('line')}: σ/√B", transform=noise.transAxes)
    direction.legend(loc="upper left")
    return figure


def _draw_deviations(axes: Axes, rows: pd.DataFrame, tr: Translate) -> None:
    """Distribution of the deviations of all seeds, with the share beyond the axis in words."""
    low, high = DEVIATION_RANGE
    edges = np.linspace(low, high, 61)
    beyond = []
    for moment, group in rows.groupby("moment", sort=False):
        values = np.concatenate(group["deviation"].to_list())
        inside = values[(values >= low) & (values <= high)]
        beyond.append(1 - len(inside) / len(values))
        counts, _ = np.histogram(inside, edges)
        # Scaled to the same height: the panels compare widths.
        heights = counts / counts.max(initial=1)
        bars = pd.DataFrame({"x": edges[:-1] + np.diff(edges) / 2, "height": heights})
        sns.histplot(bars, x="x", weights="height", bins=edges.tolist(), ax=axes, element="step",
                     color=style.colour(moment), alpha=0.3, linewidth=1.2,
                     linestyle=style.line_style(moment))  # fmt: skip
    axes.axvline(0, color=mpl.rcParams["text.color"], linewidth=0.8, linestyle=":")
    axes.set_ylim(0, 1.25)
    if max(beyond) > 0:
        words = f"{tr('outside')} {parts.small_share(max(beyond))}"
        axes.text(0.98, 0.98, words, ha="right", va="top", transform=axes.transAxes, fontsize=9.5)


def table_minibatch_noise(results: Results) -> pd.DataFrame:
    """B, bias, sd, theory, cosine. The bias is over all draws of all seeds, the rest over seeds."""
    columns = ["moment", "B", "bias", "sd", "σ/√B with correction", "cosine"]
    rows = [
        [
            moment,
            size,
            t_interval(np.concatenate(group["deviation"].to_list())),
            t_interval(group["sd"]),
            float(group["theory"].mean()),
            t_interval(group["cosine"]),
        ]
        for (moment, size), group in deviations(results).groupby(
            ["moment", "batch_size"], sort=False
        )
    ]
    return pd.DataFrame(rows, columns=columns)


def facts_minibatch_noise(results: Results) -> dict[str, Any]:
    """Bias and scatter after training, and what a batch ten times as large does to the scatter.

    The bias is that of the batch size closest to ``TYPICAL``. Its interval is over the seeds, each
    of which has its own network.
    """
    frame = deviations(results)
    frame = frame[frame["moment"] == "end"]
    if frame.empty:
        return {"case": "nothing"}
    sizes = sorted(frame["batch_size"].unique())
    typical = min(sizes, key=lambda size: abs(np.log(size / TYPICAL)))
    own = {size: frame[frame["batch_size"] == size] for size in sizes}
    return {
        "case": "measured",
        "size": int(typical),
        "bias": t_interval([values.mean() for values in own[typical]["deviation"]]),
        "sd": t_interval(own[typical]["sd"]),
        "tenfold": log_t_interval(
            [_change_of_a_tenfold_batch(rows) for _, rows in frame.groupby("seed")]
        ),
        "theory": 10**-0.5,
        "smallest": int(sizes[0]),
        "largest": int(sizes[-1]),
        "sd_smallest": t_interval(own[sizes[0]]["sd"]),
        "sd_largest": t_interval(own[sizes[-1]]["sd"]),
        "cosine_smallest": t_interval(own[sizes[0]]["cosine"]),
        "cosine_largest": t_interval(own[sizes[-1]]["cosine"]),
    }


def _change_of_a_tenfold_batch(rows: pd.DataFrame) -> float:
    """10 to the slope of log sd on log B, the finite-population correction divided out."""
    rows = rows[(rows["sd"] > 0) & (rows["theory"] > 0)]
    if rows["batch_size"].nunique() < 2:
        return float("nan")
    size = np.log(rows["batch_size"].to_numpy(float))
    uncorrected = np.log(rows["sd"] / rows["theory"]) - size / 2
    return float(10 ** np.polyfit(size, uncorrected, 1)[0])


def _nothing(figure: Figure, tr: Translate) -> Figure:
    axes = figure.axes[0]
    for other in figure.axes[1:]:
        other.remove()
    style.empty(axes, tr("no runs"))
    return figure


FIGURES = (
    FigureSpec(
        "loss_by_size",
        ("minibatch_noise",),
        draw_loss_by_size,
        table_loss_by_size,
        facts_loss_by_size,
    ),
    FigureSpec(
        "minibatch_noise",
        ("minibatch_noise",),
        draw_minibatch_noise,
        table_minibatch_noise,
        facts_minibatch_noise,
    ),
)
