"""Correlations between hidden units, with and without dropout."""

import math
from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from study.analysis.frames import Results, once
from study.analysis.intervals import Estimate, paired_difference, t_interval
from study.figures import style
from study.figures.own import parts
from study.figures.spec import FigureSpec
from study.figures.style import Translate

EXPERIMENT, COLUMN, LECTURE = "dropout", "dropout", 0.2
COLUMNS = 2


def draw_correlations(results: Results, tr: Translate) -> Figure:
    """Distribution of the correlations between hidden units, with and without, by layer."""
    histograms: dict[str, list[list[dict[str, Any]]]] = {
        name: [
            result["layers"]
            for config, result in results.measured(EXPERIMENT, "correlations")
            if config["dropout"] == rate
        ]
        for name, rate in _sides(results)
    }
    depth = max((len(run) for runs in histograms.values() for run in runs), default=0)
    if depth == 0:
        figure, grid = style.new_figure(height=2)
        style.empty(grid[0, 0], tr("no finished run"))
        return figure
    rows = -(-depth // COLUMNS)
    figure, grid = style.new_figure(
        rows, COLUMNS, height=0.9 + 1.7 * rows, sharex=True, sharey=True, width=style.PHONE
    )
    table = table_correlations(results)
    means = {column: dict(zip(table["layer"], table[column], strict=True)) for column in table}
    panels = grid.ravel()
    for index, axes in enumerate(panels[:depth]):
        axes.set_title(f"{tr('layer')} {index + 1}", pad=3, loc="left")
        shift = means[DIFFERENCE].get(index + 1)
        if shift is not None and shift.n:
            weight = "normal" if parts.direction(shift) == "unclear" else "bold"
            axes.set_title(_signed(shift), pad=3, loc="right", fontsize=9, fontweight=weight)
        for line, (name, _) in enumerate(_sides(results)):
            pooled = parts.pool([run[index] for run in histograms[name] if index < len(run)])
            if pooled is None:
                continue
            colour, linestyle = style.colour(name), style.line_style(name)
            axes.stairs(pooled.shares, pooled.edges, fill=True, color=colour, alpha=0.13)
            axes.stairs(pooled.shares, pooled.edges, color=colour, linestyle=linestyle,
                        linewidth=1.5)  # fmt: skip
            mean = means[f"mean |r| {WITH[name]} dropout"].get(index + 1, NOTHING).mean
            axes.text(0.97, 0.97 - 0.14 * line, f"{mean:.3f}", transform=axes.transAxes,
                      ha="right", va="top", color=colour)  # fmt: skip
        axes.text(0.03, 0.97, tr("mean |r|"), transform=axes.transAxes, va="top", fontsize=9.5)
        axes.set(xlim=(-1, 1), xticks=[-1, -0.5, 0, 0.5, 1])
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
    for axes in panels[depth:]:
        axes.set_axis_off()
    panels[0].set_ylim(0, 1.2 * panels[0].get_ylim()[1])
    style.percent(panels[0], limits=None)
    panels[0].yaxis.set_major_locator(mpl.ticker.MaxNLocator(4, steps=[1, 2, 5, 10]))
    note = tr("at the right: change of the mean |r| by dropout, bold where clear")
    figure.supxlabel(f"{tr('correlation of two hidden units')}\n{note}", fontsize=9.5)
    figure.supylabel(tr("share of the pairs"), fontsize=10)
    shown = [(name, rate) for name, rate in _sides(results) if histograms[name]]
    figure.legend(
        [mpl.lines.Line2D([], [], color=style.colour(name), linestyle=style.line_style(name))
         for name, _ in shown],
        [f"{tr(f'{WITH[name]} dropout')} (p = {rate:g})" for name, rate in shown],
        loc="outside upper center", ncols=2, fontsize=10,
    )  # fmt: skip
    return figure


def _signed(estimate: Estimate) -> str:
    half = "" if math.isnan(estimate.half_width) else f" ± {estimate.half_width:.3f}"
    return f"{estimate.mean:+.3f}{half}".replace("-", "−")


WITH = {"off": "without", "on": "with"}
DIFFERENCE = "difference of mean |r|"
NOTHING = t_interval([])


def _sides(results: Results) -> list[tuple[str, float]]:
    rate = parts.dose(results, EXPERIMENT, COLUMN, LECTURE)
    return [("off", 0.0)] + ([("on", rate)] if rate is not None else [])


@once
def table_correlations(results: Results) -> pd.DataFrame:
    """Layer, mean absolute correlation and effective number of units, with and without.

    The difference, with minus without, is paired by seed.
    """
    layers = _correlated_layers(results)
    rate = dict(_sides(results))
    rows = []
    for layer, group in layers.groupby("layer"):
        row: dict[str, object] = {"layer": layer}
        for metric, text in (("mean_abs_correlation", "mean |r|"),
                             ("effective_units", "effective units")):  # fmt: skip
            for name, word in WITH.items():
                own = parts.pick(group, "dropout", rate.get(name))
                row[f"{text} {word} dropout"] = t_interval(own[metric])
        row[DIFFERENCE] = _difference(group, rate)
        rows.append(row)
    columns = [f"{text} {word} dropout" for text in ("mean |r|", "effective units")
               for word in WITH.values()]  # fmt: skip
    return pd.DataFrame(rows, columns=["layer", *columns, DIFFERENCE])


def _correlated_layers(results: Results) -> pd.DataFrame:
    layers = parts.trained_layers(results, EXPERIMENT)
    return layers[layers["effective_units"].notna()]


def _difference(frame: pd.DataFrame, rate: Mapping[str, float]) -> Estimate:
    return paired_difference(frame, "mean_abs_correlation", "dropout", rate.get("on"), 0.0)


def facts_correlations(results: Results) -> dict[str, Any]:
    """What dropout does to the mean |r|, averaged over layers and in each.

    ``case``: whether the average is clearly ``lower``, ``higher``, or neither (``unclear``).
    """
    rate = dict(_sides(results))
    table = table_correlations(results)
    shifts = [shift for shift in table[DIFFERENCE] if shift.n]
    if not shifts or "on" not in rate:
        return {"case": "missing"}
    layers = _correlated_layers(results)
    networks = layers.groupby(["dropout", "seed"])["mean_abs_correlation"].mean().reset_index()
    average = _difference(networks, rate)  # over layers first, so that a run counts once
    directions = [parts.direction(shift) for shift in shifts]
    return {
        "case": parts.direction(average),
        "dose": parts.dose_text(rate["on"]),
        "layers": len(shifts),
        "lower": directions.count("lower"),
        "higher": directions.count("higher"),
        "average": average,
        **{
            word: t_interval(parts.pick(networks, "dropout", rate[name])["mean_abs_correlation"])
            for name, word in WITH.items()
        },
    }


FIGURES = (
    FigureSpec(
        "correlations",
        (EXPERIMENT,),
        draw_correlations,
        table_correlations,
        facts_correlations,
        ("dropout",),
    ),
)
