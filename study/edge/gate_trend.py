"""The gate's history as a page: accuracy over commits, with the steps in it."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup
from matplotlib.figure import Figure

from study.figures.style import PALETTE, house_style
from study.gate.history import Entry, read_history, steps
from study.gate.result import ALL
from study.paths import templates_folder
from study.records.store import write_atomically
from study.report.svg import inline_svg

SHORT = 9  # digits of a commit


@dataclass(frozen=True)
class Step:
    """A jump of one cell's mean test accuracy.

    Attributes:
        cell: its name.
        commit, date: of the first run at the new level.
        before, now: means of the runs of both levels.
    """

    cell: str
    commit: str
    date: str
    before: float
    now: float


def write_trend(history: Path) -> Path:
    """Draw the history in the file ``history`` as ``<history>.html``; return that path.

    Raises:
        StudyError: the history cannot be read, or the page not written.
    """
    entries = read_history(history)
    page = history.with_name(f"{history.name}.html")
    write_atomically(page, render(entries))
    return page


def render(entries: Sequence[Entry]) -> str:
    """The page, which needs nothing but itself: a drawing and a table for each cell with steps."""
    names = list(dict.fromkeys(name for entry in entries for name in entry.cells))
    names.sort(key=lambda name: (name != ALL, name))
    found = {name: steps_of(name, entries) for name in names}
    shown = [name for name in names if name == ALL or found[name]]
    charts = [(name, Markup(draw(name, entries, place))) for place, name in enumerate(shown)]
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(templates_folder()),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    every = [step for name in names for step in found[name]]
    return templates.get_template("trend.html.j2").render(
        charts=charts,
        steps=sorted(every, key=lambda step: step.date),
        quiet=[name for name in names if name not in shown],
        entries=entries,
        short=SHORT,
    )


def series(name: str, entries: Sequence[Entry]) -> tuple[list[Entry], list[float]]:
    """The runs that have the cell, and its means."""
    own = [entry for entry in entries if name in entry.cells]
    return own, [entry.cells[name] for entry in own]


def steps_of(name: str, entries: Sequence[Entry]) -> list[Step]:
    """The jumps of a cell, in the order of the runs."""
    own, values = series(name, entries)
    cuts = steps(values)
    bounds = [0, *cuts, len(values)]
    levels = [sum(values[a:b]) / (b - a) for a, b in itertools.pairwise(bounds) if b > a]
    return [
        Step(name, (own[cut].commit or "–")[:SHORT], own[cut].date, levels[i], levels[i + 1])
        for i, cut in enumerate(cuts)
    ]


def draw(name: str, entries: Sequence[Entry], place: int) -> str:
    """One cell's accuracy over the runs, its levels as lines."""
    own, values = series(name, entries)
    cuts = [0, *steps(values), len(values)]
    with house_style("en"):
        figure = Figure(figsize=(8, 2.4), layout="constrained")
        axes = figure.add_subplot()
        percent = [100 * value for value in values]
        axes.plot(range(len(values)), percent, "o", markersize=4, color=PALETTE["blue"])
        for a, b in itertools.pairwise(cuts):
            level = sum(percent[a:b]) / (b - a)
            axes.plot([a - 0.3, b - 0.7], [level, level], color=PALETTE["vermilion"], linewidth=2)
        every = max(len(own) // 8, 1)
        ticks = range(0, len(own), every)
        axes.set_xticks(list(ticks), [(own[i].commit or "–")[:SHORT] for i in ticks])
        axes.set_ylabel("test accuracy, %")
        jumps = len(cuts) - 2
        words = f"{name}: mean test accuracy of {len(values)} runs of the gate, {jumps} steps"
        return inline_svg(figure, f"trend{place}", words)
