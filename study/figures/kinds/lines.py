"""``lines``: means with 95 % intervals against x, a line for each colour, in panels."""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.findings import Measured
from study.analysis.intervals import Estimate, log_t_interval, t_interval
from study.analysis.probe_rows import PROBES
from study.analysis.reading import Node
from study.figures import marks, rows
from study.figures.labels import english, place
from study.figures.measures import read_measure
from study.figures.plot import METRIC, Plot, Summary
from study.records.cells import CELL
from study.records.record import METRICS as FINAL

REQUIRED = ("x", "y")
OPTIONAL = ("colour", "scale", "table")
ROWS = (rows.RUNS, rows.POINTS, rows.LAYERS, *PROBES)
MARKS = {
    "ends": marks.of_measures,  # the name of each line at its end, and its mean
    "values": marks.of_measures,  # the mean at each x
    "diverged": marks.plain,
    "chance": marks.plain,
    "level": marks.of_numbers,
    "reference": marks.number,
    "baseline": marks.number,  # the mean at this x, as a line all along
    "beside": marks.cells,
    "gap": marks.between,
    "best": marks.plain,
    "theory": marks.formulas,
}
FACTS = (
    "unit", "x", "y", "runs", "seeds", "diverged", "lines", "chance", "x_lowest", "x_highest",
    "highest", "highest_at", "lowest", "lowest_at",
)  # fmt: skip
TABLE_ROWS = 10  # of a learning curve, beside the start and the end
END = "end, all test images"


def check(node: Node, plot: Plot) -> Plot:
    """Measures stand on one axis, so they share its unit; several need to be told apart."""
    place = node.get("y")
    place.check("measures of one unit", len({measure.unit for measure in plot.y}) == 1)
    expected = "one measure, or colour: metric, or panel: metric"
    place.check(expected, len(plot.y) == 1 or METRIC in plot.keys)
    names = [mark.name for mark in plot.marks]
    node.get("marks").check("each mark once", len(set(names)) == len(names))
    table = node.get("table", [])
    further = tuple(read_measure(each, rows.RUNS) for each in table.listed())
    return replace(plot, options={"table": further})


# --- what is drawn ------------------------------------------------------------------------------


def summarise(plot: Plot, measured: Measured) -> Summary:
    """Means by panel, line and x; what the marks need."""
    runs = rows.chosen(plot, measured)
    found = _in_step(plot, rows.select(plot, measured, runs))
    cells = estimates(plot, found, runs)
    final = _final(plot, measured, runs)
    data: dict[str, Any] = {"final": final} if final is not None else {}
    if plot.mark("level"):
        data["levels"] = _levels(plot, found)
    if (gap := plot.mark("gap")) is not None:
        data["gap"] = _gaps(plot, measured, runs, found, gap.options)
    if (other := plot.mark("beside")) is not None:
        aside = rows.beside(plot, other.options["where"])
        shown = rows.chosen(aside, measured)
        found_aside = _in_step(aside, rows.select(aside, measured, shown))
        data["beside"] = estimates(aside, found_aside, shown)
        data["beside_final"] = _final(aside, measured, shown)
    if len(runs):
        data["chance"] = marks.chance_of(plot.y[0].name, float(runs["chance"].iloc[0]))
    return Summary(
        plot,
        cells,
        _table(plot, cells, data, measured, runs),
        _facts(plot, cells, data, runs),
        data,
    )


