"""A figure from runs: ``make`` computes what it shows, once; ``draw`` draws just that."""

import importlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure as Picture

from study.analysis.findings import Measured
from study.figures import quantities, rows, style
from study.figures.declare import Figure
from study.figures.drawing import Drawn
from study.figures.kinds import kind
from study.figures.labels import Labels, Translate
from study.figures.own import OWN
from study.figures.plot import Summary
from study.records.cells import CELL, COLUMNS

HANDLE, LETTERS = 7, 62  # of a legend: width of a handle, and of a figure, in letters


@dataclass(frozen=True)
class Made:
    """What a figure shows.

    Attributes:
        table: its numbers, plain values or ``Estimate``.
        facts: what its sentences are filled with; ``case`` chooses among several wordings.
        summaries: of its plots; none of one drawn by hand.
    """

    table: pd.DataFrame
    facts: Mapping[str, Any]
    summaries: tuple[Summary, ...] = ()


def has_runs(figure: Figure, measured: Measured) -> bool:
    """Whether the study has any of the cells that a figure shows."""
    return not figure.plots or any(
        rows.mask_of(plot, measured.runs(experiment)).any()
        for plot in figure.plots
        for experiment in plot.experiments
    )


def make(figure: Figure, measured: Measured) -> Made:
    """What the runs say.

    Raises:
        MergedCellsError: it would average over runs of different cells.
    """
    if figure.own is not None:
        spec = OWN[figure.own]
        merged = spec.merged(measured.results)
        if merged is not None:
            raise merged
        subject = spec.of(measured.results, figure.experiments)
        return Made(spec.table(subject), {**spec.facts(subject), **figure.constants})
    summaries = tuple(kind(plot.kind).summarise(plot, measured) for plot in figure.plots)
    found = quantities.find(figure.quantities, measured)
    facts: dict[str, Any] = {}
    for plot, summary in reversed(list(zip(figure.plots, summaries, strict=True))):
        facts |= dict.fromkeys(kind(plot.kind).FACTS, math.nan) | dict(summary.facts)
    facts["shown"] = sum(map(_shown, summaries))
    facts |= {**figure.constants, **found, "case": quantities.case_of(figure.cases, found)}
    settings = _settings(figure, measured) if len(summaries) > 1 else [{}]
    return Made(_together(summaries, settings), facts, summaries)


def _shown(summary: Summary) -> int:
    """How many things with numbers a plot has; of kinds that do not count them, whether any."""
    highest = summary.facts.get("highest")
    known = highest is not None and not math.isnan(getattr(highest, "mean", highest))
    return int(summary.facts.get("shown", known))


def _settings(figure: Figure, measured: Measured) -> list[dict[str, Any]]:
    """What the runs of each plot have in common and another plot's have not: settings by plot."""
    each = [rows.chosen(plot, measured) for plot in figure.plots]
    single = [
        {c: own[c].iloc[0] for c in CELL if len(own[c].drop_duplicates()) == 1} for own in each
    ]
    shared = [c for c in CELL if all(c in own for own in single) and COLUMNS[c].of is None]
    differ = [c for c in shared if len({str(own[c]) for own in single}) > 1]
    # what only one side has (``batchnorm_eps``) follows from the setting that it belongs to
    follow = [
        c for c in differ
        if any(pd.isna(own[c]) for own in single) and any(c.startswith(f"{o}_") for o in differ)
    ]  # fmt: skip
    differ = [c for c in differ if c not in follow]
    return [{c: own[c] for c in differ} for own in single]


def _together(
    summaries: tuple[Summary, ...], settings: Sequence[Mapping[str, Any]]
) -> pd.DataFrame:
    """One table of plots under each other: side by side where they have the same keys.

    Args:
        settings: of each plot, what tells its rows from those of another.
    """
    if any(settings):
        tables = [
            each.table.assign(**own)[[*own, *(c for c in each.table.columns if c not in own)]]
            for each, own in zip(summaries, settings, strict=True)
        ]
        return pd.concat([table.astype(object) for table in tables], ignore_index=True)
    table = summaries[0].table
    for summary in summaries[1:]:
        shared = [column for column in table.columns if column in summary.table.columns]
        keys = len(summary.plot.keys)
        same = list(table.columns[:keys]) == list(summary.table.columns[:keys])
        if same and table.iloc[:, :keys].equals(summary.table.iloc[:, :keys]):
            new = [c for c in summary.table.columns if c not in shared]
            last = [c for c in ("diverged",) if c in table.columns]
            order = [*(c for c in table.columns if c not in last), *new, *last]
            table = table.assign(**{c: summary.table[c].array for c in new})[order]
        else:
            table = pd.concat([table, summary.table], ignore_index=True)
    return table


