"""The gate's history: a line of JSON for each run of it, and the steps in its numbers."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from study.errors import StudyError
from study.gate.result import CheckResult

METRIC = "test_accuracy"
# Half a rounding that another processor may cause (docs/gate.md): no smaller scatter is believed.
LEAST_SCATTER = 5e-4


@dataclass(frozen=True)
class Entry:
    """One run of the gate.

    Attributes:
        date: when, ISO 8601.
        commit: of the code; None outside a checkout.
        outcome: what the gate said.
        cells: mean test accuracy of each cell, in [0, 1]; also of all cells.
    """

    date: str
    commit: str | None
    outcome: str
    cells: Mapping[str, float]


def append_run(path: Path, result: CheckResult, *, date: str, commit: str | None) -> None:
    """Add a line about ``result`` to the file ``path``, which need not be there.

    Raises:
        StudyError: it cannot be written.
    """
    cells = {each.cell: each.now for each in result.comparisons if each.metric == METRIC}
    line = {"date": date, "commit": commit, "outcome": result.outcome, "cells": cells}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:  # a line at once, whoever else appends
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    except OSError as error:
        raise StudyError(f"{path}: cannot be written ({error.strerror})") from None


def read_history(path: Path) -> list[Entry]:
    """The entries of ``path``, in its order.

    Raises:
        StudyError: it cannot be read, or a line is none; names the line.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise StudyError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise StudyError(f"{path}: cannot be read (not a text file)") from None
    entries = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            content = json.loads(line)
            cells = {str(name): float(value) for name, value in content["cells"].items()}
            if not all(0 <= value <= 1 for value in cells.values()):
                raise ValueError
            commit = content["commit"]
            entries.append(
                Entry(
                    str(content["date"]),
                    None if commit is None else str(commit),
                    str(content["outcome"]),
                    cells,
                )
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise StudyError(f"{path}, line {number}: not a line of --history") from None
    if not entries:
        raise StudyError(f"{path}: no run of the gate in it")
    return entries


def steps(values: Sequence[float]) -> list[int]:
    """Where a series jumps to another level: the index of the first value of each new level.

    The series is cut into pieces of constant mean so that squared deviations, in units of the
    scatter σ², plus a penalty for each piece are least, by dynamic programming (Jackson et al.
    2005, "optimal partitioning"). The penalty for a piece, 4 log n + 4, is twice that of Schwarz's
    criterion for its mean and its place, because the scatter is estimated, from the differences of
    neighbours. Of series of 20 and of 60 values without a step 2.3 % and 0.4 % get one.

    Args:
        values: finite, in the order of the runs.
    """
    x = np.asarray(values, dtype=float)
    n = len(x)
    if n < 2:
        return []
    scatter = max(1.4826 * float(np.median(np.abs(np.diff(x)))) / math.sqrt(2), LEAST_SCATTER)
    penalty = 4 * math.log(n) + 4
    sums = np.concatenate([[0.0], np.cumsum(x - x[0])]) / scatter
    squares = np.concatenate([[0.0], np.cumsum(np.square((x - x[0]) / scatter))])
    best, cut = np.zeros(n + 1), np.zeros(n + 1, dtype=int)
    best[0] = -penalty
    for end in range(1, n + 1):
        starts = np.arange(end)
        lengths = end - starts
        cost = squares[end] - squares[starts] - np.square(sums[end] - sums[starts]) / lengths
        total = best[starts] + cost + penalty
        cut[end] = int(total.argmin())
        best[end] = total[cut[end]]
    found: list[int] = []
    end = n
    while end > 0:
        end = int(cut[end])
        found.append(end)
    return sorted(found)[1:]
