"""Weight matrices after training, where all weights started at the same value and where not."""

import math
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from study.analysis.frames import Results, once
from study.analysis.intervals import t_interval
from study.figures import style
from study.figures.spec import FigureSpec
from study.figures.style import Translate

INITS = ("constant 0", "constant 0.01", "xavier", "he")
# in the names of facts
NAMES = {"constant 0": "zero", "constant 0.01": "constant", "xavier": "xavier", "he": "he"}
PALETTE = "RdBu_r"  # diverging, and colour-blind safe


def first_run(results: Results) -> dict[str, dict[str, Any]]:
    """Result of the ``weights`` probe after training, by scheme, of the lowest seed there is."""
    found: dict[str, dict[str, Any]] = {}
    runs = results.runs("symmetry").sort_values("seed", kind="stable")
    for init, address in zip(runs["init"], runs["address"], strict=True):
        if init not in found:
            for _, result in results.stored.measured([address], "end", "weights"):
                found[init] = result
    return {init: found[init] for init in style.in_order(list(found), INITS)}


def draw_weights(results: Results, tr: Translate) -> Figure:
    """First and second weight matrix as heat maps, a column for each scheme.

    A column of pixels is one unit. Colours show the deviation from the matrix's mean, each matrix
    on its own scale, which stands below it: on one scale a constant matrix would look empty and
    the stripes that show what its units have learned, all the same, could not be seen.
    """
    shown = first_run(results)
    figure, grid = style.new_figure(2, max(len(shown), 1), height=5.6, width=style.PHONE)
    if not shown:
        grid[1, 0].remove()
        style.empty(grid[0, 0], tr("no runs"))
        return figure
    layers = results.layers("symmetry")
    layers = layers[layers["moment"] == "end"]
    for column, (init, result) in enumerate(shown.items()):
        for row, matrix in enumerate(result["matrices"]):
            axes = grid[row, column]
            _draw_matrix(axes, matrix.astype(float), tr)
            own = layers[(layers["init"] == init) & (layers["layer"] == row + 1)]
            distinct = own["distinct_units"].mean()
            words = tr("distinct units" if distinct != 1 else "distinct unit")
            axes.set_title(f"{distinct:.0f}\n{words}", fontsize=9.5)
            if row == 0:
                axes.annotate(tr(init), (0.5, 1), xycoords="axes fraction", xytext=(0, 33),
                              textcoords="offset points", ha="center", fontsize=10.5,
                              color=style.colour(init))  # fmt: skip
            if column == 0:
                inputs = tr("pixels") if row == 0 else tr("units of layer 1")
                axes.set_ylabel(f"W{row + 1}\n{inputs}: {len(matrix)}")
        for axes in grid[len(result["matrices"]) :, column]:
            axes.remove()
    figure.supxlabel(tr("a column is one unit; colour: weight − mean of the matrix"), fontsize=10)
    return figure


def _draw_matrix(axes: Axes, matrix: NDArray[np.float64], tr: Translate) -> None:
    """Deviations from the mean, the colours' ends at their 99.5th percentile."""
    deviation = matrix - matrix.mean()
    limit = float(np.quantile(np.abs(deviation), 0.995))
    if limit <= 1e-3 * abs(matrix.mean()):  # the stored half precision resolves no more
        limit, words = 1.0, f"{tr('all')} {matrix.mean():.2g}"
        deviation = np.zeros_like(deviation)
    else:
        digits = max(0, -math.floor(math.log10(limit)))
        mean = round(float(matrix.mean()), digits) + 0.0  # never "-0.0"
        words = f"{mean:.{digits}f} ± {limit:.{digits}f}"
    sns.heatmap(deviation, ax=axes, cmap=PALETTE, vmin=-limit, vmax=limit, cbar=False,
                xticklabels=False, yticklabels=False, rasterized=True)  # fmt: skip
    axes.set_xlabel(words, fontsize=9.5)
    for spine in axes.spines.values():
        spine.set_visible(True)


@once
def table_weights(results: Results) -> pd.DataFrame:
    """Distinct units, rank and spreads by scheme and layer after training, over the seeds.

    The output layer has no hidden units: it has a rank only.
    """
    layers = results.layers("symmetry")
    layers = layers[layers["moment"] == "end"]
    ranks = {
        (config["address"], layer): rank
        for config, own in results.measured("symmetry", "weights", of=itemgetter("ranks"))
        for layer, rank in enumerate(own, start=1)
    }
    keys = zip(layers["address"], layers["layer"], strict=True)
    layers = layers.assign(rank=[ranks.get(key, np.nan) for key in keys])
    columns = {
        "units": "units",
        "distinct_units": "distinct units",
        "rank": "rank of W",
        "unit_spread": "spread of activations",
        "weight_gradient_spread": "spread of gradients",
    }
    rows = []
    for init in style.in_order(list(layers["init"]), INITS):
        for layer, group in layers[layers["init"] == init].groupby("layer"):
            values = {name: t_interval(group[column]) for column, name in columns.items()}
            rows.append({"init": init, "layer": layer} | values)
    return pd.DataFrame(rows, columns=["init", "layer", *columns.values()])


def facts_weights(results: Results) -> dict[str, Any]:
    """Distinct units of the first two layers by scheme, as in the table."""
    table = table_weights(results)
    if table.empty:
        return {"case": "nothing"}
    first = table[table["layer"] == table["layer"].min()]
    facts: dict[str, Any] = {"case": "measured", "units": int(first["units"].iloc[0].mean)}
    for init in INITS:
        own = table[table["init"] == init].set_index("layer")["distinct units"]
        name = NAMES[init]
        facts |= {f"{name}_{layer}": own.get(layer, t_interval([])) for layer in (1, 2)}
    return facts


FIGURES = (
    FigureSpec(
        "weight_matrices",
        ("symmetry",),
        draw_weights,
        table_weights,
        facts_weights,
        ("init",),
    ),
)
