"""Section 1.3: where batch normalisation sits, how fast it learns, at which initial scales."""

import math
from collections.abc import Hashable
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from scipy import stats

from study.analysis.curves import gap_curves, gaps_at_equal_accuracy
from study.analysis.effects import over_seeds
from study.analysis.frames import Results
from study.analysis.grid import varying
from study.analysis.intervals import (
    Estimate,
    paired_difference,
    summarise,
    t_interval,
)
from study.figures import style
from study.figures.own import parts
from study.figures.spec import FigureSpec
from study.figures.style import Translate
from study.records.cells import CELL

LEVELS = (0.5, 0.8, 0.9)
SIDES = {False: "off", True: "on"}
NAMES = {False: "without batch norm", True: "with batch norm"}
SHOWN = (-4.0, 4.0)  # part of the pre-activations' histogram that is drawn; the rest is counted
LEARNED = 0.8  # training accuracy from which a scale counts as one at which the network learns
COLUMNS = 4
# Cells of the grid whose networks learn with and without batch norm, as in claim B4.
LEARN = {"init": ("he", "xavier"), "activation": ("relu", "tanh")}
GAPS = {False: "gap without batch norm", True: "gap with batch norm"}
SHAPES = {"relu": "o", "tanh": "s"}
ALL = "all"
_TARGET: dict[str, Any] = {"linewidth": 1.2, "linestyle": (0, (4, 2))}


# --- 1.3-a: where the layer sits ----------------------------------------------------------------


def draw_placement(results: Results, tr: Translate) -> Figure:
    """Affine → batch norm → activation, with what flows between them in a trained network."""
    measured = [
        (config, result)
        for config, result in results.measured("batchnorm", "histograms")
        if config["batchnorm"]
    ]
    if not measured:
        figure, axes = style.new_figure(height=2)
        style.empty(axes[0, 0], tr("no finished run"))
        return figure
    depth = len(measured[0][1]["preactivation"])
    activation = measured[0][0]["activation"]
    figure, grid = style.new_figure(
        depth, 5, height=1.0 + 1.25 * depth, width_ratios=[0.95, 1.9, 1.2, 1.9, 0.85],
        width=style.PHONE,
    )  # fmt: skip
    moments = _moments(results)
    for index, row in enumerate(grid):
        _box(row[0], tr("Affine"), arrows="out")
        _box(row[2], tr("Batch\nNorm"), arrows="both", colour=style.colour("on"))
        _box(row[4], tr(activation), arrows="in")
        row[0].text(0.42, 0.98, f"{tr('layer')} {index + 1}", ha="center", va="top")
        for axes, key, colour in (
            (row[1], "preactivation", style.colour("before")),
            (row[3], "normalised", style.colour("on")),
        ):
            outside = _distribution(axes, [result[key][index] for _, result in measured], colour)
            mean, variance = moments.get((index + 1, key), (math.nan, math.nan))
            text = f"{tr('mean')} {_signed(mean)}\n{tr('variance')} {variance:.2f}{outside}"
            axes.text(0, 1, text, transform=axes.transAxes, va="top", fontsize=9)
            axes.tick_params(labelbottom=index == depth - 1)
        top = max(row[1].get_ylim()[1], row[3].get_ylim()[1])
        for axes in (row[1], row[3]):
            axes.set_ylim(0, top)
    grid[0, 1].set_title(tr("before batch norm"))
    grid[0, 3].set_title(tr("after batch norm"))
    for axes in grid[-1, [1, 3]]:
        axes.set_xlabel(tr("pre-activation"))
    target = mpl.lines.Line2D([], [], color=mpl.rcParams["text.color"], **_TARGET)
    text = f"{tr('normal distribution')}: {tr('mean')} 0, {tr('variance')} 1"
    figure.legend([target], [text], loc="outside lower center", fontsize=10, handlelength=3)
    return figure


def _signed(value: float) -> str:
    text = f"{value:+.2f}"
    return "0.00" if text.strip("+-") == "0.00" else text.replace("-", "−")


def _moments(results: Results) -> dict[tuple[Hashable, str], tuple[float, float]]:
    """Mean and variance by layer and place, averaged over the runs with batch norm."""
    places = ("preactivation", "normalised")
    columns = [f"{place}_{moment}" for place in places for moment in ("mean", "var")]
    layers = parts.trained_layers(results, "batchnorm")
    layers = layers[layers["batchnorm"].eq(True) & layers["preactivation_mean"].notna()]
    means = layers.groupby("layer")[columns].mean()
    return {
        (layer, place): (row[f"{place}_mean"], row[f"{place}_var"])
        for layer, row in means.to_dict("index").items()
        for place in places
    }


