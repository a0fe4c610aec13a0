"""What one plot of a figure is: a selection of rows, what is drawn of them, and marks.

A figure is one plot or several under each other. ``Plot`` is the declaration, ``Summary`` what
came of it: everything that is drawn, printed and said of the plot is in its one table.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from study.analysis.declarations import EVERYTHING, Selection

METRIC = "metric"  # as a colour or a panel: takes the numbers of ``y`` apart
Words = Mapping[str, str]  # by language


@dataclass(frozen=True)
class Measure:
    """One number that a plot shows of each row.

    Attributes:
        name: a metric of ``analysis.metrics``, or a column of the rows.
        options: of the metric.
        unit: ``share`` (in [0, 1], shown as per cent) or ``number``.
        label: by language, where the declaration has one.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)
    unit: str = "number"
    label: Words = field(default_factory=dict)


@dataclass(frozen=True)
class Mark:
    """Something that is drawn on top; its options are what the mark's own reader found."""

    name: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Plot:
    """The declaration of one plot.

    Attributes:
        kind: a name of ``kinds.KINDS``.
        experiments: whose runs.
        rows: ``runs``, ``points``, ``layers`` or the name of a probe: which tidy frame.
        where: the cells it shows.
        moment: ``init`` or ``end``, of rows that are measured before or after training.
        x: a column; None for kinds without one.
        y: the numbers it shows.
        colour: a column, or ``METRIC``.
        panel: columns of the rows and of the columns of panels, or ``METRIC``.
        scale: ``log`` by axis, ``x`` or ``y``.
        marks: in the order of the declaration.
        heading: by language; empty where the plot needs none.
        height: of its axes in inches; None for what the kind likes.
        labels: by what they replace (``x``, ``y``, a level), by language.
        options: what the further keys of its kind say.
    """

    kind: str
    experiments: tuple[str, ...]
    rows: str = "runs"
    where: Selection = EVERYTHING
    moment: str = "end"
    x: str | None = None
    y: tuple[Measure, ...] = ()
    colour: str | None = None
    panel: tuple[str | None, str | None] = (None, None)
    scale: Mapping[str, str] = field(default_factory=dict)
    marks: tuple[Mark, ...] = ()
    heading: Words = field(default_factory=dict)
    height: float | None = None
    labels: Mapping[str, Words] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...]:
        """The columns that take its rows apart, ``METRIC`` among them; panels first, x last."""
        named = (*self.panel, self.colour, self.x)
        return tuple(dict.fromkeys(name for name in named if name is not None))

    @property
    def by(self) -> tuple[str, ...]:
        """The columns of the runs, and of the rows, that it takes apart."""
        further = self.options.get("by", ())
        return tuple(dict.fromkeys([*(k for k in self.keys if k != METRIC), *further]))

    def log(self, axis: str) -> bool:
        """Whether an axis is logarithmic; of ``y`` the means are then geometric ones."""
        return self.scale.get(axis) == "log"

    def mark(self, name: str) -> Mark | None:
        """The first mark of that name."""
        return next((mark for mark in self.marks if mark.name == name), None)


@dataclass(frozen=True)
class Summary:
    """What one plot shows, computed once.

    Attributes:
        plot: its declaration.
        cells: a row for each thing drawn: the columns ``plot.keys``, ``metric`` (name of the
            measure), ``estimate`` (``Estimate``), ``runs`` and ``diverged`` (counts).
        table: the same as a reader gets it, with what the marks add.
        facts: what sentences can name of it.
        data: what the marks and the kind draw beside the cells, by name.
    """

    plot: Plot
    cells: pd.DataFrame
    table: pd.DataFrame
    facts: Mapping[str, Any] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
