"""What a figure of the report is: how to draw it, and the table under it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from study.analysis.frames import Results
from study.errors import MergedCellsError
from study.figures.style import Translate


def _whole(results: Results, experiments: Sequence[str]) -> Results:
    return results


@dataclass(frozen=True)
class FigureSpec:
    """A figure as a pure function of stored runs.

    Attributes:
        id: its name in the registry.
        experiments: whose runs it shows, all of which it needs.
        draw: returns the figure; called inside ``house_style``.
        table: returns its numbers: plain values, or ``Estimate`` where there is an interval.
        facts: returns the named values that its alternative text and its sentence consist of
            (``alt`` and ``measured`` of its declaration): numbers, ``Estimate``, labels, None for
            never; ``case`` chooses among several wordings.
        of: what those three take, made of the results and the names of the experiments of the
            figure's declaration: the results themselves, or the grid of one experiment.
        by: the columns that it takes apart. Runs that agree in them are averaged, so they may
            differ in nothing but the seed (``merged``).
    """

    id: str
    experiments: tuple[str, ...]
    draw: Callable[[Any, Translate], Figure]
    table: Callable[[Any], pd.DataFrame]
    facts: Callable[[Any], dict[str, Any]]
    by: tuple[str, ...] = ()
    of: Callable[[Results, Sequence[str]], Any] = _whole

    def merged(self, results: Results) -> MergedCellsError | None:
        """Why the figure cannot be drawn: it would average over runs of different cells."""
        try:
            for experiment in self.experiments:
                results.check_cells(experiment, self.by)
        except MergedCellsError as error:
            return error
        return None