def _box(axes: Axes, text: str, *, arrows: str, colour: str = "none") -> None:
    """A layer of the network: a box, and the arrows into and out of it."""
    axes.set_axis_off()
    axes.set(xlim=(0, 1), ylim=(0, 1))
    ink = mpl.rcParams["text.color"]
    left = 0.04 if arrows == "out" else 0.2
    right = 0.96 if arrows == "in" else 0.8
    for fill, edge, alpha in ((colour, "none", 0.25), ("none", ink, 1.0)):
        axes.add_patch(
            FancyBboxPatch(
                (left + 0.04, 0.2), right - left - 0.08, 0.42, boxstyle="round,pad=0.04",
                facecolor=fill, edgecolor=edge, alpha=alpha, mutation_aspect=1.5, clip_on=False,
            )
        )  # fmt: skip
    axes.text((left + right) / 2, 0.41, text, ha="center", va="center", fontsize=9)
    for wanted, start, end in (("in", -0.02, left), ("out", right, 1.02)):
        if arrows in (wanted, "both"):
            arrow = FancyArrowPatch(
                (start, 0.41), (end, 0.41), arrowstyle="-|>", mutation_scale=9, color=ink,
                shrinkA=0, shrinkB=0, clip_on=False,
            )  # fmt: skip
            axes.add_patch(arrow)


def _distribution(axes: Axes, histograms: list[dict[str, Any]], colour: str) -> str:
    """The values against the normal distribution; a line to say how many are not drawn."""
    axes.set(xlim=SHOWN, xticks=[-4, -2, 0, 2, 4], yticks=[])
    axes.spines["left"].set_visible(False)
    axes.grid(visible=False)
    pooled = parts.pool(histograms, SHOWN)
    if pooled is None:
        return ""
    axes.stairs(pooled.shares, pooled.edges, fill=True, color=colour, alpha=0.75)
    target = np.diff(stats.norm.cdf(pooled.edges))
    centres = (pooled.edges[:-1] + pooled.edges[1:]) / 2
    axes.plot(centres, target, color=mpl.rcParams["text.color"], **_TARGET)
    axes.set_ylim(0, 2.1 * max(pooled.shares.max(), target.max()))
    return f"\n|x| > {SHOWN[1]:g}: {parts.small_share(pooled.outside)}" if pooled.outside else ""


def table_placement(results: Results) -> pd.DataFrame:
    """Mean and variance before and after the layer; the last columns: a network without it."""
    columns = {
        "preactivation_mean": "mean before",
        "preactivation_var": "variance before",
        "normalised_mean": "mean after",
        "normalised_var": "variance after",
        "unit_mean_max": "largest unit mean after",
        "unit_var_mean": "mean unit variance after",
    }
    without = {
        "preactivation_mean": "mean without batch norm",
        "preactivation_var": "variance without batch norm",
    }
    layers = parts.trained_layers(results, "batchnorm")
    layers = layers[layers["preactivation_mean"].notna()]
    rows = []
    for layer, group in layers.groupby("layer"):
        on, off = (group[group["batchnorm"].eq(side)] for side in (True, False))
        rows.append(
            {"layer": layer}
            | {name: t_interval(on[column]) for column, name in columns.items()}
            | {name: t_interval(off[column]) for column, name in without.items()}
        )
    return pd.DataFrame(rows, columns=["layer", *columns.values(), *without.values()])


def facts_placement(results: Results) -> dict[str, Any]:
    """The layer where the variance after batch norm is furthest from 1, and the range before it."""
    table = table_placement(results)
    if not len(table) or not table["mean after"].iloc[0].n:
        return {"case": "missing"}
    off = [abs(estimate.mean - 1) for estimate in table["variance after"]]
    worst = table.iloc[int(np.argmax(off))]
    before = [estimate.mean for estimate in table["variance before"]]
    return {
        "case": "measured",
        "layers": len(table),
        "layer": int(worst["layer"]),
        "mean": worst["mean after"],
        "variance": worst["variance after"],
        "mean_before": worst["mean before"],
        "variance_before": worst["variance before"],
        "least": min(before),
        "most": max(before),
    }


