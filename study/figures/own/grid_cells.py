"""The cells of the full grid, and what its figures share.

All figures of the grid show test accuracy over all test samples at the end of training, diverged
runs counted at chance. A *cell* is one combination of the five factors; its runs differ in the
seed.
"""

from collections.abc import Hashable, Iterator, Mapping
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from study.analysis import recipe
from study.analysis.effects import (
    FACTORS,
    levels,
)
from study.analysis.frames import Results, count_diverged
from study.analysis.intervals import Estimate, t_interval
from study.figures import style
from study.figures.style import Translate
from study.records.cells import number_text

EXPERIMENT = "grid"
METRIC = "test_accuracy"
NAMES = {
    "init": "initial value",
    "activation": "activation",
    "batchnorm": "batch norm",
    "dropout": "dropout",
    "weight_decay": "weight decay",
}
LEARNED = 0.5  # test accuracy above which a cell has learnt something
UNKNOWN = "–"  # in the place of a fact that the stored runs do not tell

Cell = tuple[Any, ...]  # a level of each of FACTORS


def is_recommended(cell: Cell) -> bool:
    """Whether a cell is the lecture's recipe (its closing advice: claim G1)."""
    return recipe.is_recommended(dict(zip(FACTORS, cell, strict=True)))


def cell_table(results: Results) -> pd.DataFrame:
    """One row for each cell in the order of the grid, also for cells without any run.

    Columns: ``FACTORS``; how many runs ``completed``, ``diverged`` and ``failed``, and ``n`` that
    count; ``test_accuracy``, ``train_accuracy`` and ``gap`` (``Estimate``).
    """
    runs = results.runs(EXPERIMENT)
    counted = count_diverged(runs)
    metrics = (METRIC, "train_accuracy", "gap")
    of_cell = dict(by_cell(counted))
    status: dict[Hashable, dict[Hashable, int]]
    status = {cell: group["status"].value_counts().to_dict() for cell, group in by_cell(runs)}
    rows = []
    for cell in product(*(levels(runs, factor) for factor in FACTORS)):
        counts = status.get(cell, {})
        if cell not in status and not results.missing(EXPERIMENT):
            continue  # not missing: the study never asked for it
        row: dict[str, Any] = dict(zip(FACTORS, cell, strict=True))
        for name in ("completed", "diverged", "failed"):
            row[name] = int(counts.get(name, 0))
        row["n"] = row["completed"] + row["diverged"]
        own = of_cell.get(cell)
        row |= {metric: t_interval([] if own is None else own[metric]) for metric in metrics}
        rows.append(row)
    return pd.DataFrame(rows, columns=[*FACTORS, "n", "completed", "diverged", "failed", *metrics])


def by_cell(frame: pd.DataFrame) -> Iterator[tuple[Hashable, pd.DataFrame]]:
    yield from frame.groupby(list(FACTORS), sort=False)


def rows_of(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def cell_of(row: Mapping[str, Any]) -> Cell:
    return tuple(row[factor] for factor in FACTORS)


def is_constant(init: str) -> bool:
    return init.startswith("constant")


def known(estimate: Estimate | None) -> Estimate | str:
    """A fact for a sentence: the estimate, or ``UNKNOWN`` where there are no runs for it."""
    return UNKNOWN if estimate is None or np.isnan(estimate.mean) else estimate


def cell_facts(name: str, row: Mapping[str, Any] | None) -> dict[str, Any]:
    """``<name>_init``, ``<name>_activation``, … as labels and numbers for a sentence."""
    return {
        f"{name}_{factor}": UNKNOWN if row is None else plain(row[factor]) for factor in FACTORS
    }


def setting(factor: str, level: Any, tr: Translate) -> str:
    """A level with its factor: ``batch norm on``, ``dropout 0.2``; names as they are."""
    if isinstance(level, str):
        return tr(level)
    switch = isinstance(level, bool | np.bool_)
    return f"{tr(NAMES[factor])} {tr(plain(level)) if switch else plain(level)}"


def signed(value: float, decimals: int) -> str:
    text = f"{value:+.{decimals}f}" if round(value, decimals) else "0"
    return text.replace("-", "−")


def points(estimate: Estimate) -> str:
    """A difference of accuracies in accuracy points, with its sign."""
    half = estimate.half_width
    interval = "" if np.isnan(half) else f" ± {100 * half:.1f}"
    return f"{signed(100 * estimate.mean, 1)}{interval}"


def plain(level: Any) -> str:
    """A level as text: the column holds names and numbers of several factors."""
    if isinstance(level, bool | np.bool_):
        return "on" if level else "off"
    return level if isinstance(level, str) else number_text(level)


def named(table: pd.DataFrame) -> pd.DataFrame:
    """Columns as the report shows them."""
    return table.rename(
        columns=NAMES | {METRIC: "test accuracy", "train_accuracy": "train accuracy"}
    )


def nothing(tr: Translate) -> Figure:
    figure, axes = style.new_figure(height=2)
    style.empty(axes[0, 0], tr("no finished run"))
    return figure


def diverged_text(runs: pd.DataFrame, tr: Translate) -> str:
    """``✕ 4/120 diverged``, or nothing where none did."""
    diverged = int((runs["status"] == "diverged").sum())
    return f"✕ {diverged}/{len(runs)} {tr('diverged')}" if diverged else ""


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
