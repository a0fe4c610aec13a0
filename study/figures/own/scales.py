"""Training with and without batch normalisation at many initial scales."""

import math
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.frames import Results, once
from study.analysis.intervals import (
    Estimate,
    paired_difference,
    t_interval,
)
from study.figures import style
from study.figures.own import parts
from study.figures.spec import FigureSpec
from study.figures.style import Translate

SIDES = {False: "off", True: "on"}
NAMES = {False: "without batch norm", True: "with batch norm"}
LEARNED = 0.8  # training accuracy from which a scale counts as one at which the network learns
COLUMNS = 4


def _level(level: float) -> str:
    return f"{100 * level:.0f} %"


SCALES = "batchnorm_scales"
EPS, TEXTBOOK_EPS = 1e-5, 1e-6  # that of every other figure; the textbook's, written 10e-7
TEXTBOOK = "textbook_eps"  # the third side, in the styles
SHOWN = ["init_std", "batchnorm", "batchnorm_eps", "train_accuracy"]
VISIBLE = 0.03  # from which difference of accuracy the third curve is drawn in a small panel


def sides_of(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The rows without batch norm, with it, and with it and the textbook's ε, by name.

    *With* means ε = 10⁻⁵ or, where that was not run, the one closest to it.
    """
    eps = frame["batchnorm_eps"]
    usual = closest_eps(frame)
    textbook = pd.Series(np.isclose(eps, TEXTBOOK_EPS, rtol=1e-6, atol=0), index=frame.index)
    on = frame["batchnorm"].eq(True)
    if usual is None:
        return {"off": frame[~on], "on": frame[on & False], TEXTBOOK: frame[on & False]}
    return {
        "off": frame[~on],
        "on": frame[on & (eps == usual)],
        TEXTBOOK: frame[on & textbook & (eps != usual)],
    }


def closest_eps(frame: pd.DataFrame) -> float | None:
    """The ε of the runs with batch norm that is closest to ``EPS``; None where there is none."""
    values = frame.loc[frame["batchnorm"].eq(True), "batchnorm_eps"].dropna().unique()
    return min(values, key=lambda eps: abs(math.log(eps / EPS))) if len(values) else None


@once
def _curves(results: Results) -> pd.DataFrame:
    return parts.accuracy_curves(results, SCALES)[[*SHOWN, "epoch"]]


def _runs(results: Results) -> pd.DataFrame:
    return parts.final_runs(results, SCALES)[[*SHOWN, "seed", "status"]]


def draw_scales(results: Results, tr: Translate) -> Figure:
    """Final training accuracy against the initial scale, and by epoch at each, a panel each.

    In the corner of a panel: what batch norm adds in the end. With the textbook's ε: a thin line
    of its own, in the small panels only where it is ``VISIBLE`` apart from the other.
    """
    curves, runs, table = _curves(results), _runs(results), table_scales(results)
    rows = -(-len(table) // COLUMNS)
    figure, grid = style.new_figure(
        1 + rows, COLUMNS, height=3.4 + 1.2 * rows, height_ratios=[2.2] + [1] * rows,
        width=style.PHONE,
    )  # fmt: skip
    for axes in grid[0]:
        axes.remove()
    above = figure.add_subplot(grid[0, 0].get_gridspec()[0, :])
    panels = grid[1:].ravel()
    if table.empty:
        style.empty(above, tr("no finished run"))
        return figure
    _draw_final(above, runs, tr)
    for index, (axes, row) in enumerate(zip(panels, table.to_dict("records"), strict=False)):
        own = sides_of(curves[curves["init_std"] == row["scale"]])
        mine = sides_of(runs[runs["init_std"] == row["scale"]])
        for name in SIDES.values():
            style.curve(axes, own[name], "epoch", "train_accuracy", name=name)
            height = 0.3 if name == "on" else 0.8
            parts.diverged_note(axes, mine[name], tr, 0.06, height, name, short=True)
        if _apart(own["on"], own[TEXTBOOK]):
            _thin(axes, own[TEXTBOOK], "epoch")
        parts.diverged_note(axes, mine[TEXTBOOK], tr, 0.56, 0.3, TEXTBOOK, short=True)
        axes.set_title(f"{row['scale']:.2g}", pad=3, loc="left", fontsize=9)
        winner = _WINNER[parts.direction(row["difference"])]
        axes.set_title(_gain(row["difference"]), pad=3, loc="right", fontsize=9,
                       fontweight="bold", color=winner)  # fmt: skip
        style.percent(axes, limits=(0, 1.04))
        end = curves["epoch"].max()
        axes.set(yticks=[0, 0.5, 1], xlim=(0, end), xticks=[0, end])
        axes.tick_params(labelleft=index % COLUMNS == 0, labelbottom=index + COLUMNS >= len(table))
    for axes in panels[len(table) :]:
        axes.set_axis_off()
    notes = ("above each: standard deviation of the initial weights",
             "bold: what batch norm adds in the end, in points")  # fmt: skip
    figure.supxlabel("\n".join([tr("epoch"), *map(tr, notes)]), fontsize=9.5)
    figure.supylabel(tr("training accuracy"), fontsize=10)
    _scales_legend(figure, runs, tr)
    return figure


def _apart(one: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Whether two mean curves are ``VISIBLE`` apart anywhere."""
    means = [each.groupby("epoch")["train_accuracy"].mean() for each in (one, other)]
    return bool((means[0] - means[1]).abs().max() >= VISIBLE) or (one.empty and not other.empty)


def _thin(axes: Axes, frame: pd.DataFrame, x: str, **options: Any) -> None:
    style.curve(axes, frame, x, "train_accuracy", name=TEXTBOOK, band=False, linewidth=1.4,
                **options)  # fmt: skip


def _scales_legend(figure: Figure, runs: pd.DataFrame, tr: Translate) -> None:
    """The sides that there are, with the ε of each."""
    eps = closest_eps(runs)
    named = {"off": tr(NAMES[False]), "on": tr(NAMES[True])}
    if len(sides_of(runs)[TEXTBOOK]) and eps is not None:
        named["on"] += f", ε = {style.power_text(eps)}"
        named[TEXTBOOK] = f"{tr(NAMES[True])}, ε = {style.power_text(TEXTBOOK_EPS)}"
    handles = [
        mpl.lines.Line2D([], [], color=style.colour(name), linestyle=style.line_style(name))
        for name in named
    ]
    figure.legend(handles, list(named.values()), loc="outside upper center", ncols=2, fontsize=10)


# whose colour the difference between the two sides has
_WINNER = {"higher": style.colour("on"), "lower": style.colour("off"), "unclear": style.INK}


def _gain(difference: Estimate) -> str:
    if math.isnan(difference.mean):
        return ""
    text = f"{100 * difference.mean:+.0f}".replace("-", "−")
    return "0" if text[1:] == "0" else text


def _draw_final(axes: Axes, runs: pd.DataFrame, tr: Translate) -> None:
    """Final training accuracy against the scale; a cross where every run diverged."""
    style.percent(axes, limits=(0, 1.04))
    style.logarithmic(axes, "x")
    crosses = False
    for name, own in sides_of(runs).items():
        if own.empty:
            continue
        size = 4 if name == TEXTBOOK else 5
        if name == TEXTBOOK:
            _thin(axes, own, "init_std")
        else:
            style.curve(axes, own, "init_std", "train_accuracy", name=name)
        means = own.groupby("init_std")["train_accuracy"].mean()
        lost = own["status"].eq("diverged").groupby(own["init_std"]).all()
        marker = "D" if name == TEXTBOOK else "o"
        axes.plot(means[~lost].index, means[~lost], marker, color=style.colour(name),
                  markersize=size)  # fmt: skip
        axes.plot(means[lost].index, means[lost], "X", color=style.colour(name), markersize=8)
        crosses |= bool(lost.any())
    axes.set_xlabel(tr("standard deviation of the initial weights"))
    note = f" (✕ {tr('all runs diverged')})" if crosses else ""
    axes.set_title(tr("after the last epoch") + note, loc="left", fontsize=9.5)
    axes.invert_xaxis()  # as the panels below go: from large to small


SMALL = "with batch norm, ε = 10⁻⁶"


@once
def table_scales(results: Results) -> pd.DataFrame:
    """Final training accuracy at each scale; differences are from no batch norm, paired by seed."""
    columns = [
        "scale", NAMES[False], NAMES[True], SMALL, "difference", "difference, ε = 10⁻⁶",
        "diverged without", "diverged with", "diverged, ε = 10⁻⁶",
    ]  # fmt: skip
    runs = _runs(results)
    rows: list[list[object]] = []
    for scale, group in runs.groupby("init_std", sort=False):
        sides = sides_of(group)
        estimates = [t_interval(side["train_accuracy"]) for side in sides.values()]
        differences = [_difference(sides["off"], sides[name]) for name in ("on", TEXTBOOK)]
        diverged = [
            f"{int((side['status'] == 'diverged').sum())}/{len(side)}" for side in sides.values()
        ]
        rows.append([scale, *estimates, *differences, *diverged])
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values("scale", ascending=False, ignore_index=True)


def _difference(off: pd.DataFrame, on: pd.DataFrame) -> Estimate:
    both = pd.concat([off, on])
    return paired_difference(both, "train_accuracy", "batchnorm", True, False)


def facts_scales(results: Results) -> dict[str, Any]:
    """How many scales each side learns at, what batch norm adds, and the scatter over scales.

    ``range_…``: highest minus lowest accuracy over the scales, by seed. ``case``: ``both`` values
    of ε, ``measured`` with one, or ``one`` scale.
    """
    table = table_scales(results)
    table = table[[estimate.n > 0 for estimate in table["difference"]]]  # scales with both sides
    if table.empty:
        return {"case": "missing"}
    gains = list(table["difference"])
    scales = [float(f"{scale:.2g}") for scale in table["scale"]]
    least, most = (int(choose([gain.mean for gain in gains])) for choose in (np.argmin, np.argmax))
    runs = _runs(results)
    runs = runs[runs["init_std"].isin(table["scale"])]
    sides = dict(zip(("without", "with", "small"), sides_of(runs).values(), strict=True))
    by_seed = {name: side.groupby("seed")["train_accuracy"] for name, side in sides.items()}
    columns = dict(zip(sides, (NAMES[False], NAMES[True], SMALL), strict=True))
    case = "both" if len(sides["small"]) else "measured"
    return {
        "case": case if len(table) > 1 else "one",
        "scales": len(table),
        "level": _level(LEARNED),
        **{
            f"learned_{name}": sum(estimate.mean >= LEARNED for estimate in table[column])
            for name, column in columns.items()
        },
        "helps": sum(parts.direction(gain) == "higher" for gain in gains),
        "harms": sum(parts.direction(gain) == "lower" for gain in gains),
        "least": gains[least],
        "least_scale": scales[least],
        "most": gains[most],
        "most_scale": scales[most],
        "eps": style.power_text(closest_eps(runs) or EPS),
        "small_eps": style.power_text(TEXTBOOK_EPS),
        **{f"scatter_{name}": t_interval(each.std()) for name, each in by_seed.items()},
        **{f"range_{name}": t_interval(each.max() - each.min()) for name, each in by_seed.items()},
    }


FIGURES = (
    FigureSpec(
        "scales",
        (SCALES,),
        draw_scales,
        table_scales,
        facts_scales,
        ("init_std", "batchnorm", "batchnorm_eps"),
    ),
)
