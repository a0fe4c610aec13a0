"""Section 1.4.2: a network after dropout, over-fitting, voting, and co-adaptation."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure

from study.analysis.frames import Results
from study.analysis.intervals import Estimate, paired_difference, summarise, t_interval
from study.figures import style
from study.figures.own import overfitting, parts
from study.figures.spec import FigureSpec
from study.figures.style import Translate

DROPOUT = overfitting.Remedy(
    "dropout", "dropout", name="dropout rate", symbol="p", lecture=0.2, log=False
)
EXPERIMENT = DROPOUT.experiment
UNITS_DRAWN, LAYERS_DRAWN = 8, 3
INPUTS_DRAWN, OUTPUTS_DRAWN = 6, 4
COLUMNS = 2


# --- 1.4.2-a: the network before and after ------------------------------------------------------


def first_masks(results: Results) -> list[np.ndarray]:
    """Which units the first thinned network of the first run keeps, by hidden layer."""
    for _, result in results.measured("voting", "voting"):
        return [np.asarray(mask).astype(bool) for mask in result["masks"]]
    return []


def draw_mask(results: Results, tr: Translate) -> Figure:
    """The first units of the first hidden layers, all of them and after a real mask."""
    masks = first_masks(results)
    figure, grid = style.new_figure(1, 2, height=4.6, width=style.PHONE)
    if not masks:
        grid[0, 1].set_axis_off()
        style.empty(grid[0, 0], tr("no finished run"))
        return figure
    drawn = [mask[:UNITS_DRAWN] for mask in masks[:LAYERS_DRAWN]]
    everything = [np.ones_like(mask) for mask in drawn]
    titles = (f"(a) {tr('standard network')}", f"(b) {tr('after dropout')}")
    for axes, kept, title in zip(grid[0], (everything, drawn), titles, strict=True):
        _network(axes, kept, tr)
        axes.set_title(title)
    for index, mask in enumerate(masks[: len(drawn)]):
        for axes, count in zip(grid[0], (len(mask), int(mask.sum())), strict=True):
            axes.text(index + 1, -UNITS_DRAWN / 2 - 0.2, f"{count}\n{tr('kept')}",
                      ha="center", va="top", fontsize=9)  # fmt: skip
    part = tr("Drawn: the first {units} of {width} units in {layers} of {depth} hidden layers")
    note = part.format(units=len(drawn[0]), width=len(masks[0]), layers=len(drawn),
                       depth=len(masks))  # fmt: skip
    figure.supxlabel(f"{note}\n{tr('inputs and outputs are only suggested')}", fontsize=9.5)
    return figure


def _network(axes: Axes, kept: list[np.ndarray], tr: Translate) -> None:
    """Units as circles; dropped ones crossed out, without their connections."""
    inputs, outputs = np.ones(INPUTS_DRAWN, bool), np.ones(OUTPUTS_DRAWN, bool)
    columns = [inputs, *kept, outputs]
    heights = [(len(column) - 1) / 2 - np.arange(len(column)) for column in columns]
    ink = mpl.rcParams["text.color"]
    lines = [
        [(x, start), (x + 1, end)]
        for x in range(len(columns) - 1)
        for start in heights[x][columns[x]]
        for end in heights[x + 1][columns[x + 1]]
    ]
    axes.add_collection(LineCollection(lines, colors=ink, linewidths=0.5, alpha=0.45))
    for x, (column, height) in enumerate(zip(columns, heights, strict=True)):
        hidden = 0 < x < len(columns) - 1
        alive, dead = height[column], height[~column]
        axes.plot(np.full(len(alive), x), alive, "o", markersize=9, markeredgecolor=ink,
                  markerfacecolor=style.colour("off" if hidden else "unit"))  # fmt: skip
        axes.plot(np.full(len(dead), x), dead, "o", markersize=9, markerfacecolor="none",
                  markeredgecolor=style.colour("on"), alpha=0.6)  # fmt: skip
        axes.plot(np.full(len(dead), x), dead, "x", markersize=8, markeredgewidth=2.4,
                  color=style.colour("on"))  # fmt: skip
    top = UNITS_DRAWN / 2 + 0.4
    names = [tr("in"), *(f"{tr('layer')}\n{i + 1}" for i in range(len(kept))), tr("out")]
    for x, name in enumerate(names):
        axes.text(x, top, name, ha="center", va="center", fontsize=9)
    axes.set(xlim=(-0.4, len(columns) - 0.6), ylim=(-UNITS_DRAWN / 2 - 1.2, top + 0.5))
    axes.set_axis_off()


def table_mask(results: Results) -> pd.DataFrame:
    """Units that the mask keeps and drops in each hidden layer, and in all of them."""
    masks = first_masks(results)
    rows: list[list[object]] = []
    groups = [(str(i + 1), mask) for i, mask in enumerate(masks)]
    if masks:
        groups.append(("all", np.concatenate(masks)))
    for layer, mask in groups:
        kept = int(mask.sum())
        rows.append([layer, len(mask), kept, len(mask) - kept, 1 - kept / len(mask)])
    return pd.DataFrame(rows, columns=["layer", "units", "kept", "dropped", "share dropped"])


def facts_mask(results: Results) -> dict[str, Any]:
    """Units of the mask that is drawn, and the share that the first masks of all runs drop."""
    masks = first_masks(results)
    if not masks:
        return {"case": "missing"}
    table = table_mask(results)
    everything = table[table["layer"] == "all"].iloc[0]
    dropped = [
        1 - np.concatenate([np.ravel(mask) for mask in result["masks"]]).mean()
        for _, result in results.measured("voting", "voting")
    ]
    rates = results.runs("voting")["dropout"]
    return {
        "case": "measured",
        "layers": len(masks),
        "units": int(everything["units"]),
        "kept": int(everything["kept"]),
        "dropped": int(everything["dropped"]),
        "drawn": sum(int(min(UNITS_DRAWN, len(mask))) for mask in masks[:LAYERS_DRAWN]),
        "crossed": sum(int((mask[:UNITS_DRAWN] == 0).sum()) for mask in masks[:LAYERS_DRAWN]),
        "rate": overfitting.dose_text(float(rates.iloc[0])),
        "share": t_interval(dropped),
    }


# --- 1.4.2-b and 1.4.2-c: over-fitting ----------------------------------------------------------


KINDS = "dropout_kinds"
# What tells one kind from another, with the length of the training; without dropout the last.
APART = ["dropout_scaling", "lr"]
NAMED = ("inverted", "textbook", "faster", "longer")
SCALINGS = {"training": "inverted dropout", "evaluation": "the textbook's dropout"}
REASONS = {
    "test_improved": "smaller, as the test improved",
    "training_worse": "smaller, as the training got worse",
    "both": "smaller, as the test improved and the training got worse",
    "smaller": "smaller, for no clear reason",
    "same": "no clear change",
    "wider": "wider",
}


class Kind(NamedTuple):
    """Dropout of one kind, with its runs and those without dropout beside it.

    Attributes:
        name: for facts: ``inverted``, ``textbook``, ``faster`` (at a higher learning rate),
            ``longer`` (for more epochs); empty for any further one.
        scaling: a key of ``SCALINGS``.
    """

    name: str
    scaling: str
    lr: float
    epochs: float
    compared: overfitting.Compared


def kinds(results: Results) -> list[Kind]:
    """The kinds with finished runs: that of the other figures, the textbook's, then the others."""
    remedy = dataclasses.replace(DROPOUT, experiment=KINDS)
    dose = remedy.dose(results)
    runs, curves = (
        frame.assign(length=frame["num_epochs"].fillna(frame["num_steps"]).astype(float))
        for frame in (parts.final_runs(results, KINDS), parts.accuracy_curves(results, KINDS))
    )
    if dose is None or runs.empty:
        return []
    slow, fast = runs["lr"].min(), runs["lr"].max()
    short, long = runs["length"].min(), runs["length"].max()
    names = {
        ("training", fast, short): "faster",
        ("training", slow, long): "longer",
        # last, and so the name of what has no other rate, or no other length
        ("training", slow, short): "inverted",
        ("evaluation", slow, short): "textbook",
    }
    found = []
    dropped = overfitting.pick(runs, "dropout", dose)
    for key in dropped[[*APART, "length"]].drop_duplicates().itertuples(index=False, name=None):
        sides = []
        for frame in (runs, curves):
            same = (frame["lr"] == key[1]) & (frame["length"] == key[2])
            scaled = (frame["dropout"] == dose) & (frame["dropout_scaling"] == key[0])
            sides.append((frame[same & scaled], frame[same & (frame["dropout"] == 0)]))
        (own, without), (own_curves, curves_without) = sides
        compared = overfitting.Compared(remedy, dose, own, own_curves, without, curves_without)
        epochs = own["num_epochs"].iloc[0]
        length = own_curves["epoch"].max() if pd.isna(epochs) else epochs
        found.append(Kind(names.get(key, ""), key[0], float(key[1]), float(length), compared))
    order = [*NAMED, ""]
    return sorted(found, key=lambda kind: (order.index(kind.name), kind[1:4]))


