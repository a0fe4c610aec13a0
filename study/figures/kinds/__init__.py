"""The kinds of plot, each a module here and one of the same name in ``study.figures.drawing``.

A module here is light (no matplotlib) and is the protocol ``Kind``:

``REQUIRED``, ``OPTIONAL``
    The keys of a plot that it takes beside those that all take (``declare.COMMON``: ``kind``,
    ``experiment``, ``rows``, ``where``, ``moment``, ``panel``, ``marks``, ``labels``, ``height``,
    ``heading``).
    ``x``, ``y``, ``colour`` and ``scale`` are read for every kind that lists them.
``COLUMNS``
    Keys of its own whose values are columns that vary, as x is; they become options. May lack.
``ARMS``
    Keys of its own whose values are arms of the experiment, or lists of them; they become options,
    as lists. May lack.
``ROWS``
    The values of ``rows`` that it can show (``declare.PROBE`` for any probe that has rows).
``MARKS``
    By name, what reads a mark's options: ``(node, plot) -> options``. A mark without options is
    written as its name alone, and its node's value is then None.
``FACTS``
    The names of the facts that a summary has; a sentence can name them as it can quantities.
    Among them ``shown``, how many things with numbers there are: 0 is nothing to see.
``check(node, plot) -> Plot``
    Everything that no other part of the reading checks; raises ConfigError through ``node``, the
    plot's mapping. Returns the plot, with ``options`` from keys of the kind's own.
``summarise(plot, measured) -> Summary``
    Everything that is drawn, printed and said. Pure, picklable. Rows come from ``rows.select``,
    which raises MergedCellsError for cells that ``plot.by`` does not take apart.

The module in ``drawing``, which imports matplotlib at its top:

``shape(summary) -> (rows, columns)``
    How many panels it needs. Plots under each other in one figure share one grid.
``height(summary) -> float``
    Inches of one row of panels where the plot does not say.
``width(summary) -> float``
    Inches of the figure where it needs more than a phone's screen; may lack.
``draw(figure, axes, summary, words) -> Drawn``
    Draws into ``axes``, an array of that shape. ``words`` (``labels.Labels``) names columns,
    levels and measures in the reader's language. Titles of panels and labels of axes are its own;
    the legend and the notes below are returned (``drawing.Drawn``), because a figure has one
    legend: ``Drawn(legend={label: handle}, notes=["○ best rate"], title="batch size")``.

Automatic words are ``page: auto_<kind>_<which>_<unit>`` in ``templates/text``, for ``which`` in
``alt`` and ``measured`` and ``unit`` in ``share`` and ``number``. They are filled from the
summary's ``facts``, so every kind gives what its own two templates name (``lines``: ``x``, ``y``,
``highest``, ``highest_at``, ``lowest``, ``lowest_at``, ``runs``, ``diverged``) and ``unit``. Where
a fact ``wording`` is there it stands for ``unit`` in the name; a fact ``further`` lists the names
of sentences that follow.
"""

import importlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

from study.analysis.findings import Measured
from study.analysis.reading import Node
from study.figures.plot import Plot, Summary

KINDS = ("lines", "histograms", "points", "cells", "effects", "settings", "deciding")
OWN = "own"  # a figure drawn by hand, of the registry ``study.figures.own.OWN``

ReadMark = Callable[[Node, Plot], Mapping[str, Any]]


class Kind(Protocol):
    """What a module of this package has; see above."""

    REQUIRED: tuple[str, ...]
    OPTIONAL: tuple[str, ...]
    ROWS: tuple[str, ...]
    MARKS: Mapping[str, ReadMark]
    FACTS: tuple[str, ...]

    def check(self, node: Node, plot: Plot) -> Plot:
        """The plot with the options of its kind; raises ConfigError."""

    def summarise(self, plot: Plot, measured: Measured) -> Summary:
        """What it shows; raises MergedCellsError."""


def kind(name: str) -> Kind:
    """The module of a kind; only those that are used are imported."""
    return cast(Kind, importlib.import_module(f"study.figures.kinds.{name}"))
