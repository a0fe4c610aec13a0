"""How trained weights are distributed, with and without decay."""

from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from study.analysis.frames import Results, once
from study.analysis.intervals import log_t_interval, pairs, t_interval
from study.figures import style
from study.figures.own import parts
from study.figures.spec import FigureSpec
from study.figures.style import Translate

EXPERIMENT, COLUMN, LECTURE = "weight_decay", "weight_decay", 0.1
WEIGHTS = ["weight_norm", "weight_mean_square", "weight_kurtosis", "weight_max"]


def draw_weights(results: Results, tr: Translate) -> Figure:
    """Distribution of all trained weights with and without decay, on a logarithmic axis."""
    figure, grid = style.new_figure(height=4.2)
    axes = grid[0, 0]
    table = table_weights(results)
    handles, texts = [], []
    for decay, name in ((0.0, "off"), (parts.dose(results, EXPERIMENT, COLUMN, LECTURE), "on")):
        pooled = parts.pool(
            [
                result
                for config, result in results.measured(EXPERIMENT, "weight_histogram")
                if config["weight_decay"] == decay
            ]
        )
        if pooled is None or decay is None:
            continue
        look = {"color": style.colour(name), "linestyle": style.line_style(name)}
        axes.stairs(pooled.shares, pooled.edges, fill=True, color=look["color"], alpha=0.15)
        axes.stairs(pooled.shares, pooled.edges, linewidth=1.8, **look)
        handles.append(mpl.lines.Line2D([], [], **look))
        texts.append(_description(pooled, table, decay, tr))
    if not handles:
        style.empty(axes, tr("no finished run"))
        return figure
    axes.set_yscale("log")
    axes.set(xlabel=tr("weight"), ylabel=tr("share of the weights"))
    axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:g} %")
    axes.margins(x=0)
    figure.legend(handles, texts, loc="outside upper center", ncols=2, fontsize=9.5)
    return figure


def _description(pooled: parts.Pooled, table: pd.DataFrame, decay: float, tr: Translate) -> str:
    """The numbers of one distribution: mean square and kurtosis, and what lies outside."""
    lines = [f"λ = {parts.dose_text(decay)}"]
    own = table[(table["λ"] == decay) & (table["layer"] == "all")]
    for square, kurtosis in own[["mean square", "kurtosis"]].itertuples(index=False):
        lines += [f"{tr('mean square')} {square.mean:.2g}", f"{tr('kurtosis')} {kurtosis.mean:.2f}"]
    return "\n".join([*lines, f"|w| > {pooled.edges[-1]:g}: {parts.small_share(pooled.outside)}"])


@once
def table_weights(results: Results) -> pd.DataFrame:
    """Mean square, kurtosis and largest weight by layer, and of all layers together."""
    columns = ["λ", "layer", "mean square", "kurtosis", "largest weight"]
    layers = parts.trained_layers(results, EXPERIMENT)
    whole = whole_networks(results)
    rows = []
    for decay in (0.0, parts.dose(results, EXPERIMENT, COLUMN, LECTURE)):
        own = parts.pick(layers, "weight_decay", decay)
        for layer, group in own.groupby("layer"):
            rows.append([decay, str(layer), *(t_interval(group[name]) for name in WEIGHTS[1:])])
        if len(own):
            runs = parts.pick(whole, "weight_decay", decay)
            rows.append([decay, "all", *(t_interval(runs[name]) for name in WEIGHTS[1:])])
    return pd.DataFrame(rows, columns=columns)


def whole_networks(results: Results) -> pd.DataFrame:
    """Statistics of the weights of all layers together, a row for each run.

    The mean square is that of all weights, the kurtosis the mean of the layers' own (each weight
    counting once): layers of different spread, thrown together, would look heavy-tailed even if
    each were normal.
    """
    layers = parts.trained_layers(results, EXPERIMENT)
    by = ["weight_decay", "seed", "address"]
    if layers.empty:
        return pd.DataFrame(columns=[*by, *WEIGHTS[1:]])
    return layers.groupby(by, sort=False)[WEIGHTS].apply(_all_layers).reset_index()


def facts_weights(results: Results) -> dict[str, Any]:
    """What decay does to the mean square and the kurtosis of the weights, paired by seed.

    ``case``: whether the kurtosis is clearly ``lower``, ``higher``, or neither (``unclear``).
    """
    decay = parts.dose(results, EXPERIMENT, COLUMN, LECTURE)
    whole = whole_networks(results)
    if decay is None:
        return {"case": "missing"}
    squares = pairs(whole, "weight_mean_square", "weight_decay", decay, 0.0)
    if squares.empty:
        return {"case": "missing"}
    kurtosis = pairs(whole, "weight_kurtosis", "weight_decay", decay, 0.0)
    difference = t_interval(kurtosis["difference"])
    return {
        "case": parts.direction(difference),
        "dose": parts.dose_text(decay),
        "square_without": t_interval(squares["control"]),
        "square": t_interval(squares["treatment"]),
        "ratio": log_t_interval(squares["treatment"] / squares["control"]),
        "kurtosis_without": t_interval(kurtosis["control"]),
        "kurtosis": t_interval(kurtosis["treatment"]),
        "difference": difference,
    }


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
    FigureSpec(
        "trained_weights",
        (EXPERIMENT,),
        draw_weights,
        table_weights,
        facts_weights,
        ("weight_decay",),
    ),
)
