"""The table of ``lines``: a row for each panel, line and x, a column for each measure."""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.findings import Measured
from study.analysis.intervals import t_interval
from study.figures import marks, rows
from study.figures.estimates import lines_of
from study.figures.labels import english
from study.figures.plot import METRIC, Plot
from study.records.cells import CELL

TABLE_ROWS = 10  # of a long learning curve, beside its start
SHORT = 21  # places of one that is shown whole
MOST_ROWS = 80  # of all curves together
END = "end, all samples"


def table_of(
    plot: Plot, cells: pd.DataFrame, data: dict[str, Any], measured: Measured, runs: pd.DataFrame
) -> pd.DataFrame:
    """A row for each panel, line and x, a column for each measure; of curves about ten x."""
    keys = [key for key in plot.keys if key != METRIC]
    shown = cells
    if plot.rows != rows.RUNS and len(cells):
        count = MOST_ROWS // max(len(cells[lines_of(plot)].drop_duplicates()), 1)
        shown = cells[cells[plot.x].isin(_spread_out(cells[plot.x], plot.log("x"), count))]
    wide = _wide(keys, shown)
    further = _further(plot, measured, runs)
    if "final" in data:
        last = _wide([key for key in keys if key != plot.x], data["final"])
        last = _beside(last, further)
        if "levels" in data:
            last = _beside(last, _level_columns(plot, data["levels"]))
        wide = pd.concat([wide.astype(object), last.assign(**{str(plot.x): END}).astype(object)])
        wide = wide[[*keys, *(c for c in wide.columns if c not in keys)]]
        if data.get("beside_final") is not None:
            wide = _with_aside(plot, wide, data["beside_final"], data["beside_at"], runs)
    elif further is not None:
        wide = _beside(wide, further)
    if "gap" in data and plot.colour == METRIC:
        wide = wide.merge(data["gap"].rename(columns={"estimate": "gap"}), how="left")
    counted = wide.columns.intersection(["runs", "diverged"])
    numbers = [column for column in wide.columns if column not in counted]
    lost = [f"{int(d)}/{int(r)}" for r, d in zip(wide["runs"], wide["diverged"], strict=True)]
    table = wide[numbers].assign(diverged=lost).reset_index(drop=True)
    theory = plot.mark("theory")
    if theory is not None:
        table.insert(len(keys) + len(plot.y), "theory", _theory(plot, table, theory.options))
    return table.rename(columns=lambda column: _header(plot, column))


def _with_aside(
    plot: Plot, wide: pd.DataFrame, aside: pd.DataFrame, named: dict[str, Any], runs: pd.DataFrame
) -> pd.DataFrame:
    """The ends of the lines beside, and what they differ in."""
    own = {name: runs[name].iloc[0] for name in named if len(runs)}
    ends = _wide([key for key in plot.keys if key not in (plot.x, METRIC)], aside)
    ends = ends.assign(**{str(plot.x): END, **named}).astype(object)
    both = pd.concat([wide.assign(**own).astype(object), ends], ignore_index=True)
    return both[[*named, *(column for column in wide.columns if column not in named)]]


def _header(plot: Plot, column: str) -> str:
    if column == "diverged":  # how many of the runs, and not the metric
        return column
    measures = {m.name: m.label.get("en", english(m.name)) for m in plot.y}
    return measures.get(column, column if column in CELL else english(column))


def _wide(keys: list[str], cells: pd.DataFrame) -> pd.DataFrame:
    """A column for each measure, in the order of the declaration; where one lacks, None."""
    parts = [
        own[[*keys, "runs", "diverged"]].assign(**{str(name): own["estimate"].array})
        for name, own in cells.groupby(METRIC, sort=False)
    ]
    if not parts:
        return cells[[*keys, "runs", "diverged"]]
    wide = parts[0]
    for other in parts[1:]:
        wide = wide.merge(other, on=[*keys, "runs", "diverged"], how="left", sort=False)
    return wide


def _beside(wide: pd.DataFrame, further: pd.DataFrame | None) -> pd.DataFrame:
    if further is None:
        return wide
    keys = [key for key in further.columns if key in wide.columns]
    return wide.merge(further, on=keys, how="left") if keys else wide.merge(further, how="cross")


def _further(plot: Plot, measured: Measured, runs: pd.DataFrame) -> pd.DataFrame | None:
    """Metrics of the runs that only the table has (``table``)."""
    measures = plot.options.get("table", ())
    if not measures:
        return None
    keys = tuple(key for key in plot.keys if key in CELL)
    own = replace(plot, rows=rows.RUNS, y=tuple(measures), panel=(None, None), scale={},
                  colour=METRIC, x=None, options={"by": keys})  # fmt: skip
    found = rows.select(own, measured, runs)
    columns = {}
    for measure in measures:
        values = found[found[METRIC] == measure.name]
        name = measure.label.get("en", english(measure.name))
        groups = values.groupby(list(keys), dropna=False, sort=False) if keys else [((), values)]
        columns[name] = {key: t_interval(each["value"]) for key, each in groups}
    index = list(dict.fromkeys(key for each in columns.values() for key in each))
    table = pd.DataFrame(index, columns=list(keys)) if keys else pd.DataFrame(index=range(1))
    nothing = t_interval([])
    for name, each in columns.items():
        table[name] = pd.Series([each.get(key, nothing) for key in index], dtype=object)
    return rows.with_numbers(plot, table)


def _spread_out(x: pd.Series, log: bool, most: int) -> list[Any]:
    """Some of many places, the first and the last among them; 1, 2, 5, 10, … where log."""
    places = np.sort(x.unique())
    if log:
        near = [m * 10.0**power for power in range(-9, 10) for m in (1, 2, 5)]
        within = [place for place in near if places[0] <= place <= places[-1]]
        indices = [int(np.abs(places - place).argmin()) for place in within]
        return list(places[sorted({0, len(places) - 1, *indices})])
    whole = len(places) <= SHORT and len(places) <= most
    count = len(places) if whole else min(max(min(most, TABLE_ROWS), 1) + 1, len(places))
    return list(places[np.linspace(0, len(places) - 1, count).round().astype(int)])


def _level_columns(plot: Plot, found: pd.DataFrame) -> pd.DataFrame:
    """When each level is reached, by those that get there, and how many of the runs do."""
    keys = [key for key in lines_of(plot) if key != METRIC]
    columns = pd.DataFrame({key: found[key] for key in keys}, index=found.index)
    columns = columns.drop_duplicates(ignore_index=True) if keys else columns.iloc[:1]
    for level in dict.fromkeys(found["level"]):
        own = found[found["level"] == level].reset_index(drop=True)
        reached = [f"{n}/{of}" for n, of in zip(own["reached"], own["of"], strict=True)]
        mark = plot.mark("level")
        name = mark.options["of"] if mark is not None else ""
        sign = "≤" if name.endswith("loss") else "≥"
        of = "" if name == plot.y[0].name else f"{english(name)} "
        columns[f"{english(str(plot.x))}, {of}{sign} {level:g}"] = own["estimate"]
        columns[f"reached {level:g}"] = reached
    return columns


def _theory(plot: Plot, table: pd.DataFrame, options: marks.Options) -> list[float | None]:
    values: list[float | None] = []
    for row in table.to_dict("records"):
        text = options["of"].get(None, options["of"].get(row.get(str(plot.colour))))
        evaluate = marks.formula(text) if text is not None else None
        values.append(None if evaluate is None else float(evaluate(row[str(plot.x)])))
    return values
