"""Sections 1.4 and 1.4.1: over-fitting, and what weight decay does to it and to the weights."""

import pandas as pd
from matplotlib.figure import Figure

from study.analysis.figures import overfitting, parts, style
from study.analysis.figures.spec import FigureSpec
from study.analysis.figures.style import Translate
from study.analysis.frames import Results
from study.analysis.intervals import t_interval

EXPERIMENT = "weight_decay"
LECTURE_DECAY = 0.1
WEIGHTS = ["weight_norm", "weight_mean_square", "weight_kurtosis", "weight_max"]


def decay_of(results: Results) -> float | None:
    """The lecture's λ, or the one stored that is closest to it."""
    return parts.closest(results.runs(EXPERIMENT)["weight_decay"], LECTURE_DECAY)


# --- 1.4-a and 1.4.1-a: learning curves ---------------------------------------------------------


def draw_unregularised(results: Results, tr: Translate) -> Figure:
    """Train and test accuracy by epoch without any remedy."""
    return overfitting.draw_gap(_curves(results, 0.0), tr)


def table_unregularised(results: Results) -> pd.DataFrame:
    """The numbers of figure 1.4-a."""
    return overfitting.table_gap(_curves(results, 0.0))


def draw_decay(results: Results, tr: Translate) -> Figure:
    """The same with weight decay, the curves without it as thin lines."""
    return overfitting.draw_gap(
        _curves(results, decay_of(results)),
        tr,
        without=_curves(results, 0.0),
        without_label=f"{tr('without weight decay')} (λ = 0)",
    )


def table_decay(results: Results) -> pd.DataFrame:
    """The numbers of figure 1.4.1-a."""
    return overfitting.table_gap(_curves(results, decay_of(results)))


def _curves(results: Results, decay: float | None) -> pd.DataFrame:
    return overfitting.curves_at(results, EXPERIMENT, "weight_decay", decay)


# --- 1.4.1-b: dose and response -----------------------------------------------------------------


def draw_doses(results: Results, tr: Translate) -> Figure:
    """Accuracies and gap against λ."""
    runs = parts.final_runs(results, EXPERIMENT)
    label = f"{tr('weight decay')} λ"
    return overfitting.draw_doses(runs, "weight_decay", tr, label=label, log=True)


def table_doses(results: Results) -> pd.DataFrame:
    """λ, accuracies, gap, and ‖W‖ of all weight matrices together."""
    runs = parts.final_runs(results, EXPERIMENT)
    table = overfitting.table_doses(runs, "weight_decay", "λ")
    norms = weight_norms(results)
    table["‖W‖"] = [t_interval(norms[norms["weight_decay"] == dose]["norm"]) for dose in table["λ"]]
    return table


def weight_norms(results: Results) -> pd.DataFrame:
    """Norm of all weights of each run after training: the root of the layers' summed squares."""
    layers = parts.trained_layers(results, EXPERIMENT)
    squares = layers.assign(norm=layers["weight_norm"].astype(float) ** 2)
    sums = squares.groupby(["weight_decay", "seed", "address"])["norm"].sum()
    return sums.pow(0.5).reset_index()


# --- 1.4.1-c: the weights themselves ------------------------------------------------------------


def draw_weights(results: Results, tr: Translate) -> Figure:
    """Distribution of all trained weights with and without decay, on a logarithmic axis."""
    figure, grid = style.new_figure(height=3.8)
    axes = grid[0, 0]
    notes = []
    for decay, name in ((0.0, "off"), (decay_of(results), "on")):
        pooled = parts.pool(
            [
                result
                for config, result in results.measured(EXPERIMENT, "weight_histogram")
                if config["weight_decay"] == decay
            ]
        )
        if pooled is None or decay is None:
            continue
        colour = style.colour(name)
        axes.stairs(pooled.shares, pooled.edges, fill=True, color=colour, alpha=0.15)
        axes.stairs(pooled.shares, pooled.edges, color=colour, linewidth=1.8,
                    linestyle=style.line_style(name), label=f"λ = {decay:g}")  # fmt: skip
        limit = pooled.edges[-1]
        outside = parts.small_share(pooled.outside)
        notes.append((f"|w| > {limit:g}: {outside}", colour))
    if not notes:
        style.empty(axes, tr("no finished run"))
        return figure
    axes.set_yscale("log")
    axes.set(xlabel=tr("weight"), ylabel=tr("share of the weights"))
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    axes.margins(x=0)
    axes.legend(loc="upper left", fontsize=10)
    for index, (text, colour) in enumerate(notes):
        axes.text(0.99, 0.96 - 0.08 * index, text, transform=axes.transAxes, ha="right", va="top",
                  color=colour)  # fmt: skip
    return figure


def table_weights(results: Results) -> pd.DataFrame:
    """Mean square, kurtosis and largest weight by layer, and of all layers together.

    Of all layers: the mean square is that of all weights, the kurtosis the mean of the layers'
    own (each weight counting once): layers of different spread, thrown together, would look
    heavy-tailed even if each were normal.
    """
    columns = ["λ", "layer", "mean square", "kurtosis", "largest weight"]
    layers = parts.trained_layers(results, EXPERIMENT)
    rows = []
    for decay in (0.0, decay_of(results)):
        own = overfitting.pick(layers, "weight_decay", decay)
        for layer, group in own.groupby("layer"):
            rows.append([decay, str(layer), *(t_interval(group[name]) for name in WEIGHTS[1:])])
        if len(own):
            runs = own.groupby("address", sort=False)[WEIGHTS].apply(_all_layers)
            rows.append([decay, "all", *(t_interval(runs[name]) for name in WEIGHTS[1:])])
    return pd.DataFrame(rows, columns=columns)


def _all_layers(layers: pd.DataFrame) -> pd.Series:
    """Statistics of the weights of all layers of one run."""
    layers = layers.astype(float)
    squares = layers["weight_norm"] ** 2
    counts = squares / layers["weight_mean_square"]  # weights in each layer
    return pd.Series(
        {
            "weight_mean_square": squares.sum() / counts.sum(),
            "weight_kurtosis": (counts * layers["weight_kurtosis"]).sum() / counts.sum(),
            "weight_max": layers["weight_max"].max(),
        }
    )


FIGURES = (
    FigureSpec("1.4-a", (EXPERIMENT,), draw_unregularised, table_unregularised),
    FigureSpec("1.4.1-a", (EXPERIMENT,), draw_decay, table_decay),
    FigureSpec("1.4.1-b", (EXPERIMENT,), draw_doses, table_doses),
    FigureSpec("1.4.1-c", (EXPERIMENT,), draw_weights, table_weights),
)
