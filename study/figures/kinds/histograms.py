"""``histograms``: how values are distributed, those of all seeds together, in panels.

``notes`` are statistics of the layers that stand above each panel, ``table`` those of the table.
"""

from collections.abc import Mapping
from dataclasses import replace
from operator import itemgetter
from typing import Any

import numpy as np
import pandas as pd

from study.analysis.findings import Measured
from study.analysis.histograms import pool
from study.analysis.intervals import log_t_interval, t_interval
from study.analysis.reading import Node, is_number
from study.figures import marks, rows
from study.figures.estimates import counted
from study.figures.labels import english
from study.figures.measures import read_measure
from study.figures.plot import METRIC, Measure, Plot, Summary
from study.records.cells import CELL

REQUIRED = ()
OPTIONAL = ("of", "colour", "scale", "notes", "table")
ROWS = tuple(rows.HISTOGRAMS)
FACTS = ("shown", "unit", "of", "layers", "runs", "seeds", "diverged", "values")
# Spread over orders of magnitude: geometric means.
GEOMETRIC = ("gradient_norm", "weight_gradient_norm")
TABLE = ("activation_mean", "activation_sd", "saturated_share")
OUTSIDE = "share outside the range"


def _numbers(node: Node, plot: Plot) -> marks.Options:
    """``{flat: [0, 1]}``: where a function is flat, shaded as far as 0.05 away."""
    valid = isinstance(node.value, list) and bool(node.value) and all(map(is_number, node.value))
    node.check("a list of numbers", valid)
    return {"at": [float(value) for value in node.value]}


MARKS = {
    "flat": _numbers,
    "zeros": marks.plain,  # of ReLU, whose share of zeros (``saturated_share``) is drawn apart
}


def check(node: Node, plot: Plot) -> Plot:
    """Which histograms; of layers one panel each."""
    known = rows.HISTOGRAMS[plot.rows]
    of = node.get("of", known[0] if known else None)
    if known:
        of.choice(known)
        place = node.get("panel")
        place.check("layer as a panel: layers differ", "layer" in plot.panel, ("layer",))
    else:
        of.check("nothing: there is one histogram", of.value is None)
    notes = _statistics(node.get("notes", []))
    table = _statistics(node.get("table", list(TABLE) if plot.rows == ROWS[0] else []))
    place = node.get("table")
    place.check("nothing, as the weights are of all layers", bool(known) or not (notes or table))
    return replace(plot, options={"of": of.value, "notes": notes, "table": table})


def _statistics(node: Node) -> tuple[Measure, ...]:
    return tuple(read_measure(each, rows.LAYERS) for each in node.listed())


def summarise(plot: Plot, measured: Measured) -> Summary:
    """Pooled histograms by panel and colour, and the statistics beside them."""
    runs = rows.chosen(plot, measured)
    cells = _pooled(plot, measured, runs)
    statistics = _of_layers(plot, measured, runs)
    lines = [key for key in plot.keys if key in CELL]
    values = sum(pooled.total for pooled in cells["pooled"])
    layers = cells["layer"].max() if "layer" in cells and len(cells) else np.nan
    facts = {
        "shown": len(cells),
        "unit": "share",
        "of": english(str(plot.options["of"] or plot.rows)),
        "layers": int(layers) if layers == layers else np.nan,
        "runs": len(runs),
        "seeds": int(runs["seed"].nunique()),
        "diverged": int((runs["status"] == "diverged").sum()),
        "values": int(values),
    }
    data = {"statistics": statistics, "counts": counted(runs, lines)}
    return Summary(plot, cells, _table(plot, cells, statistics), facts, data)


def _pooled(plot: Plot, measured: Measured, runs: pd.DataFrame) -> pd.DataFrame:
    """A row for each panel and colour: ``pooled``, and ``outside`` of each run."""
    own = dict(zip(runs["address"], runs.to_dict("records"), strict=True))
    keys = list(plot.keys)
    found: dict[tuple[Any, ...], list[Mapping[str, Any]]] = {}
    for experiment in plot.experiments:
        of = plot.options["of"]
        wanted = (lambda result: [result]) if of is None else itemgetter(of)
        results = measured.results.measured(
            experiment, plot.rows, plot.moment, of=wanted, among=own
        )
        for config, each in results:
            run = own[config["address"]]
            for layer, histogram in enumerate(each, start=1):
                key = tuple(layer if name == "layer" else run[name] for name in keys)
                found.setdefault(key, []).append(histogram)
    table = []
    for key, histograms in found.items():
        together = pool(histograms)
        if together is not None:
            outside = [one.outside for one in map(pool, ([h] for h in histograms)) if one]
            table.append((*key, together, t_interval(outside)))
    return pd.DataFrame(table, columns=[*keys, "pooled", "outside"])


def _of_layers(plot: Plot, measured: Measured, runs: pd.DataFrame) -> pd.DataFrame:
    """Statistics of the layers, a row for each panel and colour, a column for each."""
    options = plot.options
    names = dict.fromkeys(m.name for m in (*options["notes"], *options["table"]))
    names |= {"saturated_share": None} if plot.mark("zeros") else {}
    if not names:
        return pd.DataFrame(columns=list(plot.keys))
    measures = tuple(Measure(name) for name in names)
    beside = replace(plot, rows=rows.LAYERS, y=measures)
    found = rows.select(beside, measured, runs)
    columns = {}
    for name in names:
        interval = log_t_interval if name in GEOMETRIC else t_interval
        groups = found[found[METRIC] == name].groupby(list(plot.keys), dropna=False, sort=False)
        columns[name] = groups["value"].apply(lambda v, interval=interval: [interval(v)]).str[0]
    return pd.DataFrame(columns).reset_index()


def _table(plot: Plot, cells: pd.DataFrame, statistics: pd.DataFrame) -> pd.DataFrame:
    """A row for each panel and colour."""
    keys = list(plot.keys)
    table = cells[[*keys, "outside"]]
    if len(statistics) and keys:
        table = table.merge(statistics, on=keys, how="left")
    for key in reversed(keys):
        order = rows.levels(plot, table, key)
        table = table.iloc[np.argsort(table[key].map(order.index).to_numpy(), kind="stable")]
    columns = {m.name: m.label.get("en", english(m.name)) for m in plot.options["table"]}
    shown = table[[*keys, *columns, "outside"]]
    return shown.rename(columns={**columns, "outside": OUTSIDE}).reset_index(drop=True)