def estimates(plot: Plot, found: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """``estimate``, ``runs`` and ``diverged`` of each combination of ``plot.keys`` and measure.

    In the order in which it is drawn. The counts are of the runs of that combination, also of
    those without a value; a combination without any value has a row without one.
    """
    interval = log_t_interval if plot.log("y") else t_interval
    keys = list(dict.fromkeys([*plot.keys, METRIC]))
    groups = found.groupby(keys, dropna=False, sort=False)["value"]
    cells = [(*key, interval(values.to_numpy())) for key, values in groups]
    table = pd.DataFrame(cells, columns=[*keys, "estimate"])
    own = [key for key in keys if key in CELL]
    counts = _counts(runs, own)
    if table.empty:
        return table.assign(runs=pd.Series(dtype=int), diverged=pd.Series(dtype=int))
    table = table.merge(counts, on=own, how="left") if own else table.merge(counts, how="cross")
    for key in reversed(keys):  # stable: the first key counts most
        order = {_hashable(v): i for i, v in enumerate(rows.levels(plot, table, key))}
        places = table[key].map(lambda value, order=order: order[_hashable(value)])
        table = table.iloc[np.argsort(places.to_numpy(), kind="stable")]
    return table.reset_index(drop=True)


def _hashable(value: Any) -> Hashable:
    return None if value is None or value is pd.NA or value != value else value


def _counts(runs: pd.DataFrame, by: Sequence[str]) -> pd.DataFrame:
    """How many runs there are and how many diverged, by the columns ``by``."""
    lost = runs.assign(lost=runs["status"] == "diverged")
    if not by:
        return pd.DataFrame({"runs": [len(runs)], "diverged": [int(lost["lost"].sum())]})
    groups = lost.groupby(list(by), dropna=False, sort=False)["lost"]
    return groups.agg(runs="size", diverged="sum").reset_index()


def _in_step(plot: Plot, found: pd.DataFrame) -> pd.DataFrame:
    """Seeds are evaluated at the same steps, but not at the same second: the mean of a step."""
    if plot.x != "seconds":
        return found
    keys = [key for key in plot.keys if key != "seconds"]
    means = found.groupby([*keys, METRIC, "step"], dropna=False)["seconds"].transform("mean")
    return found.assign(seconds=means)


def lines_of(plot: Plot) -> list[str]:
    """The keys that one line has a value of each: all but x, and the measure."""
    return list(dict.fromkeys([*(key for key in plot.keys if key != plot.x), METRIC]))


# --- marks --------------------------------------------------------------------------------------


def _final(plot: Plot, measured: Measured, runs: pd.DataFrame) -> pd.DataFrame | None:
    """Of learning curves: the metrics in the end, which are of all samples, by line."""
    measures = tuple(m for m in plot.y if m.name in (*FINAL, "gap"))
    if plot.rows != rows.POINTS or len(measures) < len(plot.y):
        return None
    ended = replace(plot, rows=rows.RUNS, x=None, y=measures)
    return estimates(ended, rows.select(ended, measured, runs), runs)


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
            falling = plot.y[0].name.endswith("loss")
            there = own[own["value"] <= level] if falling else own[own["value"] >= level]
            first = there.groupby("address")[x].min()
            table.append((*key, level, t_interval(first), len(first), count))
    return pd.DataFrame(table, columns=[*lines, "level", "estimate", "reached", "of"])


def _gaps(
    plot: Plot, measured: Measured, runs: pd.DataFrame, found: pd.DataFrame, ends: marks.Options
) -> pd.DataFrame:
    """The difference of the two lines at the end, paired by seed, for each panel."""
    if plot.rows == rows.POINTS:
        last = rows.select(replace(plot, rows=rows.RUNS, x=None), measured, runs)
    else:
        last = found[found[plot.x] == found[plot.x].max()]
    panels = [name for name in plot.panel if name not in (None, METRIC)]
    table = []
    groups = last.groupby(panels, dropna=False, sort=False) if panels else [((), last)]
    for key, own in groups:
        sides = [
            own[rows.equal(own, plot.colour, ends[end])].set_index("seed")["value"]
            for end in ("from", "to")
        ]
        table.append((*key, t_interval(sides[1].sub(sides[0]).dropna())))
    return pd.DataFrame(table, columns=[*panels, "estimate"])


def best(plot: Plot, cells: pd.DataFrame) -> pd.DataFrame:
    """The cell of each line with the best mean, where just one has it."""
    means = np.array([estimate.mean for estimate in cells["estimate"]], float)
    sign = -1 if plot.y[0].name.endswith("loss") or plot.y[0].name == "gap" else 1
    table = cells.assign(mean=sign * means)
    top = table.groupby(lines_of(plot), dropna=False)["mean"].transform("max")
    one = (table["mean"] == top).groupby([table[k] for k in lines_of(plot)], dropna=False)
    return cells[(table["mean"] == top) & (one.transform("sum") == 1)]


# --- the table and the facts --------------------------------------------------------------------


def _table(
    plot: Plot, cells: pd.DataFrame, data: dict[str, Any], measured: Measured, runs: pd.DataFrame
) -> pd.DataFrame:
    """A row for each panel, line and x, a column for each measure; of curves about ten x."""
    keys = [key for key in plot.keys if key != METRIC]
    shown = cells
    if plot.rows == rows.POINTS and len(cells):
        shown = cells[cells[plot.x].isin(_spread_out(cells[plot.x]))]
    wide = _wide(keys, shown)
    further = _further(plot, measured, runs)
    if "final" in data:
        last = _wide([key for key in keys if key != plot.x], data["final"])
        last = _beside(last, further)
        if "levels" in data:
            last = _beside(last, _level_columns(plot, data["levels"]))
        wide = pd.concat([wide.astype(object), last.assign(**{str(plot.x): END}).astype(object)])
        wide = wide[[*keys, *(c for c in wide.columns if c not in keys)]]
    elif further is not None:
        wide = _beside(wide, further)
    counted = wide.columns.intersection(["runs", "diverged"])
    numbers = [column for column in wide.columns if column not in counted]
    lost = [f"{int(d)}/{int(r)}" for r, d in zip(wide["runs"], wide["diverged"], strict=True)]
    table = wide[numbers].assign(diverged=lost).reset_index(drop=True)
    theory = plot.mark("theory")
    if theory is not None:
        table.insert(len(keys) + len(plot.y), "theory", _theory(plot, table, theory.options))
    return table.rename(columns=lambda column: _header(plot, column))


def _header(plot: Plot, column: str) -> str:
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
    if not keys:
        return pd.concat([parts[0], *(p.iloc[:, 2:] for p in parts[1:])], axis=1)
    wide = parts[0]
    for other in parts[1:]:
        wide = wide.merge(other, on=[*keys, "runs", "diverged"], how="outer", sort=False)
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
    return table


def _spread_out(x: pd.Series) -> list[Any]:
    """About ten of the places of a curve, the first and the last among them."""
    places = np.sort(x.unique())
    count = min(TABLE_ROWS + 1, len(places))
    return list(places[np.linspace(0, len(places) - 1, count).round().astype(int)])


def _level_columns(plot: Plot, found: pd.DataFrame) -> pd.DataFrame:
    """When each level is reached, by those that get there, and how many of the runs do."""
    keys = [key for key in lines_of(plot) if key != METRIC]
    columns = pd.DataFrame({key: found[key] for key in keys}, index=found.index)
    columns = columns.drop_duplicates(ignore_index=True) if keys else columns.iloc[:1]
    for level in dict.fromkeys(found["level"]):
        own = found[found["level"] == level].reset_index(drop=True)
        reached = [f"{n}/{of}" for n, of in zip(own["reached"], own["of"], strict=True)]
        sign = "≤" if plot.y[0].name.endswith("loss") else "≥"
        columns[f"{english(str(plot.x))} {sign} {level:g}"] = own["estimate"]
        columns[f"reached {level:g}"] = reached
    return columns


def _theory(plot: Plot, table: pd.DataFrame, options: marks.Options) -> list[float | None]:
    values: list[float | None] = []
    for row in table.to_dict("records"):
        text = options["of"].get(None, options["of"].get(row.get(str(plot.colour))))
        evaluate = marks.formula(text) if text is not None else None
        values.append(None if evaluate is None else float(evaluate(row[str(plot.x)])))
    return values


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
    facts |= {"chance": data["chance"]} if "chance" in data else {}
    if len(cells):
        x = cells[plot.x]
        numeric = pd.api.types.is_numeric_dtype(x) and not pd.api.types.is_bool_dtype(x)
        if numeric:
            facts |= {"x_lowest": x.min().item(), "x_highest": x.max().item()}
        ended = cells[x == x.max()] if plot.rows != rows.RUNS and numeric else cells
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
        named = {key: row[key] for key in plot.keys if key != METRIC}
        facts |= {name: estimate, f"{name}_at": place(named)}
    return facts