# --- 1.3.1-a: speed of learning -----------------------------------------------------------------


def draw_speed(results: Results, tr: Translate) -> Figure:
    """Training accuracy by epoch, with and without batch norm."""
    curves = parts.accuracy_curves(results, "batchnorm")
    figure, axes = parts.epoch_axes(curves, tr, "training accuracy")
    if axes is None:
        return figure
    labels = []
    for side, name in SIDES.items():
        own = curves[curves["batchnorm"] == side]
        if own.empty:
            continue
        style.curve(axes, own, "epoch", "train_accuracy", name=name)
        last = own[own["epoch"] == own["epoch"].max()]["train_accuracy"].mean()
        labels.append((last, f"{tr(NAMES[side])}\n{last:.0%}", style.colour(name)))
    parts.end_labels(axes, labels, spacing=0.16)
    _mark_levels(axes, curves, tr)
    return figure


def _mark_levels(axes: Axes, curves: pd.DataFrame, tr: Translate) -> None:
    """Mark on the mean curve when the runs reach each level, as far as all of them do."""
    for side, name in SIDES.items():
        own = curves[curves["batchnorm"] == side].groupby("epoch")["train_accuracy"].mean()
        for level in LEVELS:
            when = _mark_level(axes, curves, level, side)
            if when is None:
                continue
            at = (when, float(np.interp(when, own.index, own)))
            axes.annotate(
                f"{level:.0%}: {tr('epoch')} {when:.3g}", at, xytext=(7, -3),
                textcoords="offset points", va="top", color=style.colour(name),
            )  # fmt: skip


def epochs_to(curves: pd.DataFrame, level: float, batchnorm: bool) -> pd.Series:
    """First evaluated epoch with training accuracy ≥ ``level``, by seed; NaN where never."""
    own = curves[curves["batchnorm"] == batchnorm]
    reached = own[own["train_accuracy"] >= level].groupby("seed")["epoch"].min()
    return reached.reindex(sorted(own["seed"].unique())).astype(float)


def _level(level: float) -> str:
    return f"{100 * level:.0f} %"


def _all_reach(epochs: pd.Series) -> bool:
    return bool(len(epochs) and epochs.notna().all())


def table_speed(results: Results) -> pd.DataFrame:
    """Two measures under each other: accuracy at each epoch, and epochs to reach a level.

    The mean number of epochs is of the runs that get there; ``reached`` says how many of all.
    """
    columns = ["measure", "at", NAMES[False], NAMES[True], "reached without", "reached with"]
    curves = parts.accuracy_curves(results, "batchnorm")
    rows: list[list[object]] = []
    for epoch, group in curves.groupby("epoch"):
        estimates = [
            t_interval(group[group["batchnorm"] == side]["train_accuracy"]) for side in SIDES
        ]
        rows.append(["training accuracy at epoch", epoch, *estimates, "", ""])
    for level in LEVELS if len(curves) else ():
        epochs = [epochs_to(curves, level, side) for side in SIDES]
        reached = [f"{int(e.notna().sum())}/{len(e)}" for e in epochs]
        rows.append(
            ["epochs to training accuracy", level, *(t_interval(e) for e in epochs), *reached]
        )
    return pd.DataFrame(rows, columns=columns)


def facts_speed(results: Results) -> dict[str, Any]:
    """Final accuracies, and epochs to the highest level that all runs of one side reach.

    ``case``: which of the sides that is; of the other, how many of its runs get there.
    """
    curves = parts.accuracy_curves(results, "batchnorm")
    runs = parts.final_runs(results, "batchnorm")
    off, on = (runs[runs["batchnorm"] == side] for side in SIDES)
    if off.empty or on.empty:
        return {"case": "missing"}
    facts: dict[str, Any] = {
        "case": "neither",
        "epochs": int(curves["epoch"].max()),
        "level": _level(LEVELS[0]),
        "without": t_interval(off["train_accuracy"]),
        "with": t_interval(on["train_accuracy"]),
    }
    for level in LEVELS:
        epochs = dict(
            zip(
                ("without", "with"), (epochs_to(curves, level, side) for side in SIDES), strict=True
            )
        )
        reached = [name for name, each in epochs.items() if _all_reach(each)]
        if not reached:
            break
        facts |= {"level": _level(level), "case": reached[0] if len(reached) == 1 else "both"}
        for name, each in epochs.items():
            facts[f"epochs_{name}"] = t_interval(each) if name in reached else None
            facts |= {f"reached_{name}": int(each.notna().sum()), f"runs_{name}": len(each)}
    return facts


