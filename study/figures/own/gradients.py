"""What is left of the gradient, layer by layer, and what the width does to it."""

from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from study.analysis.frames import Results
from study.analysis.intervals import Estimate, log_t_interval, t_interval
from study.figures import style
from study.figures.own.parts import closest
from study.figures.spec import FigureSpec
from study.figures.style import Translate

EXPERIMENT = ("activations",)
WIDTHS = "activation_widths"
WIDTH = 100  # the lecture's
BY = ("init", "activation")  # what each of its figures takes apart
ACTIVATIONS = ("sigmoid", "tanh", "relu")
INITS = ("normal 1", "normal 0.01", "xavier", "glorot", "he", "xavier_doubled")
NAMES = {"normal 1": "wide", "normal 0.01": "narrow", "xavier": "xavier", "he": "he"}  # of facts
MARKERS = dict(zip(INITS, "os^vDX", strict=True))
GRADIENTS = {
    "activation gradient norm": "gradient_norm",
    "weight gradient norm": "weight_gradient_norm",
}
VANISHED = 0.1  # of the last layer's gradient: less than that is a vanishing one in the claims


def probed(results: Results, experiment: str = "activations") -> pd.DataFrame:
    """Statistics of the hidden layers before training, one row for each run and layer."""
    layers = results.layers(experiment)
    chosen: pd.DataFrame = layers[(layers["moment"] == "init") & layers["is_hidden"].astype(bool)]
    return chosen


def relative(layers: pd.DataFrame, column: str, layer: int, to: int) -> Estimate:
    """``column`` in one layer as a multiple of what it is in another, over the seeds."""
    values = layers.pivot_table(index="seed", columns="layer", values=column)
    values = values.reindex(columns=sorted({layer, to}))
    return log_t_interval(values[layer] / values[to])


def by_width(results: Results) -> pd.DataFrame:
    """``probed`` of networks of all widths, the lecture's among them, each run once."""
    both = [probed(results), probed(results, WIDTHS)]
    return pd.concat(both, ignore_index=True).drop_duplicates(["address", "layer"])


def of_one_width(results: Results) -> pd.DataFrame:
    """``probed``, of the lecture's width, or the one closest to it."""
    layers = probed(results)
    width = closest(layers["width"], WIDTH)
    return layers[layers["width"] == width]


