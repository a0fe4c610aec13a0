"""``effects``: what each factor of an experiment does to a number, on average over all others."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pandas as pd

from study.analysis.effects import main_effects
from study.analysis.findings import Measured
from study.analysis.grid import Grid
from study.analysis.intervals import Estimate, t_interval
from study.analysis.reading import Node, is_number
from study.figures import rows
from study.figures.kinds.cells import grid_of
from study.figures.labels import english
from study.figures.levels import factor_name, plain
from study.figures.measures import read_measure
from study.figures.plot import METRIC, Measure, Plot, Summary
from study.records.cells import CELL

REQUIRED = ("y",)
OPTIONAL = ("table",)
ROWS = (rows.RUNS,)
ENDS = ("low", "high")
# For each column its smallest and its largest effect, and of which level.
FACTS = (
    "unit", "y", "effects", "seeds", "runs", "diverged", "highest", "largest", "largest_factor",
    "largest_level", "against", "inside", "outside",
    *(f"{column}_{end}{suffix}" for column in CELL for end in ENDS for suffix in ("", "_level")),
)  # fmt: skip


def margin(node: Node, plot: Plot) -> dict[str, Any]:
    """``{margin: 0.01}``: effects that are smaller do not matter."""
    node.check("a number > 0", is_number(node.value) and node.value > 0)
    return {"at": float(node.value)}


MARKS = {"margin": margin}


def check(node: Node, plot: Plot) -> Plot:
    """One number of one experiment; ``table`` names further ones for the table."""
    node.get("experiment").check("one experiment", len(plot.experiments) == 1)
    node.get("y").check("one number", len(plot.y) == 1)
    node.get("panel").check("no panels", plot.panel == (None, None))
    further = tuple(read_measure(each, plot.rows) for each in node.get("table", []).listed())
    return replace(plot, options={**plot.options, "table": further, "by": CELL})


def summarise(plot: Plot, measured: Measured) -> Summary:
    """An effect for each level of each factor; for a switch one, on against off."""
    grid = grid_of(plot, measured)
    found = _effects(plot.y[0], grid, measured)
    cells = pd.DataFrame(
        {
            "factor": found["factor"],
            "level": found["level"],
            "against": found["against"],
            METRIC: plot.y[0].name,
            "estimate": found["effect"],
            "mean": found["mean"],
            "runs": found["blocks"],
            "diverged": 0,
        }
    )
    data = {"runs": len(grid.runs), "diverged": int((grid.runs["status"] == "diverged").sum())}
    facts = _facts(plot, cells, grid) | data
    return Summary(plot, cells, _table(plot, found, grid, measured), facts, data)


def _effects(measure: Measure, grid: Grid, measured: Measured) -> pd.DataFrame:
    frame = measured.metric(grid.experiment, measure.name, measure.options)
    own = frame[frame["address"].isin(grid.runs["address"])]
    return main_effects(own, "value", grid.factors)


def _table(plot: Plot, found: pd.DataFrame, grid: Grid, measured: Measured) -> pd.DataFrame:
    """The effects, with those on the numbers that only the table has."""
    (measure,) = plot.y
    columns: dict[str, Any] = {
        "factor": [factor_name(factor) for factor in found["factor"]],
        "level": [plain(level) for level in found["level"]],
        "against": [plain(level) for level in found["against"]],
        _named(measure): found["mean"],
        f"effect on {_named(measure)}": found["effect"],
    }
    for other in plot.options["table"]:
        effects = _effects(other, grid, measured)
        of = {(row.factor, row.level): row.effect for row in effects.itertuples()}
        columns[f"effect on {_named(other)}"] = [
            of.get((row.factor, row.level), t_interval([])) for row in found.itertuples()
        ]
    columns |= {"pairs": found["blocks"], "seeds": [effect.n for effect in found["effect"]]}
    return pd.DataFrame(columns)


def _named(measure: Measure) -> str:
    return measure.label.get("en", english(measure.name))


def _facts(plot: Plot, cells: pd.DataFrame, grid: Grid) -> dict[str, Any]:
    """The largest effect; of each factor both ends; how many lie within the margin or beyond it."""
    effects = [_row(row) for row in cells.to_dict("records")]
    facts: dict[str, Any] = {
        "unit": plot.y[0].unit,
        "y": english(plot.y[0].name),
        "effects": len(effects),
        "seeds": int(grid.counted["seed"].nunique()),
    }
    if not effects:
        return facts
    largest = max(effects, key=lambda row: abs(row["estimate"].mean))
    facts |= {
        "highest": largest["estimate"],
        "largest": largest["estimate"],
        "largest_factor": factor_name(largest["factor"]),
        "largest_level": plain(largest["level"]),
        "against": plain(largest["against"]),
    }
    for factor in grid.factors:
        own = [row for row in effects if row["factor"] == factor]
        own.sort(key=lambda row: row["estimate"].mean)
        for end, row in zip(ENDS, (own[0], own[-1]), strict=True) if own else ():
            facts[f"{factor}_{end}"] = row["estimate"]
            facts[f"{factor}_{end}_level"] = plain(row["level"])
    mark = plot.mark("margin")
    if mark is not None:
        places = [_place(row["estimate"], mark.options["at"]) for row in effects]
        facts |= {name: places.count(name) for name in ("inside", "outside")}
    return facts


def _row(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in row.items()}


def _place(estimate: Estimate, margin: float) -> str:
    """Where the whole interval lies."""
    if math.isnan(estimate.low):
        return ""
    if -margin < estimate.low and estimate.high < margin:
        return "inside"
    return "outside" if estimate.low > margin or estimate.high < -margin else ""
