"""Interactions in a grid (figure G-c)."""

from collections.abc import Callable, Mapping
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from study.analysis.effects import interaction, spread_by, switch_effect
from study.analysis.frames import once
from study.analysis.grid import Grid
from study.figures import style
from study.figures.drawing.effects import dot
from study.figures.levels import UNKNOWN, factor_name, plain, switches
from study.figures.own.grid_cells import METRIC, is_constant, known, nothing
from study.figures.style import Translate

SIDES = (("off", "s"), ("on", "o"))  # of a switch, with their markers
ROUNDING = 1e-9  # equal accuracies differ by as much after a few sums
SUBJECT, SWITCH = "init", "batchnorm"  # whose range, by which switch, the sentence is about


def _subject(grid: Grid) -> str | None:
    """The factor whose interactions are shown: the initial value, or the first with several levels.

    A switch only where there is nothing else.
    """
    if SUBJECT in grid.factors:
        return SUBJECT
    graded = [factor for factor in grid.factors if factor not in switches(grid)]
    return next(iter(graded or grid.factors), None)


def _switches(grid: Grid) -> list[str]:
    """The switches that it can interact with."""
    return [factor for factor in switches(grid) if factor != _subject(grid)]


@once
def _interaction(grid: Grid, subject: str, switch: str) -> list[dict[str, Any]]:
    return _rows(interaction(grid.counted, METRIC, subject, switch, grid.factors))


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def draw_interactions(grid: Grid, tr: Translate) -> Figure:
    """A factor × each switch; the range over its levels; distinct units of constant weights."""
    panels = _drawn(grid, tr)
    if grid.counted.empty:
        return nothing(tr)
    if not panels:
        figure, axes = style.new_figure(height=2)
        style.empty(axes[0, 0], tr("no pairs to compare"))
        return figure
    rows = (len(panels) + 1) // 2
    figure = Figure(figsize=(style.WIDTH, 0.5 + 2.9 * rows))
    places = figure.add_gridspec(rows, 2)
    for number, panel in enumerate(panels):
        row, column = divmod(number, 2)
        alone = number == len(panels) - 1 and column == 0
        panel(figure.add_subplot(places[row, :] if alone else places[row, column]))
    handles = [
        Line2D([], [], color=style.colour(side), linestyle=style.line_style(side), marker=marker)
        for side, marker in SIDES
    ]
    figure.legend(
        handles, [tr(side) for side, _ in SIDES], loc="outside upper center", ncols=2,
        fontsize=10,
    )  # fmt: skip
    return figure


def _drawn(grid: Grid, tr: Translate) -> list[Callable[[Axes], None]]:
    """What draws each panel that has something to show."""
    found: list[Callable[[Axes], None]] = []
    subject = _subject(grid)
    for switch in _switches(grid):
        rows = _interaction(grid, str(subject), switch)
        if rows:
            found.append(_interaction_plot(str(subject), switch, rows, tr, first=not found))
    if ranges := _ranges(grid):
        found.append(_ranges_plot(str(subject), ranges, tr))
    if not (units := _symmetry(grid)).empty:
        found.append(_symmetry_plot(units, tr))
    return found


def _interaction_plot(
    subject: str, switch: str, rows: list[dict[str, Any]], tr: Translate, *, first: bool
) -> Callable[[Axes], None]:
    def draw(axes: Axes) -> None:
        axes.set_title(f"{tr(factor_name(subject))} × {tr(factor_name(switch))}")
        x = np.arange(len(rows))
        _sides(axes, x, pd.DataFrame(rows))
        names = [tr(row["level"]) if isinstance(row["level"], str) else plain(row["level"])
                 for row in rows]  # fmt: skip
        axes.set_xticks(x, [name.replace(" ", "\n") for name in names])
        axes.set_xlim(-0.4, len(x) - 0.6)
        axes.tick_params(axis="x", length=0, labelsize=9.5)
        axes.grid(False, axis="x")
        style.percent(axes)
        if first:
            axes.set_ylabel(tr("test accuracy"))

    return draw


def _sides(axes: Axes, x: np.ndarray, effects: pd.DataFrame) -> None:
    """Off and on as two lines of dots with intervals, side by side at each ``x``."""
    for offset, (side, marker) in zip((-0.08, 0.08), SIDES, strict=True):
        means, lows, highs = np.array([estimate[:3] for estimate in effects[side]], float).T
        colour = style.colour(side)
        axes.vlines(x + offset, lows, highs, color=colour, linewidth=2)
        axes.plot(x + offset, means, marker=marker, color=colour,
                  linestyle=style.line_style(side), markersize=6)  # fmt: skip


def _subsets(grid: Grid) -> list[tuple[str, pd.DataFrame]]:
    """All levels, and of initial values the random ones: no batch norm makes equal units differ."""
    subject, counted = _subject(grid), grid.counted
    if subject != SUBJECT:
        return [("all levels", counted)]
    constant = counted[SUBJECT].map(is_constant).astype(bool)
    subsets = [("all initial values", counted)]
    if constant.any() and not constant.all():
        subsets.append(("without constant", counted[~constant]))
    return subsets


@once
def _ranges(grid: Grid) -> list[tuple[str, dict[str, Any]]]:
    """By subset of the levels: best minus worst of them, without and with batch norm."""
    subject = _subject(grid)
    if subject is None or SWITCH not in _switches(grid):
        return []
    ranges = [
        (name, spread_by(runs, METRIC, subject, SWITCH, grid.factors))
        for name, runs in _subsets(grid)
    ]
    return [(name, values) for name, values in ranges if values is not None]


