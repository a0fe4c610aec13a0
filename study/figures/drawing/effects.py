"""Drawing of ``effects``: a forest of differences with their intervals."""

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis.effects import GRAND_MEAN
from study.analysis.intervals import Estimate
from study.figures import style
from study.figures.drawing import Drawn
from study.figures.labels import Labels, english, number
from study.figures.levels import factor_name, points, setting, signed
from study.figures.looks import PLAIN, looks
from study.figures.plot import Summary

LINE, AROUND = 0.28, 0.8  # inches of a line, and of what stands around them


def shape(summary: Summary) -> tuple[int, int]:
    """One panel."""
    return 1, 1


def height(summary: Summary) -> float:
    """Inches: a line for each effect and for each heading."""
    return AROUND + LINE * max(len(_lines(summary, str)), 4)


def draw(figure: Figure, axes: np.ndarray, summary: Summary, words: Labels) -> Drawn:
    """Dot and interval for each level against the grand mean, for a switch on against off."""
    panel, tr = axes[0, 0], words.tr
    lines = _lines(summary, tr)
    if not lines:
        style.empty(panel, tr("no pairs to compare"))
        return Drawn()
    share = summary.plot.y[0].unit == "share"
    inits = [row["level"] for _, row in lines if row is not None and row["factor"] == "init"]
    styles = looks("init", inits)
    mark = summary.plot.mark("margin")
    if mark is not None:
        at = mark.options["at"]
        panel.axvspan(-at, at, color=mpl.rcParams["grid.color"], linewidth=0)
    for y, (_, row) in enumerate(lines):
        if row is not None:
            # only initial values have colours of their own that no other factor here shares
            look = styles.get(row["level"], PLAIN) if row["factor"] == "init" else None
            ink = mpl.rcParams["text.color"]
            dot(panel, row["estimate"], y, look.colour if look else ink,
                marker=look.marker if look else "o")  # fmt: skip
            note(panel, y, points(row["estimate"]) if share else _plain(row["estimate"]))
    panel.set_yticks(range(len(lines)), [label for label, _ in lines])
    for text, (_, row) in zip(panel.get_yticklabels(), lines, strict=True):
        text.set_fontweight("bold" if row is None else "normal")
    panel.set_ylim(len(lines) - 0.4, -0.6)
    panel.axvline(0, color=mpl.rcParams["axes.edgecolor"], linewidth=1)
    panel.grid(False, axis="y")
    panel.spines["left"].set_visible(False)
    panel.tick_params(axis="y", length=0)
    if share:
        panel.xaxis.set_major_formatter(lambda value, _: signed(100 * value, 0))
    below = [_effect_on(summary, words, ", points" if share else "")]
    if mark is not None:
        size = f"{100 * at:g} {tr('points')}" if share else number(at)
        below.append(f"{tr('shaded: too small to matter')} (± {size})")
    if summary.data["diverged"]:
        counts = f"{summary.data['diverged']}/{summary.data['runs']}"
        below.append(f"✕ {counts} {tr('diverged')}")
    panel.set_xlabel("\n".join(below))
    return Drawn()


def _lines(summary: Summary, tr: Any) -> list[tuple[str, dict[str, Any] | None]]:
    """Label and effect of each line from the top; headings have no effect."""
    lines: list[tuple[str, dict[str, Any] | None]] = []
    heading = ""
    for record in summary.cells.to_dict("records"):
        row = {str(key): value for key, value in record.items()}
        factor, level = row["factor"], row["level"]
        graded = row["against"] == GRAND_MEAN
        own = tr("on against off")
        if graded:
            own = f"{tr(factor_name(factor))}, {tr('against the mean')}"
        if own != heading:
            heading = own
            lines.append((heading, None))
        on = isinstance(level, bool | np.bool_)
        lines.append((tr(factor_name(factor)) if on else setting(factor, level, tr), row))
    return lines


def _effect_on(summary: Summary, words: Labels, unit: str) -> str:
    """The label of the axis: that of its own, or one for any number."""
    (measure,) = summary.plot.y
    whole = f"effect on {words.measure(measure)}{unit}"
    if words.language != "en":
        known = f"effect on {english(measure.name)}{unit}"
        named = f"{words.tr('effect')}: {words.measure(measure)}"
        whole = words.tr(known) if words.tr(known) != known else named
    return whole


def _plain(estimate: Estimate) -> str:
    """A difference with its sign and interval."""
    half = estimate.half_width
    sign = "+" if estimate.mean > 0 else ""
    interval = f" ± {number(float(f'{half:.2g}'))}" if np.isfinite(half) else ""
    return f"{sign}{number(float(f'{estimate.mean:.3g}'))}{interval}"


def dot(
    axes: Axes, estimate: Estimate, y: float, colour: str, *, marker: str = "o",
    filled: bool = True,
) -> None:  # fmt: skip
    """A mean with its horizontal interval."""
    if np.isfinite(estimate.low):
        axes.plot([estimate.low, estimate.high], [y, y], color=colour, linewidth=2)
    face = colour if filled else "none"
    axes.plot(estimate.mean, y, marker, color=colour, markerfacecolor=face, markersize=7)


def note(axes: Axes, y: float, text: str, *, left: bool = False) -> None:
    """Text beside the axes at height ``y``; on the left it takes no room in the layout."""
    note = axes.annotate(
        text, (0 if left else 1, y), xycoords=("axes fraction", "data"),
        xytext=(-8 if left else 8, 0), textcoords="offset points", va="center",
        ha="right" if left else "left", annotation_clip=False, fontsize=9.5,
    )  # fmt: skip
    note.set_in_layout(not left)
