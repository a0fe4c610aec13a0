"""One of the axes of a plot of lines, as its marks see it."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes

from study.figures import rows
from study.figures.labels import Labels
from study.figures.looks import Look
from study.figures.plot import Summary

SMALL = 9.5  # points of a letter beside the lines
LINE = 13  # points from one line of text to the next
GREY = "#7f7f7f"


@dataclass
class Panel:
    """One of a plot's axes, with its cells and how they are drawn.

    Attributes:
        levels: of the row and the column of panels.
        several: whether it is one of several.
        first: whether it is the first of them.
    """

    axes: Axes
    summary: Summary
    cells: pd.DataFrame
    words: Labels
    styles: Mapping[Any, Look]
    places: Mapping[Any, float]
    levels: tuple[Any, Any]
    several: bool
    first: bool

    def lines(self) -> Iterator[tuple[Any, Look, pd.DataFrame]]:
        """Level of the colour, look and cells of each line that has any."""
        yield from self.split(self.cells)

    def split(self, cells: pd.DataFrame) -> Iterator[tuple[Any, Look, pd.DataFrame]]:
        """The same of other cells of this panel."""
        column = self.summary.plot.colour
        for level, look in self.styles.items():
            own = cells[rows.equal(cells, column, level)]
            if len(own):
                yield level, look, own

    def own(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows of another table that are of this panel."""
        for column, level in zip(self.summary.plot.panel, self.levels, strict=True):
            if column is not None and column in table:
                table = table[rows.equal(table, column, level)]
        return table

    def height_of(self, y: float) -> float:
        """Where ``y`` is, as a share of the axes."""
        low, high = self.axes.get_ylim()
        if self.axes.get_yscale() == "log":
            y, low, high = (math.log(max(value, 1e-300)) for value in (y, low, high))
        return (y - low) / (high - low)

    @property
    def columns(self) -> int:
        """How many panels are beside each other."""
        place = self.axes.get_subplotspec()
        assert place is not None
        grid = place.get_gridspec()
        return int(grid.ncols)