# --- 1.3.1-b: the same at 16 initial scales -----------------------------------------------------

SCALES = "batchnorm_scales"
EPS, TEXTBOOK_EPS = 1e-5, 1e-6  # that of every other figure; the textbook's, written 10e-7
TEXTBOOK = "textbook_eps"  # the third side, in the styles
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


def draw_scales(results: Results, tr: Translate) -> Figure:
    """Final training accuracy against the initial scale, and by epoch at each, a panel each.

    In the corner of a panel: what batch norm adds in the end. With the textbook's ε: a thin line
    of its own, in the small panels only where it is ``VISIBLE`` apart from the other.
    """
    curves = parts.accuracy_curves(results, SCALES)
    runs = parts.final_runs(results, SCALES)
    table = table_scales(results)
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


def table_scales(results: Results) -> pd.DataFrame:
    """Final training accuracy at each scale; differences are from no batch norm, paired by seed."""
    columns = [
        "scale", NAMES[False], NAMES[True], SMALL, "difference", "difference, ε = 10⁻⁶",
        "diverged without", "diverged with", "diverged, ε = 10⁻⁶",
    ]  # fmt: skip
    runs = parts.final_runs(results, SCALES)
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
    runs = parts.final_runs(results, SCALES)
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


# --- 1.3.1-c: over-fitting, where both sides have learned as much ---------------------------------


def _cell(results: Results) -> list[str]:
    """What a point is of: initial value, activation, and what else varies in the grid."""
    others = (factor for factor in varying(results.runs("grid")) if factor != "batchnorm")
    return list(dict.fromkeys(["init", "activation", *others]))


def equal_gaps(results: Results) -> pd.DataFrame:
    """Gaps of both sides at the highest training accuracy that both reach.

    Returns:
        A row for each pair of runs of the grid that learn with and without batch norm (``LEARN``):
        its cell (``_cell``), ``seed``, ``level`` (that training accuracy), ``without``, ``with``
        and their ``difference``.
    """
    curves, keys = gap_curves(results, "grid"), _cell(results)
    for column, levels in LEARN.items():
        curves = curves[curves[column].isin(levels)]
    rows = []
    for _, runs in curves.groupby([*keys, "seed"], sort=False):
        sides = {bool(row["batchnorm"]): row for row in runs.to_dict("records")}
        if len(sides) == 2:
            off, on = (sides[side]["value"] for side in (False, True))
            gaps = gaps_at_equal_accuracy(off, on)
            level = min(off.accuracy.max(), on.accuracy.max())
            own = {name: sides[True][name] for name in (*keys, "seed")}
            rows.append(own | {"level": level, "without": gaps[0], "with": gaps[1]})
    table = pd.DataFrame(rows, columns=[*keys, "seed", "level", "without", "with"])
    return table.assign(difference=table["with"] - table["without"])


def draw_equal_gaps(results: Results, tr: Translate) -> Figure:
    """The gap with batch norm against the gap without it, a point for each cell of the grid."""
    cells = [row for row in table_equal_gaps(results).to_dict("records") if row["init"] != ALL]
    figure, grid = style.new_figure(height=4.4)
    axes = grid[0, 0]
    if not cells:
        style.empty(axes, tr("no pairs to compare"))
        return figure
    gaps = [[100 * cell[name].mean for name in GAPS.values()] for cell in cells]
    kinds: set[str] = set()
    for (off, on), cell in zip(gaps, cells, strict=True):
        init, activation = str(cell["init"]), str(cell["activation"])
        kind = f"{tr(init)}, {tr(activation)}"
        colour = style.colour(init)
        axes.errorbar(
            off, on, yerr=np.nan_to_num(100 * cell["difference"].half_width), elinewidth=1,
            color=colour, ecolor=mpl.colors.to_rgba(colour, 0.4), marker=SHAPES[activation],
            markersize=7, linestyle="none", label="_" if kind in kinds else kind,
        )  # fmt: skip
        kinds.add(kind)
    end = 1.12 * max(1.0, np.max(gaps))
    axes.plot([0, end], [0, end], color=mpl.rcParams["text.color"], linewidth=1)
    axes.set(xlim=(0, end), ylim=(0, end), xlabel=tr("gap without batch norm (points)"),
             ylabel=tr("gap with batch norm (points)"))  # fmt: skip
    axes.text(0.03, 0.97, tr("over-fits more with batch norm"), va="top", transform=axes.transAxes)
    axes.text(0.97, 0.03, tr("over-fits less with batch norm"), ha="right",
              transform=axes.transAxes)  # fmt: skip
    figure.legend(loc="outside upper center", ncols=2)
    return figure


