"""The rows that a plot shows: those of its cells, with one number each, and never of two cells.

What is averaged are runs that agree in all columns that the plot takes apart; they may differ in
their seed and in nothing else.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from study.analysis import pairing
from study.analysis.curves import accuracy_curves
from study.analysis.declarations import EXTREMES, Part, Reduction, Selection, mask
from study.analysis.findings import Measured
from study.analysis.frames import differing
from study.analysis.probe_rows import PROBES, probe_rows
from study.analysis.trajectories import MEASUREMENTS, trajectories
from study.errors import MergedCellsError
from study.figures.plot import METRIC, Measure, Plot
from study.records.cells import CELL, TEXTS, overrides_for

RUNS, POINTS, LAYERS = "runs", "points", "layers"
LENGTH, IN_STEPS = "num_epochs", "num_steps"  # of training; a run has one of them
AXES = ("step", "epoch", "samples_seen", "seconds")  # of a learning curve
# Measured at each point of a curve, for each hidden layer.
TRAJECTORIES = tuple(MEASUREMENTS)
CURVES = (POINTS, *TRAJECTORIES)
TO_THE_END = ("train_accuracy", "test_accuracy", "gap")  # of diverged runs, too: at chance
# Probes whose results are histograms, and which there are: by layer, but for the weights'.
HISTOGRAMS = {
    "histograms": ("activation", "preactivation", "normalised"),
    "correlations": ("layers",),
    "weight_histogram": (),
}


def chosen(plot: Plot, measured: Measured) -> pd.DataFrame:
    """The runs that a plot shows, with ``experiment``; diverged ones at chance, none that failed.

    Raises:
        MergedCellsError: two of them differ in a column that the plot does not take apart.
    """
    parts = []
    for experiment in plot.experiments:
        runs = measured.runs(experiment)
        own = runs[mask_of(plot, runs)]
        parts.append(own.assign(experiment=experiment))
    runs = pd.concat(parts, ignore_index=True).drop_duplicates("address", ignore_index=True)
    by = [column for column in plot.by if column in CELL]
    cells = runs.drop_duplicates(["experiment", pairing.NUMBER]).drop_duplicates(list(CELL))
    found = differing(cells, by)
    if found:
        first = measured.results.records[runs["address"].iloc[0]].config
        words = [word for column in found for word in overrides_for(column, first)]
        raise MergedCellsError(", ".join(plot.experiments), found, words)
    reduction = plot.options.get("reduce")
    if reduction is not None and len(runs):
        runs = runs[runs["address"].isin(_at_the_best(plot, reduction, measured, runs))]
    return with_numbers(plot, runs.reset_index(drop=True))


def _at_the_best(
    plot: Plot, reduction: Reduction, measured: Measured, runs: pd.DataFrame
) -> set[str]:
    """The runs at the best (or worst) level of what the plot reduces, one for each seed and place.

    As of a claim's reduction: chosen by validation samples, or for each seed by the other seeds.
    """
    measure, found = plot.y[0], set()
    for experiment in plot.experiments:
        frame = measured.metric(experiment, measure.name, measure.options)
        frame = frame[frame["address"].isin(runs["address"])]
        apart = tuple(key for key in plot.keys if key in CELL)
        part = Part(
            label={}, experiment=experiment, metric=measure.name, options=dict(measure.options),
            treatment=({},), direction="greater", paired_by=("seed", *apart), reduce=reduction,
        )  # fmt: skip
        chooser: Mapping[str, float] = {}
        if reduction.by is not None:
            by = measured.metric(experiment, reduction.by, {})
            sign = -1 if reduction.by.endswith("loss") else 1
            chooser = dict(zip(by["address"], sign * by["value"], strict=True))
        side = pairing.sides(part, {"treatment": frame}, chooser)["treatment"]
        found |= set(side.rows["address"])
    return found


def with_numbers(plot: Plot, frame: pd.DataFrame) -> pd.DataFrame:
    """With an x of names that are all numbers, such as batch sizes, as numbers."""
    if plot.x not in TEXTS or plot.x not in frame or not len(frame):
        return frame
    numbers = pd.to_numeric(frame[plot.x], errors="coerce")
    return frame if numbers.isna().any() else frame.assign(**{plot.x: numbers})


def mask_of(plot: Plot, runs: pd.DataFrame) -> NDArray[np.bool_]:
    """Which of ``runs`` the plot's ``where`` holds."""
    return mask(resolved(plot.where, runs), runs)


def resolved(where: Selection, runs: pd.DataFrame) -> Selection:
    """``where`` with the numbers that ``lowest`` and ``highest`` stand for.

    Among the runs that the rest of the same mapping holds.
    """
    return tuple(_resolved(cell, runs) for cell in where)


