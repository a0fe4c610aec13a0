"""Drawing of the marks: what stands below the lines of a panel, and what is written on top."""

import math
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd

from study.figures import marks as declared
from study.figures import rows, style
from study.figures.drawing.axes import Floats, values_of
from study.figures.drawing.line_ends import difference, ends, gap_ends
from study.figures.drawing.panel import GREY, LINE, SMALL, Panel
from study.figures.labels import Labels, number
from study.figures.looks import Look
from study.figures.plot import METRIC, Mark, Plot, Summary

# --- below the lines ----------------------------------------------------------------------------


def below(panel: Panel) -> None:
    """What the lines are drawn over."""
    for mark in panel.summary.plot.marks:
        draw = _BELOW.get(mark.name)
        if draw is not None:
            draw(panel, mark)


def _beside(panel: Panel, mark: Mark) -> None:
    plot = panel.summary.plot
    for _, look, own in panel.split(panel.own(panel.summary.data["beside"])):
        x, means, _, _ = values_of(own, {**panel.places, **_identity(own, plot.x)}, plot)
        panel.axes.plot(x, means, color=GREY, linestyle=look.line, linewidth=1)


def _identity(own: pd.DataFrame, x: str | None) -> dict[Any, float]:
    """Numbers that only the cells beside have stand at themselves."""
    return {v: float(v) for v in own[x] if isinstance(v, int | float)}


def _theory(panel: Panel, mark: Mark) -> None:
    low, high = min(panel.places.values()), max(panel.places.values())
    log = panel.summary.plot.log("x")
    low = low if log else min(low, 0.0)
    if panel.summary.plot.x == "layer":
        start = [declared.formula(text) for text in mark.options["of"].values()]
        heights = {float(at_input(0.0)) for at_input in start if at_input is not None}
        if len(heights) == 1:  # what they all start from
            ink = mpl.rcParams["text.color"]
            panel.axes.plot(0, heights.pop(), "s", color=ink, markersize=6, zorder=3)
    x = np.geomspace(low, high, 60) if log else np.linspace(low, high, 60)
    for level, text in mark.options["of"].items():
        look = panel.styles.get(level)
        evaluate = declared.formula(text)
        if evaluate is not None and (look is not None or level is None):
            colour = GREY if look is None else look.colour
            panel.axes.plot(x, evaluate(x), color=colour, linestyle=look.line if look else "-",
                            linewidth=1.4)  # fmt: skip


def _slope(panel: Panel, mark: Mark) -> None:
    """What each line would be if x had this power from its first mean on."""
    for _, look, own in panel.lines():
        x, means, _, _ = values_of(own, panel.places, panel.summary.plot)
        known = np.isfinite(means)
        if known.any():
            x, start = x[known], means[known][0]
            panel.axes.plot(x, start * (x / x[0]) ** mark.options["at"], color=look.colour,
                            linestyle=":", linewidth=1.2)  # fmt: skip


def _each(panel: Panel, mark: Mark) -> None:
    """Single runs, beside their mean so that both can be seen."""
    for _, look, own in panel.split(panel.own(panel.summary.data["each"])):
        x = own[panel.summary.plot.x].map(panel.places).to_numpy(float)
        aside = mpl.transforms.ScaledTranslation(-8 / 72, 0, panel.axes.figure.dpi_scale_trans)
        panel.axes.plot(x, own["value"], ".", color=look.colour, alpha=0.45, markersize=5,
                        transform=panel.axes.transData + aside)  # fmt: skip


_BELOW: dict[str, Callable[[Panel, Mark], None]] = {
    "beside": _beside, "theory": _theory, "each": _each, "slope": _slope,
}  # fmt: skip


# --- on top -------------------------------------------------------------------------------------


def above(panel: Panel) -> None:
    """What is written when the limits of the axes are known."""
    for mark in panel.summary.plot.marks:
        draw = _ABOVE.get(mark.name)
        if draw is not None:
            draw(panel, mark)


def _chance(panel: Panel, mark: Mark) -> None:
    level = panel.summary.data.get("chance")
    if level is None:
        return
    panel.axes.axhline(level, color=GREY, linewidth=0.9, linestyle=":", zorder=1)
    room = 0.08 < panel.height_of(level) < 0.3
    left = panel.summary.plot.rows == rows.RUNS  # curves start there
    panel.axes.annotate(
        panel.words.tr("chance"), (0.02 if left else 0.98, level),
        xycoords=("axes fraction", "data"), xytext=(0, -3 if room else 3),
        ha="left" if left else "right", va="top" if room else "bottom",
        textcoords="offset points", fontsize=SMALL,
    )  # fmt: skip


