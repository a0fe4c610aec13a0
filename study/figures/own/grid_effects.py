"""Main effects and interactions in the grid (figures G-b and G-c)."""

from collections.abc import Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.analysis.effects import (
    GRAND_MEAN,
    interaction,
    main_effects,
    spread_by,
    switch_effect,
)
from study.analysis.frames import Results, count_diverged
from study.figures import style
from study.figures.own.grid_cells import (
    EXPERIMENT,
    METRIC,
    NAMES,
    UNKNOWN,
    diverged_text,
    dot,
    is_constant,
    known,
    note,
    nothing,
    plain,
    points,
    rows_of,
    setting,
    signed,
)
from study.figures.style import Translate

SIDES = (("off", "s"), ("on", "o"))  # of a switch, with their markers
ROUNDING = 1e-9  # equal accuracies differ by as much after a few sums


def draw_main_effects(results: Results, tr: Translate) -> Figure:
    """Dot and interval for each level against the grand mean, for a switch on against off."""
    runs = results.runs(EXPERIMENT)
    effects = main_effects(count_diverged(runs), METRIC)
    if effects.empty:
        return nothing(tr)
    lines = _effect_lines(effects, tr)
    figure, grid = style.new_figure(height=0.8 + 0.28 * len(lines))
    axes = grid[0, 0]
    for y, (_, row) in enumerate(lines):
        if row is not None:
            # only initial values have colours of their own that no other factor here shares
            own = row["factor"] == "init"
            ink = mpl.rcParams["text.color"]
            dot(axes, row["effect"], y, style.colour(row["level"]) if own else ink)
            note(axes, y, points(row["effect"]))
    axes.set_yticks(range(len(lines)), [label for label, _ in lines])
    for text, (_, row) in zip(axes.get_yticklabels(), lines, strict=True):
        text.set_fontweight("bold" if row is None else "normal")
    axes.set_ylim(len(lines) - 0.4, -0.6)
    axes.axvline(0, color=mpl.rcParams["axes.edgecolor"], linewidth=1)
    axes.grid(False, axis="y")
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.xaxis.set_major_formatter(lambda value, _: signed(100 * value, 0))
    label = tr("effect on test accuracy, points")
    axes.set_xlabel("\n".join(filter(None, (label, diverged_text(runs, tr)))))
    return figure


def _effect_lines(effects: pd.DataFrame, tr: Translate) -> list[tuple[str, dict[str, Any] | None]]:
    """Label and effect of each line from the top; headings have no effect."""
    lines: list[tuple[str, dict[str, Any] | None]] = []
    heading = ""
    for row in rows_of(effects):
        factor = row["factor"]
        graded = row["against"] == GRAND_MEAN
        own = f"{tr(NAMES[factor])}, {tr('against the mean')}" if graded else tr("on against off")
        if own != heading:
            heading = own
            lines.append((heading, None))
        lines.append((_effect_label(factor, row, tr), row))
    return lines


def _effect_label(factor: str, row: Mapping[str, Any], tr: Translate) -> str:
    if isinstance(row["level"], bool | np.bool_):
        return tr(NAMES[factor])
    return setting(factor, row["level"], tr)


def table_main_effects(results: Results) -> pd.DataFrame:
    """Effects on test accuracy and on the gap between train and test."""
    counted = count_diverged(results.runs(EXPERIMENT))
    effects = main_effects(counted, METRIC)
    gaps = main_effects(counted, "gap")
    return pd.DataFrame(
        {
            "factor": [NAMES[factor] for factor in effects["factor"]],
            "level": [plain(level) for level in effects["level"]],
            "against": [plain(level) for level in effects["against"]],
            "test accuracy": effects["mean"],
            "effect on test accuracy": effects["effect"],
            "effect on gap": gaps["effect"],
            "pairs": effects["blocks"],
            "seeds": [effect.n for effect in effects["effect"]],
        }
    )