def _resolved(
    cell: Mapping[str, tuple[Any, ...]], runs: pd.DataFrame
) -> dict[str, tuple[Any, ...]]:
    fixed = {name: values for name, values in cell.items() if not set(values) & set(EXTREMES)}
    there = runs[mask((fixed,), runs)] if len(fixed) < len(cell) else runs
    found = dict(cell)
    for name in cell.keys() - fixed.keys():
        numbers = there[name].dropna()
        ends = {"lowest": numbers.min(), "highest": numbers.max()} if len(numbers) else {}
        if name == LENGTH and not ends and there[IN_STEPS].notna().all():
            del found[name]  # told in updates for all of them, which are then as long
            continue
        # A number that nothing has selects nothing.
        found[name] = tuple(
            ends.get(value, math.inf) if value in EXTREMES else value for value in cell[name]
        )
    return found


def select(
    plot: Plot, measured: Measured, runs: pd.DataFrame | None = None, also: Sequence[str] = ()
) -> pd.DataFrame:
    """A row for each run (and place on the axis) and each measure of ``plot.y``.

    Args:
        runs: as ``chosen`` gives them, where the caller has them.
        also: further columns of the rows.

    Returns:
        ``address``, ``seed``, the columns ``plot.by``, ``metric`` (the measure's name) and
        ``value``; rows without a value are left out.
    """
    runs = chosen(plot, measured) if runs is None else runs
    kept = ["address", "seed", "step", *plot.by, *also, "value"]
    parts = []
    for experiment, own in runs.groupby("experiment", sort=False):
        for measure in plot.y:
            rows = _rows(plot, measure, str(experiment), measured)
            # Few columns: what groups them copies all of them.
            rows = rows[[column for column in dict.fromkeys(kept) if column in rows]]
            rows = rows[rows["address"].isin(own["address"]) & rows["value"].notna()]
            parts.append(rows.assign(metric=measure.name))
    if not parts:
        return pd.DataFrame(columns=[*dict.fromkeys(kept), METRIC])
    return with_numbers(plot, pd.concat(parts, ignore_index=True))


def _rows(plot: Plot, measure: Measure, experiment: str, measured: Measured) -> pd.DataFrame:
    results, name = measured.results, measure.name
    if plot.rows == RUNS:
        return measured.metric(experiment, name, measure.options)
    if plot.rows == POINTS:
        if name in TO_THE_END and plot.x != "seconds":
            rows = accuracy_curves(results, experiment)
        else:
            rows = results.points(experiment)
            rows = rows[rows["status"] == "completed"]
    elif plot.rows == LAYERS:
        rows = results.layers(experiment)
        rows = rows[rows["moment"] == plot.moment]
    elif plot.rows in TRAJECTORIES:
        rows = trajectories(results, experiment, plot.rows)
    else:
        rows = probe_rows(results, experiment, plot.rows, plot.moment)
    return rows.assign(value=rows[name].astype(float))


def axis_columns(rows: str) -> tuple[str, ...]:
    """The columns of the rows that are no configuration: what x can be beside it."""
    if rows == POINTS:
        return AXES
    if rows in TRAJECTORIES:
        return ("step", "epoch", "layer")
    if rows == LAYERS or HISTOGRAMS.get(rows):
        return ("layer",)
    return (PROBES[rows].axis,) if rows in PROBES else ()


def levels(plot: Plot, frame: pd.DataFrame, column: str | None) -> list[Any]:
    """The values of a key of the plot, as they are drawn.

    Measures as declared; numbers by size; names as ``where`` lists them, else as they come.
    """
    if column is None:
        return [None]
    if column == METRIC:
        present = set(frame[METRIC])
        return [measure.name for measure in plot.y if measure.name in present]
    values = list(frame[column].drop_duplicates())
    known = [value for value in values if not _lacking(value)]
    if any(isinstance(value, str) for value in known):
        listed: Sequence[Any] = next((c[column] for c in plot.where if column in c), ())
        known.sort(key=lambda v: listed.index(v) if v in listed else len(listed))
    else:
        known.sort()
    return known + [value for value in values if _lacking(value)][:1]


def _lacking(value: Any) -> bool:
    return value is None or value is pd.NA or value != value


def equal(frame: pd.DataFrame, column: str | None, value: Any) -> pd.Series:
    """Which rows have ``value`` in a key of the plot; all where there is no key."""
    if column is None:
        return pd.Series(True, index=frame.index)
    return frame[column].isna() if _lacking(value) else frame[column] == value


def beside(plot: Plot, where: Selection) -> Plot:
    """The same plot of other cells: each mapping of its own selection, changed by ``where``."""
    return replace(plot, where=tuple({**own, **other} for own in plot.where for other in where))