def _reference(panel: Panel, mark: Mark) -> None:
    panel.axes.axhline(mark.options["at"], color=GREY, linewidth=1, linestyle=":", zorder=1)


def _baseline(panel: Panel, mark: Mark) -> None:
    x = panel.summary.plot.x
    for _, look, own in panel.lines():
        at = own[own[x] == mark.options["at"]]
        if len(at):
            mean = at["estimate"].iloc[0].mean
            panel.axes.axhline(mean, color=look.colour, linewidth=1, linestyle=":", zorder=1)


def _gap(panel: Panel, mark: Mark) -> None:
    """Curves: the space between shaded; others: an arrow from one line to the other."""
    plot, heights = panel.summary.plot, gap_ends(panel, mark)
    if len(heights) < 2:
        return
    sides = {level: own for level, _, own in panel.lines()}
    one, other = (sides.get(mark.options[end]) for end in ("from", "to"))
    if one is None or other is None:
        return
    if plot.rows == rows.POINTS:
        (x, low, *_), (_, high, *_) = (values_of(s, panel.places, plot) for s in (one, other))
        colour = style.colour("gap")
        if len(low) == len(high):
            panel.axes.fill_between(x, low, high, color=colour, alpha=0.22, linewidth=0)
            panel.axes.plot([x[-1], x[-1]], heights, color=colour, linewidth=3,
                            solid_capstyle="butt", clip_on=False)  # fmt: skip
        return
    start, end = (each["estimate"].iloc[-1].mean for each in (one, other))
    left, right = panel.axes.get_xlim()
    where = left * (right / left) ** 0.85 if plot.log("x") else left + 0.85 * (right - left)
    ink = mpl.rcParams["text.color"]
    arrow = {"arrowstyle": "-|>", "color": ink, "shrinkA": 0, "shrinkB": 0}
    panel.axes.annotate("", (where, end), (where, start), arrowprops=arrow)
    found = panel.own(panel.summary.data["gap"])["estimate"].iloc[-1]
    sign = "+" if found.mean > 0 else ""
    text = sign + difference(panel, found).replace(f" {panel.words.tr('points')}",
                                                   f"\n{panel.words.tr('points')}")  # fmt: skip
    panel.axes.annotate(text, (where, (start + end) / 2), xytext=(-6, 0), ha="right", va="center",
                        textcoords="offset points")  # fmt: skip


def _values(panel: Panel, mark: Mark) -> None:
    """The mean at each x; bold where ``best`` marks it."""
    plot = panel.summary.plot
    marked = set(panel.summary.data["best"].index) if plot.mark("best") else set()
    several = len(panel.styles) > 1
    for place, (_, look, own) in enumerate(panel.lines()):
        own = own[own[METRIC].isin(mark.options["of"])]
        above = plot.y[0].name == "gap" or not (several and place and plot.colour == METRIC)
        for index, row in own.iterrows():
            estimate, x = row["estimate"], panel.places[row[str(plot.x)]]
            if not math.isfinite(estimate.mean):
                continue
            end = estimate.high if above else estimate.low
            y = float(np.clip(end if math.isfinite(end) else estimate.mean, *panel.axes.get_ylim()))
            panel.axes.annotate(
                _value(panel, estimate.mean), (x, y), xytext=(0, 4 if above else -4), ha="center",
                va="bottom" if above else "top", textcoords="offset points", color=look.colour,
                fontsize=9, fontweight="bold" if index in marked else "normal",
            )  # fmt: skip


def _value(panel: Panel, mean: float) -> str:
    if panel.summary.plot.y[0].unit == "share":
        return f"{100 * mean:.1f}".replace("-", "−")
    return number(float(f"{mean:.3g}"))


def _best(panel: Panel, mark: Mark) -> None:
    """A ring, unless the number there is bold."""
    plot = panel.summary.plot
    if plot.mark("values") is not None:
        return
    for _, look, own in panel.split(panel.own(panel.summary.data["best"])):
        x, means, _, _ = values_of(own, panel.places, plot)
        panel.axes.plot(x, means, "o", markersize=12, markerfacecolor="none",
                        markeredgecolor=look.colour, markeredgewidth=1.6)  # fmt: skip