def table_equal_gaps(results: Results) -> pd.DataFrame:
    """Both gaps and their difference by cell, over the seeds; last, over all cells."""
    gaps, keys = equal_gaps(results), _cell(results)
    names = {"level": "training accuracy", "without": GAPS[False], "with": GAPS[True],
             "difference": "difference"}  # fmt: skip
    table = summarise(gaps, keys, list(names))
    if len(gaps):
        blocks = gaps.set_index([*keys, "seed"])
        whole = {name: over_seeds(blocks[name]) for name in names}
        last = pd.DataFrame([dict.fromkeys(keys, ALL) | whole])
        table = pd.concat([table.astype(object), last.astype(object)], ignore_index=True)
    return table.rename(columns=names)


def facts_equal_gaps(results: Results) -> dict[str, Any]:
    """The difference over all cells, and in how many of them the gap is clearly larger, smaller."""
    table = table_equal_gaps(results)
    if table.empty:
        return {"case": "missing"}
    *cells, whole = table.to_dict("records")
    found = [parts.direction(cell["difference"]) for cell in cells]
    return {
        "case": "measured",
        "cells": len(cells),
        "level": whole["training accuracy"],
        "without": whole[GAPS[False]],
        "with": whole[GAPS[True]],
        "difference": whole["difference"],
        "larger": found.count("higher"),
        "smaller": found.count("lower"),
    }


# --- 1.3.1-d: what the learning rate does to the speed ------------------------------------------

RATES = "batchnorm_rates"
CELL_OF_RATES = ["init_std", "lr"]
RATES_LEVEL = 0.8


def draw_rates(results: Results, tr: Translate) -> Figure:
    """Training accuracy by epoch, a row for each initial scale and a column for each rate.

    A dot: when the runs of a side reach ``RATES_LEVEL`` on average, where all of them do.
    """
    curves = parts.accuracy_curves(results, RATES)
    runs = parts.final_runs(results, RATES)
    scales = sorted(runs["init_std"].unique(), reverse=True)
    rates = sorted(runs["lr"].unique())
    figure, grid = style.new_figure(
        max(len(scales), 1), max(len(rates), 1), height=1.5 + 1.7 * max(len(scales), 1),
        width=style.PHONE, sharex=True, sharey=True,
    )  # fmt: skip
    if runs.empty:
        style.empty(grid[0, 0], tr("no finished run"))
        return figure
    end = curves["epoch"].max()
    for row, scale in zip(grid, scales, strict=True):
        row[0].set_ylabel(f"std {scale:.2g}")
        for axes, rate in zip(row, rates, strict=True):
            own, cell = (f[(f["init_std"] == scale) & (f["lr"] == rate)] for f in (curves, runs))
            axes.axhline(RATES_LEVEL, color="0.5", linewidth=0.9, linestyle=":")
            for side, name in SIDES.items():
                mine = own[own["batchnorm"] == side]
                style.curve(axes, mine, "epoch", "train_accuracy", name=name)
                _mark_level(axes, own, RATES_LEVEL, side)
                lost = cell[cell["batchnorm"] == side]
                parts.diverged_note(axes, lost, tr, 0.52, 0.34 if side else 0.22, name, short=True)
    for axes, rate in zip(grid[0], rates, strict=True):
        axes.set_title(f"{rate:g}")
    style.percent(grid[0, 0], limits=(0, 1.04))
    grid[0, 0].set(xlim=(0, max(end, 1)), yticks=[0, 0.5, RATES_LEVEL, 1])
    grid[0, 0].xaxis.set_major_locator(mpl.ticker.MaxNLocator(4, integer=True))
    notes = [tr("epoch"), tr("above: learning rate; left: standard deviation of the weights")]
    if (runs["status"] == "diverged").any():
        notes.append(f"✕  {tr('runs diverged')}")
    figure.supxlabel("\n".join(notes), fontsize=9.5)
    figure.supylabel(tr("training accuracy"), fontsize=10)
    _side_legend(figure, tr)
    return figure