def facts_main_effects(results: Results) -> dict[str, Any]:
    """The largest effect; the effect of each switch; the ends of each graded factor's effects.

    Cases: ``full``, ``some`` (a factor does not vary, or a switch has further levels), ``nothing``.
    """
    effects = rows_of(main_effects(count_diverged(results.runs(EXPERIMENT)), METRIC))
    if not effects:
        return {"case": "nothing"}
    largest = max(effects, key=lambda row: abs(row["effect"].mean))
    by_factor = {name: [row for row in effects if row["factor"] == name] for name in NAMES}
    switches = all(len(by_factor[name]) == 1 for name in ("batchnorm", "dropout", "weight_decay"))
    facts: dict[str, Any] = {
        "case": "full" if switches and all(by_factor.values()) else "some",
        "largest": largest["effect"],
        "largest_factor": NAMES[largest["factor"]],
        "largest_level": plain(largest["level"]),
        "against": plain(largest["against"]),
    }
    for name, rows in by_factor.items():
        ordered = sorted(rows, key=lambda row: row["effect"].mean)
        for end, row in (("low", ordered[0]), ("high", ordered[-1])) if ordered else ():
            facts |= {f"{name}_{end}": row["effect"], f"{name}_{end}_level": plain(row["level"])}
    return facts


def draw_interactions(results: Results, tr: Translate) -> Figure:
    """Initial value × batch norm, × dropout; the range over initial values; distinct units."""
    counted = count_diverged(results.runs(EXPERIMENT))
    if counted.empty:
        return nothing(tr)
    figure, grid = style.new_figure(2, 2, height=6.3)
    for axes, switch in zip(grid[0], ("batchnorm", "dropout"), strict=True):
        axes.set_title(f"{tr('initial value')} × {tr(NAMES[switch])}")
        _interaction_plot(axes, interaction(counted, METRIC, "init", switch), tr)
    grid[0, 0].set_ylabel(tr("test accuracy"))
    _ranges_plot(grid[1, 0], counted, tr)
    _symmetry_plot(grid[1, 1], results, tr)
    handles = [
        Line2D([], [], color=style.colour(side), linestyle=style.line_style(side), marker=marker)
        for side, marker in SIDES
    ]
    figure.legend(
        handles, [tr(side) for side, _ in SIDES], loc="outside upper center", ncols=2,
        fontsize=10,
    )  # fmt: skip
    return figure


def _interaction_plot(axes: Axes, effects: pd.DataFrame, tr: Translate) -> None:
    if effects.empty:
        style.empty(axes, tr("no pairs to compare"))
        return
    x = np.arange(len(effects))
    _sides(axes, x, effects)
    axes.set_xticks(x, [tr(level).replace(" ", "\n") for level in effects["level"]])
    axes.set_xlim(-0.4, len(x) - 0.6)
    axes.tick_params(axis="x", length=0, labelsize=9.5)
    axes.grid(False, axis="x")
    style.percent(axes)


def _sides(axes: Axes, x: np.ndarray, effects: pd.DataFrame) -> None:
    """Off and on as two lines of dots with intervals, side by side at each ``x``."""
    for offset, (side, marker) in zip((-0.08, 0.08), SIDES, strict=True):
        means, lows, highs = np.array([estimate[:3] for estimate in effects[side]], float).T
        colour = style.colour(side)
        axes.vlines(x + offset, lows, highs, color=colour, linewidth=2)
        axes.plot(x + offset, means, marker=marker, color=colour,
                  linestyle=style.line_style(side), markersize=6)  # fmt: skip


def _subsets(counted: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """All initial values, and those that are random: batch norm cannot make equal units differ."""
    constant = counted["init"].map(is_constant)
    subsets = [("all initial values", counted)]
    if constant.any() and not constant.all():
        subsets.append(("without constant", counted[~constant]))
    return subsets


def _ranges(counted: pd.DataFrame) -> list[tuple[str, dict[str, Any]]]:
    """By subset of the initial values: best minus worst of them, without and with batch norm."""
    ranges = [
        (name, spread_by(runs, METRIC, "init", "batchnorm")) for name, runs in _subsets(counted)
    ]
    return [(name, values) for name, values in ranges if values is not None]


def _ranges_plot(axes: Axes, counted: pd.DataFrame, tr: Translate) -> None:
    axes.set_title(f"{tr('best − worst initial value')} × {tr('batch norm')}")
    ranges = _ranges(counted)
    if not ranges:
        style.empty(axes, tr("no pairs to compare"))
        return
    for index, (_, values) in enumerate(ranges):
        for offset, (side, marker) in zip((-0.2, 0.2), SIDES, strict=True):
            y, colour = index + offset, style.colour(side)
            dot(axes, values[side], y, colour, marker=marker)
            axes.annotate(f"{100 * values[side].mean:.0f}", (values[side].mean, y),
                          xytext=(0, 6), textcoords="offset points", ha="center",
                          color=colour)  # fmt: skip
    axes.set_yticks(range(len(ranges)), [tr(name).replace(" ", "\n", 1) for name, _ in ranges])
    axes.set_ylim(len(ranges) - 0.5, -0.6)
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}")
    axes.tick_params(axis="y", length=0)
    axes.grid(False, axis="y")
    axes.set_xlabel(tr("points of test accuracy"))


