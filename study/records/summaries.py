"""Summaries of many runs in columns: a hundred thousand of them take 20 MB, as objects 400."""

import sys
from array import array
from collections.abc import Mapping
from typing import Any

from study.records.config import Cell, Seeded
from study.records.record import RunSummary

NEVER = -1  # instead of the step at which a run diverged
STARTED = "started"  # in which the provenance of runs of one sweep differs


class Summaries:
    """Summaries by their number, from 0; what many runs have in common is kept once."""

    def __init__(self) -> None:
        self._addresses: list[str] = []
        self._cells: list[Cell] = []
        self._seeds: list[int] = []  # which may be larger than any array holds
        self._statuses: list[Any] = []
        self._diverged_at = array("q")
        self._errors: dict[int, str] = {}
        self._final, self._timing = _Numbers(), _Numbers()
        self._origins: list[Mapping[str, Any]] = []
        self._started: list[str] = []
        self._shared: dict[str, Mapping[str, Any]] = {}

    def __len__(self) -> int:
        return len(self._addresses)

    def add(self, summary: RunSummary) -> None:
        """Keep a summary that ``RunSummary.from_content`` made."""
        assert isinstance(summary.config, Seeded)
        self._addresses.append(summary.address)
        self._cells.append(summary.config.cell)
        self._seeds.append(summary.config.seed)
        self._statuses.append(summary.status)
        self._diverged_at.append(NEVER if summary.diverged_at is None else summary.diverged_at)
        if summary.error is not None:
            self._errors[len(self) - 1] = summary.error
        self._final.add(summary.final)
        self._timing.add(summary.timing)
        origin = summary.provenance | {STARTED: None}
        self._origins.append(self._shared.setdefault(repr(origin), origin))
        self._started.append(sys.intern(summary.provenance[STARTED]))

    def __getitem__(self, number: int) -> RunSummary:
        step = self._diverged_at[number]
        return RunSummary(
            address=self._addresses[number],
            config=Seeded.of(self._cells[number], self._seeds[number]),
            status=self._statuses[number],
            diverged_at=None if step == NEVER else step,
            error=self._errors.get(number),
            final=self._final[number],
            timing=self._timing[number],
            provenance={**self._origins[number], STARTED: self._started[number]},
        )


class _Numbers:
    """A mapping of a few numbers for each run, whose names many runs share."""

    def __init__(self) -> None:
        self._names: list[tuple[str, ...]] = []
        self._starts = array("q", [0])
        self._values = array("d")
        self._known: dict[tuple[str, ...], tuple[str, ...]] = {}

    def add(self, numbers: Mapping[str, float]) -> None:
        names = tuple(numbers)
        self._names.append(self._known.setdefault(names, names))
        self._values.extend(numbers.values())
        self._starts.append(len(self._values))

    def __getitem__(self, number: int) -> dict[str, float]:
        start, end = self._starts[number], self._starts[number + 1]
        return dict(zip(self._names[number], self._values[start:end], strict=True))