def draw_dropout(results: Results, tr: Translate) -> Figure:
    """Train and test accuracy by epoch, a panel for each kind; those without dropout thin."""
    found = kinds(results)
    count = max(len(found), 1)
    figure, grid = style.new_figure(count, 1, height=0.6 + 2.35 * count)
    if not found:
        style.empty(grid[0, 0], tr("no finished run"))
        return figure
    for axes, kind in zip(grid[:, 0], found, strict=True):
        parts.epoch_panel(axes, kind.compared.curves, tr)
        overfitting.draw_compared(axes, kind.compared, tr, spacing=0.105)
        setting = f"{tr('learning rate')} {kind.lr:g}, {kind.epochs:g} {tr('epochs')}"
        axes.set_title(f"{tr(SCALINGS[kind.scaling])}: {setting}", loc="left", fontsize=10, pad=10)
    grid[-1, 0].set_xlabel(tr("epoch"))
    figure.supylabel(tr("accuracy"), fontsize=10)
    return figure


def table_dropout(results: Results) -> pd.DataFrame:
    """The numbers of figure 1.4.2-b; of the runs without dropout those in the end."""
    columns = ["kind", "learning rate", "epochs", "p", "epoch", *overfitting.METRICS.values()]
    tables = []
    for kind in kinds(results):
        compared = kind.compared
        end = overfitting.at_end(compared.runs_without)
        without = summarise(end, "epoch", list(overfitting.METRICS))
        for dose, table in (
            (compared.dose, overfitting.table_compared(compared)),
            (0.0, without.rename(columns=overfitting.METRICS)),
        ):
            setting: dict[str, Any] = {"kind": SCALINGS[kind.scaling], "learning rate": kind.lr,
                       "epochs": kind.epochs, "p": dose}  # fmt: skip
            tables.append(table.assign(**setting)[columns].astype(object))
    if not tables:
        return pd.DataFrame(columns=columns)
    return pd.concat(tables, ignore_index=True)


