"""What terminal and page show of a comparison, in one language."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from study.analysis.intervals import Estimate
from study.analysis.typography import typeset
from study.compare.moves import SHARES, CellMove, CellMoves, ClaimMove, PartMove
from study.compare.sides import Part, Side
from study.report import tables
from study.report.text import Text

P = "p (Holm)"  # the head of a column


@dataclass(frozen=True)
class PartRow:
    """A test: its name and label, its effect on both sides, and by how much it moved."""

    name: str
    label: str
    a: str
    b: str
    moved: str


@dataclass(frozen=True)
class ClaimRow:
    """A claim: its verdicts, empty where a side does not have it.

    Attributes:
        note: what has to be said before they are compared; mostly empty.
    """

    id: str
    statement: str
    a: str
    b: str
    differs: bool
    note: str
    parts: Sequence[PartRow]


@dataclass(frozen=True)
class CellRow:
    """A cell: the metric on both sides, and by how much it moved.

    Attributes:
        p: that nothing moved, corrected for the number of cells.
    """

    words: str
    a: str
    b: str
    moved: str
    p: str


def claim_rows(moves: Sequence[ClaimMove], text: Text) -> list[ClaimRow]:
    """A row for each claim, in the words of ``text``."""
    return [
        ClaimRow(
            each.id,
            next(side for side in (each.a, each.b) if side).statement.get(text.language, ""),
            each.a.verdict if each.a else "",
            each.b.verdict if each.b else "",
            each.differs,
            text.compare["redeclared"] if each.redeclared else "",
            [_part_row(part, text) for part in each.parts],
        )
        for each in moves
    ]


def _part_row(move: PartMove, text: Text) -> PartRow:
    part = move.b or move.a
    assert part is not None
    unit = "points" if part.unit == "percent" else part.unit
    return PartRow(
        move.name,
        part.label.get(text.language, move.name),
        _effect(move.a, text),
        _effect(move.b, text),
        _moved(move.move, "times" if part.ratio else unit, text),
    )


def _effect(part: Part | None, text: Text) -> str:
    return "" if part is None else text.quantity(part.effect, part.unit)


def _moved(estimate: Estimate, unit: str, text: Text) -> str:
    said = text.quantity(estimate, unit)
    return f"+{said}" if unit == "number" and estimate.mean > 0 else said


def _p_value(p: float) -> str:
    if math.isnan(p):
        return "–"
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def cell_rows(cells: Sequence[CellMove], metric: str, text: Text) -> list[CellRow]:
    """A row for each cell, in the words of ``text``."""
    share = metric in SHARES
    unit, moved = ("percent", "points") if share else ("number", "number")
    return [
        CellRow(
            named(each.words, text),
            text.quantity(each.a, unit),
            text.quantity(each.b, unit),
            _moved(each.move, moved, text),
            _p_value(each.p),
        )
        for each in cells
    ]


def named(words: Sequence[tuple[str, str]], text: Text) -> str:
    """``learning rate 0.1, He``: columns and values; of initial value and activation the value."""
    said = [
        text.label(value)
        if column in ("init", "activation")
        else f"{text.label(column)} {text.label(typeset(value))}"
        for column, value in words
    ]
    return ", ".join(said) or text.compare["usual"]


def cell_table(cells: CellMoves, text: Text) -> tables.TableView:
    """All cells for the page, and with full numbers for its CSV."""
    frame = pd.DataFrame(
        {
            "cell": [" ".join(f"{name}={value}" for name, value in c.words) for c in cells.cells],
            "A": pd.Series([each.a for each in cells.cells], dtype=object),
            "B": pd.Series([each.b for each in cells.cells], dtype=object),
            "moved": pd.Series([each.move for each in cells.cells], dtype=object),
            P: [each.p for each in cells.cells],
        }
    )
    words = text.compare
    rows = cell_rows(cells.cells, cells.metric, text)
    return replace(
        tables.view(frame),
        columns=[words["cell"], "A", "B", words["moved"], P],
        rows=[[r.words, r.a, r.b, r.moved, r.p] for r in rows],
        numeric=[False, True, True, True, True],
    )


def verdict_lines(moves: Sequence[ClaimMove], text: Text) -> list[str]:
    """How many verdicts differ, and which claims only one side has."""
    words = text.compare
    both = [each for each in moves if each.a and each.b]
    differing = [each for each in both if each.differs]
    contradicting = sum(each.contradicts for each in differing)
    lines = [
        words["verdicts"].format(
            both=len(both),
            differ=len(differing),
            contradict=contradicting,
            one=len(differing) - contradicting,
        )
        if both
        else words["no_verdicts"]
    ]
    only_a = [each.id for each in moves if each.b is None]
    only_b = [each.id for each in moves if each.a is None]
    return lines + [
        words["alone"].format(side=side, ids=", ".join(ids))
        for side, ids in (("A", only_a), ("B", only_b))
        if ids
    ]


def cell_lines(cells: CellMoves | None, text: Text) -> list[str]:
    """How many cells both sides have, and how many of them moved."""
    words = text.compare
    if cells is None:
        return [words["no_runs"]]
    lines = [
        words["cells"].format(
            count=f"{len(cells.cells):,}",
            only_a=f"{cells.only_a:,}",
            only_b=f"{cells.only_b:,}",
            metric=metric_name(cells.metric, text),
        )
    ]
    sizes = [abs(each.move.mean) for each in cells.cells if math.isfinite(each.move.mean)]
    if sizes:
        unit = "span" if cells.metric in SHARES else "number"
        median, most = (text.quantity(float(f(sizes)), unit) for f in (np.median, np.max))
        lines.append(
            words["moves"].format(
                equal=f"{cells.equal:,}", clear=f"{cells.moved:,}", median=median, most=most
            )
        )
    if cells.unpaired:
        lines.append(words["unpaired"].format(count=f"{cells.unpaired:,}"))
    if cells.shared and cells.cells:
        lines.append(words["shared"].format(words=named(cells.shared, text)))
    return lines


def metric_name(metric: str, text: Text) -> str:
    """``test accuracy``."""
    return text.label(metric.replace("_", " "))


def about(side: Side, text: Text) -> str:
    """What a side is: ``mnist-full: data mnist, preset full, 2,722 runs``."""
    runs = text.compare["unknown_runs"] if side.runs is None else f"{len(side.runs):,}"
    return text.compare["about"].format(
        name=side.name, data=side.data, preset=side.preset, runs=runs
    )