def _symmetry(results: Results) -> pd.DataFrame:
    """Distinct units of each trained layer with constant initial weights, by dropout."""
    layers = results.layers(EXPERIMENT)
    trained = layers["is_hidden"] & (layers["moment"] == "end")
    layers = layers[trained & layers["init"].map(is_constant).astype(bool)]
    rows = [
        {"layer": layer} | effect
        for layer, group in layers.groupby("layer")
        if (effect := switch_effect(group, "distinct_units", "dropout"))
    ]
    return pd.DataFrame(rows, columns=["layer", "off", "on", "difference", "blocks"])


def _symmetry_plot(axes: Axes, results: Results, tr: Translate) -> None:
    axes.set_title(f"{tr('constant weights')} × {tr('dropout')}")
    effects = _symmetry(results)
    if effects.empty:
        style.empty(axes, tr("no pairs to compare"))
        return
    _sides(axes, effects["layer"].to_numpy(float), effects)
    axes.set_ylim(bottom=0)
    axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
    axes.set_xlabel(tr("layer"))
    axes.set_ylabel(tr("distinct units"))
    axes.grid(False, axis="x")


def table_interactions(results: Results) -> pd.DataFrame:
    """Both interactions of the initial value, the ranges, and the distinct units by layer."""
    counted = count_diverged(results.runs(EXPERIMENT))
    shown: list[tuple[str, str, Mapping[str, Any]]] = []
    for switch in ("batchnorm", "dropout"):
        effects = rows_of(interaction(counted, METRIC, "init", switch))
        shown += [(f"test accuracy by {NAMES[switch]}", row["level"], row) for row in effects]
    shown += [("best − worst initial value by batch norm", *row) for row in _ranges(counted)]
    shown += [
        ("distinct units by dropout, constant weights", f"layer {row['layer']}", row)
        for row in rows_of(_symmetry(results))
    ]
    rows = [
        {
            "shown": what,
            "level": level,
            "off": values["off"],
            "on": values["on"],
            "difference": values["difference"],
            "interaction": values.get("interaction"),
            "pairs": values["blocks"],
            "seeds": values["difference"].n,
        }
        for what, level, values in shown
    ]
    columns = ["shown", "level", "off", "on", "difference", "interaction", "pairs", "seeds"]
    return pd.DataFrame(rows, columns=columns)


def facts_interactions(results: Results) -> dict[str, Any]:
    """How far the initial values lie apart by batch norm; whom each switch changes most and least.

    ``off``, ``on`` and ``difference`` are of the random initial values if the grid has constant
    ones too (then ``all_off`` and ``all_on`` are of all). Cases: ``narrower``, ``wider`` or
    ``unclear`` with batch norm, by the interval of the difference; ``plain`` where there is just
    one kind of initial value; ``nothing``.
    """
    counted = count_diverged(results.runs(EXPERIMENT))
    ranges = [values for _, values in _ranges(counted)]
    if not ranges:
        return {"case": "nothing"}
    own = ranges[-1]
    sides = ("off", "on", "difference")
    facts: dict[str, Any] = {name: own[name] for name in sides}
    facts |= {f"all_{name}": ranges[0][name] for name in sides}
    change = own["difference"]
    facts["case"] = (
        "plain" if len(ranges) == 1
        else "narrower" if change.high < -ROUNDING
        else "wider" if change.low > ROUNDING
        else "unclear"
    )  # fmt: skip
    for switch in ("batchnorm", "dropout"):
        effects = rows_of(interaction(counted, METRIC, "init", switch))
        effects.sort(key=lambda row: row["difference"].mean)
        for end, index in (("least", 0), ("most", -1)):
            row = effects[index] if effects else None
            facts[f"{switch}_{end}"] = UNKNOWN if row is None else row["level"]
            facts[f"{switch}_{end}_change"] = known(None if row is None else row["difference"])
    units = rows_of(_symmetry(results))
    last = units[-1] if units else None
    facts["layer"] = UNKNOWN if last is None else last["layer"]
    for side, _ in SIDES:
        facts[f"units_{side}"] = known(None if last is None else last[side])
    return facts