def draw(figure: Figure, made: Made, tr: Translate, language: str = "en", *,
         measured: Measured | None = None) -> Picture:  # fmt: skip
    """The picture, inside ``style.house_style``.

    Args:
        tr: from an English label to the language.
        language: of the words that the declaration has itself.
        measured: needed by figures drawn by hand, which draw from the runs.
    """
    if figure.own is not None:
        assert measured is not None, "a figure drawn by hand needs the runs"
        spec = OWN[figure.own]
        return spec.draw(spec.of(measured.results, figure.experiments), tr)
    words = Labels(tr, language)
    modules = [drawing(summary.plot.kind) for summary in made.summaries]
    shapes = [m.shape(s) for m, s in zip(modules, made.summaries, strict=True)]
    heights = [
        summary.plot.height or module.height(summary)
        for module, summary in zip(modules, made.summaries, strict=True)
    ]
    columns = math.lcm(*(shape[1] for shape in shapes))
    ratios = [h for h, (r, _) in zip(heights, shapes, strict=True) for _ in range(r)]
    widths = [
        module.width(summary) if hasattr(module, "width") else style.PHONE
        for module, summary in zip(modules, made.summaries, strict=True)
    ]
    picture = Picture(figsize=(max(widths), sum(ratios)))
    grid = picture.add_gridspec(len(ratios), columns, height_ratios=ratios)
    start, drawn, shown = 0, [], []
    for module, summary, (down, across) in zip(modules, made.summaries, shapes, strict=True):
        wide = columns // across
        axes = np.array(
            [
                [
                    picture.add_subplot(grid[start + i, j * wide : (j + 1) * wide])
                    for j in range(across)
                ]
                for i in range(down)
            ]
        )
        drawn.append(module.draw(picture, axes, summary, words))
        shown.append(axes)
        start += down
    _share_x(made.summaries, shown)
    _around(picture, drawn)
    return picture


def _share_x(summaries: Sequence[Summary], shown: Sequence[np.ndarray]) -> None:
    """What plots under each other have in common is said once: the same x, the same panels."""
    for upper, axes, lower, below in zip(summaries, shown, summaries[1:], shown[1:], strict=False):
        if upper.plot.panel[1] is not None and upper.plot.panel[1] == lower.plot.panel[1]:
            for panel in below[0]:
                panel.set_title("")
        both = (summary.cells[summary.plot.x] for summary in (upper, lower) if summary.plot.x)
        ends = {(min(x, default=0), max(x, default=0)) for x in both}
        below_each_other = axes.shape[1] == below.shape[1]
        same_x = upper.plot.x is not None and upper.plot.x == lower.plot.x
        if below_each_other and same_x and len(ends) == 1:
            for panel in axes[-1]:
                panel.tick_params(labelbottom=False)
                panel.set_xlabel("")


def drawing(name: str) -> Any:
    """The module that draws a kind."""
    module: ModuleType = importlib.import_module(f"study.figures.drawing.{name}")
    return module


def _around(picture: Picture, drawn: list[Drawn]) -> None:
    """One legend above, and notes below."""
    entries = {label: handle for each in drawn for label, handle in each.legend.items()}
    if entries:
        title = next((each.title for each in drawn if each.title), "")
        sizes = [len(label) + HANDLE for label in entries]
        fit = len(sizes) if sum(sizes) <= LETTERS else max(LETTERS // max(sizes), 1)
        # what the legend takes is not taken from the plots
        picture.set_figheight(picture.get_figheight() + 0.25 * math.ceil(len(sizes) / fit))
        picture.legend(
            list(entries.values()), list(entries), loc="outside upper center", title=title or None,
            ncols=fit, handlelength=3,
            columnspacing=1.6,
        )  # fmt: skip
    notes = list(dict.fromkeys(note for each in drawn for note in each.notes))
    if notes:
        picture.supxlabel("\n".join(notes), fontsize=9.5)
