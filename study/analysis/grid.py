"""An experiment as a grid: which columns vary in it, its cells, and what became of each.

A *factor* is a column of the configuration that varies among the runs of an experiment; the seed
is none, and no column that another one shows already (``cells.COLUMNS``). A *cell* is one
combination of levels; its runs differ in nothing but the seed.
"""

import math
from collections.abc import Hashable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import product
from typing import Any

import pandas as pd

from study.analysis.curves import accuracy_curves
from study.analysis.declarations import EVERYTHING, Selection, mask, within
from study.analysis.effects import levels
from study.analysis.frames import Results, count_diverged, differing
from study.analysis.intervals import Estimate, t_interval
from study.analysis.pairing import prepared
from study.records.cells import CELL, COLUMNS

ACCURACIES = ("test_accuracy", "train_accuracy", "gap")
OUTCOMES = ("completed", "diverged", "failed")

Cell = tuple[Any, ...]  # a level of each factor, in their order; None for what does not apply


def varying(runs: pd.DataFrame) -> tuple[str, ...]:
    """The factors of ``runs`` (config columns), in the order of ``cells.COLUMNS``.

    Depth and width stand for ``hidden`` where they say all of it: the layers of each network are
    of one width.
    """
    cells = runs[list(CELL)].drop_duplicates()
    found: set[str] = set()
    while further := set(differing(cells, sorted(found))):
        found |= further  # such as another class of the same name
    if "hidden" in found:
        shape = {name for name in ("depth", "width") if len(set(cells[name])) > 1}
        equal = not cells["hidden"].str.contains("-", regex=False).any()
        if equal and not differing(cells, sorted(found - {"hidden"} | shape)):
            found = found - {"hidden"} | shape
    return tuple(name for name in COLUMNS if name in found)


@dataclass(frozen=True, eq=False)
class Grid:
    """The cells of one experiment; a grid equals itself alone.

    Attributes:
        results: the stored runs.
        experiment: whose.
        recommended: the cells that somebody's advice leads to; may be empty.
        where: which of its cells.
    """

    results: Results
    experiment: str
    recommended: Selection = ()
    where: Selection = EVERYTHING

    @cached_property
    def runs(self) -> pd.DataFrame:
        """All runs, as ``Results.runs``."""
        runs = self.results.runs(self.experiment)
        return runs if self.where == EVERYTHING else runs[mask(self.where, prepared(runs))]

    @cached_property
    def counted(self) -> pd.DataFrame:
        """Those that count: diverged ones at chance, none that failed."""
        return count_diverged(self.runs)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """Learning curves by seed and factors, diverged runs at chance to the end."""
        curves = accuracy_curves(self.results, self.experiment, ("seed", *self.factors))
        if self.where == EVERYTHING:
            return curves
        return curves[curves["address"].isin(self.runs["address"])]

    @cached_property
    def factors(self) -> tuple[str, ...]:
        """What varies (``varying``)."""
        return varying(self.runs)

    @cached_property
    def levels(self) -> dict[str, list[Any]]:
        """By factor, its levels in the order in which they are shown."""
        return {factor: levels(self.runs, factor) for factor in self.factors}

    def by_cell(self, frame: pd.DataFrame) -> Iterator[tuple[Cell, pd.DataFrame]]:
        """The rows of ``frame`` by cell, in the order in which they come."""
        if not self.factors:
            yield from [((), frame)] if len(frame) else []
            return
        for key, rows in frame.groupby(list(self.factors), sort=False, dropna=False):
            levels_of: tuple[Any, ...] = key
            yield tuple(None if pd.isna(level) else level for level in levels_of), rows

    def estimates(self, frame: pd.DataFrame, column: str) -> dict[Cell, Estimate]:
        """The mean of ``column`` over the rows of each cell, with its t interval."""
        own = frame[frame["address"].isin(self.runs["address"])]
        return {cell: t_interval(rows[column]) for cell, rows in self.by_cell(own)}

    def cell_of(self, row: Mapping[str, Any]) -> Cell:
        """The cell of a row of ``cells``."""
        return tuple(row[factor] for factor in self.factors)

    @cached_property
    def cells(self) -> list[dict[str, Any]]:
        """Every cell in the order of the grid, also those without any run.

        Keys: the factors; how many runs ``completed``, ``diverged`` and ``failed``, ``n`` that
        count, ``missing``; each of ``ACCURACIES`` (``Estimate``).
        """
        of_cell = dict(self.by_cell(self.counted))
        status: dict[Cell, dict[Hashable, int]] = {
            cell: rows["status"].value_counts().to_dict() for cell, rows in self.by_cell(self.runs)
        }
        lacking = self.results.missing(self.experiment)
        # Where more cells lack than runs do, the grid is not all combinations of its levels; and
        # what is not missing the study never asked for.
        whole = math.prod(map(len, self.levels.values())) <= len(status) + lacking
        every = product(*self.levels.values())
        seeds = self.runs["seed"].nunique()
        rows = []
        for cell in every if status and whole and lacking else self._present(status):
            counts = status.get(cell, {})
            row: dict[str, Any] = dict(zip(self.factors, cell, strict=True))
            row |= {name: int(counts.get(name, 0)) for name in OUTCOMES}
            row["n"] = row["completed"] + row["diverged"]
            row["missing"] = max(seeds - sum(row[name] for name in OUTCOMES), 0) if lacking else 0
            own = of_cell.get(cell)
            row |= {name: t_interval([] if own is None else own[name]) for name in ACCURACIES}
            rows.append(row)
        return rows

    def _present(self, cells: Mapping[Cell, Any]) -> list[Cell]:
        """``cells`` by the places of their levels."""
        place = [{level: i for i, level in enumerate(own)} for own in self.levels.values()]
        return sorted(
            cells, key=lambda cell: [own[level] for own, level in zip(place, cell, strict=True)]
        )

    @cached_property
    def number(self) -> dict[Cell, int]:
        """By cell, its place in ``cells``."""
        return {self.cell_of(row): number for number, row in enumerate(self.cells)}

    @cached_property
    def ranking(self) -> list[dict[str, Any]]:
        """``cells`` from the best mean test accuracy down, with ``rank``, 1 for the best.

        Equal means keep the order of the grid; cells without a finished run come last, their rank
        is None.
        """
        ran = [row for row in self.cells if row["n"]]
        ran.sort(key=lambda row: -row["test_accuracy"].mean)
        ranked = [{"rank": rank, **row} for rank, row in enumerate(ran, 1)]
        return ranked + [{"rank": None, **row} for row in self.cells if not row["n"]]

    def is_recommended(self, cell: Mapping[str, Any], **other: Any) -> bool:
        """Whether the recommendation holds a row of ``cells``, with ``other`` levels if given."""
        config = self._configs.get(self.cell_of(cell)) or self._shared
        own = {factor: cell[factor] for factor in self.factors}
        return within(self.recommended, {**config, **own, **other})

    @cached_property
    def _configs(self) -> dict[Cell, dict[str, Any]]:
        """By cell, its configuration in flat columns."""
        return {cell: _plain(rows[list(COLUMNS)].iloc[0]) for cell, rows in self.by_cell(self.runs)}

    @cached_property
    def _shared(self) -> dict[str, Any]:
        return next(iter(self._configs.values()), {})


def _plain(row: pd.Series) -> dict[str, Any]:
    return {str(name): None if pd.isna(value) else value for name, value in row.items()}