def draw_gradients(results: Results, tr: Translate) -> Figure:
    """Gradients by layer, of activations and of weights, and what is left of both by width.

    Above a panel for each activation and a line for each scheme; below, of the sigmoid, the
    gradient of layer 1 as a multiple of that of the last, against the width.
    """
    layers = of_one_width(results)
    activations = style.in_order(list(layers["activation"]), ACTIVATIONS)
    columns = max(len(activations), 1)
    figure, grid = style.new_figure(
        3, columns, height=8.8, width=style.PHONE, sharex="row", sharey="row",
        height_ratios=[1, 1, 1.05],
    )  # fmt: skip
    for axes in grid[2]:
        axes.remove()
    if not activations:
        grid[1, 0].remove()
        style.empty(grid[0, 0], tr("no runs"))
        return figure
    inits = style.in_order(list(layers["init"]), INITS)
    numbers = range(1, int(layers["layer"].max()) + 1)
    for row, (name, column) in zip(grid, GRADIENTS.items(), strict=False):
        for axes, activation in zip(row, activations, strict=True):
            for init in inits:
                own = layers[(layers["activation"] == activation) & (layers["init"] == init)]
                style.curve(axes, own, "layer", column, name=init, label=tr(init), log=True,
                            marker=MARKERS.get(init, "o"), markersize=5)  # fmt: skip
            style.logarithmic(axes, "y")
        style.fit_lines(*row)
        row[0].set_ylabel(tr(name))
        row[0].set_xticks(numbers)
    for above, axes, activation in zip(*grid[:2], activations, strict=True):
        above.set_title(tr(activation))
        above.tick_params(labelbottom=False)
        axes.set_xlabel(tr("layer"))
    grid[1, columns // 2].set_xlabel(f"{tr('layer')}\n←  {tr('direction of back-propagation')}")
    _draw_ratios(figure, grid[0, 0].get_gridspec()[2, :], results, tr)
    handles, labels = grid[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=3, handlelength=3.2)
    return figure


def _draw_ratios(
    figure: Figure, place: mpl.gridspec.SubplotSpec, results: Results, tr: Translate
) -> None:
    """First layer relative to last, against the width: a panel for each kind of gradient."""
    table = ratios(results)
    widths = sorted(table["width"].unique())
    places = place.subgridspec(1, 2)
    left = figure.add_subplot(places[0, 0])
    right = figure.add_subplot(places[0, 1], sharex=left, sharey=left)
    right.tick_params(labelleft=False)
    for axes, name in zip((left, right), GRADIENTS, strict=True):
        style.logarithmic(axes)
        for reference, line in ((1, "-"), (VANISHED, ":")):
            axes.axhline(reference, color="0.5", linewidth=1.1, linestyle=line)
        for init in style.in_order(list(table["init"]), INITS):
            own = table[(table["init"] == init) & (table["gradient"] == name)]
            style.curve(axes, own, "width", "ratio", name=init, label=tr(init), log=True,
                        marker=MARKERS.get(init, "o"), markersize=5)  # fmt: skip
        axes.set_title(tr(name), fontsize=10)
        axes.set_xlabel(tr("units in a layer"))
        axes.set_xticks(widths, [f"{width:,}" for width in widths])
        axes.minorticks_off()
        for reference in (1, VANISHED):
            axes.annotate(f"{reference:g}", (0.015, reference), xytext=(0, 2), va="bottom",
                          xycoords=("axes fraction", "data"), textcoords="offset points",
                          fontsize=9)  # fmt: skip
    style.fit_lines(left, right)
    left.set_ylabel(f"{tr('first / last')} ({tr('sigmoid')})")


def ratios(results: Results) -> pd.DataFrame:
    """What is left of the sigmoid's gradient: layer 1 relative to the last, of each run.

    Only of schemes with several widths. Columns: ``gradient``, ``init``, ``width``, ``seed``,
    ``ratio``.
    """
    layers = by_width(results)
    layers = layers[layers["activation"] == "sigmoid"]
    compared = probed(results, WIDTHS)["init"].unique()
    keys = ["init", "width", "seed"]
    found = []
    for name, column in GRADIENTS.items():
        own = layers[layers["init"].isin(compared)]
        values = own.pivot_table(index=keys, columns="layer", values=column)
        if values.shape[1] > 1:
            ratio = values.iloc[:, 0] / values.iloc[:, -1]
            found.append(ratio.rename("ratio").reset_index().assign(gradient=name))
    columns = ["gradient", *keys, "ratio"]
    return pd.concat(found)[columns] if found else pd.DataFrame(columns=columns)


def table_gradients(results: Results) -> pd.DataFrame:
    """Both gradients by layer, and what is left of them: first layer relative to last."""
    layers = by_width(results)
    numbers = sorted(layers["layer"].unique())
    rows = []
    for name, column in GRADIENTS.items():
        for activation in style.in_order(list(layers["activation"]), ACTIVATIONS):
            for init in style.in_order(list(layers["init"]), INITS):
                chosen = (layers["activation"] == activation) & (layers["init"] == init)
                for width, own in layers[chosen].groupby("width"):
                    norms = own.pivot_table(index="seed", columns="layer", values=column)
                    row: dict[str, Any] = {"gradient": name, "activation": activation}
                    row |= {"init": init, "width": width}
                    row |= {f"layer {n}": log_t_interval(norms[n]) for n in norms.columns}
                    row["first / last"] = relative(own, column, numbers[0], numbers[-1])
                    rows.append(row)
    columns = ["gradient", "activation", "init", "width", *(f"layer {n}" for n in numbers),
               "first / last"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def facts_gradients(results: Results) -> dict[str, Any]:
    """What is left of both gradients in the first layer, and what the width does to it.

    ``case``: ``measured``, or ``one_width`` where there is nothing to compare.
    """
    layers = of_one_width(results)
    if layers.empty:
        return {"case": "nothing"}
    last = int(layers["layer"].max())
    facts: dict[str, Any] = {"case": "one_width", "last": last, "width": int(layers["width"].max())}
    for activation in ACTIVATIONS:
        for init, name in NAMES.items():
            own = layers[(layers["activation"] == activation) & (layers["init"] == init)]
            for prefix, column in zip(("", "weights_"), GRADIENTS.values(), strict=True):
                facts[f"{prefix}{activation}_{name}"] = relative(own, column, 1, last)
    return facts | _facts_widths(ratios(results))


def _facts_widths(table: pd.DataFrame) -> dict[str, Any]:
    """The ratios at the narrowest and the widest, and how they grow with the width.

    ``…_exponent``: slope of log ratio on log width, by seed; ``…_unit``: ratio ÷ width, over all
    widths; ``…_vanished``: at how many of the widths the mean ratio is below ``VANISHED``.
    """
    widths = sorted(table["width"].unique())
    if len(widths) < 2:
        return {}
    facts: dict[str, Any] = {"case": "measured", "widths": len(widths), "limit": VANISHED,
                             "narrowest": int(widths[0]), "widest": int(widths[-1])}  # fmt: skip
    for prefix, kind in zip(("", "weights_"), GRADIENTS, strict=True):
        for init, name in list(NAMES.items())[:3]:
            own = table[(table["init"] == init) & (table["gradient"] == kind)]
            wide = own.pivot_table(index="seed", columns="width", values="ratio").dropna()
            logs = np.log(wide.columns.to_numpy(float))
            heights = np.log(wide.to_numpy(float))  # seed × width
            slopes = [np.polyfit(logs, row, 1)[0] for row in heights if len(row) > 1]
            units = [np.exp(np.mean(row - logs)) for row in heights]
            means = [log_t_interval(own[own["width"] == width]["ratio"]) for width in widths]
            facts |= {
                f"{prefix}{name}_narrowest": means[0],
                f"{prefix}{name}_widest": means[-1],
                f"{prefix}{name}_exponent": t_interval(slopes),
                f"{prefix}{name}_unit": log_t_interval(units),
                f"{prefix}{name}_vanished": (
                    sum(mean.mean < VANISHED for mean in means) if len(own) else np.nan
                ),
            }
    return facts


FIGURES = (
    FigureSpec(
        "gradients",
        (*EXPERIMENT, WIDTHS),
        draw_gradients,
        table_gradients,
        facts_gradients,
        (*BY, "hidden", "width"),
    ),
)