def facts_dropout(results: Results) -> dict[str, Any]:
    """What figure 1.4.2-b says of each of the four kinds that have names, a dash where missing.

    ``…_reason``: what became of the gap, and why (``overfitting.reason``).
    """
    found = {kind.name: kind for kind in kinds(results) if kind.name}
    said = {name: overfitting.facts_compared(kind.compared) for name, kind in found.items()}
    if all(each["case"] == "missing" for each in said.values()):
        return {"case": "missing"}
    dose = next(iter(found.values())).compared.dose or 0.0
    facts: dict[str, Any] = {"case": "measured", "dose": overfitting.dose_text(dose)}
    for name in NAMED:
        own = said.get(name, {"case": "missing"})
        kind = found.get(name)
        facts |= {
            f"{name}_{fact}{suffix}": own.get(f"{fact}{suffix}", NOTHING)
            for fact in overfitting.COLUMNS
            for suffix in ("", "_without", "_change")
        }
        facts[f"{name}_reason"] = REASONS.get(own["case"], own["case"])
        facts[f"{name}_lr"] = kind.lr if kind else math.nan
        facts[f"{name}_epochs"] = kind.epochs if kind else math.nan
    return facts


def draw_doses(results: Results, tr: Translate) -> Figure:
    """Accuracies and gap against the dropout rate."""
    return overfitting.draw_doses(results, DROPOUT, tr)


