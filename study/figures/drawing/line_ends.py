"""What stands right of the axes: which line is which, where it ends, and how far two are apart."""

import math
from collections.abc import Sequence

import pandas as pd

from study.analysis.intervals import Estimate
from study.figures import rows, style
from study.figures.drawing.panel import GREY, LINE, SMALL, Panel
from study.figures.labels import number
from study.figures.plot import METRIC, Mark

LONG = 12  # characters of a name that leave no room for its number


def ends(panel: Panel, mark: Mark) -> None:
    """What each line is, and its mean at the end, moved apart where two would overlap."""
    summary, plot = panel.summary, panel.summary.plot
    if panel.columns > 2:  # no room, not even for numbers
        return
    final = summary.data.get("final")
    labels: list[tuple[float, str, str]] = []
    for level, look, own in panel.lines():
        own = own[own[METRIC].isin(mark.options["of"])]
        last = own if final is None else next(
            (each for name, _, each in panel.split(panel.own(final)) if name == level), own
        )  # fmt: skip
        known = [estimate.mean for estimate in last["estimate"] if math.isfinite(estimate.mean)]
        if known and len(own):
            named = plot.colour is not None and names_lines(panel)
            name = panel.words.named(plot, str(plot.colour), level) if named else ""
            space = "\n" if len(name) > LONG else " "
            numbered = plot.mark("values")
            if numbered is None or not {own[METRIC].iloc[0]} & set(numbered.options["of"]):
                name = f"{name}{space}{_short(plot.y[0].unit, known[-1], panel)}"
            text = name.strip()
            labels.append((known[-1], text, look.colour))
    if "beside_final" in summary.data and summary.data["beside_final"] is not None:
        for _, _, own in panel.split(panel.own(summary.data["beside_final"])):
            mean = own["estimate"].iloc[-1].mean
            if math.isfinite(mean):
                labels.append((mean, f"{_beside_name(panel)}{_short('share', mean, panel)}", GREY))
    gap = _gap_label(panel)
    _stack_up(panel, labels + ([gap] if gap else []))


def names_lines(panel: Panel) -> bool:
    """Whether lines are named at their ends: several columns of panels leave no room for it."""
    return panel.columns == 1


def _beside_name(panel: Panel) -> str:
    """What the cells beside are: ``λ = 0: ``."""
    named = [
        f"{panel.words.column(panel.summary.plot, column, column)} = "
        f"{panel.words.level(panel.summary.plot, column, value)}"
        for column, value in panel.summary.data["beside_at"].items()
    ]
    return f"{', '.join(named)}: "


def _short(unit: str, mean: float, panel: Panel) -> str:
    """A mean in few digits: as many as the axis can show."""
    if unit != "share":
        return number(float(f"{mean:.3g}"))
    low, high = panel.axes.get_ylim()
    return f"{100 * mean:.{0 if high - low > 0.3 else 1}f} %".replace("-", "−")


def _gap_label(panel: Panel) -> tuple[float, str, str] | None:
    """Where two lines part in the end, and by how many points."""
    mark = panel.summary.plot.mark("gap")
    found = panel.own(panel.summary.data["gap"]) if mark is not None else pd.DataFrame()
    if mark is None or found.empty or not math.isfinite(found["estimate"].iloc[-1].mean):
        return None
    sides = gap_ends(panel, mark)
    if len(sides) < 2 or panel.summary.plot.rows != rows.POINTS:
        return None
    words = f"{panel.words.tr('gap')} {difference(panel, found['estimate'].iloc[-1])}"
    return sum(sides) / 2, words, style.colour("gap")


def difference(panel: Panel, estimate: Estimate) -> str:
    """A difference of two lines with its interval, in points where they are shares."""
    if panel.summary.plot.y[0].unit != "share":
        return number(estimate.mean)
    half = "" if math.isnan(estimate.half_width) else f" ± {100 * estimate.half_width:.1f}"
    return f"{100 * estimate.mean:.1f}{half} {panel.words.tr('points')}".replace("-", "−")


def gap_ends(panel: Panel, mark: Mark) -> list[float]:
    """Heights of both lines at their ends."""
    final = panel.summary.data.get("final")
    cells = panel.cells if final is None else panel.own(final)
    return [
        own["estimate"].iloc[-1].mean
        for level, _, own in panel.split(cells)
        if level in (mark.options["from"], mark.options["to"])
    ]


def _stack_up(panel: Panel, labels: Sequence[tuple[float, str, str]]) -> None:
    """Write texts right of the axes at their heights, moved as little as they have to be."""
    inches = (
        panel.axes.get_position().height * panel.axes.figure.bbox.height / panel.axes.figure.dpi
    )
    line = LINE / 72 / max(inches, 0.5)
    ordered = sorted((panel.height_of(y), text, colour) for y, text, colour in labels)
    sizes = [line * (text.count("\n") + 1) for _, text, _ in ordered]
    places = apart([height for height, *_ in ordered], sizes)
    for place, (_, text, colour) in zip(places, ordered, strict=True):
        panel.axes.annotate(
            text, (1, place), xycoords="axes fraction", xytext=(6, 0), va="center", color=colour,
            textcoords="offset points", annotation_clip=False,
            fontsize=SMALL if panel.several else None,
        )  # fmt: skip


def apart(heights: Sequence[float], sizes: Sequence[float]) -> list[float]:
    """Move increasing heights, of texts of these sizes, as little as needed for none to overlap."""
    moved: list[float] = []
    for i, height in enumerate(heights):
        least = moved[-1] + (sizes[i - 1] + sizes[i]) / 2 if moved else 0.0
        moved.append(max(height, least))
    ceiling = 1.0
    for i in reversed(range(len(moved))):
        moved[i] = min(moved[i], ceiling)
        ceiling = moved[i] - (sizes[i] + sizes[i - 1]) / 2
    return moved
