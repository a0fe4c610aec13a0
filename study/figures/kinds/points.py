"""``points``: a comparison for each combination of some columns, one side against the other.

``of`` is the comparison, with the keys of a quantity: ``metric``, ``treatment``, ``control`` and
``each``, the columns whose combinations are the points. ``labels`` may say what it means to lie
``above`` and ``below`` the line where both sides are equal.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.findings import Measured
from study.analysis.metrics import METRICS
from study.analysis.reading import Node
from study.figures import quantities, rows
from study.figures.labels import english
from study.figures.plot import METRIC, Measure, Plot, Summary
from study.records.cells import CELL, SWITCHES

REQUIRED = ("of",)
OPTIONAL = ("colour", "shape")
ROWS = (rows.RUNS,)
MARKS: dict[str, Any] = {}
FACTS = (
    "shown", "unit", "y", "points", "higher", "lower", "runs", "diverged", "largest", "largest_at",
    "smallest", "smallest_at",
)  # fmt: skip


def check(node: Node, plot: Plot) -> Plot:
    """A comparison of two sides of one experiment; colour and shape are among ``each``."""
    names = node.get("experiment")
    names.check("one experiment", len(plot.experiments) == 1)
    node.get("panel").check("no panels", plot.panel == (None, None))
    (experiment,) = plot.experiments
    of = node.get("of")
    of.check("a mapping", isinstance(of.value, dict))
    usual = {"experiment": experiment, "where": node.value.get("where", {})}
    own = Node(of.file, of.key.rpartition(".")[0], {"of": of.value})
    quantity = quantities.read_quantities(own, {experiment: CELL}, (), usual)["of"]
    of.get("each").check("at least one column", bool(quantity.each))
    of.get("control").check("cells to compare with", quantity.part.control is not None)
    shape = node.get("shape")
    for key in (node.get("colour"), shape):
        key.check("one of each", key.value is None or key.value in quantity.each, quantity.each)
    sides = {column for side in quantity.part.sides.values() for cell in side for column in cell}
    measure = Measure(
        quantity.part.metric, quantity.part.options,
        METRICS[quantity.part.metric].unit_of(quantity.part.options),
    )  # fmt: skip
    options = {"of": quantity, "shape": shape.value, "by": (*quantity.each, *sorted(sides))}
    return replace(plot, y=(measure,), options=options)


def summarise(plot: Plot, measured: Measured) -> Summary:
    """Both sides and their difference for each combination that has numbers."""
    runs = rows.chosen(plot, measured)
    quantity: quantities.Quantity = plot.options["of"]
    table = []
    for cell, told in quantities.of_each(quantity, measured):
        finding = told.finding
        if np.isfinite(finding.effect.mean):
            sides = [finding.control, finding.treatment, finding.effect]
            table.append([*cell.values(), *sides, told.runs, told.diverged, told])
    names = ["control", "treatment", "difference", "runs", "diverged", "told"]
    cells = pd.DataFrame(table, columns=[*quantity.each, *names])
    every = quantities.Each(tuple(cells["told"]))
    facts: dict[str, Any] = {
        "shown": len(cells),
        "unit": plot.y[0].unit,
        "y": english(plot.y[0].name),
        "points": every.count,
        "higher": every.higher,
        "lower": every.lower,
        "runs": len(runs),
        "diverged": int((runs["status"] == "diverged").sum()),
    }
    if every.count:
        for name, one in (("largest", every.most), ("smallest", every.least)):
            facts |= {name: one.effect, f"{name}_at": one.level}
    shown = cells.drop(columns=["told", "runs"]).rename(columns=_side_names(quantity))
    lost = [f"{d}/{n}" for n, d in zip(cells["runs"], cells["diverged"], strict=True)]
    table_shown = shown.assign(diverged=lost)
    return Summary(plot, cells.assign(**{METRIC: plot.y[0].name}), table_shown, facts)


def _side_names(quantity: quantities.Quantity) -> dict[str, str]:
    """The sides as a reader knows them, in English: ``with batch norm``, ``learning rate 0.1``."""
    return {name: side_name(side) for name, side in quantity.part.sides.items()}


def side_name(side: Any) -> str:
    """A selection in a few English words."""
    words = []
    for column, values in side[0].items():
        if column in SWITCHES:
            words.append(f"{'with' if values[0] else 'without'} {english(column)}")
        else:
            words.append(f"{english(column)} {', '.join(map(str, values))}")
    return ", ".join(words) or "all"