def _ranges_plot(
    subject: str, ranges: list[tuple[str, dict[str, Any]]], tr: Translate
) -> Callable[[Axes], None]:
    def draw(axes: Axes) -> None:
        best = "best − worst initial value" if subject == SUBJECT else "best − worst level"
        axes.set_title(f"{tr(best)} × {tr(factor_name(SWITCH))}")
        for index, (_, values) in enumerate(ranges):
            for offset, (side, marker) in zip((-0.2, 0.2), SIDES, strict=True):
                y, colour = index + offset, style.colour(side)
                dot(axes, values[side], y, colour, marker=marker)
                axes.annotate(f"{100 * values[side].mean:.0f}", (values[side].mean, y),
                              xytext=(0, 6), textcoords="offset points", ha="center",
                              color=colour)  # fmt: skip
        names = [tr(name).replace(" ", "\n", 1) for name, _ in ranges]
        axes.set_yticks(range(len(ranges)), names)
        axes.set_ylim(len(ranges) - 0.5, -0.6)
        axes.set_xlim(0, 1)
        axes.xaxis.set_major_formatter(lambda value, _: f"{100 * value:.0f}")
        axes.tick_params(axis="y", length=0)
        axes.grid(False, axis="y")
        axes.set_xlabel(tr("points of test accuracy"))

    return draw


@once
def _symmetry(grid: Grid) -> pd.DataFrame:
    """Distinct units of each trained layer with constant initial weights, by dropout."""
    columns = ["layer", "off", "on", "difference", "blocks"]
    if "dropout" not in _switches(grid):
        return pd.DataFrame(columns=columns)
    wanted = ("seed", "init", *grid.factors, "layer", "is_hidden", "distinct_units")
    runs = grid.results.runs(grid.experiment)
    constant = frozenset(runs.loc[runs["init"].map(is_constant).astype(bool), "address"])
    layers = grid.results.layers(grid.experiment, wanted, constant)
    layers = layers[layers["is_hidden"] & (layers["moment"] == "end")]
    rows = [
        {"layer": layer} | effect
        for layer, group in layers.groupby("layer")
        if (effect := switch_effect(group, "distinct_units", "dropout", grid.factors))
    ]
    return pd.DataFrame(rows, columns=columns)


def _symmetry_plot(effects: pd.DataFrame, tr: Translate) -> Callable[[Axes], None]:
    def draw(axes: Axes) -> None:
        axes.set_title(f"{tr('constant weights')} × {tr('dropout')}")
        _sides(axes, effects["layer"].to_numpy(float), effects)
        axes.set_ylim(bottom=0)
        axes.xaxis.set_major_locator(mpl.ticker.MaxNLocator(integer=True))
        axes.set_xlabel(tr("layer"))
        axes.set_ylabel(tr("distinct units"))
        axes.grid(False, axis="x")

    return draw


def table_interactions(grid: Grid) -> pd.DataFrame:
    """All interactions of the factor with switches, the ranges, and the distinct units by layer."""
    subject = _subject(grid)
    shown: list[tuple[str, Any, Mapping[str, Any]]] = []
    for switch in _switches(grid):
        effects = _interaction(grid, str(subject), switch)
        shown += [(f"test accuracy by {factor_name(switch)}", plain(row["level"]), row)
                  for row in effects]  # fmt: skip
    best = "best − worst initial value" if subject == SUBJECT else "best − worst level"
    shown += [(f"{best} by batch norm", *row) for row in _ranges(grid)]
    shown += [
        ("distinct units by dropout, constant weights", f"layer {row['layer']}", row)
        for row in _rows(_symmetry(grid))
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


def facts_interactions(grid: Grid) -> dict[str, Any]:
    """How far the levels lie apart by batch norm; whom each switch changes most and least.

    ``off``, ``on`` and ``difference`` are of the random initial values if the grid has constant
    ones too (then ``all_off`` and ``all_on`` are of all). Cases: ``narrower``, ``wider`` or
    ``unclear`` with batch norm, by the interval of the difference; ``plain`` where there is just
    one kind of initial value; ``other`` where it is another factor's interactions, of which
    ``switch`` changes ``most`` by ``change``; ``nothing``.
    """
    subject, ranges = _subject(grid), [values for _, values in _ranges(grid)]
    if subject != SUBJECT or not ranges:
        return _other(grid, subject)
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
    for switch in (SWITCH, "dropout"):
        effects = _interaction(grid, subject, switch) if switch in _switches(grid) else []
        effects = sorted(effects, key=lambda row: row["difference"].mean)
        for end, index in (("least", 0), ("most", -1)):
            row = effects[index] if effects else None
            facts[f"{switch}_{end}"] = UNKNOWN if row is None else row["level"]
            facts[f"{switch}_{end}_change"] = known(None if row is None else row["difference"])
    units = _rows(_symmetry(grid))
    last = units[-1] if units else None
    facts["layer"] = UNKNOWN if last is None else last["layer"]
    for side, _ in SIDES:
        facts[f"units_{side}"] = known(None if last is None else last[side])
    return facts


def _other(grid: Grid, subject: str | None) -> dict[str, Any]:
    """The largest change of a level of the factor by any switch."""
    changes = [
        (switch, row)
        for switch in (_switches(grid) if subject else ())
        for row in _interaction(grid, str(subject), switch)
    ]
    if not changes:
        return {"case": "nothing"}
    switch, row = max(changes, key=lambda each: abs(each[1]["difference"].mean))
    return {
        "case": "other",
        "subject": factor_name(str(subject)),
        "switch": factor_name(switch),
        "most": plain(row["level"]),
        "change": row["difference"],
    }
