"""Last figures of section 1.2.4: what the initial values do to learning, and the erratum on He."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.frames import Results, count_diverged
from study.analysis.intervals import log_t_interval, t_interval
from study.figures import style
from study.figures.own.activations import ACTIVATIONS, INITS, MARKERS, NAMES, probed
from study.figures.own.parts import end_labels
from study.figures.spec import FigureSpec
from study.figures.style import Translate

# 1.2.4-d: training loss by scheme


def draw_loss(results: Results, tr: Translate) -> Figure:
    """Training loss against updates, a panel for each activation, a line for each scheme.

    Diverged runs have no loss to draw: a line is that of the others, and a note counts them.
    """
    runs, points = results.runs("init_loss"), results.points("init_loss")
    runs = runs[runs["status"] != "failed"]
    points = points[points["status"] == "completed"]
    activations = style.in_order(list(runs["activation"]), ("relu", "sigmoid", "tanh"))
    figure, grid = style.new_figure(
        1, max(len(activations), 1), height=4.1, width=style.PHONE, sharey=True
    )
    if not activations:
        style.empty(grid[0, 0], tr("no runs"))
        return figure
    inits = style.in_order(list(runs["init"]), INITS)
    for axes, activation in zip(grid[0], activations, strict=True):
        notes = []
        for init in inits:
            chosen = (points["activation"] == activation) & (points["init"] == init)
            own = points[chosen]
            style.curve(axes, own, "step", "train_loss", name=init, label=tr(init), log=True)
            cell = runs[(runs["activation"] == activation) & (runs["init"] == init)]
            diverged = int((cell["status"] == "diverged").sum())
            if diverged:
                notes.append((f"✕ {tr(init)}: {diverged}/{len(cell)} {tr('diverged')}", init))
        axes.set(title=tr(activation), xlabel=tr("updates"), yscale="log")
        for line, (note, init) in enumerate(notes):
            axes.text(0.97, 0.96 - 0.08 * line, note, transform=axes.transAxes, ha="right",
                      va="top", fontsize=9.5, color=style.colour(init))  # fmt: skip
    style.fit_lines(*grid[0])
    for axes in grid[0]:
        _chance_line(axes, runs, tr)
        _plain_numbers(axes)
    grid[0, 0].set_ylabel(tr("training loss"))
    _legend(figure, inits, tr)
    return figure


def _plain_numbers(axes: Axes) -> None:
    """Label a logarithmic axis 0.01, 0.1, 1, and only there."""
    axes.yaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:.3g}"))
    axes.yaxis.set_minor_formatter(mpl.ticker.NullFormatter())


def _chance_line(axes: Axes, runs: pd.DataFrame, tr: Translate) -> None:
    """A line at the loss of a network that knows nothing."""
    loss = _chance_loss(runs)
    axes.axhline(loss, color="0.5", linewidth=0.9, linestyle=":")
    axes.annotate(tr("chance"), (0.99, loss), xycoords=("axes fraction", "data"), xytext=(0, 3),
                  textcoords="offset points", ha="right", fontsize=9.5)  # fmt: skip


def _chance_loss(runs: pd.DataFrame) -> float:
    """Loss of a network that gives every class the same probability: ln(number of classes)."""
    return -float(np.log(runs["chance"].iloc[0]))


def _legend(
    figure: Figure, inits: list[str], tr: Translate, markers: Mapping[str, str] | None = None
) -> None:
    handles = [
        mpl.lines.Line2D([], [], color=style.colour(init), linestyle=style.line_style(init),
                         marker=(markers or {}).get(init, ""), markersize=5, label=tr(init))
        for init in inits
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside upper center", ncols=max(len(inits), 1),
                  handlelength=3, columnspacing=1.6)  # fmt: skip


def table_loss(results: Results) -> pd.DataFrame:
    """Training loss at the start, halfway and at the end; final accuracy; diverged runs."""
    runs = count_diverged(results.runs("init_loss"))
    points = results.points("init_loss")
    points = points[points["status"] == "completed"]
    columns = ["activation", "init", "loss at start", "loss halfway", "loss at end",
               "test accuracy", "diverged"]  # fmt: skip
    rows = []
    for activation in style.in_order(list(runs["activation"]), ("relu", "sigmoid", "tanh")):
        for init in style.in_order(list(runs["init"]), INITS):
            cell = runs[(runs["activation"] == activation) & (runs["init"] == init)]
            if cell.empty:
                continue
            own = points[points["address"].isin(cell["address"])]
            steps = np.sort(own["step"].unique())
            losses = [t_interval([])] * 3
            if len(steps):
                halfway = steps[np.abs(steps - steps[-1] / 2).argmin()]
                losses = [t_interval(own.loc[own["step"] == step, "train_loss"])
                          for step in (steps[0], halfway, steps[-1])]  # fmt: skip
            accuracy = t_interval(cell["test_accuracy"])
            diverged = int((cell["status"] == "diverged").sum())
            rows.append([activation, init, *losses, accuracy, diverged])
    return pd.DataFrame(rows, columns=columns)


def facts_loss(results: Results) -> dict[str, Any]:
    """Training loss at the end by activation and scheme; ``diverged`` where all runs did."""
    table = table_loss(results)
    if table.empty:
        return {"case": "nothing"}
    cells = table.set_index(["activation", "init"])
    facts: dict[str, Any] = {
        "case": "measured",
        "updates": int(results.points("init_loss")["step"].max()),
        "chance": _chance_loss(results.runs("init_loss")),
        "diverged": int(table["diverged"].sum()),
    }
    for activation in ("relu", "sigmoid"):
        for init, name in NAMES.items():
            key = (activation, init)
            loss = cells["loss at end"].get(key, t_interval([]))
            lost = not loss.n and cells["diverged"].get(key, 0) > 0
            facts[f"{activation}_{name}"] = "diverged" if lost else loss
    return facts


# 1.2.4-e: each scheme at its own best learning rate


def deciding(runs: pd.DataFrame) -> str:
    """The accuracy that chooses a rate: on validation samples where all have some, or training.

    Never the test: the best of several rates by chance would then pass for a better one.
    """
    return "valid_accuracy" if runs["valid_accuracy"].notna().all() else "train_accuracy"


def by_rate(results: Results) -> pd.DataFrame:
    """One row for each activation, scheme and learning rate; each may have rates of its own.

    Columns: ``valid``, ``train`` and ``accuracy`` (on test data), accuracies with diverged runs at
    chance, and ``loss`` on training data (of the runs that did not diverge) as estimates;
    ``diverged``, ``runs``, and ``best``: whether the mean of the ``deciding`` accuracy is higher
    than at every other rate of this activation and scheme; where several rates are equally good
    (or none learns at all) there is no best one.
    """
    runs = count_diverged(results.runs("learning_rates"))
    chooses = deciding(runs)
    rows = []
    for activation in style.in_order(list(runs["activation"]), ACTIVATIONS):
        for init in style.in_order(list(runs["init"]), INITS):
            own = runs[(runs["activation"] == activation) & (runs["init"] == init)]
            cells = [
                {
                    "activation": activation,
                    "init": init,
                    "lr": lr,
                    "valid": t_interval(cell["valid_accuracy"]),
                    "train": t_interval(cell["train_accuracy"]),
                    "accuracy": t_interval(cell["test_accuracy"]),
                    "loss": log_t_interval(cell["train_loss"]),
                    "runs": len(cell),
                    "diverged": int((cell["status"] == "diverged").sum()),
                }
                for lr, cell in own.groupby("lr")
            ]
            means = list(own.groupby("lr")[chooses].mean())
            for cell, mean in zip(cells, means, strict=True):
                cell["best"] = mean == max(means) and means.count(mean) == 1
            rows += cells
    columns = ["activation", "init", "lr", "valid", "train", "accuracy", "loss", "runs",
               "diverged", "best"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


CHOSEN_BY = {
    "valid_accuracy": "best learning rate, by validation accuracy",
    "train_accuracy": "best learning rate, by training accuracy",
}


def draw_rates(results: Results, tr: Translate) -> Figure:
    """Test accuracy and training loss against the learning rate; a ring marks the best rate."""
    table = by_rate(results)
    activations = list(dict.fromkeys(table["activation"]))
    figure, grid = style.new_figure(
        2, max(len(activations), 1), height=5.8, width=style.PHONE, sharex="col", sharey="row"
    )
    if not activations:
        grid[1, 0].remove()
        style.empty(grid[0, 0], tr("no runs"))
        return figure
    inits = style.in_order(list(table["init"]), INITS)
    for column, activation in enumerate(activations):
        mine = table[table["activation"] == activation]
        for init in inits:
            cells = mine[mine["init"] == init]
            for axes, metric in zip(grid[:, column], ("accuracy", "loss"), strict=True):
                _draw_cells(axes, cells, metric, init)
        grid[0, column].set_title(tr(activation))
        grid[1, column].set_xlabel(tr("learning rate"))
        _rate_ticks(list(grid[:, column]), sorted(mine["lr"].unique()))
    for axes in grid[0]:
        style.percent(axes)
    for axes in grid[1]:
        axes.set_yscale("log")
        _plain_numbers(axes)
    grid[0, 0].set_ylabel(tr("test accuracy"))
    grid[1, 0].set_ylabel(tr("training loss"))
    _legend(figure, inits, tr, MARKERS)
    chooses = deciding(count_diverged(results.runs("learning_rates")))
    words = f"○  {tr(CHOSEN_BY[chooses])}"
    if table["diverged"].any():
        words += f"\n✕  {tr('runs diverged')}"
    figure.supxlabel(words, fontsize=10)
    return figure


def _rate_ticks(column: Sequence[Axes], rates: Sequence[float]) -> None:
    """A tick at each rate of one activation; upright words where they would touch."""
    for axes in column:
        axes.set_xscale("log")
        axes.set_xticks(rates, [f"{rate:g}" for rate in rates])
        axes.minorticks_off()
        axes.set_xlim(rates[0] / 1.8, rates[-1] * 1.8)
        if len(rates) > 4:
            axes.tick_params(axis="x", labelrotation=90)


def _draw_cells(axes: Axes, cells: pd.DataFrame, metric: str, init: str) -> None:
    """One scheme in one panel: intervals, a ring at the best rate, a cross where runs diverged."""
    means = np.array([estimate.mean for estimate in cells[metric]])
    lows = np.array([estimate.low for estimate in cells[metric]])
    highs = np.array([estimate.high for estimate in cells[metric]])
    rates, colour = cells["lr"].to_numpy(float), style.colour(init)
    axes.plot(rates, means, color=colour, linestyle=style.line_style(init), markersize=5,
              marker=MARKERS.get(init, "o"))  # fmt: skip
    known = np.isfinite(means) & np.isfinite(lows)
    if known.any():
        axes.errorbar(rates[known], means[known],
                      [means[known] - lows[known], highs[known] - means[known]],
                      color=colour, linestyle="none", linewidth=1.2)  # fmt: skip
    best = cells["best"].to_numpy(bool) & np.isfinite(means)
    axes.plot(rates[best], means[best], "o", markersize=12, markerfacecolor="none",
              markeredgecolor=colour, markeredgewidth=1.6)  # fmt: skip
    crossed = (cells["diverged"] > 0).to_numpy() & np.isfinite(means)
    axes.plot(rates[crossed], means[crossed], "x", markersize=10, markeredgewidth=2, color=colour)


def table_rates(results: Results) -> pd.DataFrame:
    """Accuracies and training loss by activation, scheme and learning rate; the best marked."""
    table = by_rate(results)
    return table.assign(best=["★" if best else "" for best in table["best"]]).rename(
        columns={
            "valid": "validation accuracy", "train": "training accuracy",
            "accuracy": "test accuracy", "loss": "training loss", "lr": "learning rate",
        }
    )  # fmt: skip


def facts_rates(results: Results) -> dict[str, Any]:
    """He and Xavier at the best learning rate of each, and their difference by seed.

    ``case``: which accuracy chose the rates. ``edges``: how many of the ``schemes`` have their best
    rate at an end of their list, where a still better one may lie beyond.
    """
    table, runs = by_rate(results), count_diverged(results.runs("learning_rates"))
    if table.empty:
        return {"case": "nothing"}
    chooses = deciding(runs)
    lists = [cells for _, cells in table.groupby(["activation", "init"]) if cells["best"].any()]
    facts: dict[str, Any] = {
        "case": "validated" if chooses == "valid_accuracy" else "measured",
        "schemes": len(lists),
        "edges": sum(bool(cells["best"].iloc[[0, -1]].any()) for cells in lists),
    }
    for activation in ACTIVATIONS:
        accuracies = []
        for init in ("he", "xavier"):
            cells = table[(table["activation"] == activation) & (table["init"] == init)]
            chosen = (runs["activation"] == activation) & (runs["init"] == init)
            means = runs[chosen].groupby("lr")[chooses].mean()
            rate = means.idxmax() if means.notna().any() else np.nan
            own = runs[chosen & (runs["lr"] == rate)].set_index("seed")["test_accuracy"]
            accuracies.append(own)
            facts[f"{activation}_{init}"] = t_interval(own)
            facts[f"{activation}_{init}_rate"] = rate if cells["best"].any() else np.nan
        facts[f"{activation}_difference"] = t_interval(accuracies[0] - accuracies[1])
    return facts


# 1.2.4-f: the erratum. He is √2 times Xavier's standard deviation, not twice

# With weights of variance s/n, n inputs to each unit, a pre-activation has the variance s·E[a²] of
# the layer below; ReLU keeps half of its mean square, so that E[a²] changes by s/2 at each layer,
# starting from E[x²] = 1.
FACTORS = {"xavier": 1.0, "he": 2.0, "xavier_doubled": 4.0}
SPREADS = {"xavier": "1/√n", "he": "√2/√n", "xavier_doubled": "2/√n"}


def draw_erratum(results: Results, tr: Translate) -> Figure:
    """Mean square of the activations by layer (ReLU), measured and as the theory says."""
    layers = probed(results)
    layers = layers[(layers["activation"] == "relu") & layers["init"].isin(list(FACTORS))]
    figure, grid = style.new_figure(height=3.7)
    axes = grid[0, 0]
    if layers.empty:
        style.empty(axes, tr("no runs"))
        return figure
    depth = int(layers["layer"].max())
    labels = []
    for init in style.in_order(list(layers["init"]), list(FACTORS)):
        own = layers[layers["init"] == init]
        style.curve(axes, own, "layer", "activation_mean_square", name=init, marker="o",
                    markersize=6, linestyle="none")  # fmt: skip
        numbers = np.arange(depth + 1)
        theory = (FACTORS[init] / 2) ** numbers
        axes.plot(numbers, theory, color=style.colour(init), linestyle=style.line_style(init))
        last = own.loc[own["layer"] == depth, "activation_mean_square"]
        text = f"{tr(init)}\nstd = {SPREADS[init]}\n× {last.mean():.2g}"
        labels.append((float(np.log2(theory[-1])), text, style.colour(init)))
    axes.plot(0, 1, "s", color=mpl.rcParams["text.color"], markersize=6)
    axes.set_yscale("log", base=2)
    _plain_numbers(axes)
    style.fit_lines(axes, margin=0.14)
    axes.set_xticks(range(depth + 1), [tr("input"), *(str(n) for n in range(1, depth + 1))])
    axes.set(xlabel=tr("layer"), ylabel=tr("mean square of the activations"))
    low, high = np.log2(axes.get_ylim())
    scaled = axes.twinx()  # end_labels places by the linear height
    scaled.set_ylim(low, high)
    scaled.set_axis_off()
    end_labels(scaled, labels, spacing=0.2)
    axes.text(0.02, 0.97, f"{tr('lines')}: {tr('theory')}   ●: {tr('measured')}", va="top",
              transform=axes.transAxes, fontsize=9.5)  # fmt: skip
    return figure


def table_erratum(results: Results) -> pd.DataFrame:
    """Mean square by scheme and layer, measured over the seeds and in theory."""
    layers = probed(results)
    layers = layers[layers["activation"] == "relu"]
    rows = [
        {
            "init": init,
            "std": SPREADS[init],
            "layer": layer,
            "mean square": t_interval(group["activation_mean_square"]),
            "theory": (FACTORS[init] / 2) ** int(str(layer)),
        }
        for init in FACTORS
        for layer, group in layers[layers["init"] == init].groupby("layer")
    ]
    return pd.DataFrame(rows, columns=["init", "std", "layer", "mean square", "theory"])


def facts_erratum(results: Results) -> dict[str, Any]:
    """By scheme: the mean square in the last layer, and its change from layer to layer."""
    table = table_erratum(results)
    if table.empty:
        return {"case": "nothing"}
    layers = probed(results)
    depth = int(table["layer"].max())
    last = layers[(layers["activation"] == "relu") & (layers["layer"] == depth)]
    facts: dict[str, Any] = {"case": "measured", "last": depth}
    for init, factor in FACTORS.items():
        square = last.loc[last["init"] == init, "activation_mean_square"]
        facts |= {
            f"{init}_last": log_t_interval(square),
            f"{init}_step": log_t_interval(square ** (1 / depth)),
            f"{init}_theory": factor / 2,
        }
    return facts


FIGURES = (
    FigureSpec(
        "1.2.4-d", ("init_loss",), draw_loss, table_loss, facts_loss, ("activation", "init")
    ),
    FigureSpec(
        "1.2.4-e",
        ("learning_rates",),
        draw_rates,
        table_rates,
        facts_rates,
        ("activation", "init", "lr"),
    ),
    FigureSpec(
        "1.2.4-f",
        ("activations",),
        draw_erratum,
        table_erratum,
        facts_erratum,
        ("init", "activation"),
    ),
)
