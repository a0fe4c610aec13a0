"""``lines``: means with 95 % intervals against x, a line for each colour, in panels."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.declarations import Selection, read_reduction
from study.analysis.findings import Measured
from study.analysis.intervals import Estimate, t_interval
from study.analysis.probe_rows import PROBES
from study.analysis.reading import Node
from study.figures import marks, rows
from study.figures.estimates import best, counted, estimates, lines_of
from study.figures.kinds.table_of_lines import END, table_of
from study.figures.labels import english, place
from study.figures.measures import read_measure
from study.figures.plot import METRIC, Measure, Plot, Summary
from study.records.cells import CELL
from study.records.record import METRICS as FINAL

REQUIRED = ("x", "y")
OPTIONAL = ("colour", "scale", "table", "reduce")
ROWS = (rows.RUNS, *rows.CURVES, rows.LAYERS, *PROBES)
MARKS = {
    "ends": marks.of_measures,  # the name of each line at its end, and its mean
    "values": marks.of_measures,  # the mean at each x
    "each": marks.plain,  # the runs themselves, as dots
    "diverged": marks.plain,
    "chance": marks.plain,
    "level": marks.of_numbers,
    "reference": marks.number,
    "baseline": marks.number,  # the mean at this x, as a line all along
    "beside": marks.cells,
    "gap": marks.between,
    "best": marks.choice,  # the best x of each line
    "theory": marks.formulas,
    "slope": marks.slope,
}
FACTS = (
    "shown", "unit", "x", "y", "runs", "seeds", "diverged", "lines", "chance",
    "x_lowest", "x_highest", "highest", "highest_at", "lowest", "lowest_at", "bests", "edges",
)  # fmt: skip


def check(node: Node, plot: Plot) -> Plot:
    """Measures stand on one axis, so they share its unit; several need to be told apart."""
    place = node.get("y")
    place.check("measures of one unit", len({measure.unit for measure in plot.y}) == 1)
    expected = "one measure, or colour: metric, or panel: metric"
    place.check(expected, len(plot.y) == 1 or METRIC in plot.keys)
    names = [mark.name for mark in plot.marks]
    node.get("marks").check("each mark once", len(set(names)) == len(names))
    table = node.get("table", [])
    options: dict[str, Any] = {
        "table": tuple(read_measure(each, rows.RUNS) for each in table.listed())
    }
    if plot.rows in rows.TRAJECTORIES:
        node.get("x").check("step or epoch, which the rows have one value of", plot.x != "layer")
        node.get("panel").check("layer as colour or panel: layers differ", "layer" in plot.keys)
    if "reduce" in node.value:
        reduction = read_reduction(node.get("reduce"), plot.y[0].name)
        node.get("reduce").check("rows: runs, of which it chooses", plot.rows == rows.RUNS)
        place.check("one measure, which chooses", len(plot.y) == 1)
        options |= {"reduce": reduction, "by": reduction.over}
    return replace(plot, options=options)


# --- what is drawn ------------------------------------------------------------------------------


def summarise(plot: Plot, measured: Measured) -> Summary:
    """Means by panel, line and x; what the marks need."""
    runs = rows.chosen(plot, measured)
    level = plot.mark("level")
    also = () if level is None else (level.options["of"],)
    each = rows.select(plot, measured, runs, also)
    found = _in_step(plot, each)
    cells = estimates(plot, found, runs)
    final = _final(plot, measured, runs)
    lines = [key for key in lines_of(plot) if key in CELL]
    data: dict[str, Any] = {"counts": counted(runs, lines)}
    data |= {"final": final} if final is not None else {}
    if plot.mark("level"):
        data["levels"] = _levels(plot, each)
    if plot.mark("each"):
        data["each"] = found
    if (choice := plot.mark("best")) is not None:
        data["best"] = _chosen(plot, measured, cells, runs, choice.options["by"])
    if (gap := plot.mark("gap")) is not None:
        ended = None if final is None else rows.select(_ended(plot), measured, runs)
        data["gap"] = _gaps(plot, found, ended, gap.options)
    if (other := plot.mark("beside")) is not None:
        aside = rows.beside(plot, other.options["where"])
        shown = rows.chosen(aside, measured)
        found_aside = _in_step(aside, rows.select(aside, measured, shown))
        data["beside"] = estimates(aside, found_aside, shown)
        data["beside_final"] = _final(aside, measured, shown)
        data["beside_at"] = _differs(other.options["where"], shown)
    if len(runs):
        data["chance"] = marks.chance_of(plot.y[0].name, float(runs["chance"].iloc[0]))
    return Summary(
        plot,
        cells,
        table_of(plot, cells, data, measured, runs),
        _facts(plot, cells, data, runs),
        data,
    )


def _differs(where: Selection, shown: pd.DataFrame) -> dict[str, Any]:
    """The values of the cells beside in the columns that tell them from the others.

    What has no value (None) follows from the others.
    """
    (first, *_) = where
    columns = [column for column, values in first.items() if values[0] is not None]
    return {column: shown[column].iloc[0] for column in columns if len(shown)}


def _in_step(plot: Plot, found: pd.DataFrame) -> pd.DataFrame:
    """Seeds are evaluated at the same steps, but not at the same second: the mean of a step.

    Before the first step is no time: a few microseconds have no place on a logarithmic axis.
    """
    if plot.x != "seconds":
        return found
    found = found[found["step"] > 0] if plot.log("x") else found
    keys = [key for key in plot.keys if key != "seconds"]
    means = found.groupby([*keys, METRIC, "step"], dropna=False)["seconds"].transform("mean")
    return found.assign(seconds=means)


def _chosen(
    plot: Plot, measured: Measured, cells: pd.DataFrame, runs: pd.DataFrame, by: str | None
) -> pd.DataFrame:
    """The cell of each line at its best x, by the number shown or by another of the runs."""
    if by is None:
        return best(plot, cells)
    judge = replace(plot, rows=rows.RUNS, y=(Measure(by),), scale={})
    found = best(judge, estimates(judge, rows.select(judge, measured, runs), runs))
    keys = [key for key in plot.keys if key != METRIC]
    return cells.reset_index().merge(found[keys], on=keys).set_index("index")


def _ends_of_lists(plot: Plot, cells: pd.DataFrame, chosen: pd.DataFrame) -> int:
    """How many of the cells that are best are at the first or the last x of their line."""
    lines, x = lines_of(plot), str(plot.x)
    ends = cells.groupby(lines, dropna=False)[x].agg(["min", "max"]).reset_index()
    both = chosen.merge(ends, on=lines)
    return int(((both[x] == both["min"]) | (both[x] == both["max"])).sum())


# --- marks --------------------------------------------------------------------------------------


def _final(plot: Plot, measured: Measured, runs: pd.DataFrame) -> pd.DataFrame | None:
    """Of learning curves: the metrics in the end, which are of all samples, by line."""
    if plot.rows != rows.POINTS or not all(m.name in (*FINAL, "gap") for m in plot.y):
        return None
    return estimates(_ended(plot), rows.select(_ended(plot), measured, runs), runs)


def _ended(plot: Plot) -> Plot:
    """The same lines, of the runs when they have ended."""
    return replace(plot, rows=rows.RUNS, x=None)


def _levels(plot: Plot, found: pd.DataFrame) -> pd.DataFrame:
    """When each line's runs are first at each level: estimate of those that get there, counts."""
    mark, x = plot.mark("level"), plot.x
    assert mark is not None
    assert x is not None
    table = []
    lines = lines_of(plot)
    for key, own in found.groupby(lines, dropna=False, sort=False):
        count = own["address"].nunique()
        for level in mark.options["at"]:
            name = mark.options["of"]
            values = own["value"] if name == plot.y[0].name else own[name]
            there = own[values <= level] if name.endswith("loss") else own[values >= level]
            first = there.groupby("address")[x].min()
            table.append((*key, level, t_interval(first), len(first), count))
    return pd.DataFrame(table, columns=[*lines, "level", "estimate", "reached", "of"])