def _diverged(panel: Panel, mark: Mark) -> None:
    """How many runs diverged: of each line, or at each x where only some of a line's did."""
    plot = panel.summary.plot
    lines: list[tuple[str, str]] = []
    counts = panel.own(panel.summary.data["counts"])
    own_colour = Look(mpl.rcParams["text.color"], "-", "o")
    told = panel.split(counts) if plot.colour in counts else [(None, own_colour, counts)]
    for level, look, count in told:
        if not count["diverged"].sum():
            continue
        own = panel.cells
        own = own if level is None else own[rows.equal(own, plot.colour, level)]
        lost = own[own["diverged"] > 0]
        if plot.rows == rows.RUNS and len(lost) < len(own):
            for _, row in lost.iterrows():
                panel.axes.annotate(
                    f"✕ {row['diverged']}/{row['runs']}", (panel.places[row[str(plot.x)]], 0.03),
                    xycoords=("data", "axes fraction"), ha="center", fontsize=9,
                    color=look.colour, xytext=(0, LINE * len(lines)), textcoords="offset points",
                )  # fmt: skip
            continue
        short = level is None or panel.columns > 2  # the colour says which
        name = "" if short else panel.words.level(plot, plot.colour, level)
        text = f"✕ {count['diverged'].sum()}/{count['runs'].sum()}"
        word = "" if short or not panel.first else panel.words.tr("diverged")
        lines.append((f"{name + ': ' if name else ''}{text} {word}".strip(), look.colour))
    # where there is room for names, above; else where diverged runs are not: they are at chance
    at = (0.98, 0.97) if panel.columns <= 2 else (0.96, 0.3)
    for place, (text, colour) in enumerate(dict.fromkeys(lines)):
        panel.axes.annotate(
            text, at, xycoords="axes fraction", xytext=(0, -LINE * place),
            textcoords="offset points", ha="right", va="top", fontsize=SMALL, color=colour,
        )  # fmt: skip


def _level(panel: Panel, mark: Mark) -> None:
    """A dot on the mean curve when all runs of a line are at a level, on average; and when."""
    plot = panel.summary.plot
    found = panel.own(panel.summary.data["levels"])
    share = plot.y[0].unit == "share"
    for level, look, own in panel.lines():
        x, means, _, _ = values_of(own, panel.places, plot)
        mine = found[rows.equal(found, plot.colour, level)]
        for _, row in mine[(mine["reached"] == mine["of"]) & (mine["of"] > 0)].iterrows():
            when = row["estimate"].mean
            place = max(when, x[0])  # the start has none where x is logarithmic
            at = (place, _height(place, x, means, plot))
            panel.axes.plot(*at, "o", color=look.colour, markersize=5)
            if not panel.several and mark.options["of"] == plot.y[0].name:
                name = f"{100 * row['level']:.0f} %" if share else number(row["level"])
                axis = panel.words.column(plot, "x", str(plot.x))
                text = f"{name}: {axis} {number(float(f'{when:.3g}'))}"
                panel.axes.annotate(text, at, xytext=(7, -3), textcoords="offset points", va="top",
                                    color=look.colour)  # fmt: skip


def _height(at: float, x: Floats, y: Floats, plot: Plot) -> float:
    """Where a curve is at ``at``, on a straight line between its points as they are drawn."""
    if plot.log("x"):
        at, x = math.log(at), np.log(x)
    if not plot.log("y"):
        return float(np.interp(at, x, y))
    return float(np.exp(np.interp(at, x, np.log(y))))


_ABOVE: dict[str, Callable[[Panel, Mark], None]] = {
    "chance": _chance, "reference": _reference, "baseline": _baseline, "gap": _gap,
    "best": _best, "level": _level, "values": _values, "diverged": _diverged, "ends": ends,
}  # fmt: skip


def notes(summary: Summary, words: Labels, columns: int) -> list[str]:
    """What the marks of a plot mean, where nothing beside them says it.

    Args:
        columns: of panels.
    """
    plot, said = summary.plot, []
    chosen = plot.mark("best")
    if chosen is not None and plot.mark("values") is None:
        by = chosen.options["by"]
        name = words.tr("best")
        if by is not None:
            name = words.tr("best by {metric}").format(metric=words.name(by))
        said.append(f"○  {name}")
    if plot.mark("each") is not None:
        said.append(words.tr("dots: single runs"))
    level = plot.mark("level")
    if level is not None and level.options["of"] != plot.y[0].name:
        name, of = words.name(level.options["of"]), level.options["of"]
        share = not of.endswith("loss")
        at = ", ".join(f"{100 * a:.0f} %" if share else number(a) for a in level.options["at"])
        said.append(f"●  {name} {at}")
    lost = summary.data["counts"]["diverged"].sum()
    if columns > 2 and lost and plot.mark("diverged") is not None:
        said.append(f"✕  {words.tr('runs diverged')}")
    if plot.mark("theory") is not None:
        said.append(f"{words.tr('lines')}: {words.tr('theory')}   ●: {words.tr('measured')}")
    return said