def _mark_level(axes: Axes, curves: pd.DataFrame, level: float, side: bool) -> float | None:
    """A dot on the mean curve of a side when its runs reach ``level``, if all do; the epoch."""
    epochs = epochs_to(curves, level, side)
    if not _all_reach(epochs):
        return None
    own = curves[curves["batchnorm"] == side].groupby("epoch")["train_accuracy"].mean()
    when = float(epochs.mean())
    height = float(np.interp(when, own.index, own))
    axes.plot(when, height, "o", color=style.colour(SIDES[side]), markersize=5)
    return when


def _side_legend(figure: Figure, tr: Translate) -> None:
    handles = [
        mpl.lines.Line2D([], [], color=style.colour(name), linestyle=style.line_style(name))
        for name in SIDES.values()
    ]
    figure.legend(handles, [tr(name) for name in NAMES.values()], loc="outside upper center",
                  ncols=2, fontsize=10)  # fmt: skip


def by_rate(results: Results) -> pd.DataFrame:
    """A row for each initial scale and learning rate of figure 1.3.1-d.

    Columns: ``scale``, ``lr``; of each side (``off``, ``on``) ``epochs`` to ``RATES_LEVEL`` (by
    seed; infinite where a run never gets there), ``accuracy`` (the final one on training samples)
    and ``diverged``; ``seeds`` with runs of both sides; ``faster``: the side that gets there first
    with every seed, or ``neither``.
    """
    curves = parts.accuracy_curves(results, RATES)
    runs = parts.final_runs(results, RATES)
    rows = []
    for (scale, rate), cell in runs.groupby(CELL_OF_RATES):
        own = curves[(curves["init_std"] == scale) & (curves["lr"] == rate)]
        row: dict[str, Any] = {"scale": scale, "lr": rate}
        epochs = {}
        for side, name in SIDES.items():
            mine = cell[cell["batchnorm"] == side]
            epochs[name] = epochs_to(own, RATES_LEVEL, side).reindex(sorted(mine["seed"]))
            epochs[name] = epochs[name].fillna(math.inf)
            row |= {f"epochs_{name}": epochs[name],
                    f"accuracy_{name}": t_interval(mine["train_accuracy"]),
                    f"diverged_{name}": int((mine["status"] == "diverged").sum())}  # fmt: skip
        off, on = epochs["off"].align(epochs["on"], join="inner")
        first = {"on": on < off, "off": off < on}
        won = [name for name, each in first.items() if len(each) and each.all()]
        rows.append(row | {"seeds": len(on), "faster": won[0] if won else "neither"})
    columns = ["scale", "lr", *(f"{what}_{name}" for name in SIDES.values()
               for what in ("epochs", "accuracy", "diverged")), "seeds", "faster"]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    return table.sort_values(["scale", "lr"], ascending=[False, True], ignore_index=True)


FASTER = {"on": "with batch norm", "off": "without batch norm", "neither": "neither"}