def table_doses(results: Results) -> pd.DataFrame:
    """Dropout rate, accuracies and gap."""
    return overfitting.table_doses(results, DROPOUT)


def facts_doses(results: Results) -> dict[str, Any]:
    """What figure 1.4.2-c says."""
    return overfitting.facts_doses(results, DROPOUT)


# --- 1.4.2-d: voting ----------------------------------------------------------------------------


def votes(results: Results) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Accuracies by run: of the vote of 1 … K networks ``(runs, K)``, of one, of the full one."""
    measured = [result for _, result in results.measured("voting", "voting")]
    voters = min((len(result["ensemble"]) for result in measured), default=0)
    ensemble = np.array([result["ensemble"][:voters] for result in measured])
    single = np.array([np.mean(result["single"]) for result in measured])
    return ensemble, single, np.array([result["full"] for result in measured])


def draw_votes(results: Results, tr: Translate) -> Figure:
    """Accuracy of the averaged vote against the number of voters."""
    ensemble, single, full = votes(results)
    figure, grid = style.new_figure(height=3.8)
    axes = grid[0, 0]
    if not ensemble.size:
        style.empty(axes, tr("no finished run"))
        return figure
    voters = np.arange(1, ensemble.shape[1] + 1)
    estimates = [t_interval(column) for column in ensemble.T]
    lines = [
        ("vote", tr("vote of K networks"), estimates),
        ("thinned", tr("one thinned network"), [t_interval(single)] * len(voters)),
        ("scaled", tr("scaled full network"), [t_interval(full)] * len(voters)),
    ]
    labels = []
    ends = {}
    for name, text, values in lines:
        look = {"color": style.colour(name), "linestyle": style.line_style(name)}
        means = [value.mean for value in values]
        axes.plot(voters, means, label=name, **look)
        if not math.isnan(values[0].low):
            axes.fill_between(voters, [value.low for value in values],
                              [value.high for value in values], color=look["color"], alpha=0.15,
                              linewidth=0)  # fmt: skip
        labels.append((means[-1], f"{text}\n{means[-1]:.1%}", style.colour(name)))
        ends[name] = means[-1]
    axes.set_xscale("log")
    axes.set(xlabel=f"{tr('number of voters')} K", ylabel=tr("test accuracy"),
             xlim=(1, max(len(voters), 2)))  # fmt: skip
    axes.set_xticks([k for k in (1, 2, 5, 10, 20, 50, 100, 200) if k <= len(voters)])
    axes.xaxis.set_major_formatter(mpl.ticker.FormatStrFormatter("%d"))
    axes.minorticks_off()
    style.percent(axes, limits=_vote_limits([values for _, _, values in lines]))
    axes.yaxis.set_major_locator(mpl.ticker.MaxNLocator(6, steps=[1, 2, 5, 10], min_n_ticks=2))
    _gain(axes, len(voters), ends["thinned"], ends["vote"], tr)
    parts.end_labels(axes, labels, spacing=0.16)
    return figure


def _gain(axes: Axes, voters: int, one: float, vote: float, tr: Translate) -> None:
    """An arrow from one thinned network to the vote, and how many points it is long."""
    place = voters**0.85
    arrow = {"arrowstyle": "-|>", "color": mpl.rcParams["text.color"], "shrinkA": 0, "shrinkB": 0}
    axes.annotate("", (place, vote), (place, one), arrowprops=arrow)
    text = f"{100 * (vote - one):+.1f}\n{tr('points')}".replace("-", "−")
    axes.annotate(text, (place, (one + vote) / 2), xytext=(-6, 0), textcoords="offset points",
                  ha="right", va="center")  # fmt: skip


def _vote_limits(lines: list[list[Estimate]]) -> tuple[float, float]:
    """Limits around all means, with room for intervals of up to five points."""
    means = [value.mean for line in lines for value in line]
    halves = [value.half_width for line in lines for value in line]
    room = 0.01 + min(max((h for h in halves if not math.isnan(h)), default=0.0), 0.05)
    return max(min(means) - room, 0.0), min(max(means) + room, 1.0)


def table_votes(results: Results) -> pd.DataFrame:
    """The vote at some K, and what it gains (paired by run) on one and on the full network."""
    columns = ["K", "vote", "vote − one thinned", "vote − scaled full", "one thinned",
               "scaled full"]  # fmt: skip
    ensemble, single, full = votes(results)
    if not ensemble.size:
        return pd.DataFrame(columns=columns)
    last = ensemble.shape[1]
    rows = [
        [k, *(t_interval(v) for v in (vote, vote - single, vote - full, single, full))]
        for k in sorted({*(k for k in (1, 2, 5, 10, 20, 50, 100, 200) if k <= last), last})
        for vote in [ensemble[:, k - 1]]
    ]
    return pd.DataFrame(rows, columns=columns)


def facts_votes(results: Results) -> dict[str, Any]:
    """What the vote of all networks gains on one of them and on the full one, paired by run."""
    ensemble, single, full = votes(results)
    if not ensemble.size:
        return {"case": "missing"}
    vote = ensemble[:, -1]
    gain = t_interval(vote - single)
    return {
        "case": parts.direction(gain),
        "voters": ensemble.shape[1],
        "vote": t_interval(vote),
        "one": t_interval(single),
        "full": t_interval(full),
        "gain": gain,
        "against_full": t_interval(vote - full),
    }


# --- 1.4.2-e: co-adaptation ---------------------------------------------------------------------


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
    rate = DROPOUT.dose(results)
    return [("off", 0.0)] + ([("on", rate)] if rate is not None else [])


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
                own = overfitting.pick(group, "dropout", rate.get(name))
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
        "dose": overfitting.dose_text(rate["on"]),
        "layers": len(shifts),
        "lower": directions.count("lower"),
        "higher": directions.count("higher"),
        "average": average,
        **{
            word: t_interval(
                overfitting.pick(networks, "dropout", rate[name])["mean_abs_correlation"]
            )
            for name, word in WITH.items()
        },
    }


FIGURES = (
    FigureSpec("1.4.2-a", ("voting",), draw_mask, table_mask, facts_mask),
    FigureSpec(
        "1.4.2-b",
        (KINDS,),
        draw_dropout,
        table_dropout,
        facts_dropout,
        ("dropout", *APART, "num_epochs", "num_steps"),
    ),
    FigureSpec("1.4.2-c", (EXPERIMENT,), draw_doses, table_doses, facts_doses, ("dropout",)),
    FigureSpec("1.4.2-d", ("voting",), draw_votes, table_votes, facts_votes),
    FigureSpec(
        "1.4.2-e",
        (EXPERIMENT,),
        draw_correlations,
        table_correlations,
        facts_correlations,
        ("dropout",),
    ),
)