def _gaps(
    plot: Plot, found: pd.DataFrame, final: pd.DataFrame | None, ends: marks.Options
) -> pd.DataFrame:
    """The difference of the two lines at each x, paired by seed, for each panel.

    Args:
        final: rows of the metrics in the end, of learning curves; their x is ``END``.
    """
    keys = [str(name) for name in plot.panel if name not in (None, METRIC)] + [str(plot.x)]
    parts = [found] if final is None else [found, final.assign(**{keys[-1]: END})]
    table = []
    for part in parts:
        start, end = (
            part[rows.equal(part, plot.colour, ends[side])].set_index([*keys, "seed"])["value"]
            for side in ("from", "to")
        )
        differences = end.sub(start).dropna().groupby(level=keys, sort=True)
        table += [
            (*(key if isinstance(key, tuple) else (key,)), t_interval(values))
            for key, values in differences
        ]
    return pd.DataFrame(table, columns=[*keys, "estimate"])


def _facts(
    plot: Plot, cells: pd.DataFrame, data: dict[str, Any], runs: pd.DataFrame
) -> dict[str, Any]:
    """What is highest and lowest, of curves in the end; names; counts."""
    facts: dict[str, Any] = {
        "unit": plot.y[0].unit,
        "x": english(str(plot.x)),
        "y": english(plot.y[0].name),
        "runs": len(runs),
        "seeds": int(runs["seed"].nunique()),
        "diverged": int((runs["status"] == "diverged").sum()),
        "lines": len(cells[lines_of(plot)].drop_duplicates()),
    }
    facts["shown"] = sum(np.isfinite(each.mean) for each in cells["estimate"])
    facts |= {"chance": data["chance"]} if "chance" in data else {}
    if "best" in data:
        edges = _ends_of_lists(plot, cells, data["best"])
        facts |= {"bests": len(data["best"]), "edges": edges}
    if len(cells):
        x = cells[plot.x]
        numeric = pd.api.types.is_numeric_dtype(x) and not pd.api.types.is_bool_dtype(x)
        if numeric:
            facts |= {"x_lowest": x.min().item(), "x_highest": x.max().item()}
        lines = [cells[key] for key in lines_of(plot)]
        last = x.groupby(lines, dropna=False).transform("max") if numeric else x
        ended = cells[x == last] if plot.rows != rows.RUNS else cells
        own = ended[ended[METRIC] == plot.y[0].name]
        own = own[[np.isfinite(each.mean) for each in own["estimate"]]]
        if len(own):
            facts |= _extremes(plot, own)
    return facts


def _extremes(plot: Plot, cells: pd.DataFrame) -> dict[str, Any]:
    means = [estimate.mean for estimate in cells["estimate"]]
    facts: dict[str, Any] = {}
    for name, index in (("highest", int(np.argmax(means))), ("lowest", int(np.argmin(means)))):
        row = cells.iloc[index]
        estimate: Estimate = row["estimate"]
        named = {key: row[key] for key in plot.keys if key in CELL}
        facts |= {name: estimate, f"{name}_at": place(named, plot.experiments[0])}
    return facts