def table_rates(results: Results) -> pd.DataFrame:
    """Epochs to the level and final training accuracy of both sides by scale and rate.

    The mean number of epochs is of the runs that get there; ``reached`` says how many of all.
    """
    level = f"epochs to {_level(RATES_LEVEL)}"
    rows = []
    for cell in by_rate(results).to_dict("records"):
        row: dict[str, Any] = {"scale": cell["scale"], "learning rate": cell["lr"]}
        for name, word in (("off", "without"), ("on", "with")):
            epochs = cell[f"epochs_{name}"]
            there = epochs[np.isfinite(epochs)]
            row |= {f"{level} {word}": t_interval(there),
                    f"reached {word}": f"{len(there)}/{len(epochs)}"}  # fmt: skip
        for name, word in (("off", "without"), ("on", "with")):
            row[f"final accuracy {word}"] = cell[f"accuracy_{name}"]
        for name, word in (("off", "without"), ("on", "with")):
            row[f"diverged {word}"] = f"{cell[f'diverged_{name}']}/{len(cell[f'epochs_{name}'])}"
        rows.append(row | {"faster": FASTER[cell["faster"]]})
    columns = ["scale", "learning rate", f"{level} without", "reached without", f"{level} with",
               "reached with", "final accuracy without", "final accuracy with",
               "diverged without", "diverged with", "faster"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def facts_rates(results: Results) -> dict[str, Any]:
    """At how many scales each side is faster, by learning rate, and where runs diverge.

    ``case``: ``always``, ``never`` or ``sometimes`` batch norm is the faster one. ``with`` and
    ``without`` list rates and scales (``0.01: 1/3``): words that need no translation.
    """
    table = by_rate(results)
    table = table[table["seeds"] > 0]
    if table.empty:
        return {"case": "missing"}
    by_side = {name: table["faster"] == name for name in ("on", "off")}
    wins = int(by_side["on"].sum())
    return {
        "case": "always" if wins == len(table) else "sometimes" if wins else "never",
        "cells": len(table),
        "scales": int(table["scale"].nunique()),
        "rates": int(table["lr"].nunique()),
        "level": _level(RATES_LEVEL),
        "faster_with": wins,
        "faster_without": int(by_side["off"].sum()),
        "with": _rate_counts(table, by_side["on"]),
        "without": _rate_counts(table, by_side["off"]),
        "lost_with": int((table["diverged_on"] > 0).sum()),
        "lost_without": int((table["diverged_off"] > 0).sum()),
    }


def _rate_counts(table: pd.DataFrame, chosen: pd.Series) -> str:
    """At how many of the scales, by learning rate: ``0.01: 1/3, 0.1: 3/3``."""
    counts = chosen.groupby(table["lr"]).agg(["sum", "size"])
    return ", ".join(f"{lr:g}: {won}/{n}" for lr, won, n in counts.itertuples())


# --- 1.3.1-e: over-fitting of networks that have learned ----------------------------------------

TRAINED = "batchnorm_trained"
MEASURES = {
    "train_accuracy": "training accuracy", "test_accuracy": "test accuracy", "gap": "gap",
}  # fmt: skip
EQUAL = "gap at equal training accuracy"


def draw_trained(results: Results, tr: Translate) -> Figure:
    """Final accuracies and gap with and without batch norm, at each learning rate."""
    runs = parts.final_runs(results, TRAINED)
    figure, grid = style.new_figure(1, 3, height=4.2, width=style.PHONE)
    if runs.empty:
        for axes in grid[0, 1:]:
            axes.remove()
        style.empty(grid[0, 0], tr("no finished run"))
        return figure
    rates = sorted(runs["lr"].unique())
    for axes, (metric, title) in zip(grid[0], MEASURES.items(), strict=True):
        for side, name in SIDES.items():
            for place, rate in enumerate(rates):
                own = runs[(runs["lr"] == rate) & (runs["batchnorm"] == side)]
                if len(own):
                    _draw_group(axes, place + (0.2 if side else -0.2), own[metric], name)
        axes.set_title(tr(title))
        axes.set_xlim(-0.6, len(rates) - 0.4)
        axes.set_xticks(range(len(rates)), [f"{rate:g}" for rate in rates])
        axes.grid(visible=False, axis="x")
        axes.yaxis.set_major_formatter(lambda value, _: f"{100 * value:.3g}".replace("-", "−"))
        low, high = axes.get_ylim()
        axes.set_ylim(low - 0.12 * (high - low), high + 0.12 * (high - low))
    grid[0, 0].set_ylabel("%")
    grid[0, 2].set_ylabel(tr("points"))
    notes = [tr("learning rate"), tr("dots: single runs")]
    lost = runs[runs["status"] == "diverged"]
    if len(lost):
        notes.append(f"✕ {len(lost)}/{len(runs)} {tr('diverged')}")
    figure.supxlabel("\n".join(notes), fontsize=9.5)
    markers = [
        mpl.lines.Line2D([], [], color=style.colour(name), marker=shape, linestyle="none")
        for name, shape in GROUPS.items()
    ]
    figure.legend(markers, [tr(name) for name in NAMES.values()], loc="outside upper center",
                  ncols=2, fontsize=10)  # fmt: skip
    return figure


GROUPS = {"off": "s", "on": "o"}  # markers of the two sides


def _draw_group(axes: Axes, place: float, values: pd.Series, name: str) -> None:
    """Single runs as faint dots; the mean with its interval beside them, and its number above."""
    colour, estimate = style.colour(name), t_interval(values)
    axes.plot(np.full(len(values), place - 0.1), values, ".", color=colour, alpha=0.45)
    half = np.nan_to_num(estimate.half_width)
    axes.errorbar(place + 0.05, estimate.mean, half, color=colour, marker=GROUPS[name],
                  markersize=6, capsize=3, elinewidth=1.2)  # fmt: skip
    top = max(estimate.mean + half, values.max())
    axes.annotate(f"{100 * estimate.mean:.1f}".replace("-", "−"), (place, top), xytext=(0, 4),
                  textcoords="offset points", ha="center", fontsize=9, color=colour)  # fmt: skip


def trained_gaps(results: Results) -> pd.DataFrame:
    """Gaps of both sides at the highest training accuracy that both reach, by rate and seed."""
    rows = []
    for (rate, seed), runs in gap_curves(results, TRAINED).groupby(["lr", "seed"]):
        sides = {bool(row["batchnorm"]): row["value"] for row in runs.to_dict("records")}
        if len(sides) == 2:
            off, on = sides[False], sides[True]
            gaps = gaps_at_equal_accuracy(off, on)
            rows.append([rate, seed, min(off.accuracy.max(), on.accuracy.max()), *gaps])
    return pd.DataFrame(rows, columns=["lr", "seed", "level", "without", "with"])


def table_trained(results: Results) -> pd.DataFrame:
    """Accuracies and gap of both sides at each rate; the difference is paired by seed."""
    columns = ["learning rate", "measure", NAMES[False], NAMES[True], "difference",
               "diverged without", "diverged with"]  # fmt: skip
    runs, gaps = parts.final_runs(results, TRAINED), trained_gaps(results)
    rows: list[list[object]] = []
    for rate, cell in runs.groupby("lr"):
        sides = [cell[cell["batchnorm"] == side] for side in SIDES]
        lost = [f"{int((side['status'] == 'diverged').sum())}/{len(side)}" for side in sides]
        for metric, name in MEASURES.items():
            difference = paired_difference(cell, metric, "batchnorm", True, False)
            rows.append([rate, name, *(t_interval(side[metric]) for side in sides), difference,
                         *lost])  # fmt: skip
        equal = gaps[gaps["lr"] == rate]
        shift = t_interval(equal["with"] - equal["without"])
        rows.append([rate, EQUAL, t_interval(equal["without"]), t_interval(equal["with"]), shift,
                     *lost])  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def facts_trained(results: Results) -> dict[str, Any]:
    """What batch norm changes of networks that have learned, at the lowest and the highest rate.

    ``case``: ``measured``, or ``one`` where there is one rate only (the facts of the highest).
    """
    runs = parts.final_runs(results, TRAINED)
    pairs = runs.groupby("lr")["batchnorm"].nunique()
    rates = sorted(pairs.index[pairs == 2])
    if not rates:
        return {"case": "missing"}
    table = table_trained(results).set_index(["learning rate", "measure"])
    facts: dict[str, Any] = {"case": "measured" if len(rates) > 1 else "one"}
    for end, rate in (("low", rates[0]), ("high", rates[-1])):
        facts[f"{end}_rate"] = f"{rate:g}"
        for metric, name in (*MEASURES.items(), ("equal", EQUAL)):
            row, short = table.loc[(rate, name)], metric.removesuffix("_accuracy")
            facts |= {
                f"{end}_{short}_without": row[NAMES[False]],
                f"{end}_{short}_with": row[NAMES[True]],
                f"{end}_{short}_change": row["difference"],
            }
    return facts


FIGURES = (
    FigureSpec(
        "1.3-a", ("batchnorm",), draw_placement, table_placement, facts_placement, ("batchnorm",)
    ),
    FigureSpec("1.3.1-a", ("batchnorm",), draw_speed, table_speed, facts_speed, ("batchnorm",)),
    FigureSpec(
        "1.3.1-b",
        (SCALES,),
        draw_scales,
        table_scales,
        facts_scales,
        ("init_std", "batchnorm", "batchnorm_eps"),
    ),
    FigureSpec("1.3.1-c", ("grid",), draw_equal_gaps, table_equal_gaps, facts_equal_gaps, CELL),
    FigureSpec(
        "1.3.1-d", (RATES,), draw_rates, table_rates, facts_rates, ("init_std", "lr", "batchnorm")
    ),
    FigureSpec(
        "1.3.1-e", (TRAINED,), draw_trained, table_trained, facts_trained, ("lr", "batchnorm")
    ),
)
